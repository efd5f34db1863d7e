// The page of a match: how its parts work together.

import { letterOf, showClassKeys } from "./class_keys.js";
import { $, LIKE, ORDER, SHAPES, STATUSES, announce, clock, counted, dialog, field, make, named, notice, score, secondsOf } from "./elements.js";
import { Curves } from "./evidence.js";
import { COMPARE, among, filtered, isSettled, leftBeside, leftOut } from "./filters.js";
import { FORMATS } from "./formats.js";
import { HalfDialog } from "./half_dialog.js";
import { clocks, gameTime, halfSpans, isWholeVideo, statedStarts } from "./halves.js";
import { Layout, wireMenu } from "./layout.js";
import { List, inWords } from "./list.js";
import { changesOf, firstOf, readFile, readVerdicts, takeOver } from "./loading.js";
import { Player } from "./player.js";
import { layOut } from "./print.js";
import { agreement, onlyAdded } from "./reviewers.js";
import { serverOf } from "./server.js";
import { Timeline, anyLooked } from "./timeline.js";
import { Verdicts } from "./verdicts.js";
import { ViewState, stated } from "./view_state.js";

/** @import { Claim, ClaimData, Decision, HalfSpan, Item, Mark, MatchData, MomentData, Reading } from "./types.js" */
/** @import { SavedVerdicts } from "./server.js" */

const AFTER = 4; // seconds after an event that a loop shows
const NARROW = 860; // pixels; below, the form and the filters are folded

/** @type {MatchData} */
const data = JSON.parse($("data").textContent ?? "");
const isClass = new Set(data.classes);
/** The halves that the table of videos states; one that ends with the video is open, as the video may turn out to be longer. */
const given = data.halves.map(([half, kickoff, start, end]) => /** @type {HalfSpan} */ (
  [half, kickoff, start, end !== null && end < data.duration ? end : null]));
data.halves = given;

// --- data -------------------------------------------------------------------------

/** The best of some places or scores; null if there is none. @param {(number | null)[]} values @param {(...values: number[]) => number} of */
function bestOf(values, of) {
  const known = values.filter((value) => value !== null);
  return known.length ? of(...known) : null;
}

/** @param {ClaimData} claim @param {Item} item @returns {Claim} */
function claimOf(claim, item) {
  const models = claim.predictions.filter(([lane]) => data.lanes[lane].kind === "model");
  return {
    ...claim,
    item,
    time: Math.min(...(models.length ? models : claim.predictions).map(([, time]) => time)),
    strength: bestOf(models.map(([, , strength]) => strength), Math.max),
    decision: undefined,
    note: "",
    other: undefined,
  };
}

/** @param {MomentData} moment @param {number} index @returns {Item} */
function itemOf(moment, index) {
  const predictions = moment.claims.flatMap((claim) => claim.predictions);
  /** @type {Item} */
  const item = {
    ...moment,
    index,
    id: String(index + 1),
    claims: [],
    labels: new Set(moment.claims.map(({ label }) => label)),
    lanes: new Set(predictions.map(([lane]) => lane)),
    truths: new Set(predictions.map((one) => one[5]).filter((right) => right !== null)),
    strength: null,
    rank: bestOf(moment.claims.map(({ rank }) => rank), Math.min),
    text: "",
  };
  item.claims = moment.claims.map((claim) => claimOf(claim, item));
  item.strength = bestOf(item.claims.map(({ strength }) => strength), Math.max);
  item.text = textOf(item);
  return item;
}

/** All the words of a moment, in small letters. @param {Item} item */
function textOf({ time, claims }) {
  const details = claims.flatMap(({ predictions }) => predictions.map((one) => one[6]));
  return [clocks(data.halves, time), ...claims.map(({ label }) => label), ...details].join("\n").toLowerCase();
}

/** An event that a person added, as the list shows it. @param {Decision} decision @returns {Item} */
function itemOfAdded(decision) {
  const { time, label } = decision;
  /** @type {Item} */
  const item = { index: null, id: `added-${Math.round(1000 * time)}`, time, status: "added", order: moments.length, listed: false,
    probability: null, picture: null, claims: [], labels: new Set([label]), lanes: new Set(), truths: new Set(), strength: null,
    rank: null, text: `${clocks(data.halves, time)}\n${label}\n${decision.note}`.toLowerCase() };
  item.claims = [{ label, known: true, rank: null, predictions: [], time, strength: null, item, decision, note: decision.note, other: undefined }];
  return item;
}

const moments = data.moments.map(itemOf);
const claims = moments.flatMap((item) => item.claims);
const verdicts = new Verdicts(data, claims, () => update());
const server = serverOf(data, verdicts.keys[0]);
const list = new List(data, (item, place) => choose(place === null ? bestClaim(item) : item.claims[place]));
const player = new Player(server ? { ...data, source: server.video, copy: server.copy } : data, (time) => timeline.moveTo(time), (seconds) => {
  // Without a probe, the length of the video was a guess from its predictions.
  if (data.fingerprint !== null || !Number.isFinite(seconds) || seconds <= data.duration) return;
  data.duration = seconds;
  $("length").textContent = clock(seconds);
  timeline.extend(seconds);
});
const timeline = new Timeline({
  duration: data.duration,
  halves: data.halves,
  onPick: ({ claim, time }) => choose(claim, { time }),
  onSeek: (time) => seek(time),
});
const halfDialog = new HalfDialog(() => Math.round(10 * now()) / 10, (half, start) => {
  verdicts.setHalf(half, start);
  update();
});

if (data.evidence.length) new Curves(data.evidence, timeline);

/** @type {Item[]} */
let added = [];
/** @type {Claim | null} */
let chosen = null;
/** The verdicts of another reviewer, while they are compared. @type {Decision[]} */
let others = [];
const statuses = new Set(ORDER);
/** @type {Set<string>} */
const classes = new Set();

/** Return the event of a moment to review first: an undecided one, else the best in its class. @param {Item} item */
function bestClaim(item) {
  const open = item.claims.filter((claim) => !claim.decision);
  // Scores of different classes cannot be compared.
  const key = (/** @type {Claim} */ claim) => claim.rank ?? (isClass.has(claim.label) ? 1e6 : 1e9);
  return [...(open.length ? open : item.claims)].sort((a, b) => key(a) - key(b))[0];
}

