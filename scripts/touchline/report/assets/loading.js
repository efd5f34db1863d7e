// Verdicts and labels from a file or a server: read each format, and join them with the person's own.

import { $, clock, counted, dialog, field, make } from "./elements.js";
import { isWholeVideo, spanAt } from "./halves.js";
import { isWithin } from "./matching.js";
import { identity, isHalfStart, plain } from "./verdicts.js";

/** @import { Decision, HalfSpan, HalfStart, MatchData, Reading } from "./types.js" */
/** @import { Verdicts } from "./verdicts.js" */

/** @typedef {Decision | HalfStart} Loaded */
/** @typedef {{ fresh: Loaded[], differing: [mine: Loaded, theirs: Loaded][], same: number }} Changes */

const LARGEST_FILE = 50_000_000; // bytes; a browser would hang if a video were chosen by mistake
const SHOWN_PROBLEMS = 5;
const PAST_END = 0.05; // seconds, because times are shown in tenths
const GAME_TIME = /^(\d+) - (\d{1,3}):(\d{2})$/;

// --- reading -------------------------------------------------------------------------------

/** Return a reading with one problem, for a file that cannot be read. @param {string} why @returns {Reading} */
const unread = (why) => ({ decisions: [], halfStarts: [], problems: [why], leftOut: 0, isTable: false });

/**
 * Read the chosen file, or return null if none was chosen.
 * @param {HTMLInputElement} input @param {MatchData} match @param {Verdicts} verdicts
 */
export async function readFile(input, match, verdicts) {
  const file = input.files?.[0];
  if (!file) return null;
  const content = file.size > LARGEST_FILE ? null : await file.arrayBuffer();
  input.value = "";
  if (content === null) return { name: file.name, ...unread("It is too large for a file of events.") };
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(content);
    return { name: file.name, ...readVerdicts(text, match, verdicts) };
  } catch {
    return { name: file.name, ...unread("It is not UTF-8 text. Save it as UTF-8.") };
  }
}

