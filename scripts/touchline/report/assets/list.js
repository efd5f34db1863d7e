// The list of moments, with the chosen one. It scrolls separately.

import { $, SHAPES, STATUSES, clock, make, named, score } from "./elements.js";
import { isSettled } from "./filters.js";
import { clocks } from "./halves.js";

/** @import { Claim, Decision, Item, MatchData } from "./types.js" */

const AT_ONCE = 40; // rows added to the document at a time

export class List {
  /** @param {MatchData} data @param {(item: Item, place: number | null) => void} onChoose */
  constructor(data, onChoose) {
    this.data = data;
    this.element = $("list");
    this.element.classList.toggle("no-pictures", data.pictures.length === 0);
    /** @type {Item[]} */
    this.items = [];
    /** @type {Map<Item, number>} */
    this.places = new Map();
    /** @type {Map<Item, HTMLElement>} */
    this.rows = new Map();
    /** @type {Claim | null} */
    this.chosen = null;
    this.element.addEventListener("click", (event) => {
      const target = /** @type {HTMLElement} */ (event.target);
      const row = target.closest("li");
      if (!row?.dataset.place || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      const claim = /** @type {HTMLElement | null} */ (target.closest("[data-claim]"))?.dataset.claim;
      onChoose(this.items[Number(row.dataset.place)], claim === undefined ? null : Number(claim));
    });
    $("more").addEventListener("click", () => this.grow());
    new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.grow(),
      { root: $("scroller"), rootMargin: "600px" }).observe($("more"));
  }

  /** Show these items. The first rows appear at once, and the others while scrolling. @param {Item[]} items */
  show(items) {
    this.items = items;
    this.places = new Map(items.map((item, place) => [item, place]));
    this.rows.clear();
    this.element.replaceChildren();
    this.grow();
  }

  grow(to = this.rows.size + AT_ONCE) {
    const from = this.rows.size;
    const rows = this.items.slice(from, to).map((item, n) => {
      const row = this.row(item, from + n);
      this.rows.set(item, row);
      return row;
    });
    this.element.append(...rows);
    $("more").hidden = this.rows.size >= this.items.length;
  }

  /** Mark an event's row as the chosen one and bring it into view. @param {Claim | null} claim */
  choose(claim, focus = false) {
    const before = this.chosen;
    this.chosen = claim;
    if (before && before.item !== claim?.item) this.mark(before.item);
    if (!claim) return;
    const place = this.places.get(claim.item);
    if (place === undefined) return;
    if (!this.rows.has(claim.item)) this.grow(place + AT_ONCE);
    this.mark(claim.item);
    const row = /** @type {HTMLElement} */ (this.rows.get(claim.item));
    this.reveal(claim.item);
    if (focus) row.querySelector("a")?.focus({ preventScroll: true });
  }

  /** Scroll only the list, so that a row and parts of its neighbours are visible. @param {Item} item */
  reveal(item) {
    const row = this.rows.get(item);
    if (!row) return;
    const scroller = $("scroller");
    const [box, seen] = [row.getBoundingClientRect(), scroller.getBoundingClientRect()];
    const spare = Math.min(60, Math.max(0, (seen.height - box.height) / 2));
    if (box.top < seen.top + spare) scroller.scrollTop += box.top - seen.top - spare;
    else if (box.bottom > seen.bottom - spare) scroller.scrollTop += box.bottom - seen.bottom + spare;
  }

  /** Show in a row whether it, and which of its events, is chosen. @param {Item} item */
  mark(item) {
    const row = this.rows.get(item);
    if (!row) return;
    if (this.chosen?.item === item) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
    const parts = /** @type {NodeListOf<HTMLElement>} */ (row.querySelectorAll("[data-claim]"));
    for (const part of parts) part.classList.toggle("chosen", item.claims[Number(part.dataset.claim)] === this.chosen);
  }

  /** Draw a row again after a verdict has changed. @param {Item} item */
  refresh(item) {
    const old = this.rows.get(item);
    if (!old) return;
    const row = this.row(item, Number(old.dataset.place));
    const focused = old.contains(document.activeElement);
    old.replaceWith(row);
    this.rows.set(item, row);
    this.mark(item);
    if (focused) row.querySelector("a")?.focus({ preventScroll: true });
  }

  /** The item before or after the chosen one. @param {number} step */
  neighbour(step) {
    const place = this.chosen ? this.places.get(this.chosen.item) : undefined;
    return this.items[place === undefined ? (step > 0 ? 0 : this.items.length - 1) : place + step];
  }

  /** Return the next undecided item after the chosen one, or else from the beginning. */
  undecided() {
    const from = (this.chosen ? this.places.get(this.chosen.item) : undefined) ?? -1;
    const open = (/** @type {Item} */ item) => !isSettled(item);
    return this.items.slice(from + 1).find(open) ?? this.items.slice(0, from + 1).find(open);
  }