// --- the view -------------------------------------------------------------------------

/** @param {string} id */
function number(id) {
  const { value } = field(id);
  return value !== "" && Number.isFinite(Number(value)) ? Number(value) : null;
}

const CHOICES = ["by-lane", "by-truth", "by-verdict", "least", "most", "search"];

function filters() {
  return {
    statuses,
    classes,
    lane: field("by-lane").value === "" ? null : Number(field("by-lane").value),
    truth: field("by-truth")?.value ?? "",
    verdict: field("by-verdict").value,
    least: number("least"),
    most: number("most"),
    words: field("search").value.toLowerCase().split(/\s+/).filter(Boolean),
  };
}

/** Show the best moments that pass the filters, in the list and in the lanes. */
function apply() {
  const all = [...moments, ...added];
  const passing = filtered(all, filters());
  const amount = field("amount").value;
  const items = among(passing, amount).sort(COMPARE[field("order").value]);
  list.show(items);
  timeline.lit = items.length === all.length ? null : new Set(items);
  timeline.redraw();
  $("shown").textContent = items.length === all.length ? `${all.length}` : `${items.length} of ${all.length}`;
  countLeftOut(passing.length - items.length, passing.length, all.length);
  const on = CHOICES.filter((id) => id !== "search" && field(id)?.value).length + (classes.size ? 1 : 0);
  $("filters-on").textContent = on ? `${on} on` : "";
  if (!items.length) {
    $("list").append(make("li", { className: "empty" }, passing.length ? `The moments that pass the filters are ${leftOut(amount)}.`
      : all.length ? "Nothing passes these filters." : "No model predicted anything in this video."));
  }
  if (chosen && list.places.has(chosen.item)) list.choose(chosen);
  const sure = confirmable().length;
  $("confirm-shown").hidden = sure === 0;
  $("confirm-shown").textContent = `Confirm the ${sure} agreed`;
  countLeftBeside();
  view.keep();
}

/** Offer to reject the undecided events beside confirmed ones. */
function countLeftBeside() {
  const { length } = list.items.flatMap(leftBeside);
  $("reject-beside").hidden = length === 0;
  $("reject-beside").textContent = `Reject the ${length} left`;
}

/** Say how many moments are not shown though the filters let them through. @param {number} count @param {number} passing @param {number} all */
function countLeftOut(count, passing, all) {
  const of = passing === all ? `${all} moments` : `${passing} moments that pass the filters`;
  $("left-out").textContent = count ? `${count} of ${of} ${count === 1 ? "is" : "are"} ${leftOut(field("amount").value)}.` : "";
  $("show-all").hidden = count === 0;
}

/** The shown events that all agree on, still undecided: a person can accept them in one go. */
const confirmable = () => list.items.filter((item) => item.status === "agreed" && !isSettled(item)
  && isClass.has(item.claims[0].label)).map((item) => item.claims[0]);

/** Show the decisions in rows, marks and progress. */
function update(rebuild = true) {
  const before = chosen;
  const moved = followHalves();
  added = verdicts.added.map(itemOfAdded);
  if (before?.item.index === null) chosen = added.find(({ id }) => id === before.item.id)?.claims[0] ?? null;
  compareAgain();
  if (moved) divide();
  else showMarks();
  showProgress();
  field("undo").disabled = verdicts.history.length === 0;
  if (verdicts.failed) notice("This browser cannot store verdicts: save them before you leave this page.", "warning");
  // An event chosen in the lanes and decided has a row from now on.
  if (rebuild || moved || (chosen?.decision && !list.places.has(chosen.item))) apply();
  else {
    if (chosen) list.refresh(chosen.item);
    countLeftBeside();
  }
  judge();
}

/** Show the number of decided moments among those that “Show” selects, and the results. */
function showProgress() {
  const all = among(moments, field("amount").value);
  const decided = all.filter(isSettled).length;
  const confirmed = confirmedOnes().length;
  const bar = /** @type {HTMLProgressElement} */ ($("progress"));
  [bar.max, bar.value] = [Math.max(1, all.length), decided];
  $("progress-text").textContent = `${decided} of ${counted(all.length, "moment")} decided`
    + (confirmed ? ` · ${counted(confirmed, "event")} confirmed` : "") + (added.length ? ` · ${added.length} added` : "");
}

/** Take over where the halves are; whether that has changed. */
function followHalves() {
  const before = JSON.stringify(data.halves);
  const { halfStarts } = verdicts;
  const mine = new Set(halfStarts.map(({ half }) => half));
  const starts = [...halfStarts, ...statedStarts(given).filter(({ half }) => !mine.has(half))].sort((a, b) => a.half - b.half);
  halfDialog.show(starts, mine);
  data.halves = mine.size ? halfSpans(starts) : given;
  if (JSON.stringify(data.halves) === before) return false;
  timeline.follow(data.halves);
  for (const item of moments) item.text = textOf(item);
  return true;
}

/** Return the events that are true by the verdicts, in order of time. @returns {{ decision: Decision, picture: number | null }[]} */
function confirmedOnes() {
  const found = claims.flatMap(({ decision, item }) => (decision?.verdict === "confirmed" ? [{ decision, picture: item.picture }] : []));
  const others = [...verdicts.added, ...verdicts.unplaced].filter(({ verdict }) => verdict === "confirmed");
  return [...found, ...others.map((decision) => ({ decision, picture: null }))].sort((a, b) => a.decision.time - b.decision.time);
}

// --- the lanes -----------------------------------------------------------------------------

const YOURS = { name: "your verdicts", kind: "verdicts", looked: /** @type {[number, number][]} */ ([[0, 1e9]]) };
const NO_CLASS = "no class";

/** A lane for each model, or for each class that occurs; the last has the verdicts. */
function lanes() {
  if (field("lanes-by").value === "model") return [...data.lanes, YOURS];
  const names = new Set(claims.map(({ label }) => (isClass.has(label) ? label : NO_CLASS)));
  const looked = anyLooked(data.lanes);
  return [...[...data.classes, NO_CLASS].filter((name) => names.has(name)).map((name) => ({ name, kind: "class", looked })), YOURS];
}