/** Read a table of verdicts or events, or SoccerNet's or OpenSportsLab's JSON. @param {string} text @param {MatchData} match @param {Verdicts} verdicts */
export function readVerdicts(text, match, verdicts) {
  const found = /^\s*[{[]/.test(text) ? fromJson(text, match, verdicts) : verdicts.fromCsv(text);
  return withinVideo(found, match.duration);
}

/** Leave out events that are not in the video. @param {Reading} found @param {number} duration @returns {Reading} */
function withinVideo(found, duration) {
  const isWithinVideo = (/** @type {number} */ time) => time <= duration + PAST_END;
  const decisions = found.decisions.filter(({ time }) => isWithinVideo(time));
  const halfStarts = found.halfStarts.filter(({ start }) => isWithinVideo(start));
  const beyond = found.decisions.length - decisions.length + found.halfStarts.length - halfStarts.length;
  const last = Math.max(...[...found.decisions.map(({ time }) => time), ...found.halfStarts.map(({ start }) => start)]);
  const problems = beyond === 0 ? found.problems
    : [`${areLeftOut(beyond, "row")}: the video ends at ${clock(duration, true)}, and the last of them is at ${clock(last, true)}.`, ...found.problems];
  return { ...found, decisions, halfStarts, problems, leftOut: found.leftOut + beyond };
}

/** @param {number} count @param {string} what */
const areLeftOut = (count, what) => `${counted(count, what)} ${count === 1 ? "is" : "are"} left out`;

/** @param {string} text @param {MatchData} match @param {Verdicts} verdicts @returns {Reading} */
function fromJson(text, match, verdicts) {
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    return unread("It is not a JSON file.");
  }
  if (Array.isArray(content.annotations)) return fromSoccerNet(content.annotations.map(asObject), match, verdicts);
  if (Array.isArray(content.data)) return fromOpenSportsLab(content.data.map(asObject), match, verdicts);
  return unread("It holds no list of annotations, as SoccerNet's Labels-v2.json does, and no list of data, as OSL JSON does.");
}

/** @param {unknown} value @returns {Record<string, unknown>} */
const asObject = (value) => (typeof value === "object" && value !== null ? /** @type {Record<string, unknown>} */ (value) : {});

/** A row of an event, as a table has it. @param {Record<string, unknown>} event @param {number} time  seconds of video @returns {Record<string, string>} */
function rowOf({ label, team }, time) {
  const side = String(team ?? "");
  return { time_s: Number.isFinite(time) ? time.toFixed(3) : "", label: String(label ?? ""), team: ["home", "away"].includes(side) ? side : "" };
}

/** Seconds of a position in milliseconds; NaN for anything else. @param {unknown} position */
const secondsOfPosition = (position) => (["string", "number"].includes(typeof position) && position !== "" ? Number(position) / 1000 : NaN);

/** @param {Record<string, unknown>[]} annotations @param {MatchData} match @param {Verdicts} verdicts @returns {Reading} */
function fromSoccerNet(annotations, { halves }, verdicts) {
  const times = annotations.map(({ gameTime, position }) => {
    const parts = GAME_TIME.exec(String(gameTime));
    const byClock = parts ? 60 * Number(parts[2]) + Number(parts[3]) : NaN;
    const exact = secondsOfPosition(position);
    // The clock has whole seconds.
    return { half: parts ? Number(parts[1]) : null, time: Number.isNaN(exact) ? byClock : exact };
  });
  const isUnknown = halves.some(([half]) => half === null);
  if (isUnknown && new Set(times.map(({ half }) => half).filter((half) => half !== null)).size > 1) {
    return unread("It has the events of two halves, and this page does not know which of them the video shows; set it with “Halves…”.");
  }
  /** @type {[string, Record<string, string>][]} */
  const rows = [];
  let ofOthers = 0;
  let outside = 0;
  for (const [place, { half, time }] of times.entries()) {
    const span = halves.find(([number]) => number === half) ?? halves.find(([number]) => number === null);
    if (half !== null && !span) {
      ofOthers += 1;
      continue;
    }
    const seconds = half === null ? NaN : time + /** @type {HalfSpan} */ (span)[1];
    if (!isWholeVideo(halves) && Number.isFinite(seconds) && !spanAt(halves, seconds)) outside += 1;
    else rows.push([`Annotation ${place + 1}`, rowOf(annotations[place], seconds)]);
  }
  const found = verdicts.fromRows(rows);
  const lines = [[ofOthers, "a half that the video does not show"], [outside, "times outside the halves of the video"]]
    .flatMap(([count, of]) => (count ? [`${areLeftOut(Number(count), "annotation")}: of ${of}.`] : []));
  return { ...found, problems: [...lines, ...found.problems], leftOut: found.leftOut + ofOthers + outside };
}

/** @param {Record<string, unknown>[]} samples @param {MatchData} match @param {Verdicts} verdicts @returns {Reading} */
function fromOpenSportsLab(samples, { video }, verdicts) {
  const isNumbered = samples.some(({ id }) => /^video_\d+$/.test(String(id)));
  const sample = samples.find(({ id }) => id === `video_${video}`) ?? (samples.length === 1 && !isNumbered ? samples[0] : null);
  if (!sample || !Array.isArray(sample.events)) return unread(`It holds no events of video_${video}.`);
  return verdicts.fromRows(sample.events.map(asObject).map((event, place) => [`Event ${place + 1}`, rowOf(event, secondsOfPosition(event.position_ms))]));
}

// --- taking over ---------------------------------------------------------------------------

/** Whether two verdicts, or two starts of a half, say the same. @param {Loaded} mine @param {Loaded} theirs */
function saySame(mine, theirs) {
  if (isHalfStart(mine) || isHalfStart(theirs)) return JSON.stringify(mine) === JSON.stringify(theirs);
  if (theirs.verdict === "undecided") return true; // decided events stay
  if (mine.verdict !== theirs.verdict || mine.note !== theirs.note) return false;
  if (mine.clipIn !== theirs.clipIn || mine.clipOut !== theirs.clipOut) return false;
  return mine.verdict === "rejected" || (plain(mine.label) === plain(theirs.label) && mine.team === theirs.team
    && isWithin(mine.time, theirs.time, 0));
}

/**
 * Return the changes if others' verdicts were taken over.
 * @param {Verdicts} verdicts  the person's own
 * @param {Reading} reading
 * @returns {Changes}
 */
export function changesOf(verdicts, { decisions, halfStarts }) {
  /** @type {Changes} */
  const changes = { fresh: [], differing: [], same: 0 };
  const compare = (/** @type {Loaded | undefined} */ mine, /** @type {Loaded} */ theirs) => {
    if (!mine) changes.fresh.push(theirs);
    else if (saySame(mine, theirs)) changes.same += 1;
    else changes.differing.push([mine, theirs]);
  };
  const placed = verdicts.assign(decisions.filter(({ saidTime }) => saidTime !== null));
  for (const [claim, theirs] of placed) compare(verdicts.of.get(claim), theirs);
  const used = new Set(placed.values());
  const rest = decisions.filter((one) => !used.has(one));
  const isKept = (/** @type {Decision} */ one) => verdicts.kept.has(identity(one));
  const mine = new Set(verdicts.added);
  // Events that both have exactly are paired first.
  for (const theirs of [...rest.filter(isKept), ...rest.filter((one) => !isKept(one))]) {
    const near = [...mine].filter(({ label, time }) => plain(label) === plain(theirs.label) && isWithin(time, theirs.time, verdicts.tolerance))
      .sort((a, b) => Math.abs(a.time - theirs.time) - Math.abs(b.time - theirs.time));
    const same = verdicts.kept.get(identity(theirs)) ?? (theirs.saidTime === null ? near[0] : undefined);
    if (same && !isHalfStart(same)) mine.delete(same);
    compare(same, theirs);
  }
  for (const theirs of halfStarts) compare(verdicts.kept.get(identity(theirs)), theirs);
  return changes;
}

/**
 * Take over others' verdicts, so that it can be undone. The person is asked if some differ from theirs.
 * @param {Verdicts} verdicts @param {Reading & { name: string }} reading
 * @param {string} heading  of the question
 * @param {boolean} mustAsk  ask about what is only new, too
 * @returns {Promise<string | null>}  what was done; null if the person wants nothing of it
 */
export async function takeOver(verdicts, reading, heading, mustAsk = false) {
  const { fresh, differing, same } = changesOf(verdicts, reading);
  const asks = differing.length > 0 || (mustAsk && fresh.length > 0);
  const answer = asks ? await question(heading, reading, { fresh, differing, same }) : "join";
  if (answer === "") return null;
  const replaced = answer === "all" ? differing : [];
  /** @type {Map<string, Loaded | null>} */
  const edits = new Map(replaced.map(([mine]) => [identity(mine), null]));
  for (const theirs of [...fresh, ...replaced.map(([, theirs]) => theirs)]) edits.set(identity(theirs), theirs);
  if (edits.size) verdicts.change(edits);
  const undo = edits.size ? " Undo takes it back." : "";
  if (asks) return `Took over ${fresh.length + replaced.length} of ${reading.name}. `
    + (answer === "all" ? `${replaced.length} of yours are replaced.` : `Where you differ (${differing.length}), yours stand.`) + undo;
  const starts = reading.halfStarts.length ? ` and ${counted(reading.halfStarts.length, "start")} of halves` : "";
  return `Loaded ${counted(reading.decisions.length, "verdict")}${starts} of ${reading.name}: ${fresh.length} new, ${same} the same as yours.${undo}`;
}

/** Return the first lines about left-out rows. @param {string[]} problems */
export function firstOf(problems) {
  const more = problems.length - SHOWN_PROBLEMS;
  return [...problems.slice(0, SHOWN_PROBLEMS), ...(more > 0 ? [`… and ${more} more.`] : [])];
}

/** Ask which verdicts to take over: "join", "all", or "" for none. @param {string} heading @param {Reading & { name: string }} reading @param {Changes} changes @returns {Promise<string>} */
function question(heading, { name, problems, leftOut }, { fresh, differing, same }) {
  const counts = [["New", fresh.length], ["The same as yours", same], ["Different from yours", differing.length], ["Left out", leftOut]];
  $("loading-title").replaceChildren(heading);
  $("loading-counts").replaceChildren(...[["In", name], ...counts].map(([what, count]) =>
    make("tr", {}, make("th", { scope: "row" }, String(what)), make("td", { className: "n" }, make("bdi", {}, String(count))))));
  $("loading-problems").replaceChildren(...firstOf(problems).map((text) => make("p", { className: "warning" }, text)));
  $("loading-join").textContent = fresh.length ? `Join: take over the ${fresh.length} that I have not decided` : "Keep mine where we differ";
  $("loading-all").textContent = `Take over all ${fresh.length + differing.length}, ${differing.length} in place of mine`;
  field("loading-all").hidden = differing.length === 0;
  const box = dialog("loading");
  box.returnValue = "";
  box.showModal();
  return new Promise((done) => box.addEventListener("close", () => done(box.returnValue), { once: true }));
}