  /** @param {Item} item @param {number} place */
  row(item, place) {
    const { status, claims } = item;
    const verdicts = new Set(claims.map(({ decision }) => decision?.verdict ?? ""));
    const row = make("li", { className: `row ${verdicts.size === 1 ? [...verdicts][0] : ""}`, id: `moment-${item.id}` });
    row.dataset.place = String(place);
    row.dataset.status = status;
    const picture = item.picture === null ? make("span", { className: "no-picture" })
      : make("img", { src: `data:image/webp;base64,${this.data.pictures[item.picture]}`, alt: "", loading: "lazy" });
    const labels = claims.flatMap((claim, n) => [n ? " / " : null, named(claim.label)]);
    const link = make("a", { href: `#moment-${item.id}`, className: "go" },
      make("span", { className: "when" }, clocks(this.data.halves, item.time)), " ", ...labels);
    link.setAttribute("aria-label", [link.textContent, STATUSES[status], ...claims.map((claim) => verdictName(claim, claims.length > 1))].join(", "));
    const badge = make("span", { className: `badge ${status}` },
      make("span", { className: "shape", attributes: { "aria-hidden": "true" } }, SHAPES[status]), STATUSES[status]);
    const several = claims.length > 1;
    const about = several ? make("div", { className: "parts" }, ...claims.map((claim, n) => this.part(claim, n)))
      : make("div", { className: "who" }, ...this.voices(claims[0]));
    row.append(picture, make("div", { className: "what" },
      make("div", { className: "head" }, link, badge, standingOf(item), several ? bestScore(item) : null, several ? null : verdictOf(claims[0])),
      about, this.words(item) ?? ""));
    return row;
  }

  /** Show one of several events of a moment: its number, its models and its verdict. @param {Claim} claim @param {number} n */
  part(claim, n) {
    const part = make("div", { className: "who part" }, make("kbd", {}, String(n + 1)),
      named(claim.label, "predicted-label"), verdictOf(claim), make("span", { className: "voices" }, ...this.voices(claim)));
    part.dataset.claim = String(n);
    return part;
  }

  /** Return the details of the predictions in one line, or null. @param {Item} item */
  words({ claims }) {
    const notes = claims.map(({ note }) => note).filter(Boolean).map((note) => `“${note}”`);
    const words = new Set([...notes, ...claims.flatMap((claim) => claim.predictions.map((one) => one[6])).filter(Boolean)]);
    return words.size ? make("div", { className: "words" }, named([...words].join(" · "))) : null;
  }

  /** Return the models of an event in short form: "llava 0.93", "labels". @param {Claim} claim */
  voices({ predictions }) {
    // An ensemble repeats its models' predictions.
    return predictions.filter(([lane]) => this.data.lanes[lane].kind !== "ensemble").map(([lane, , strength, team, , right]) => {
      const { name, kind } = this.data.lanes[lane];
      const voice = make("span", { className: `voice ${kind}` }, named(name));
      if (strength !== null) voice.append(` ${score(strength)}`);
      if (team) voice.append(` ${team}`);
      if (right !== null) voice.append(make("span", { className: right ? "right" : "wrong" }, right ? " ✓ true" : " ✗ false"));
      return voice;
    });
  }
}

/** Return the probability that a moment is real, in words, or null if it is unknown. @param {Item} item */
function standingOf({ probability, rank }) {
  if (rank === null) return null;
  const words = probability === null ? `no. ${rank} of its class` : `${Math.round(100 * probability)} % likely`;
  return make("span", { className: "standing" }, words);
}

/** Return the best score of a moment with several events, whose own scores may not fit. @param {Item} item */
function bestScore({ strength }) {
  return strength === null ? null : make("span", { className: "standing", title: "The best score of the moment" }, score(strength));
}

/** An event's verdict for the name of the row's link. @param {Claim} claim @param {boolean} isOneOfSeveral */
function verdictName({ label, decision }, isOneOfSeveral) {
  const verdict = !decision ? "undecided" : decision.label === label ? decision.verdict : `${decision.verdict} as ${decision.label}`;
  return isOneOfSeveral ? `${label} ${verdict}` : verdict;
}

/** Return an event's verdict in words, with another reviewer's if it differs, or null. @param {Claim} claim */
function verdictOf({ decision, other }) {
  if (!decision && !other) return null;
  const badge = make("span", { className: `verdict ${decision?.verdict ?? ""}` }, ...(decision ? inWords(decision) : []));
  if (other && (!decision || decision.verdict !== other.verdict || decision.label !== other.label)) {
    badge.append(make("span", { className: "other" }, ` ${other.reviewer || "the other"}: `, ...inWords(other)));
  }
  return badge;
}

/** @param {Decision} decision */
export function inWords({ verdict, label, time, team, reviewer }) {
  const by = reviewer ? ` · ${reviewer}` : "";
  if (verdict === "rejected") return [`✗ rejected${by}`];
  return ["✓ ", named(label), ` ${clock(time, true)}${team ? ` ${team}` : ""}${by}`];
}
