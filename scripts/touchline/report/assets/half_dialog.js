// The dialog to set the starts and ends of the halves.

import { $, clock, dialog, field, make, secondsOf } from "./elements.js";
import { HALVES, contradiction, longClock, startsText } from "./halves.js";

/** @import { HalfStart } from "./types.js" */

export class HalfDialog {
  /**
   * A dialog that shows the starts and reports changes.
   * @param {() => number} here  the video's time
   * @param {(half: number, start: HalfStart | null) => void} onSet
   */
  constructor(here, onSet) {
    this.here = here;
    this.onSet = onSet;
    /** @type {Map<number, HalfStart>} */
    this.starts = new Map();
    $("half-rows").append(...HALVES.map((half) => this.row(half)));
    field("half-starts").addEventListener("focus", () => field("half-starts").select());
  }

  /** Create the controls of a half. @param {number} half */
  row(half) {
    const button = (/** @type {string} */ id, /** @type {string} */ text, /** @type {() => void} */ action) => {
      const made = make("button", { type: "button", id: `half-${half}-${id}` }, text);
      made.addEventListener("click", action);
      return made;
    };
    const text = (/** @type {"start" | "end"} */ what) => {
      const made = make("input", { type: "text", id: `half-${half}-${what}`, size: 10, autocomplete: "off", placeholder: "not set",
        attributes: { "aria-label": `Time of the video when half ${half} ${what}s` } });
      made.addEventListener("change", () => this.edit(half, what, made.value));
      return made;
    };
    return make("div", { className: "buttons" },
      button("starts-here", `Half ${half} starts here`, () => this.set(half, "start", this.here())), text("start"),
      button("ends-here", "Ends here", () => this.set(half, "end", this.here())), text("end"),
      button("remove", "Remove", () => { this.onSet(half, null); $(`half-${half}-starts-here`).focus(); }));
  }

  /** @param {number} half @param {"start" | "end"} what @param {string} text */
  edit(half, what, text) {
    const time = secondsOf(text);
    if (time !== null) this.set(half, what, time);
    else if (text.trim() !== "") this.say(`“${text.slice(0, 20)}” is no time; write it like 1:06:32.`);
    else if (what === "end") this.set(half, what, null);
    else this.onSet(half, null);
  }

  /** @param {number} half @param {"start" | "end"} what @param {number | null} time */
  set(half, what, time) {
    const before = this.starts.get(half);
    if (what === "start") this.onSet(half, { half, start: /** @type {number} */ (time), end: before?.end ?? null });
    else if (before) this.onSet(half, { ...before, end: time });
    else this.say(`Set where half ${half} starts first.`);
  }

  /** @param {string} problem */
  say(problem) {
    $("half-problem").textContent = problem;
  }

  /** Show the starts. @param {HalfStart[]} starts  by half @param {Set<number>} removable  the halves that were set here */
  show(starts, removable) {
    this.starts = new Map(starts.map((one) => [one.half, one]));
    for (const half of HALVES) {
      const { start = null, end = null } = this.starts.get(half) ?? {};
      field(`half-${half}-start`).value = start === null ? "" : longClock(start);
      field(`half-${half}-end`).value = end === null ? "" : longClock(end);
      field(`half-${half}-ends-here`).disabled = start === null;
      field(`half-${half}-remove`).disabled = !removable.has(half);
    }
    const problem = contradiction(starts);
    this.say(problem);
    field("half-starts").value = startsText(starts);
    $("half-table").hidden = problem !== "" || !starts.length;
  }

  open() {
    $("half-now").textContent = clock(this.here(), true);
    dialog("halves").showModal();
  }
}
