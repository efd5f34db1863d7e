// What a person is looking at, kept in the page's address: a reload and the Back button find it again.

const SOON = 300; // milliseconds; browsers refuse addresses that change more often

export class ViewState {
  /** @param {() => Record<string, string[]>} read  what is shown, by name; nothing by default */
  constructor(read) {
    this.read = read;
    this.timer = 0;
    addEventListener("pagehide", () => this.write());
  }

  /** Keep what is shown now, soon. */
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

/** What the page's address says, by name. A link to a row is the moment alone. */
export function stated() {
  const text = location.hash.slice(1);
  const row = /^moment-([\w-]+)$/.exec(text);
  return new URLSearchParams(row ? { moment: row[1] } : text);
}