function divide() {
  timeline.divide(lanes(), field("lanes-by").value === "class");
  showMarks();
}

function showMarks() {
  const byClass = field("lanes-by").value === "class";
  const laneOf = new Map(timeline.lanes.map(({ name }, lane) => [name, lane]));
  /** @type {Mark[][]} */
  const marks = timeline.lanes.map(() => []);
  for (const claim of claims) {
    const { label, item, decision } = claim;
    if (byClass) {
      const lane = laneOf.get(isClass.has(label) ? label : NO_CLASS) ?? 0;
      const status = decision?.verdict ?? item.status;
      marks[lane].push({ lane, time: claim.time, label, status, claim,
        about: about([score(claim.strength), STATUSES[item.status], decision?.verdict]) });
      continue;
    }
    for (const [lane, time, strength, , , right] of claim.predictions) {
      marks[lane].push({ lane, time, label, status: item.status, claim, about: about([data.lanes[lane].name,
        strength === null ? null : score(strength), STATUSES[item.status], right === null ? null : right ? "true" : "false"]) });
    }
  }
  const lane = marks.length - 1;
  for (const claim of [...claims, ...added.flatMap((item) => item.claims)]) {
    const { decision } = claim;
    if (!decision) continue;
    const { time, label, verdict } = decision;
    marks[lane].push({ lane, time, label, status: verdict, claim, about: about([verdict, decision.reviewer, decision.note]) });
  }
  for (const these of marks) these.sort((a, b) => a.time - b.time);
  timeline.show(marks);
}

/** @param {(string | null | undefined)[]} parts */
const about = (parts) => `· ${parts.filter(Boolean).join(" · ")}`;

// --- the chosen event ----------------------------------------------------------------------

/** @param {number} time */
function seek(time) {
  player.seek(time);
  timeline.moveTo(time);
}

/** Choose an event: mark it everywhere and show the seconds before it. @param {Claim | undefined} claim */
function choose(claim, { time = claim?.time ?? 0, focus = false } = {}) {
  if (!claim) return;
  chosen = claim;
  view.keep();
  timeline.chosen = claim;
  list.choose(claim, focus);
  seek(Math.max(0, time - data.lead));
  if (field("loop").checked) repeat();
  judge();
}

/** Start or stop repeating the chosen event with the seconds before it. */
function repeat() {
  const on = field("loop").checked && chosen !== null;
  const time = chosen?.time ?? 0;
  player.repeat(on ? [Math.max(0, time - data.lead), Math.min(time + AFTER, data.duration)] : null);
}

/** Return the best guess of the true event: the verdict, else the labels, else the first model. @param {Claim} claim */
function guess(claim) {
  if (claim.decision?.verdict === "confirmed") return claim.decision;
  const { predictions, label } = claim;
  const exact = predictions.find(([lane]) => data.lanes[lane].kind === "truth") ?? predictions[0];
  return { label: isClass.has(label) ? label : "", time: exact?.[1] ?? claim.time,
    team: predictions.map((one) => one[3]).find(Boolean) ?? "", note: claim.note, clipIn: null, clipOut: null };
}

function judge() {
  const none = chosen === null;
  for (const id of ["label", "time", "team", "note", "now", "clip-in", "clip-out", "confirm", "reject", "yes", "no", "alone"]) field(id).disabled = none;
  $("judge-error").textContent = "";
  $("time-of-half").textContent = "";
  $("events").replaceChildren();
  if (!chosen) {
    $("judge-title").replaceChildren("No moment chosen");
    $("predicted").replaceChildren(make("p", { className: "muted" }, "Choose a moment in the list or in the lanes, or press J."));
    return;
  }
  const { item, decision } = chosen;
  $("judge-title").replaceChildren(clocks(data.halves, chosen.time, true), " ", named(chosen.label));
  $("judge-title").title = $("judge-title").textContent ?? "";
  if (item.claims.length > 1) $("events").replaceChildren(...item.claims.map(eventButton));
  $("alone").hidden = item.claims.length < 2;
  $("predicted").replaceChildren(table(item));
  const { label, time, team, note, clipIn, clipOut } = guess(chosen);
  field("label").value = label;
  field("time").value = clock(time, true);
  showGameTime();
  field("team").value = team;
  field("note").value = note;
  field("clip-in").value = clipIn === null ? "" : clock(clipIn, true);
  field("clip-out").value = clipOut === null ? "" : clock(clipOut, true);
  for (const [id, verdict] of [["confirm", "confirmed"], ["reject", "rejected"]]) {
    $(id).setAttribute("aria-pressed", String(decision?.verdict === verdict));
  }
  $("confirm").textContent = decision?.verdict === "confirmed" ? "Confirmed" : "Confirm";
  $("reject").textContent = decision?.verdict === "rejected" ? "Rejected" : "Reject";
  for (const id of ["reject", "no"]) $(id).hidden = item.index === null;
}

/** Show the match's clock beside the time in the form. */
function showGameTime() {
  const time = secondsOf(field("time").value);
  $("time-of-half").textContent = time === null || isWholeVideo(data.halves) ? "" : gameTime(data.halves, time);
}

/** One of several events of a moment, to be chosen and judged by itself. @param {Claim} claim @param {number} n */
function eventButton(claim, n) {
  const sign = claim.decision ? claim.decision.verdict === "confirmed" ? "✓ " : "✗ " : "";
  const button = make("button", { type: "button", className: `chip ${claim.decision?.verdict ?? ""}`,
    attributes: { "aria-pressed": String(claim === chosen) } }, make("kbd", {}, String(n + 1)), sign, named(claim.label));
  button.addEventListener("click", () => choose(claim));
  return button;
}

/** Announce a decision to screen readers. @param {Claim | null} claim */
function tell(claim) {
  if (!claim) return;
  const { label, decision } = claim;
  const what = !decision ? `${label}: undecided` : decision.verdict === "rejected" ? `${label}: rejected` : `${decision.label}: confirmed`;
  announce(`${what} at ${clocks(data.halves, decision?.time ?? claim.time, true)}. ${$("progress-text").textContent}.`);
}

