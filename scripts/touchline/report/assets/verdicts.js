// The person's decisions: stored in the browser, written to and read from a table.
//
// The browser's storage has the valid state. Each change reads it again and writes only its own part,
// so that two tabs of a page do not undo each other. Decisions are stored by time and label of their
// events, and assigned to the events of the page, because models may have changed since.

import { HALVES, gameTime } from "./halves.js";
import { isWithin, reach } from "./matching.js";
import { cells, separatorOf, tableText } from "./table.js";

/** @import { Claim, Decision, HalfSpan, HalfStart, Lane, MatchData, Reading } from "./types.js" */

const COLUMNS = ["video", "time_s", "game_time", "label", "team", "verdict", "said_time_s",
  "said_label", "said_by", "reviewer", "note", "in_s", "out_s"];
const UNDOS = 200; // maximum number of stored steps

/** @typedef {Decision | HalfStart} Kept  a verdict, or where a half begins */
/** @typedef {Map<string, Kept | null>} Edits  what becomes of what is kept, by identity; null: gone */
/** @typedef {[id: string, before: Kept | null, after: Kept | null][]} Step */

/** @param {string} label */
export const plain = (label) => label.trim().toLowerCase();

/** @param {any} one @returns {one is HalfStart} */
export const isHalfStart = (one) => HALVES.includes(one?.half);

/** @param {number} half */
const halfIdentity = (half) => `half ${half}`;

/** Return the identity of a stored decision, which stays the same after changes. @param {Kept} one */
export function identity(one) {
  if (isHalfStart(one)) return halfIdentity(one.half);
  return one.saidTime === null ? `added ${plain(one.label)} ${one.time.toFixed(1)}` : `${plain(one.saidLabel ?? "")} ${one.saidTime.toFixed(3)}`;
}

export class Verdicts {
  /**
   * @param {MatchData} data
   * @param {Claim[]} claims  all of the page
   * @param {() => void} onOther  called when another tab has decided something
   */
  constructor({ keys, video, tolerance, classes }, claims, onOther) {
    this.video = video;
    this.tolerance = tolerance;
    this.classes = classes;
    this.claims = [...claims].sort((a, b) => a.time - b.time);
    // A match without a name is identified by the path of its page.
    this.keys = (keys.length ? keys : [location.pathname]).map((key) => `touchline verdicts ${key}`);
    this.failed = false;
    /** @type {Map<string, Kept>} */
    this.kept = new Map();
    /** @type {Step[]} */
    this.history = [];
    /** @type {Map<Claim, Decision>} */
    this.of = new Map();
    /** Notes on undecided events. @type {Map<Claim, Decision>} */
    this.noted = new Map();
    /** @type {Decision[]} */
    this.added = [];
    /** @type {Decision[]} */
    this.unplaced = [];
    /** @type {HalfStart[]} */
    this.halfStarts = [];
    this.read();
    this.place();
    addEventListener("storage", (event) => {
      if (event.key !== null && !this.keys.includes(event.key)) return;
      this.read();
      this.place();
      onOther();
    });
  }

  // --- storage ------------------------------------------------------------------------

  /** Read the decisions stored in the browser. */
  read() {
    if (this.failed) return; // then only this page knows the decisions
    try {
      const text = this.keys.map((key) => localStorage.getItem(key)).find((one) => one !== null) ?? this.earlier();
      /** @type {Kept[]} */
      const all = Object.values(JSON.parse(text ?? "[]")).map((one) => (isHalfStart(one) ? one : whole(one)));
      this.kept = new Map(all.filter((one) => isHalfStart(one) || this.mistake(one) === null).map((one) => [identity(one), one]));
      this.history = JSON.parse(sessionStorage.getItem(`${this.keys[0]} undo`) ?? "[]");
    } catch {
      this.failed = true;
    }
  }

  /** Return the decisions stored by an older page, whose key also had the length and the models. */
  earlier() {
    for (let place = 0; place < localStorage.length; place++) {
      const name = localStorage.key(place) ?? "";
      if (this.keys.some((key) => name.startsWith(`${key}/`))) return localStorage.getItem(name);
    }
    return null;
  }

