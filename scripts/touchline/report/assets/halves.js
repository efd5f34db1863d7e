// The halves of the match in the video, and the match's clock, as in touchline/inputs/clock.py.

import { clock } from "./elements.js";

/** @import { HalfSpan, HalfStart } from "./types.js" */

// Longest duration of each half without a given end, in seconds.
const LONGEST = [3600, 3600, 1500, 1500];
export const HALVES = [1, 2, 3, 4]; // 3 and 4 are those of extra time

/** Return the parts of the video that show a half, in order of time. @param {HalfStart[]} starts @returns {HalfSpan[]} */
export function halfSpans(starts) {
  const ordered = [...starts].sort((a, b) => a.start - b.start);
  return ordered.flatMap(({ half, start: kickoff, end }, place) => {
    const longest = ordered.length === 1 ? Infinity : LONGEST[half - 1];
    const [start, last] = [Math.max(0, kickoff), Math.min(end ?? kickoff + longest, ordered[place + 1]?.start ?? Infinity)];
    return start < last ? [/** @type {HalfSpan} */ ([half, kickoff, start, last === Infinity ? null : last])] : [];
  });
}

/** Return the starts of numbered halves for given spans, without computed ends. @param {HalfSpan[]} halves @returns {HalfStart[]} */
export function statedStarts(halves) {
  if (isWholeVideo(halves)) return [];
  return halves.flatMap(([half, kickoff, , end], place) => {
    if (half === null) return [];
    const follows = end === halves[place + 1]?.[2] || (halves.length > 1 && end === kickoff + LONGEST[half - 1]);
    return [{ half, start: kickoff, end: follows ? null : end }];
  });
}

/** Return a contradiction in the starts of halves, or "". @param {HalfStart[]} starts  by half */
export function contradiction(starts) {
  for (const [place, { half, start, end }] of starts.entries()) {
    if (end !== null && end <= start) return `Half ${half} ends before it begins.`;
    const next = starts[place + 1];
    if (next && next.start <= (end === null ? start : end - 0.001)) return `Half ${next.half} begins before half ${half} ${end === null ? "begins" : "ends"}.`;
  }
  return "";
}

/** Return the text for the column half_starts of the table of videos. @param {HalfStart[]} starts  by half */
export const startsText = (starts) => starts.map(({ half, start, end }) =>
  `${half}=${longClock(start)}${end === null ? "" : `-${longClock(end)}`}`).join(",");

/** Seconds as "01:06:32", with tenths where there are any. @param {number} seconds */
export function longClock(seconds) {
  const [hours, ...rest] = clock(360000 + Math.abs(seconds), true).replace(/\.0$/, "").split(":");
  return [(seconds < 0 ? "-" : "") + hours.slice(1), ...rest].join(":");
}

/** Return the half that contains a time, including its end. @param {HalfSpan[]} halves @param {number} time */
export const spanAt = (halves, time) => halves.findLast(([, , start, end]) => start <= time && time <= (end ?? Infinity));

/** Return whether the video is one half from its first second, so that both clocks are equal. @param {HalfSpan[]} halves */
export const isWholeVideo = (halves) => halves.length === 1 && halves[0][1] === 0 && halves[0][3] === null;

/** Return the seconds since the kick-off of a half, rounded to milliseconds. @param {HalfSpan} half @param {number} time */
export const sinceKickoff = ([, kickoff], time) => Math.round(1000 * (time - kickoff)) / 1000;

/** The match's clock as SoccerNet writes it, "1 - 12:05"; "" outside every half. @param {HalfSpan[]} halves @param {number} time */
export function gameTime(halves, time) {
  const span = spanAt(halves, time);
  if (!span) return "";
  const seconds = sinceKickoff(span, time);
  const shown = [seconds / 60, seconds % 60].map((part) => String(Math.floor(part)).padStart(2, "0")).join(":");
  return span[0] === null ? shown : `${span[0]} - ${shown}`;
}

/** Return a time on the video's clock and, if different, on the match's: "08:15 · 1 - 04:05". @param {HalfSpan[]} halves @param {number} time */
export function clocks(halves, time, tenths = false) {
  const ofMatch = isWholeVideo(halves) ? "" : gameTime(halves, time);
  return clock(time, tenths) + (ofMatch && ` · ${ofMatch}`);
}

/** A half's name. @param {number | null} half */
export const halfName = (half) => (half === null ? "Half" : `Half ${half}`);

/** Describe the halves in words, for screen readers. @param {HalfSpan[]} halves */
export function halvesInWords(halves) {
  if (isWholeVideo(halves)) return "";
  return halves.map(([half, , start, end]) => `${halfName(half)} starts at ${clock(start)}${end === null ? "" : ` and ends at ${clock(end)}`}.`).join(" ");
}