/** Everything that was predicted of a moment, a line each; its time leads there. @param {Item} item */
function table(item) {
  const rows = item.claims.flatMap((claim) => claim.predictions.flatMap(([lane, time, strength, team, hits, right, details]) => {
    const go = make("button", { type: "button", className: "time" }, clocks(data.halves, time, true));
    go.addEventListener("click", () => seek(Math.max(0, time - data.lead)));
    const shown = make("tr", {},
      make("th", { scope: "row" }, named(data.lanes[lane].name)),
      make("td", {}, named(claim.label), claim.known ? null : make("span", { className: "muted" }, " (no class)")),
      make("td", {}, go),
      make("td", { className: "n" }, score(strength)),
      make("td", {}, team ?? ""),
      make("td", { className: "n" }, String(hits)),
      make("td", { className: right ? "right" : "wrong" }, right === null ? "" : right ? "✓ true" : "✗ false"));
    if (!details) return [shown];
    return [shown, make("tr", {}, make("td", { colSpan: 7, className: "details" }, named(details)))];
  }));
  for (const { other } of item.claims) {
    if (!other) continue;
    rows.push(make("tr", {}, make("th", { scope: "row" }, named(other.reviewer || "the other")),
      make("td", { colSpan: 6 }, ...inWords({ ...other, reviewer: "" }), other.note ? make("span", { className: "muted" }, " ", named(other.note)) : null)));
  }
  const heads = ["Who", "Says", "At", "Score", "Team", "Hits", "Labels"];
  const head = heads.map((text) => make("th", { scope: "col", className: ["Score", "Hits"].includes(text) ? "n" : "" }, text));
  if (!rows.length) return make("p", { className: "muted" }, "Added by you.");
  return make("div", { className: "scroll", tabIndex: 0, attributes: { role: "region", "aria-label": "Predictions of this moment" } },
    make("table", {}, make("thead", {}, make("tr", {}, ...head)), make("tbody", {}, ...rows)));
}

// --- verdicts ------------------------------------------------------------------------------

/** The form's label, time and team; null, with the reason shown, if they are no event. */
function entered() {
  const time = secondsOf(field("time").value) ?? undefined;
  const label = field("label").value;
  const [clipIn, clipOut] = ["clip-in", "clip-out"].map((id) => pointIn(id));
  const reason = !label ? "The predicted label is no class. Choose a label (L), or reject the event (X)."
    : [time, clipIn, clipOut].includes(undefined) ? `Write times ${LIKE}.`
      : Math.max(time ?? 0, clipIn ?? 0, clipOut ?? 0) > data.duration + 0.05 ? `The video ends at ${clock(data.duration, true)}.`
        : (clipIn ?? 0) >= (clipOut ?? Infinity) ? "The clip ends before it begins." : "";
  $("judge-error").textContent = reason;
  if (reason || time === undefined || clipIn === undefined || clipOut === undefined) return null;
  return { time: Math.min(time ?? 0, data.duration), label, team: field("team").value, clipIn, clipOut, ...byMe() };
}

/** The seconds of a field; null if it is empty, undefined if they are no time. @param {string} id */
const pointIn = (id) => (field(id).value.trim() ? secondsOf(field(id).value) ?? undefined : null);

const byMe = () => ({ reviewer: field("reviewer").value.trim(), note: field("note").value.trim() });

/** Return a verdict on a predicted event. @param {Claim} claim @returns {Decision} */
const rejected = (claim, note = claim.note) => ({ saidTime: claim.time, saidLabel: claim.label, verdict: "rejected",
  time: claim.time, label: claim.label, team: "", reviewer: field("reviewer").value.trim(), note, clipIn: null, clipOut: null });

/** Confirm the chosen event as the form has it; whether that could be done. */
function confirm() {
  const values = chosen && entered();
  if (!chosen || !values) {
    if (chosen) unfold();
    return false;
  }
  if (chosen.item.index === null) {
    const fresh = /** @type {Decision} */ ({ ...values, verdict: "confirmed", saidTime: null, saidLabel: null });
    verdicts.change(verdicts.editsOf([[chosen, fresh]]));
    chosen = itemOfAdded(fresh).claims[0];
    update();
    tell(chosen);
    return true;
  }
  // An event corrected to another event of the moment counts as that event.
  chosen = chosen.item.claims.find(({ label }) => label === values.label) ?? chosen;
  const { time: saidTime, label: saidLabel } = chosen;
  verdicts.change(verdicts.editsOf([[chosen, { saidTime, saidLabel, verdict: "confirmed", ...values }]]));
  timeline.chosen = chosen;
  list.choose(chosen);
  update(false);
  tell(chosen);
  return true;
}

function reject() {
  if (!chosen || chosen.item.index === null) return false;
  verdicts.change(verdicts.editsOf([[chosen, rejected(chosen, byMe().note)]]));
  update(false);
  tell(chosen);
  return true;
}

/** Take a verdict back; an added event goes. @param {Claim} claim */
function takeBack(claim) {
  verdicts.change(verdicts.editsOf([[claim, null]]));
  update(claim.item.index === null);
  notice(`Took back the verdict on ${claim.label} at ${clocks(data.halves, claim.time, true)}. Undo restores it.`);
  if (claim.item.index === null) announce(`${claim.label}: taken back. ${$("progress-text").textContent}.`);
  else tell(claim);
}

/** Confirm, or, if just that is confirmed, take it back. */
function toggleConfirmed() {
  const { decision } = chosen ?? {};
  const same = decision?.verdict === "confirmed" && decision.label === field("label").value
    && decision.clipIn === pointIn("clip-in") && decision.clipOut === pointIn("clip-out")
    && decision.team === field("team").value && clock(decision.time, true) === field("time").value
    && decision.note === field("note").value.trim();
  if (chosen && same) takeBack(chosen);
  else confirm();
}

function toggleRejected() {
  if (chosen?.decision?.verdict === "rejected") takeBack(chosen);
  else reject();
}

/** Judge the chosen moment and go on to the next that is to be decided. @param {() => boolean} decide */
function andGoOn(decide) {
  if (!chosen || decide()) nextUndecided();
}