  write() {
    try {
      localStorage.setItem(this.keys[0], JSON.stringify(Object.fromEntries(this.kept)));
      sessionStorage.setItem(`${this.keys[0]} undo`, JSON.stringify(this.history));
    } catch {
      this.failed = true; // no storage, or a full one; the page says so
    }
  }

  /** Change decisions, so that it can be undone. @param {Edits} edits */
  change(edits) {
    this.read();
    for (const [id, after] of edits) if (after && !isHalfStart(after)) edits.set(id, whole(after));
    /** @type {Step} */
    const step = [...edits].map(([id, after]) => [id, this.kept.get(id) ?? null, after]);
    this.history = [...this.history, step].slice(-UNDOS);
    this.apply(edits);
  }

  /** Undo the last change of this tab, except decisions that another tab has changed since. */
  undo() {
    this.read();
    const step = this.history.pop();
    if (!step) return false;
    const same = (/** @type {unknown} */ a, /** @type {unknown} */ b) => JSON.stringify(a) === JSON.stringify(b);
    const mine = step.filter(([id, , after]) => same(this.kept.get(id) ?? null, after));
    this.apply(new Map(mine.map(([id, before]) => [id, before])));
    return true;
  }

  /** @param {Edits} edits */
  apply(edits) {
    for (const [id, after] of edits) {
      if (after) this.kept.set(id, after);
      else this.kept.delete(id);
    }
    this.write();
    this.place();
  }

  // --- events of decisions --------------------------------------------------------------

  /** Assign stored decisions to their events. */
  place() {
    const all = [...this.kept.values()].flatMap((one) => (isHalfStart(one) ? [] : [one]));
    this.halfStarts = [...this.kept.values()].filter(isHalfStart).sort((a, b) => a.half - b.half);
    const assigned = [...this.assign(all.filter((one) => one.saidTime !== null))];
    this.of = new Map(assigned.filter(([, { verdict }]) => verdict !== "undecided"));
    this.noted = new Map(assigned.filter(([, { verdict }]) => verdict === "undecided"));
    const placed = new Set(assigned.map(([, one]) => one));
    this.added = all.filter((one) => one.saidTime === null).sort((a, b) => a.time - b.time);
    // Decisions about events of other pages are kept and saved again.
    this.unplaced = all.filter((one) => one.saidTime !== null && !placed.has(one));
    for (const claim of this.claims) {
      claim.decision = this.of.get(claim);
      claim.note = (claim.decision ?? this.noted.get(claim))?.note ?? "";
    }
  }

  /**
   * Return decisions by their event: the nearest one of the same label within the tolerance. Each event
   * has at most one. A decision corrected to another event of the moment belongs to that event.
   * @param {Decision[]} decisions
   */
  assign(decisions) {
    /** @type {[Decision, Claim, number][]} */
    const pairs = decisions.flatMap((one) => this.near(one).map(([claim, away]) =>
      /** @type {[Decision, Claim, number]} */ ([one, this.meant(one, claim), away])));
    pairs.sort((a, b) => a[2] - b[2]);
    /** @type {Map<Claim, Decision>} */
    const found = new Map();
    const placed = new Set();
    for (const [one, claim] of pairs) {
      if (placed.has(one) || found.has(claim)) continue;
      placed.add(one);
      found.set(claim, one);
    }
    return found;
  }

  /** @param {Decision} one @param {Claim} claim */
  meant(one, claim) {
    if (one.verdict === "rejected" || plain(one.label) === plain(claim.label)) return claim;
    return claim.item.claims.find((other) => plain(other.label) === plain(one.label)) ?? claim;
  }

  /**
   * The events that a decision can be about, each with its distance in seconds.
   * @param {{ saidTime: number | null, saidLabel: string | null }} decision
   * @returns {[Claim, number][]}
   */
  near({ saidTime, saidLabel }) {
    if (saidTime === null) return [];
    const label = plain(saidLabel ?? "");
    /** @type {[Claim, number][]} */
    const found = [];
    for (let place = this.firstAt(saidTime - reach(this.tolerance)); place < this.claims.length; place++) {
      const claim = this.claims[place];
      if (!isWithin(claim.time, saidTime, this.tolerance)) break;
      if (plain(claim.label) === label) found.push([claim, Math.abs(claim.time - saidTime)]);
    }
    return found;
  }

