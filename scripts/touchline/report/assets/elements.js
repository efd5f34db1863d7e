// Elements, and the format of times and names. Text always enters as text.

/** @param {string} id */
export const $ = (id) => /** @type {HTMLElement} */ (document.getElementById(id));

/** A control with a value. @param {string} id */
export const field = (id) => /** @type {HTMLInputElement} */ ($(id));

/** @param {string} id */
export const dialog = (id) => /** @type {HTMLDialogElement} */ ($(id));

/**
 * An element with properties (className, id, type, …), attributes and children.
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, unknown> & { attributes?: Record<string, string> }} properties
 * @param {(Node | string | null | undefined)[]} children
 * @returns {HTMLElementTagNameMap[Tag]}
 */
export function make(tag, { attributes = {}, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/** Return an element for a name in any script, isolated so that it does not change the direction of the text around it. @param {string} text */
export const named = (text, className = "") => make("bdi", { textContent: text, className });

/** Seconds as "12:05" or "1:02:05", with tenths if asked for. @param {number} seconds */
export function clock(seconds, tenths = false) {
  const whole = tenths ? Math.round(seconds * 10) / 10 : Math.floor(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const rest = whole - 3600 * hours - 60 * minutes;
  const last = (tenths ? rest.toFixed(1) : String(rest)).padStart(tenths ? 4 : 2, "0");
  return `${hours ? `${hours}:${String(minutes).padStart(2, "0")}` : String(minutes).padStart(2, "0")}:${last}`;
}

/** The format of a time, for a message. */
export const LIKE = "like 12:05.4";

/**
 * Seconds of "12:05.4", "1:02:05" or "725.4"; null for anything else. "12.05" may mean minutes and
 * seconds.
 * @param {string} text
 */
export function secondsOf(text) {
  const written = text.trim().replace(",", ".");
  if (/^\d+(\.(?![0-5]\d$)\d+)?$/.test(written)) return Number(written);
  if (!/^(\d+:[0-5]?\d|\d+):[0-5]?\d(\.\d+)?$/.test(written)) return null;
  return written.split(":").reduce((sum, part) => 60 * sum + Number(part), 0);
}

/** @param {number | null} value */
export const score = (value) => (value === null ? "–" : value.toFixed(2));

/** "1 event", "2 events". @param {number} count @param {string} what */
export const counted = (count, what) => `${count} ${what}${count === 1 ? "" : "s"}`;

const READ = 12_000; // milliseconds for which a message without a question stays

/** Show the person a message over the page. A warning stays until they close it. @param {string} text */
export function notice(text, kind = "") {
  const close = make("button", { type: "button", attributes: { "aria-label": "Close this message" } }, "×");
  const box = make("p", { className: `notice ${kind}` }, make("span", {}, text), close);
  close.addEventListener("click", () => box.remove());
  $("notices").replaceChildren(box);
  const leave = () => {
    if (box.matches(":hover, :focus-within")) setTimeout(leave, READ);
    else box.remove();
  };
  if (kind !== "warning") setTimeout(leave, READ);
}

/** Announce an action to users of screen readers. @param {string} text */
export function announce(text) {
  $("decided").textContent = text;
}

// Agreement by word, colour (in the style) and shape (in the timeline).
/** @type {Record<string, string>} */
export const STATUSES = {
  conflict: "other label",
  only: "one alone",
  some: "not all",
  missed: "missed",
  agreed: "agreed",
  alone: "not compared",
  added: "added",
};
/** @type {Record<string, string>} */
export const SHAPES = {
  conflict: "◆", only: "▲", some: "▼", missed: "■", agreed: "●", alone: "○", added: "✚",
};
export const ORDER = Object.keys(STATUSES);