/** Reject all of the chosen moment that is not decided, and the chosen event. */
function rejectMoment() {
  if (!chosen || chosen.item.index === null) return false;
  const these = chosen.item.claims.filter((claim) => claim === chosen || !claim.decision);
  rejectAll(these);
  update(false);
  announce(`${these.map(({ label }) => label).join(", ")}: rejected. ${$("progress-text").textContent}.`);
  return true;
}

/** @param {Claim[]} these */
function rejectAll(these) {
  const note = (/** @type {Claim} */ claim) => (claim === chosen ? byMe().note : claim.note);
  verdicts.change(verdicts.editsOf(these.map((claim) => [claim, rejected(claim, note(claim))])));
}

/** Reject the undecided events beside confirmed ones, in the listed moments. */
function rejectBeside() {
  const these = list.items.flatMap(leftBeside);
  rejectAll(these);
  update();
  notice(`Rejected ${counted(these.length, "event")} beside confirmed ones. Undo takes it back.`);
}

/** Confirm the chosen event and reject the other events of its moment. */
function confirmAlone() {
  const { item } = chosen ?? {};
  if (!item || !confirm()) return false;
  const rest = item.claims.filter((claim) => claim !== chosen && !claim.decision);
  if (rest.length) rejectAll(rest);
  update(false);
  return true;
}

function nextUndecided() {
  const item = list.undecided();
  if (item) choose(bestClaim(item), { focus: true });
  else notice("Everything that is shown is decided. “Show” has more, or press E to export.");
}

/** Keep a note at a verdict that stands, or at an undecided event. */
function keepNote() {
  if (!chosen || chosen.note === byMe().note) return;
  const undecided = /** @type {Decision} */ ({ ...rejected(chosen), verdict: "undecided" });
  const noted = { ...(chosen.decision ?? undecided), note: byMe().note };
  verdicts.change(verdicts.editsOf([[chosen, chosen.decision || noted.note ? noted : null]]));
  update(false);
}

/** Keep a clip's points at a confirmed event. */
function keepClip() {
  if (chosen?.decision?.verdict === "confirmed") confirm();
}

/** Begin or end the chosen event's clip at the playing time. @param {string} id */
function setPoint(id) {
  if (!chosen) return;
  field(id).value = clock(now(), true);
  keepClip();
  announce(`The clip ${id === "clip-in" ? "begins" : "ends"} at ${field(id).value}.`);
}

/** Add an event of a class at the playing time, or confirm the one that was predicted there. @param {string} label */
function addOfClass(label) {
  const time = Math.round(10 * Math.min(now(), data.duration)) / 10;
  const values = { verdict: /** @type {const} */ ("confirmed"), time, label, team: "", ...byMe(), note: "", clipIn: null, clipOut: null };
  const open = verdicts.near({ saidTime: time, saidLabel: label }).filter(([claim]) => !claim.decision);
  const [claim] = open.sort((a, b) => a[1] - b[1])[0] ?? [];
  if (claim) {
    const predicted = { ...values, saidTime: claim.time, saidLabel: claim.label, team: guess(claim).team, note: claim.note };
    verdicts.change(verdicts.editsOf([[claim, predicted]]));
  } else verdicts.take([{ ...values, saidTime: null, saidLabel: null }]);
  update();
  notice(`${claim ? "Confirmed" : "Added"} ${label} at ${clocks(data.halves, time, true)}. Undo takes it back.`);
}

function addHere() {
  const label = field("label").value || data.classes[0];
  const time = Math.round(10 * Math.min(now(), data.duration)) / 10;
  verdicts.take([{ saidTime: null, saidLabel: null, verdict: "confirmed", time, label, team: "", ...byMe(), note: "", clipIn: null, clipOut: null }]);
  update();
  choose(added.flatMap((item) => item.claims).find((claim) => claim.time === time && claim.label === label));
  player.video.pause();
  notice(`Added ${label} at ${clocks(data.halves, time, true)}. Correct label, time and team, and confirm with Enter.`);
  unfold();
  $("label").focus();
}

function confirmShown() {
  const these = confirmable();
  verdicts.change(verdicts.editsOf(these.map((claim) => {
    const { label, time, team } = guess(claim);
    return [claim, { saidTime: claim.time, saidLabel: claim.label, verdict: "confirmed", time, label, team,
      reviewer: field("reviewer").value.trim(), note: claim.note, clipIn: null, clipOut: null }];
  })));
  update();
  notice(`Confirmed ${these.length}. Undo takes it back.`);
}

/** Undo the last change and go to its event. */
function undo() {
  const before = new Map(claims.map((claim) => [claim, claim.decision]));
  if (!verdicts.undo()) return;
  update();
  const changed = claims.find((claim) => JSON.stringify(claim.decision) !== JSON.stringify(before.get(claim)));
  choose(changed);
  announce(`Undone. ${$("progress-text").textContent}.`);
}

// --- many at once --------------------------------------------------------------------------

/** The undecided events that the list shows: those that models predicted. */
const openShown = () => list.items.filter(({ status }) => status !== "missed")
  .flatMap((item) => item.claims.filter(({ decision }) => !decision));

/** Those of a class with a score below the one that was entered. */
function manyToReject() {
  const label = field("many-class").value;
  const below = number("many-below");
  return openShown().filter((claim) => (label === "" || claim.label === label)
    && (below === null || (claim.strength !== null && claim.strength < below)));
}

function countMany() {
  const { length } = manyToReject();
  $("many-count").textContent = `${length} of ${counted(openShown().length, "undecided event")} in the list would be rejected.`;
  $("many-reject").textContent = `Reject ${length}`;
  field("many-reject").disabled = length === 0;
}

function rejectMany() {
  const these = manyToReject();
  verdicts.change(verdicts.editsOf(these.map((claim) => [claim, rejected(claim)])));
  dialog("many").close();
  update();
  notice(`Rejected ${counted(these.length, "event")}. Undo takes it back.`);
}

// --- files ---------------------------------------------------------------------------------

