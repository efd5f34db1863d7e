// The view, stored in the page's address, so that a reload and the Back button restore it.

const SOON = 300; // milliseconds; browsers refuse addresses that change more often

export class ViewState {
  /** @param {() => Record<string, string[]>} read  what is shown, by name; nothing by default */
  constructor(read) {
    this.read = read;
    this.timer = 0;
    addEventListener("pagehide", () => this.write());
  }

  /** Store the present view after a short delay. */
  keep() {
    if (!this.timer) this.timer = window.setTimeout(() => this.write(), SOON);
  }

  write() {
    clearTimeout(this.timer);
    this.timer = 0;
    const pairs = Object.entries(this.read()).flatMap(([name, values]) => values.map((value) => [name, value]));
    const text = new URLSearchParams(pairs).toString();
    if (text !== location.hash.slice(1)) history.replaceState(null, "", text ? `#${text}` : location.pathname + location.search);
  }
}

/** Return the view in the page's address, by name. A link to a row has only the moment. */
export function stated() {
  const text = location.hash.slice(1);
  const row = /^moment-([\w-]+)$/.exec(text);
  return new URLSearchParams(row ? { moment: row[1] } : text);
}