  /** @param {number} time */
  firstAt(time) {
    let low = 0;
    let high = this.claims.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.claims[middle].time < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The changes that decide on events. @param {Iterable<[Claim, Decision | null]>} decided */
  editsOf(decided) {
    /** @type {Edits} */
    const edits = new Map();
    for (const [claim, decision] of decided) {
      const before = this.of.get(claim) ?? this.noted.get(claim) ?? claim.decision;
      if (before) edits.set(identity(before), null);
      if (decision) edits.set(identity(decision), decision);
    }
    return edits;
  }

  /** Set where a half begins and ends; null: no more. @param {number} half @param {HalfStart | null} start */
  setHalf(half, start) {
    if (start || this.kept.has(halfIdentity(half))) this.change(new Map([[halfIdentity(half), start]]));
  }

  // --- tables --------------------------------------------------------------------------------

  /** Return the mistake in a decision, or null. @param {Decision} decision */
  mistake({ saidTime, time, label, team, verdict, clipIn, clipOut }) {
    if (verdict === "undecided") return saidTime === null ? "an added event cannot be undecided" : null;
    if (!["confirmed", "rejected"].includes(verdict)) return `the verdict is “${verdict}”, not confirmed or rejected`;
    if (!(Number.isFinite(time) && time >= 0)) return "time_s is not a time";
    if (saidTime !== null && !Number.isFinite(saidTime)) return "said_time_s is not a time";
    if ([clipIn, clipOut].some((point) => point !== null && !(Number.isFinite(point) && point >= 0))) return "in_s or out_s is not a time";
    if (clipIn !== null && clipOut !== null && clipIn >= clipOut) return "in_s is not before out_s";
    if (!["", "home", "away"].includes(team)) return `the team is “${team}”, not home or away`;
    if (verdict === "confirmed" && !this.classes.includes(label)) return `“${label}” is no class of labels.yaml`;
    return null;
  }

  /** The table that the table of videos can name as a video's labels. @param {Lane[]} lanes @param {HalfSpan[]} halves */
  toCsv(lanes, halves) {
    /** @type {[number, ...(string | number)[]][]} */
    const lines = this.claims.filter((claim) => claim.item.index !== null).map((claim) => {
      const one = claim.decision;
      const about = [claim.time, claim.label, [...new Set(claim.predictions.map(([lane]) => lanes[lane].name))].join(" + ")];
      return one?.verdict === "confirmed"
        ? [one.time, one.label, one.team, "confirmed", ...about, one.reviewer, one.note, ...points(one)]
        : [claim.time, claim.label, "", one ? "rejected" : "undecided", ...about,
          (one ?? this.noted.get(claim))?.reviewer ?? "", claim.note, "", ""];
    });
    for (const one of [...this.added, ...this.unplaced]) {
      lines.push([one.time, one.label, one.team, one.verdict, one.saidTime ?? "", one.saidLabel ?? "", "", one.reviewer, one.note, ...points(one)]);
    }
    for (const { half, start, end } of this.halfStarts) {
      const rest = ["", "", "", "", "", "", ""];
      lines.push([start, String(half), "", "half start", ...rest]);
      if (end !== null) lines.push([end, String(half), "", "half end", ...rest]);
    }
    lines.sort((a, b) => a[0] - b[0]);
    const rows = lines.map(([time, ...rest]) => [this.video, Number(time.toFixed(3)), gameTime(halves, time), ...rest]);
    return tableText([COLUMNS, ...rows]);
  }

  /**
   * Read a table as this page or a spreadsheet writes it.
   * @param {string} text
   * @returns {Reading}
   */
  fromCsv(text) {
    const separator = separatorOf(text);
    const [columns, ...rows] = cells(text.replace(/^\ufeff/, ""), separator);
    if (!columns?.includes("time_s") || !columns.includes("label")) {
      const needs = "This is no table of events: it needs the columns time_s and label, separated by commas or semicolons.";
      return { decisions: [], halfStarts: [], problems: [needs], leftOut: 0, isTable: false };
    }
    return this.fromRows(rows.map((row, number) => {
      const value = Object.fromEntries(columns.map((name, place) => [name, (row[place] ?? "").replace(/^'/, "")]));
      if (separator === ";") for (const name of ["time_s", "said_time_s"]) if (name in value) value[name] = value[name].replace(",", ".");
      return [`Row ${number + 1}`, value];
    }));
  }

  /**
   * Read the decisions and starts of halves of named rows. Rows that cannot be used are counted, with a line for each.
   * @param {[place: string, value: Record<string, string>][]} rows
   * @returns {Reading}
   */
  fromRows(rows) {
    /** @type {string[]} */
    const problems = [];
    /** @type {Decision[]} */
    const decisions = [];
    /** @type {Record<string, Map<number, number>>} */
    const times = { "half start": new Map(), "half end": new Map() };
    /** @type {string[]} */
    const others = [];
    for (const [place, value] of rows) {
      if (value.verdict === "undecided" && !value.note) continue;
      if ((value.video ?? "") !== "" && Number(value.video) !== this.video) {
        others.push(value.video.slice(0, 20));
        continue;
      }
      const time = value.time_s.trim() === "" ? NaN : Number(value.time_s);
      if (Object.hasOwn(times, value.verdict)) {
        const half = HALVES.find((each) => String(each) === value.label.trim());
        if (half && Number.isFinite(time) && time >= 0) times[value.verdict].set(half, time);
        else problems.push(`${place}: a ${value.verdict} needs a time and a label from 1 to 4; it is left out.`);
        continue;
      }
      const label = this.classes.find((name) => plain(name) === plain(value.label)) ?? value.label;
      const isReview = value.said_time_s !== undefined;
      const one = whole({ ...value, verdict: value.verdict || "confirmed", time, label,
        saidTime: isReview ? (value.said_time_s === "" ? null : Number(value.said_time_s)) : time,
        saidLabel: value.said_label || value.label, clipIn: value.in_s ? Number(value.in_s) : null,
        clipOut: value.out_s ? Number(value.out_s) : null });
      // Labels of another source: an event that no model predicts was missed.
      if (one.saidTime === null || (!isReview && !this.near(one).length)) [one.saidTime, one.saidLabel] = [null, null];
      const mistake = this.mistake(one);
      if (mistake) problems.push(`${place}: ${mistake.slice(0, 200)}; it is left out.`);
      else decisions.push(one);
    }
    const { "half start": starts, "half end": ends } = times;
    for (const half of ends.keys()) if (!starts.has(half)) problems.push(`Half ${half} has an end but no start; it is left out.`);
    const leftOut = problems.length + others.length;
    if (others.length) {
      const rows = others.length === 1 ? "1 row is" : `${others.length} rows are`;
      problems.unshift(`${rows} of another video (${[...new Set(others)].slice(0, 5).join(", ")}), not of ${this.video}, and left out.`);
    }
    const halfStarts = [...starts].map(([half, start]) => ({ half, start, end: ends.get(half) ?? null }));
    return { decisions, halfStarts, problems, leftOut, isTable: true };
  }

  /**
   * Take over decisions of others. They replace earlier decisions about the same events.
   * @param {Decision[]} decisions @param {HalfStart[]} halfStarts
   */
  take(decisions, halfStarts = []) {
    const placed = this.assign(decisions.filter((one) => one.saidTime !== null));
    const edits = this.editsOf(placed);
    const used = new Set(placed.values());
    for (const one of [...decisions.filter((each) => !used.has(each)), ...halfStarts]) edits.set(identity(one), one);
    if (edits.size) this.change(edits);
  }
}

/** Where an event's own clip begins and ends, for a table. @param {Decision} one */
const points = ({ clipIn, clipOut }) => [clipIn, clipOut].map((point) => (point === null ? "" : Number(point.toFixed(3))));

/** A decision with all its parts, and none else; earlier pages and tables have fewer. @param {any} one @returns {Decision} */
function whole(one) {
  const { saidTime, saidLabel, verdict, time, label, team, reviewer, note, clipIn, clipOut } = one ?? {};
  const text = (/** @type {unknown} */ value) => String(value ?? "").slice(0, 2000);
  return { saidTime: saidTime ?? null, saidLabel: saidLabel ?? null, verdict, time, label: text(label),
    team: team ?? "", reviewer: text(reviewer), note: text(note), clipIn: clipIn ?? null, clipOut: clipOut ?? null };
}