/** @param {string} name @param {string} type @param {string} text */
function download(name, type, text) {
  const link = make("a", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}

async function save() {
  const text = verdicts.toCsv(data.lanes, data.halves);
  const outcome = await server?.save(text);
  if (server && outcome?.isConflict) {
    const saved = await server.saved();
    if (!saved) server.remember(null);
    else if (!(await takeSaved(server, saved, true))) return;
    return save();
  }
  if (outcome?.refused) return notice(`Not saved: ${outcome.refused}`, "warning");
  if (!outcome?.saved) download(`verdicts_video_${data.video}.csv`, "text/csv", text);
  const open = claims.filter(({ decision }) => !decision).length;
  const lines = [outcome?.isLost ? "The server does not answer, so the verdicts were downloaded. Start python scripts/review.py again."
    : outcome?.saved ? `Saved as ${outcome.saved}.` : "Saved."];
  if (open) lines[0] += ` ${counted(open, "event")} ${open === 1 ? "is" : "are"} not decided; an evaluation leaves them out.`;
  lines.push(...firstOf(outcome?.problems ?? []));
  notice(lines.join("\n"), outcome?.isLost || lines.length > 1 ? "warning" : "");
}

/** @param {typeof FORMATS[number]} format */
function exportAs({ name, file, type, write, takes }) {
  const confirmed = confirmedOnes().map(({ decision }) => decision);
  const events = takes ? confirmed.filter(({ time }) => takes(data, time)) : confirmed;
  const outside = confirmed.length - events.length;
  download(file(data), type, write(events, data));
  dialog("formats").close();
  const left = outside ? ` ${counted(outside, "event")} outside every half ${outside === 1 ? "is" : "are"} left out.` : "";
  notice(`Exported ${counted(events.length, "confirmed event")}: ${name}.${left}`, left ? "warning" : "");
}

async function load() {
  const found = await readFile(field("load-file"), data, verdicts);
  if (found) await take(found, "The file differs from your verdicts");
}

/** Take over others' verdicts; whether the person wanted that. @param {Reading & { name: string }} found @param {string} heading */
async function take(found, heading, mustAsk = false) {
  const done = found.isTable ? await takeOver(verdicts, found, heading, mustAsk) : `${found.name} was not loaded.`;
  if (done === null) return false;
  update();
  const shown = firstOf(found.problems);
  if (verdicts.unplaced.length) shown.push(`${counted(verdicts.unplaced.length, "verdict")} about events that this page does not have: kept, and saved again.`);
  notice([done, ...shown].join("\n"), found.problems.length ? "warning" : "");
  return true;
}

/**
 * Take over the verdicts saved on the server. Return whether the person agreed.
 * @param {NonNullable<typeof server>} from @param {SavedVerdicts} saved
 */
async function takeSaved(from, { text, version, when }, mustAsk = false) {
  const found = { name: "the server’s verdicts", ...readVerdicts(text, data, verdicts) };
  const { fresh, differing } = changesOf(verdicts, found);
  const theirs = [...fresh, ...differing.map(([, one]) => one)];
  const who = [...new Set(theirs.flatMap((one) => ("reviewer" in one && one.reviewer ? [one.reviewer] : [])))].join(", ");
  const heading = `${who || "Somebody"} saved other verdicts on ${when}`;
  if (theirs.length && !(await take(found, heading, mustAsk))) return false;
  from.remember(version);
  return true;
}

/** Take over verdicts that others have saved on the server since the last visit. */
async function followServer() {
  const saved = await server?.saved();
  if (server && saved && saved.version !== server.known) await takeSaved(server, saved);
}

async function loadOther() {
  const found = await readFile(field("other-file"), data, verdicts);
  if (!found) return;
  others = found.decisions;
  update();
  showAgreement(found.isTable ? found.name : "", found.problems);
}

/** Put the other's verdicts beside mine. */
function compareAgain() {
  if (!others.length && !claims.some(({ other }) => other)) return;
  const theirs = verdicts.assign(others.filter(({ saidTime }) => saidTime !== null));
  for (const claim of claims) claim.other = theirs.get(claim);
}

/** @param {string} name @param {string[]} problems */
function showAgreement(name, problems) {
  const theirs = new Map(claims.flatMap((claim) => (claim.other ? [[claim, claim.other]] : [])));
  const found = agreement(claims, verdicts.of, theirs);
  const more = onlyAdded(verdicts.added, others.filter(({ saidTime }) => saidTime === null), data.tolerance);
  const lines = [
    ["Both decided", String(found.both)],
    ["Same verdict and label", found.both ? `${found.same} (${Math.round((100 * found.same) / found.both)} %)` : "–"],
    ["Cohen’s kappa", found.kappa === null ? "–" : found.kappa.toFixed(2)],
    ["Different", String(found.differ.length)],
    ["Only you decided", String(found.mine.length)],
    ["Only the other decided", String(found.theirs.length)],
    ["Only the other added", String(more.length)],
  ];
  $("agreement").replaceChildren(
    ...problems.slice(0, 5).map((text) => make("p", { className: "warning" }, text)),
    ...(name ? [make("p", {}, "You and ", named(name)), make("table", {}, make("tbody", {},
      ...lines.map(([what, value]) => make("tr", {}, make("th", { scope: "row" }, what), make("td", { className: "n" }, value)))))] : []));
  field("differences").hidden = !found.differ.length;
  const news = found.theirs.length + more.length;
  field("join").hidden = news === 0;
  field("join").textContent = `Take over ${news} that only the other has`;
  field("join").onclick = () => {
    verdicts.take([...found.theirs.map((claim) => /** @type {Decision} */ (claim.other)), ...more]);
    dialog("compare").close();
    update();
    notice(`Took over ${counted(news, "verdict")}. ${found.differ.length ? `Where you differ (${found.differ.length}), yours stand. ` : ""}Undo takes it back.`);
  };
}

function showDifferences() {
  clearFilters();
  field("by-verdict").value = "differ";
  field("amount").value = "all";
  dialog("compare").close();
  apply();
}

// --- keys, buttons -------------------------------------------------------------------------

/** @param {number} by */
function step(by) {
  const item = list.neighbour(by);
  if (item) choose(bestClaim(item), { focus: true });
  else if (list.items.length) notice(`This is the ${by > 0 ? "last" : "first"} moment of the list.`);
}

/** Confirm one of the events of the chosen moment. @param {number} place */
function confirmNth(place) {
  const claim = chosen?.item.claims[place];
  if (!claim) return;
  if (claim !== chosen) choose(claim);
  confirm();
}

/** @param {string} id */
function show(id) {
  dialog(id).showModal();
}

/** Open the form, which a narrow screen folds. */
function unfold() {
  /** @type {HTMLDetailsElement} */ ($("correct")).open = true;
}

/** Return the shown time of the video. */
function now() {
  return player.works ? player.time : timeline.cursor;
}

function setNow() {
  if (!chosen) return;
  field("time").value = clock(now(), true);
  showGameTime();
}

function setHalves() {
  player.video.pause();
  halfDialog.open();
}

/** @param {number} seconds */
const skip = (seconds) => seek(Math.min(Math.max(0, now() + seconds), data.duration));

function switchLanes() {
  field("lanes-by").value = field("lanes-by").value === "model" ? "class" : "model";
  divide();
}

function openMany() {
  show("many");
  countMany();
}

/** @type {Record<string, (event: KeyboardEvent) => void>} */
const KEYS = {
  j: () => step(1),
  k: () => step(-1),
  g: nextUndecided,
  y: () => andGoOn(confirm),
  n: () => andGoOn(rejectMoment),
  o: () => andGoOn(confirmAlone),
  c: toggleConfirmed,
  x: toggleRejected,
  l: () => { unfold(); $("label").focus(); },
  t: setNow,
  m: () => { unfold(); $("note").focus(); },
  a: addHere,
  h: setHalves,
  "[": () => setPoint("clip-in"),
  "]": () => setPoint("clip-out"),
  u: undo,
  s: save,
  e: () => show("formats"),
  "/": () => field("search").select(),
  p: () => player.toggle(),
  " ": () => player.toggle(),
  r: () => $("loop").click(),
  ",": () => player.frames(-1),
  ".": () => player.frames(1),
  arrowleft: (event) => skip(event.shiftKey ? -10 : -1),
  arrowright: (event) => skip(event.shiftKey ? 10 : 1),
  "<": () => player.faster(-1),
  ">": () => player.faster(1),
  v: switchLanes,
  "+": () => timeline.zoom(0.5),
  "=": () => timeline.zoom(0.5),
  "-": () => timeline.zoom(2),
  0: () => timeline.view(0, data.duration),
  "?": () => show("keys"),
};

/** @param {KeyboardEvent} event */
function onKey(event) {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const target = /** @type {HTMLElement} */ (event.target);
  if (event.key === "Escape" && target.matches("input, select")) return target.blur();
  if (!field("keys-on").checked && event.key !== "?") return;
  if (target.matches("input:not([type=checkbox]), select, textarea")) return;
  // A button or the player does its own thing with the space bar, and the player with arrows.
  if (event.key === " " && target.matches("button, video, summary, input")) return;
  if (event.key.startsWith("Arrow") && target.matches("video")) return;
  const letter = letterOf(event);
  const label = event.shiftKey ? data.classes.find((name) => data.letters[name] === letter) : undefined;
  const action = label ? () => addOfClass(label)
    : /^[1-9]$/.test(event.key) ? () => confirmNth(Number(event.key) - 1) : KEYS[letter];
  if (!action) return;
  event.preventDefault();
  action(event);
}

function clearFilters() {
  for (const id of CHOICES) if (field(id)) field(id).value = "";
  classes.clear();
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ ($("by-class").querySelectorAll("input"))) box.checked = false;
  ORDER.forEach((status) => statuses.add(status));
  for (const button of $("statuses").children) button.setAttribute("aria-pressed", "true");
}

