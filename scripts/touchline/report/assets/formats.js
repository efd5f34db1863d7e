// The checked list in the formats of other tools; touchline/events/exports.py writes predictions in the same.

import { gameTime, sinceKickoff, spanAt } from "./halves.js";
import { tableText } from "./table.js";

/** @import { Decision, HalfSpan, MatchData } from "./types.js" */

// Seconds of a clip or caption before and after its event.
const CLIP_BEFORE = 5;
const CLIP_AFTER = 5;
// Characters that XML 1.0 forbids even if escaped, and line breaks.
const UNWRITABLE = /[^\t -\ud7ff\ue000-\ufffd\u{10000}-\u{10ffff}]|[\x7f-\x9f\u2028\u2029]/gu;

/** @typedef {(events: Decision[], match: MatchData) => string} Writer */

const LONGEST_NAME = 80; // maximum number of characters of the game in a file name

/** Return a file name for a game and a half. All systems allow it, and no two halves share it. @param {MatchData} match */
export function fileStem({ video, game, home, away, half }) {
  const title = game?.split("/").filter(Boolean).at(-1) ?? (home && away ? `${home}-${away}` : "");
  const safe = [...title.normalize("NFC").replace(/[^\p{L}\p{M}\p{N}._]+/gu, "-")].slice(0, LONGEST_NAME).join("").replace(/^[-.]+|[-.]+$/g, "");
  return `${safe || `video_${video}`}${half === null ? "" : `_half${half}`}`;
}

/** @typedef {(match: MatchData) => string} FileName */

/** The formats of the confirmed list: name, file name, type, writer, and the times that the format can store, if not all. */
export const FORMATS = [
  { id: "csv", name: "Table (CSV)", file: /** @type {FileName} */ ((match) => `checked_${fileStem(match)}.csv`), type: "text/csv", write: csv },
  { id: "soccernet", name: "SoccerNet labels (JSON)", file: /** @type {FileName} */ ((match) => `Labels-v2_${fileStem(match)}.json`), type: "application/json", write: soccerNet,
    takes: isInHalf },
  { id: "osl", name: "OpenSportsLab (JSON)", file: /** @type {FileName} */ ((match) => `osl_${fileStem(match)}.json`), type: "application/json", write: openSportsLab },
  { id: "sportscode", name: "Sportscode (XML)", file: /** @type {FileName} */ ((match) => `${fileStem(match)}.xml`), type: "text/xml", write: sportscode },
  { id: "webvtt", name: "Captions (WebVTT)", file: /** @type {FileName} */ ((match) => `${fileStem(match)}.vtt`), type: "text/vtt", write: webVtt },
];

/** @param {MatchData} match @param {number} time */
function isInHalf({ halves }, time) {
  return spanAt(halves, time) !== undefined;
}

const milliseconds = (/** @type {number} */ time) => Math.round(1000 * time);
const json = (/** @type {unknown} */ value) => `${JSON.stringify(value, null, 1)}\n`;
const clean = (/** @type {string} */ text) => text.replace(UNWRITABLE, " ");
const escaped = (/** @type {string} */ text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** @type {Writer} */
function csv(events, { video, halves }) {
  const rows = events.map(({ time, label, team, note }) => [video, Number(time.toFixed(3)), gameTime(halves, time), label, team, note]);
  return tableText([["video", "time_s", "game_time", "label", "team", "note"], ...rows]);
}

/** @type {Writer} */
function soccerNet(events, { video, game, halves }) {
  const numbered = halves.map(([half, ...rest]) => /** @type {HalfSpan} */ ([half ?? 1, ...rest]));
  return json({
    UrlLocal: game ?? `video_${video}`,
    UrlYoutube: "",
    annotations: events.map(({ time, label, team }) => ({
      gameTime: gameTime(numbered, time),
      label,
      position: String(milliseconds(sinceKickoff(/** @type {HalfSpan} */ (spanAt(numbered, time)), time))),
      team: team || "not applicable",
      visibility: "visible",
    })),
  });
}

/** @type {Writer} */
function openSportsLab(events, match) {
  const { video, game, half, home, away } = match;
  const details = Object.entries({ game, half, home, away }).filter(([, value]) => value !== null);
  return json({
    version: "2.0",
    task: "action_spotting",
    dataset_name: "checked",
    modalities: ["video"],
    metadata: { sport: "soccer", type: "annotations" },
    labels: { action: { type: "single_label", labels: match.classes } },
    data: [{
      id: `video_${video}`,
      inputs: match.path === null ? [] : [{ type: "video", path: match.path }],
      metadata: Object.fromEntries(details),
      events: events.map(({ time, label, team }) => ({
        head: "action",
        label,
        position_ms: milliseconds(time),
        ...(isInHalf(match, time) ? { gameTime: gameTime(match.halves, time) } : {}),
        ...(team ? { team } : {}),
      })),
    }],
  });
}

/** @type {Writer} */
function sportscode(events, match) {
  const instances = events.map(({ time, label, team, note }, place) => {
    const [start, end] = clip(time, match);
    const about = Object.entries({ team, details: note }).filter(([, value]) => value !== "");
    return ["    <instance>",
      `      <ID>${place + 1}</ID>`, `      <start>${start}</start>`, `      <end>${end}</end>`,
      `      <code>${escaped(clean(label))}</code>`,
      ...about.map(([group, value]) => `      <label><group>${group}</group><text>${escaped(clean(value))}</text></label>`),
      "    </instance>"].join("\n");
  });
  return ['<?xml version="1.0" encoding="UTF-8"?>', "<file>", "  <ALL_INSTANCES>", ...instances, "  </ALL_INSTANCES>", "</file>", ""].join("\n");
}

/** @type {Writer} */
function webVtt(events, match) {
  const blocks = events.map(({ time, label, team, note }) => {
    const [start, end] = clip(time, match).map(timestamp);
    const lines = [team ? `${label} (${team})` : label, note].map((text) => escaped(clean(text).trim()));
    return [`${start} --> ${end}`, ...lines.filter(Boolean)].join("\n");
  });
  return `${["WEBVTT", ...blocks].join("\n\n")}\n`;
}

/** Start and end by a player's clock. @param {number} time @param {MatchData} match */
function clip(time, { duration, offset }) {
  const end = Math.min(duration, time + CLIP_AFTER);
  return [Math.max(0, time - CLIP_BEFORE) + offset, end + offset].map((one) => Number(one.toFixed(3)));
}

/** Seconds as WebVTT writes them, "01:02:03.500". @param {number} time */
function timestamp(time) {
  const total = milliseconds(time);
  const part = (/** @type {number} */ value, digits = 2) => String(Math.floor(value)).padStart(digits, "0");
  return `${part(total / 3_600_000)}:${part((total / 60_000) % 60)}:${part((total / 1000) % 60)}.${part(total % 1000, 3)}`;
}
