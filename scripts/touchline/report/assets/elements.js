// Elements, and how times and names are written. Text always enters as text.

const $ = (id) => document.getElementById(id);

/** An element with properties (className, id, type, …), attributes and children. */
function make(tag, { attributes = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** A name that may be of any script, kept from turning what stands around it. */
const named = (text, className = "") => make("bdi", { textContent: text, className });

/** Seconds as "12:05" or "1:02:05", with tenths if asked for. */
function clock(seconds, tenths = false) {
  const whole = tenths ? Math.round(seconds * 10) / 10 : Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = whole - 3600 * hours - 60 * minutes;
  const last = (tenths ? rest.toFixed(1) : String(rest)).padStart(tenths ? 4 : 2, "0");
  return `${hours ? `${hours}:${String(minutes).padStart(2, "0")}` : String(minutes).padStart(2, "0")}:${last}`;
}

/** Seconds of "12:05.4", "1:02:05" or "725.4"; null for anything else. */
function secondsOf(text) {
  if (!/^\s*(\d+:)?(\d+:)?\d+([.,]\d+)?\s*$/.test(text)) return null;
  return text.replace(",", ".").split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
}

const score = (value) => (value === null ? "–" : value.toFixed(2));

// How agreement is shown: by word, colour (in the style) and shape (in the timeline).
const STATUSES = {
  conflict: "other label",
  only: "one alone",
  some: "not all",
  missed: "missed",
  agreed: "agreed",
  alone: "not compared",
  added: "added",
};
const SHAPES = {
  conflict: "◆", only: "▲", some: "▼", missed: "■", agreed: "●", alone: "○", added: "✚",
};
const ORDER = Object.keys(STATUSES);