/** Store a setting of the person in this browser, if it allows it. @param {string} name @param {string} [value] */
function remembered(name, value) {
  try {
    if (value !== undefined) localStorage.setItem(`touchline ${name}`, value);
    return localStorage.getItem(`touchline ${name}`);
  } catch {
    return null; // then the setting is lost with the page
  }
}

function wire() {
  const click = (/** @type {string} */ id, /** @type {() => void} */ action) => $(id).addEventListener("click", action);
  click("save", save);
  click("load", () => $("load-file").click());
  $("load-file").addEventListener("change", load);
  click("undo", undo);
  click("export", () => show("formats"));
  click("others", () => show("compare"));
  click("help", () => show("keys"));
  click("other-pick", () => $("other-file").click());
  $("other-file").addEventListener("change", loadOther);
  click("differences", showDifferences);
  click("previous", () => step(-1));
  click("next", () => step(1));
  click("now", setNow);
  click("set-halves", setHalves);
  $("time").addEventListener("input", showGameTime);
  click("yes", () => andGoOn(confirm));
  click("no", () => andGoOn(rejectMoment));
  click("alone", () => andGoOn(confirmAlone));
  click("confirm", toggleConfirmed);
  click("reject", toggleRejected);
  click("add", addHere);
  click("confirm-shown", confirmShown);
  click("reject-beside", rejectBeside);
  click("reject-many", openMany);
  $("many-class").addEventListener("change", countMany);
  $("many-below").addEventListener("input", countMany);
  click("many-reject", rejectMany);
  click("zoom-in", () => timeline.zoom(0.5));
  click("zoom-out", () => timeline.zoom(2));
  click("zoom-all", () => timeline.view(0, data.duration));
  $("lanes-by").addEventListener("change", divide);
  click("frame-back", () => player.frames(-1));
  click("frame-on", () => player.frames(1));
  click("second-back", () => skip(-1));
  click("second-on", () => skip(1));
  $("speed").addEventListener("change", () => player.speed(Number(field("speed").value)));
  $("loop").addEventListener("change", repeat);
  $("note").addEventListener("change", keepNote);
  for (const id of ["clip-in", "clip-out"]) $(id).addEventListener("change", keepClip);
  const enter = () => { if (confirm() && chosen) list.choose(chosen, true); };
  $("form").addEventListener("submit", (event) => {
    event.preventDefault();
    enter();
  });
  for (const id of ["label", "team"]) {
    $(id).addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      enter();
    });
  }
  click("show-all", () => {
    field("amount").value = "all";
    apply();
    $("amount").focus(); // the button is gone
  });
  $("amount").addEventListener("change", showProgress);
  for (const id of ["amount", "by-lane", "by-truth", "by-verdict", "order"]) $(id)?.addEventListener("change", apply);
  for (const id of ["least", "most", "search"]) $(id).addEventListener("input", apply);
  $("search").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && list.items.length) choose(bestClaim(list.items[0]), { focus: true });
  });
  click("clear-filters", () => {
    clearFilters();
    apply();
  });
  // Otherwise, a tip would stay over the marks that keys move.
  document.addEventListener("keydown", () => timeline.hint(null), true);
  document.addEventListener("keydown", onKey);
  wireMenu();
  addEventListener("beforeprint", () => layOut(data, confirmedOnes()));
  field("keys-on").checked = remembered("keys") !== "off";
  $("keys-on").addEventListener("change", () => remembered("keys", field("keys-on").checked ? "on" : "off"));
  field("reviewer").value = remembered("reviewer") ?? "";
  $("reviewer").addEventListener("change", () => remembered("reviewer", field("reviewer").value.trim()));
}

