// The list of moments: which are shown, in which order, and how each reads.

const AT_ONCE = 40; // rows added to the document at a time

class List {
  /** Items are {index, time, status, claims, picture, …}; index is null for added events. */
  constructor({ lanes, pictures, onChoose }) {
    Object.assign(this, { lanes, pictures, onChoose });
    this.element = $("list");
    this.element.classList.toggle("no-pictures", pictures.length === 0);
    this.items = [];
    this.rows = new Map();
    this.chosen = null;
    this.element.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (!row || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      this.onChoose(this.items[Number(row.dataset.place)]);
    });
    $("more").addEventListener("click", () => this.grow());
    new IntersectionObserver((seen) => seen.some((one) => one.isIntersecting) && this.grow(),
      { rootMargin: "600px" }).observe($("more"));
  }

  /** Show these items, the first rows at once, the others as the reader gets there. */
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

  /** Mark a row as the chosen one and bring it into view. */
  choose(item, focus) {
    this.rows.get(this.chosen)?.removeAttribute("aria-current");
    this.chosen = item;
    const place = this.places.get(item);
    if (place === undefined) return;
    if (!this.rows.has(item)) this.grow(place + AT_ONCE);
    const row = this.rows.get(item);
    row.setAttribute("aria-current", "true");
    row.scrollIntoView({ block: "nearest" });
    if (focus) row.querySelector("a").focus({ preventScroll: true });
  }

  /** Draw a row again after its verdict has changed. */
  refresh(item) {
    const old = this.rows.get(item);
    if (!old) return;
    const row = this.row(item, Number(old.dataset.place));
    const focused = old.contains(document.activeElement);
    old.replaceWith(row);
    this.rows.set(item, row);
    if (this.chosen === item) row.setAttribute("aria-current", "true");
    if (focused) row.querySelector("a").focus({ preventScroll: true });
  }

  neighbour(step) {
    const place = this.places.get(this.chosen);
    return this.items[place === undefined ? (step > 0 ? 0 : this.items.length - 1) : place + step];
  }

  row(item, place) {
    const { status, decision } = item;
    const row = make("li", { className: `row ${decision?.verdict ?? ""}`, id: `moment-${item.id}` });
    row.dataset.place = place;
    row.dataset.status = status;
    const picture = item.picture === null ? make("span", { className: "no-picture" })
      : make("img", { src: `data:image/webp;base64,${this.pictures[item.picture]}`, alt: "", loading: "lazy" });
    const labels = item.claims.flatMap((claim, n) => [n ? " / " : null, named(claim.label)]);
    const link = make("a", { href: `#moment-${item.id}`, className: "go" },
      make("span", { className: "when" }, clock(item.time)), " ", ...labels);
    const badge = make("span", { className: `badge ${status}` },
      make("span", { className: "shape", attributes: { "aria-hidden": "true" } }, SHAPES[status]), STATUSES[status]);
    row.append(picture, make("div", { className: "what" },
      make("div", { className: "head" }, link, badge, standingOf(item), verdictOf(decision)),
      make("div", { className: "who" }, ...this.voices(item)), this.words(item)));
    return row;
  }

  /** The details of the predictions, one line; null if there are none. */
  words({ claims }) {
    const words = new Set(claims.flatMap((claim) => claim.predictions.map((one) => one[6])).filter(Boolean));
    return words.size ? make("div", { className: "words" }, named([...words].join(" · "))) : null;
  }

  /** Who predicts what, in short: "llava 0.93", "labels". */
  voices({ claims }) {
    const several = claims.length > 1;
    // An ensemble repeats what its models predict.
    const heard = ([lane]) => this.lanes[lane].kind !== "ensemble";
    return claims.flatMap((claim) => claim.predictions.filter(heard).map(([lane, , strength, team, , right]) => {
      const { name, kind } = this.lanes[lane];
      const voice = make("span", { className: `voice ${kind}` }, named(name));
      if (several) voice.append(" ", named(claim.label, "predicted-label"));
      if (strength !== null) voice.append(` ${score(strength)}`);
      if (team) voice.append(` ${team}`);
      if (right !== null) voice.append(make("span", { className: right ? "right" : "wrong" }, right ? " ✓ true" : " ✗ false"));
      return voice;
    }));
  }
}

/** How likely a moment is to be real, in words; null where nothing is known of that. */
function standingOf({ probability, rank }) {
  if (rank === null) return null;
  const words = probability === null ? `no. ${rank} of its class` : `${Math.round(100 * probability)} % likely`;
  return make("span", { className: "standing" }, words);
}

/** A decision in words, or null. */
function verdictOf(decision) {
  if (!decision) return null;
  const { verdict, label, time, team } = decision;
  const what = verdict === "rejected" ? "✗ rejected" : "✓ ";
  const badge = make("span", { className: `verdict ${verdict}` }, what);
  if (verdict === "confirmed") badge.append(named(label), ` ${clock(time, true)}${team ? ` ${team}` : ""}`);
  return badge;
}

/** What each choice of how many are shown leaves out, in words. */
const leftOut = (amount) => (amount === "shortlist" ? "not in the shortlist"
  : amount === "1" ? "not the best of a class" : `not among the best ${amount} of a class`);

/** The items that are to be seen: never without what a person decided or no model predicted. */
function among(items, amount) {
  if (amount === "all") return items;
  return items.filter((item) => item.decision || item.status === "missed"
    || (amount === "shortlist" ? item.listed : item.rank !== null && item.rank <= Number(amount)));
}

/** The items that the filters let through. */
function filtered(items, filters) {
  const { statuses, label, lane, truth, verdict, least, most } = filters;
  return items.filter((item) => {
    if (!statuses.has(item.status)) return false;
    if (label && !item.labels.has(label)) return false;
    if (lane !== null && !item.lanes.has(lane)) return false;
    if (truth && !item.truths.has(truth === "right")) return false;
    if (verdict && (item.decision?.verdict ?? "undecided") !== verdict) return false;
    if (least !== null && !(item.strength >= least)) return false;
    return most === null || (item.strength !== null && item.strength <= most);
  });
}

const COMPARE = {
  likely: (a, b) => a.order - b.order || a.time - b.time,
  time: (a, b) => a.time - b.time,
  status: (a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || a.time - b.time,
  unsure: (a, b) => (a.strength ?? 2) - (b.strength ?? 2) || a.time - b.time,
};
