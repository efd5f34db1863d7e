// The curves under the lanes, on request: one curve per class and model, by its likelihood at each moment.

import { $, make, named } from "./elements.js";

/** @import { Timeline } from "./timeline.js" */
/** @import { EvidenceData } from "./types.js" */

const CURVE = 34; // height of a class's curves in pixels
const DASHES = [[], [5, 3], [2, 2], [8, 3, 2, 3]]; // of the models, so that they read without colour

export class Curves {
  /** @param {EvidenceData[]} evidence @param {Timeline} timeline */
  constructor(evidence, timeline) {
    this.evidence = evidence;
    this.timeline = timeline;
    const heights = evidence.flatMap(({ curves }) => Object.values(curves).flat());
    this.highest = Math.max(1, ...heights.map((height) => height ?? 0));
    this.lowest = Math.min(0, ...heights.map((height) => height ?? 0));
    /** @type {Map<string, HTMLCanvasElement>} */
    this.rows = new Map();
    this.box = $("evidence-panel");
    $("evidence").hidden = false;
    timeline.onDraw = () => this.draw();
  }

  /** Create elements only on request. */
  build() {
    const names = [...new Set(this.evidence.flatMap(({ curves }) => Object.keys(curves)))];
    const keys = this.evidence.map(({ model }, number) => [number ? " · " : "", named(model), ["", " dashed", " dotted"][number] ?? " dash and dot"]);
    $("evidence-models").replaceChildren(...keys.flat());
    $("evidence-curves").replaceChildren(...names.map((name) => {
      const canvas = make("canvas", { attributes: { "aria-hidden": "true" } });
      canvas.addEventListener("click", (event) => this.timeline.onSeek(this.timeline.time(event.offsetX)));
      this.rows.set(name, canvas);
      return make("div", { className: "curve" }, named(name), canvas);
    }));
  }

  draw() {
    if (this.box.hidden) return;
    if (!this.rows.size) this.build();
    const style = getComputedStyle(document.documentElement);
    const colour = (/** @type {string} */ name) => style.getPropertyValue(`--${name}`).trim();
    for (const [name, canvas] of this.rows) {
      const pen = this.timeline.prepare(canvas);
      pen.clearRect(0, 0, canvas.clientWidth, CURVE);
      pen.fillStyle = colour("line");
      pen.fillRect(this.timeline.measures.gutter, this.y(0), canvas.clientWidth, 1);
      pen.strokeStyle = colour("text");
      this.evidence.forEach(({ starts, curves }, number) => {
        pen.setLineDash(DASHES[number % DASHES.length]);
        this.line(pen, starts, curves[name] ?? []);
      });
      pen.fillStyle = colour("cursor");
      pen.fillRect(Math.round(this.timeline.x(this.timeline.cursor)) - 1, 0, 2, CURVE);
    }
  }

  /**
   * Draw steps, because a moment lasts. Skipped windows are gaps.
   * @param {CanvasRenderingContext2D} pen @param {number[]} starts @param {(number | null)[]} heights
   */
  line(pen, starts, heights) {
    pen.lineWidth = 1.25;
    pen.beginPath();
    let before = false;
    heights.forEach((height, place) => {
      const from = this.timeline.x(starts[place]);
      const to = this.timeline.x(starts[place + 1]);
      // Only the visible part is drawn, because a match lasts an hour and a half.
      const seen = height !== null && to >= this.timeline.measures.gutter && from <= this.timeline.x(this.timeline.end);
      if (seen) {
        if (before) pen.lineTo(from, this.y(height));
        else pen.moveTo(from, this.y(height));
        pen.lineTo(to, this.y(height));
      }
      before = seen;
    });
    pen.stroke();
  }

  /** @param {number} height */
  y(height) {
    return 2 + ((this.highest - height) / (this.highest - this.lowest)) * (CURVE - 4);
  }
}