function fill() {
  /** @template T @param {T[]} things @param {(thing: T) => Iterable<string>} names @returns {Map<string, number>} */
  const count = (things, names) => things.reduce((counts, thing) => {
    for (const name of names(thing)) counts.set(name, (counts.get(name) ?? 0) + 1);
    return counts;
  }, new Map());
  const option = (/** @type {string | number} */ value, /** @type {string} */ text) => make("option", { value, textContent: text });
  const labels = [...count(moments, (item) => item.labels)].sort(([a], [b]) => a.localeCompare(b));
  $("by-class").append(...labels.map(([label, number]) => {
    const box = make("input", { type: "checkbox", value: label });
    box.addEventListener("change", () => {
      if (box.checked) classes.add(label);
      else classes.delete(label);
      apply();
    });
    return make("label", { className: "check" }, box, make("span", {}, named(label), ` ${number}`));
  }));
  $("many-class").append(option("", "any class"), ...labels.map(([label]) => option(label, label)));
  $("by-lane").append(option("", "anyone"), ...data.lanes.map(({ name }, lane) => option(lane, name)));
  // In alphabetical order, so that typing “goal” stops at “Goal” before “Goal kick”.
  $("label").append(option("", "choose…"), ...[...data.classes].sort().map((name) => option(name, name)));
  showClassKeys(data.classes, data.letters, addOfClass);
  $("format-list").append(...FORMATS.map((format) => {
    const button = make("button", { type: "button", id: `export-${format.id}` }, format.name);
    button.addEventListener("click", () => exportAs(format));
    return button;
  }));
  const counts = count(moments, (item) => [item.status]);
  for (const status of ORDER.filter((each) => counts.has(each))) {
    const button = make("button", { type: "button", className: `chip ${status}`, attributes: { "aria-pressed": "true" } },
      make("span", { className: "shape", attributes: { "aria-hidden": "true" } }, SHAPES[status]),
      make("span", { className: "word" }, `${STATUSES[status]} `), make("b", {}, String(counts.get(status))));
    button.title = STATUSES[status];
    button.dataset.status = status;
    button.addEventListener("click", () => {
      if (!statuses.delete(status)) statuses.add(status);
      button.setAttribute("aria-pressed", String(statuses.has(status)));
      apply();
    });
    $("statuses").append(button);
  }
}

// --- the address ------------------------------------------------------------------

fill();
const VIEW = ["amount", "order", "lanes-by", "by-lane", "by-truth", "by-verdict", "least", "most", "search"];
/** The initial values of the fields, because a browser may restore others. */
const FIRST = new Map(VIEW.filter((id) => $(id)).map((id) => {
  const element = $(id);
  if (!(element instanceof HTMLSelectElement)) return [id, field(id).defaultValue];
  return [id, ([...element.options].find((option) => option.defaultSelected) ?? element.options[0]).value];
}));

/** Show the view in the address: number, filters, order and chosen moment. */
function restore() {
  const state = stated();
  for (const [id, value] of FIRST) {
    field(id).value = state.get(id) ?? value;
    if (field(id).value === "") field(id).value = value; // the address names an unknown value
  }
  classes.clear();
  for (const box of /** @type {NodeListOf<HTMLInputElement>} */ ($("by-class").querySelectorAll("input"))) {
    box.checked = state.getAll("class").includes(box.value);
    if (box.checked) classes.add(box.value);
  }
  for (const status of ORDER) {
    if (state.getAll("without").includes(status)) statuses.delete(status);
    else statuses.add(status);
  }
  for (const button of /** @type {NodeListOf<HTMLElement>} */ ($("statuses").querySelectorAll("button"))) {
    button.setAttribute("aria-pressed", String(statuses.has(button.dataset.status ?? "")));
  }
  divide();
  update();
  const item = [...moments, ...added].find(({ id }) => id === state.get("moment"));
  if (item) choose(item.claims[Number(state.get("event") ?? 1) - 1] ?? bestClaim(item));
}

const view = new ViewState(() => {
  /** @type {Record<string, string[]>} */
  const shown = {};
  for (const [id, value] of FIRST) if (field(id).value !== value) shown[id] = [field(id).value];
  if (classes.size) shown.class = [...classes];
  if (statuses.size < ORDER.length) shown.without = ORDER.filter((status) => !statuses.has(status));
  if (chosen) {
    shown.moment = [chosen.item.id];
    if (chosen.item.claims.length > 1) shown.event = [String(chosen.item.claims.indexOf(chosen) + 1)];
  }
  return shown;
});

/** @type {HTMLDetailsElement} */ ($("correct")).open = innerWidth > NARROW;
wire();
restore();
// A browser may put other values into the fields after the Back button.
addEventListener("pageshow", () => {
  if ([...FIRST].some(([id, value]) => field(id).value !== (stated().get(id) ?? value))) restore();
});
addEventListener("hashchange", restore);
new Layout(timeline).fit();
followServer();
