// What the person decided: kept in the browser, written to and read from a table.
//
// A decision is {saidTime, saidLabel, verdict, time, label, team}: what it is about, and what is
// true instead. An added event is about nothing that was predicted: its saidTime is null.

const COLUMNS = ["video", "time_s", "game_time", "label", "team", "verdict", "said_time_s",
  "said_label", "said_by"];
// As the tables of the workflow: a spreadsheet would run a cell that begins so.
const FORMULA = /^\s*[=+\-@＝＋－＠']/;
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/g;

class Verdicts {
  /** The decisions on a match; moments are the page's, in their order. */
  constructor({ key, video, half, tolerance, classes, moments }) {
    Object.assign(this, { video, half, tolerance, classes, moments });
    this.key = `touchline verdicts ${key}`;
    this.history = [];
    this.failed = false;
    this.clear();
  }

  clear() {
    this.of = new Map(); // by index of the moment
    this.added = [];
    this.unplaced = []; // about moments that this page does not have
  }

  get all() {
    return [...this.of.values(), ...this.added, ...this.unplaced];
  }

  /** Do something to the decisions, so that it can be undone, and keep the result. */
  change(action) {
    this.history.push(JSON.stringify(this.all));
    action();
    this.keep();
  }

  undo() {
    const before = this.history.pop();
    if (before === undefined) return false;
    this.clear();
    this.place(JSON.parse(before));
    this.keep();
    return true;
  }

  keep() {
    try {
      if (this.all.length) localStorage.setItem(this.key, JSON.stringify(this.all));
      else localStorage.removeItem(this.key);
    } catch {
      this.failed = true; // no storage, or it is full: the page says so
    }
  }

  restore() {
    try {
      const kept = JSON.parse(localStorage.getItem(this.key) ?? "[]");
      this.place(kept.filter((one) => this.mistake(one) === null));
    } catch {
      this.failed = true;
    }
  }

  /** Put decisions to the moments that they are about. */
  place(decisions) {
    for (const one of decisions) {
      if (one.saidTime === null) {
        this.add(one);
        continue;
      }
      const index = this.find(one);
      if (index === null) this.unplaced.push(one);
      else this.of.set(index, one);
    }
  }

  /** An added event takes the place of the same event. */
  add(one) {
    const same = (other) => other.label === one.label && Math.abs(other.time - one.time) < 0.05;
    this.added = [...this.added.filter((other) => !same(other)), one];
    this.added.sort((a, b) => a.time - b.time);
  }

  /** The moment at the same time with the same label, else the nearest within the tolerance. */
  find({ saidTime, saidLabel }) {
    let best = null;
    let least = this.tolerance;
    for (let index = this.firstAt(saidTime - this.tolerance); index < this.moments.length; index++) {
      const moment = this.moments[index];
      if (moment.time > saidTime + this.tolerance) break;
      const away = Math.abs(moment.time - saidTime);
      if (!moment.claims.some((claim) => plain(claim.label) === plain(saidLabel))) continue;
      if (away < least || (away === least && best === null)) [best, least] = [index, away];
    }
    return best;
  }

  firstAt(time) {
    let low = 0;
    let high = this.moments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.moments[middle].time < time) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** What is wrong with a decision, or null. */
  mistake({ saidTime, time, label, team, verdict }) {
    if (!["confirmed", "rejected"].includes(verdict)) return `the verdict is “${verdict}”, not confirmed or rejected`;
    if (!(Number.isFinite(time) && time >= 0)) return "time_s is not a time";
    if (saidTime !== null && !Number.isFinite(saidTime)) return "said_time_s is not a time";
    if (!["", "home", "away"].includes(team)) return `the team is “${team}”, not home or away`;
    if (verdict === "confirmed" && !this.classes.includes(label)) return `“${label}” is no class of labels.yaml`;
    return null;
  }

  /** The table that the table of videos can name as a video's labels. */
  toCsv(lanes) {
    const lines = this.moments.map((moment, index) => {
      const claim = moment.claims[0];
      const one = this.of.get(index);
      const about = [moment.time, claim.label, [...new Set(claim.predictions.map(([lane]) => lanes[lane].name))].join(" + ")];
      const rest = one?.verdict === "confirmed"
        ? [one.time, one.label, one.team, "confirmed"]
        : [moment.time, claim.label, "", one ? "rejected" : "undecided"];
      return [...rest, ...about];
    });
    lines.push(...[...this.added, ...this.unplaced].map((one) =>
      [one.time, one.label, one.team, one.verdict, one.saidTime ?? "", one.saidLabel ?? "", ""]));
    lines.sort((a, b) => a[0] - b[0]);
    const rows = lines.map(([time, label, team, ...rest]) =>
      [this.video, Number(time.toFixed(3)), this.gameTime(time), label, team, ...rest]);
    return [COLUMNS, ...rows].map((row) => row.map(cell).join(",")).join("\n") + "\n";
  }

  gameTime(time) {
    const shown = `${String(Math.floor(time / 60)).padStart(2, "0")}:${String(Math.floor(time % 60)).padStart(2, "0")}`;
    return this.half === null ? shown : `${this.half} - ${shown}`;
  }

  /** Take the decisions of a table; returns a line for each row that cannot be used. */
  fromCsv(text) {
    const [columns, ...rows] = cells(text.replace(/^\ufeff/, ""));
    const has = (name) => columns?.includes(name);
    if (!has("time_s") || !has("label")) {
      return ["This is no table of events: it needs the columns time_s and label, separated by commas."];
    }
    const problems = [];
    const decisions = [];
    let otherVideo = 0;
    rows.forEach((row, number) => {
      const value = Object.fromEntries(columns.map((name, place) => [name, (row[place] ?? "").replace(/^'/, "")]));
      if (value.verdict === "undecided") return;
      if (has("video") && value.video !== "" && Number(value.video) !== this.video) otherVideo += 1;
      const time = value.time_s.trim() === "" ? NaN : Number(value.time_s);
      const isAdded = has("said_time_s") && value.said_time_s === "";
      const about = isAdded
        ? { saidTime: null, saidLabel: null }
        : { saidTime: Number(value.said_time_s ?? time), saidLabel: value.said_label || value.label };
      const named = this.classes.find((name) => plain(name) === plain(value.label)) ?? value.label;
      const one = { ...about, verdict: value.verdict || "confirmed", time, label: named, team: value.team ?? "" };
      const mistake = this.mistake(one);
      if (mistake) problems.push(`Row ${number + 1}: ${mistake.slice(0, 200)}; it is left out.`);
      // Labels of another source: what no moment says is an event that was missed.
      else if (!has("said_time_s") && this.find(one) === null) decisions.push({ ...one, saidTime: null, saidLabel: null });
      else decisions.push(one);
    });
    if (otherVideo) problems.push(`${otherVideo} rows are of another video than ${this.video}; is it the right file?`);
    if (decisions.length) this.change(() => this.place(decisions));
    return problems;
  }
}

const plain = (label) => label.trim().toLowerCase();

/** A cell that holds what it should, and that no spreadsheet runs. */
function cell(value) {
  if (typeof value === "number") return String(value);
  const text = value.replace(CONTROL, " ");
  const harmless = FORMULA.test(text) ? `'${text}` : text;
  return /[",]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}

/** The rows of a table in CSV, each a list of cells; empty rows are none. */
function cells(text) {
  const rows = [];
  let row = [];
  let field = "";
  let quoted = false;
  for (let place = 0; place < text.length; place++) {
    const sign = text[place];
    if (quoted) {
      if (sign !== '"') field += sign;
      else if (text[place + 1] === '"') field += text[++place];
      else quoted = false;
    } else if (sign === '"') quoted = true;
    else if (sign === ",") { row.push(field); field = ""; }
    else if (sign === "\n") { row.push(field); rows.push(row); row = []; field = ""; }
    else if (sign !== "\r") field += sign;
  }
  if (field !== "" || row.length) rows.push([...row, field]);
  return rows.filter((cells) => cells.some((text) => text !== ""));
}
