// The server that a page came from (scripts/review.py): it sends the video and keeps verdicts. A page from disk has none.

/** @import { MatchData } from "./types.js" */

/** @typedef {{ text: string, version: string, when: string }} SavedVerdicts */
/** @typedef {{ saved?: string, problems?: string[], refused?: string, isConflict?: boolean, isLost?: boolean }} Outcome */

/** The server of a page; null for a page from disk. @param {MatchData} match @param {string} key  names the match in this browser */
export function serverOf(match, key) {
  const base = document.querySelector('meta[name="touchline-server"]')?.getAttribute("content");
  return base ? new ReviewServer(base, match, key) : null;
}

class ReviewServer {
  /** @param {string} base  its address from the page @param {MatchData} match @param {string} key */
  constructor(base, { video, source }, key) {
    this.video = source === null ? null : `${base}/videos/${video}`;
    this.copy = this.video && `${this.video}/copy`;
    this.address = `${base}/verdicts/${video}`;
    this.key = `touchline server ${key}`;
    /** @type {string | null} */
    this.version = null;
  }

  /** The version of the server's verdicts that this browser has seen, in any tab; null if none. */
  get known() {
    try {
      return localStorage.getItem(this.key);
    } catch {
      return this.version;
    }
  }

  /** @param {string | null} version */
  remember(version) {
    this.version = version;
    try {
      if (version === null) localStorage.removeItem(this.key);
      else localStorage.setItem(this.key, version);
    } catch {
      // Then it is known until the page is left.
    }
  }

  /** The verdicts that the server keeps; null if there are none. @returns {Promise<SavedVerdicts | null>} */
  async saved() {
    const answer = await fetch(this.address, { cache: "no-store" });
    if (answer.status !== 200) return null;
    const when = new Date(answer.headers.get("Last-Modified") ?? "").toLocaleString();
    return { text: await answer.text(), version: answer.headers.get("ETag") ?? "", when };
  }

  /** Have the server keep verdicts in place of those that this browser has seen. @param {string} text @returns {Promise<Outcome>} */
  async save(text) {
    const { known } = this;
    /** @type {Record<string, string>} */
    const headers = known === null ? { "If-None-Match": "*" } : { "If-Match": known };
    try {
      const answer = await fetch(this.address, { method: "PUT", body: text, headers: { "Content-Type": "text/csv", ...headers } });
      if (answer.status === 412) return { isConflict: true };
      const isJson = answer.headers.get("Content-Type")?.startsWith("application/json");
      if (!isJson) return { refused: await answer.text() };
      if (answer.ok) this.remember(answer.headers.get("ETag"));
      return await answer.json();
    } catch {
      return { isLost: true };
    }
  }
}
