// The lanes over the match: a model's each, or a class's; where nobody looked; where we are.

import { $, clock, make, named } from "./elements.js";
import { clocks, gameTime, halfName, halvesInWords, isWholeVideo } from "./halves.js";

/** @import { Claim, HalfSpan, Item, Lane, Mark } from "./types.js" */
/** @typedef {(name: string) => string} Colour */

const RULER = 22;
const BAND = 15; // below the ruler, with the halves
const TALL = { lane: 38, mark: 20, gutter: 0 }; // with a mark's label below it, the name above
const LOW = { lane: 18, mark: 9, gutter: 104 }; // with the name beside it
const LOWEST = { lane: 14, mark: 7, gutter: 104 };
const GUTTER_SHARE = 0.24; // largest share of the width for the names
const SCROLLABLE = 110; // smallest height in pixels for scrolling the lanes of many classes
const CROWDED = 9; // with fewer pixels per mark, marks are ticks: disagreements above, others below
const REACH = 12; // pixels around a mark in which a click hits it
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800];

export class Timeline {
  /**
   * A canvas that draws marks and reports clicks.
   * @param {{ duration: number, halves: HalfSpan[], onPick: (mark: Mark) => void, onSeek: (time: number) => void }} options
   */
  constructor({ duration, halves, onPick, onSeek }) {
    this.duration = duration;
    this.halves = halves;
    this.onPick = onPick;
    this.onSeek = onSeek;
    this.onDraw = () => {}; // called after each drawing, for curves of the same stretch
    this.canvas = /** @type {HTMLCanvasElement} */ ($("canvas"));
    this.overview = /** @type {HTMLCanvasElement} */ ($("overview"));
    this.start = 0;
    this.end = duration;
    this.cursor = 0;
    this.width = 1; // width of the time axis, beside the names
    this.measures = TALL;
    this.room = Infinity; // pixels that the lanes may take
    this.isByClass = false;
    /** @type {Lane[]} */
    this.lanes = []; // as they are told apart
    /** @type {Lane[]} */
    this.rows = []; // as they are drawn: the same, or a single one of all where there is little room
    /** @type {Mark[][]} */
    this.marks = []; // of each row
    /** @type {Mark[][]} */
    this.given = []; // of each lane
    /** @type {Set<Item> | null} */
    this.lit = null; // the listed events; null for all
    /** @type {Claim | null} */
    this.chosen = null;
    this.waiting = false;
    this.crowded = false;
    /** @type {Map<string, number>} */
    this.widths = new Map();
    this.listen();
    new ResizeObserver(() => {
      if (Math.round(this.gutter) !== Math.round(this.measures.gutter)) this.arrange();
      this.redraw();
    }).observe(this.canvas);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
  }

  /** Show other lanes; those of classes are always low. @param {Lane[]} lanes */
  divide(lanes, isByClass = false) {
    this.lanes = lanes;
    this.isByClass = isByClass;
    this.given = lanes.map(() => []);
    $("halves-in-words").textContent = halvesInWords(this.halves);
    this.arrange();
  }

  /** Make the lanes fit, or fold them away. @param {number} room  pixels */
  fit(room) {
    if (room === this.room) return;
    this.room = room;
    this.arrange();
  }

  /** Choose the highest lanes for which there is room: low ones hold marks without their labels; one lane holds all. */
  arrange() {
    const { lanes, room } = this;
    const fits = (/** @type {number} */ lane, count = lanes.length) => this.ruler + lane * count <= room;
    const measures = (this.isByClass ? [LOW, LOWEST] : [TALL, LOW, LOWEST]).find(({ lane }) => fits(lane));
    const isScrolled = !measures && this.isByClass && room >= SCROLLABLE;
    const isOne = !measures && !isScrolled;
    const isShown = !isOne || fits(LOW.lane, 1);
    this.measures = { ...(measures ?? (isScrolled ? LOWEST : fits(TALL.lane, 1) ? TALL : LOW)) };
    if (this.measures.gutter) this.measures.gutter = this.gutter;
    this.rows = isOne ? [{ name: "all lanes", kind: "all", looked: anyLooked(lanes) }] : lanes;
    const box = $("lanes");
    box.hidden = !isShown;
    box.style.maxHeight = isScrolled ? `${Math.floor(room)}px` : "";
    this.canvas.style.height = `${this.height}px`;
    const isLow = this.measures.gutter > 0;
    $("lane-names").classList.toggle("low", isLow);
    $("lane-names").replaceChildren(...this.rows.map(({ name, kind }, number) => {
      const label = named(name, `lane-name ${kind}`);
      label.title = name;
      label.style.top = `${this.top(number)}px`;
      if (isLow) {
        label.style.lineHeight = `${this.measures.lane}px`;
        label.style.maxWidth = `${this.measures.gutter - 6}px`;
      }
      return label;
    }));
    this.show(this.given);
  }

  /** How wide the names of low lanes are. */
  get gutter() {
    return this.measures.gutter && Math.min(LOW.gutter, GUTTER_SHARE * (this.canvas.clientWidth || Infinity));
  }

  /** How high the ruler is; the lanes begin below it. */
  get ruler() {
    return RULER + (isWholeVideo(this.halves) ? 0 : BAND);
  }

  get height() {
    return this.ruler + this.measures.lane * this.rows.length;
  }

  /** Where a lane begins. @param {number} number */
  top(number) {
    return this.ruler + this.measures.lane * number;
  }

  /** Set the halves, and divide the lanes again. @param {HalfSpan[]} halves */
  follow(halves) {
    this.halves = halves;
    this.moveTo(this.cursor, false);
  }

  /** Show other marks: one list per lane, in order of time. @param {Mark[][]} marks */
  show(marks) {
    this.given = marks;
    this.marks = this.rows === this.lanes ? marks : [oneEach(marks)];
    this.redraw();
  }

  redraw() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => {
      this.waiting = false;
      this.draw();
    });
  }

  /** Lengthen the match. @param {number} duration */
  extend(duration) {
    if (!(duration > this.duration)) return;
    const whole = this.end === this.duration;
    this.duration = duration;
    this.canvas.setAttribute("aria-valuemax", String(Math.floor(duration)));
    if (whole) this.view(0, duration);
    else this.redraw();
  }

  /** @param {number} time */
  moveTo(time, follow = true) {
    this.cursor = Math.min(Math.max(0, time), this.duration);
    this.canvas.setAttribute("aria-valuenow", String(Math.round(this.cursor)));
    this.canvas.setAttribute("aria-valuetext", clocks(this.halves, this.cursor));
    const span = this.end - this.start;
    if (follow && (this.cursor < this.start || this.cursor > this.end)) {
      this.view(this.cursor - span / 2, span);
    }
    this.redraw();
  }

  /** Show a stretch of the match. @param {number} start @param {number} span */
  view(start, span) {
    const shown = Math.min(Math.max(span, Math.min(10, this.duration)), this.duration);
    this.start = Math.min(Math.max(0, start), this.duration - shown);
    this.end = this.start + shown;
    this.redraw();
  }

  /** @param {number} factor */
  zoom(factor, around = this.cursor) {
    const middle = around >= this.start && around <= this.end ? around : (this.start + this.end) / 2;
    const span = (this.end - this.start) * factor;
    this.view(middle - ((middle - this.start) / (this.end - this.start)) * span, span);
  }

  /** @param {number} time */
  x(time) {
    return this.measures.gutter + ((time - this.start) / (this.end - this.start)) * this.width;
  }

  /** @param {number} x */
  time(x) {
    const time = this.start + ((x - this.measures.gutter) / this.width) * (this.end - this.start);
    return Math.min(Math.max(time, 0), this.duration);
  }

  draw() {
    const style = getComputedStyle(document.documentElement);
    /** @type {Map<string, string>} */
    const colours = new Map();
    /** @type {Colour} */
    const colour = (name) => {
      const known = colours.get(name) ?? style.getPropertyValue(`--${name}`).trim();
      colours.set(name, known);
      return known;
    };
    const pen = this.prepare(this.canvas);
    const { height } = this;
    const { lane, mark, gutter } = this.measures;
    this.width = Math.max(1, this.canvas.clientWidth - gutter);
    pen.clearRect(0, 0, gutter + this.width, height);
    pen.save();
    pen.beginPath();
    pen.rect(gutter, 0, this.width, height); // names are beside it
    pen.clip();
    pen.textBaseline = "middle";
    pen.font = "11px system-ui, sans-serif";
    this.drawRuler(pen, colour, height);
    this.crowded = false;
    this.rows.forEach((_, number) => this.drawLane(pen, colour, number));
    if (!isWholeVideo(this.halves)) this.drawHalves(pen, colour);
    pen.fillStyle = colour("cursor");
    pen.fillRect(Math.round(this.x(this.cursor)) - 1, 0, 2, height);
    pen.restore();
    this.drawOverview(colour);
    const part = this.end - this.start < this.duration - 0.5;
    $("range").textContent = [part ? `${clock(this.start)} – ${clock(this.end)}` : "",
      this.crowded ? "zoom in for labels" : ""].filter(Boolean).join(" · ");
    $("match-clock").textContent = isWholeVideo(this.halves) ? "" : gameTime(this.halves, this.cursor);
    this.onDraw();
    // Tests and users' scripts need this to find a mark.
    Object.assign(this.canvas.dataset, { start: this.start, end: this.end, ruler: this.ruler, lane, mark, gutter });
  }

  /** @param {HTMLCanvasElement} canvas */
  prepare(canvas) {
    const ratio = devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width) canvas.width = width;
    if (canvas.height !== height) canvas.height = height;
    const pen = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    return pen;
  }

  /** @param {CanvasRenderingContext2D} pen @param {Colour} colour @param {number} height */
  drawRuler(pen, colour, height) {
    const step = STEPS.find((each) => this.x(this.start + each) - this.measures.gutter > 70) ?? 3600;
    pen.textAlign = "center";
    for (let time = Math.ceil(this.start / step) * step; time <= this.end; time += step) {
      const x = Math.round(this.x(time)) + 0.5;
      pen.fillStyle = colour("line");
      pen.fillRect(x, RULER - 4, 1, height);
      pen.fillStyle = colour("muted");
      const half = pen.measureText(clock(time)).width / 2;
      pen.fillText(clock(time), Math.min(Math.max(x, this.measures.gutter + half), this.x(this.end) - half), 9);
    }
  }

  /**
   * A bracket over each half with its name; a line down where it starts, a dashed one where it ends.
   * @param {CanvasRenderingContext2D} pen @param {Colour} colour
   */
  drawHalves(pen, colour) {
    const { gutter } = this.measures;
    const right = gutter + this.width;
    pen.strokeStyle = pen.fillStyle = colour("text");
    pen.lineWidth = 1;
    pen.textAlign = "left";
    for (const [half, , start, end] of this.halves) {
      const [from, to] = [start, end ?? this.duration].map((time) => Math.round(this.x(time)) + 0.5);
      pen.beginPath();
      pen.moveTo(from, RULER + 0.5);
      pen.lineTo(to, RULER + 0.5);
      pen.moveTo(from, RULER + 0.5);
      pen.lineTo(from, this.height);
      pen.stroke();
      if (end !== null) {
        pen.setLineDash([3, 3]);
        pen.beginPath();
        pen.moveTo(to, RULER + 0.5);
        pen.lineTo(to, this.height);
        pen.stroke();
        pen.setLineDash([]);
      }
      // A half that began before the shown stretch keeps its name visible.
      const left = Math.max(from, gutter) + 5;
      if (left + this.widthOf(pen, halfName(half)) < Math.min(to, right)) pen.fillText(halfName(half), left, RULER + 8);
    }
  }

  /** @param {CanvasRenderingContext2D} pen @param {Colour} colour @param {number} number */
  drawLane(pen, colour, number) {
    const top = this.top(number);
    const { lane: tall } = this.measures;
    let reached = 0;
    for (const [start, end] of [...this.rows[number].looked, [this.duration, this.duration]]) {
      this.drawGap(pen, colour, reached, start, top);
      reached = end;
      const x = this.x(start);
      pen.fillStyle = colour("lane");
      pen.fillRect(x, top + 1, this.x(end) - x, tall - 2);
    }
    this.drawMarks(pen, colour, this.marks[number], top);
  }

  /**
   * Hatched, so that it reads without colour, and in words where there is room.
   * @param {CanvasRenderingContext2D} pen @param {Colour} colour
   * @param {number} start @param {number} end @param {number} top
   */
  drawGap(pen, colour, start, end, top) {
    const { lane, mark, gutter } = this.measures;
    const from = Math.max(gutter, this.x(start));
    const to = Math.min(gutter + this.width, this.x(end));
    if (to - from < 0.5) return;
    pen.save();
    pen.beginPath();
    pen.rect(from, top + 1, to - from, lane - 2);
    pen.clip();
    pen.fillStyle = colour("gap");
    pen.fillRect(from, top + 1, to - from, lane - 2);
    pen.strokeStyle = colour("hatch");
    pen.lineWidth = 1;
    pen.beginPath();
    for (let x = Math.floor(from / 7) * 7 - lane; x < to; x += 7) {
      pen.moveTo(x, top + lane);
      pen.lineTo(x + lane, top);
    }
    pen.stroke();
    const words = "not looked at";
    const width = pen.measureText(words).width;
    if (to - from > width + 16) {
      pen.fillStyle = colour("gap");
      pen.fillRect((from + to - width) / 2 - 5, top + mark - 8, width + 10, 16);
      pen.fillStyle = colour("text");
      pen.textAlign = "center";
      pen.fillText(words, (from + to) / 2, top + mark);
    }
    pen.restore();
  }

  /** @param {CanvasRenderingContext2D} pen @param {Colour} colour @param {Mark[]} marks @param {number} top */
  drawMarks(pen, colour, marks, top) {
    const shown = marks.filter(({ time }) => time >= this.start - 1 && time <= this.end + 1);
    // Unlisted marks first, so that listed marks are drawn above them.
    const rank = (/** @type {Mark} */ mark) => (this.isDim(mark) ? 0 : mark.claim === this.chosen ? 3 : mark.status === "agreed" ? 1 : 2);
    const middle = top + this.measures.mark;
    pen.textAlign = "center";
    const isCrowd = (/** @type {Mark[]} */ these) => these.length * CROWDED > this.width;
    /** @type {Mark[][]} */
    const layers = [[], [], [], []];
    for (const mark of shown) layers[rank(mark)].push(mark);
    const crowded = isCrowd(layers.slice(1).flat());
    const ticks = [isCrowd(shown), crowded, crowded, false];
    layers.forEach((layer, number) => {
      pen.globalAlpha = number ? 1 : 0.22;
      for (const mark of layer) {
        const x = this.x(mark.time);
        if (number === 3) {
          pen.strokeStyle = colour("text");
          pen.lineWidth = 1.5;
          pen.strokeRect(x - 8.5, middle - 8.5, 17, 17);
        }
        pen.fillStyle = colour(mark.status);
        pen.strokeStyle = colour(mark.status);
        if (ticks[number]) tick(pen, mark.status, x, middle);
        else shape(pen, mark.status, x, middle);
      }
    });
    this.crowded ||= crowded;
    pen.globalAlpha = 1;
    if (this.measures.gutter) return;
    let free = -Infinity;
    for (const mark of shown) {
      // In a crowd only a few labels have room, and those few would mislead.
      if (this.isDim(mark) || crowded) continue;
      const x = this.x(mark.time);
      const words = mark.label.length > 22 ? `${mark.label.slice(0, 21)}…` : mark.label;
      const half = this.widthOf(pen, words) / 2;
      if (x - half < Math.max(free, 0) || x + half > this.width) continue;
      if (layers[0].length) {
        pen.fillStyle = colour("lane");
        pen.fillRect(x - half - 2, middle + 7, 2 * half + 4, 12);
      }
      pen.fillStyle = colour("text");
      pen.fillText(words, x, middle + 12);
      free = x + half + 6;
    }
  }

  /**
   * Measure each text once, because a match has thousands of marks and about twenty labels.
   * @param {CanvasRenderingContext2D} pen @param {string} words
   */
  widthOf(pen, words) {
    const width = this.widths.get(words) ?? pen.measureText(words).width;
    this.widths.set(words, width);
    return width;
  }

  /** @param {Colour} colour */
  drawOverview(colour) {
    const pen = this.prepare(this.overview);
    const { clientWidth: width, clientHeight: height } = this.overview;
    const at = (/** @type {number} */ time) => (time / this.duration) * width;
    pen.clearRect(0, 0, width, height);
    pen.fillStyle = colour("lane");
    pen.fillRect(0, 0, width, height);
    for (const marks of this.marks) {
      for (const mark of marks) {
        if (mark.status === "agreed" || this.isDim(mark)) continue;
        pen.fillStyle = colour(mark.status);
        pen.fillRect(at(mark.time), 4, 1, height - 8);
      }
    }
    pen.strokeStyle = colour("text");
    pen.lineWidth = 1.5;
    pen.strokeRect(at(this.start) + 0.75, 0.75, Math.max(4, at(this.end) - at(this.start)) - 1.5, height - 1.5);
    pen.fillStyle = colour("cursor");
    pen.fillRect(at(this.cursor) - 1, 0, 2, height);
  }

  /** Return whether the list leaves out a mark's event. @param {Mark} mark */
  isDim({ claim }) {
    return this.lit !== null && !this.lit.has(claim.item);
  }

  /**
   * The mark under a point of the canvas, one that the list shows if there is one; or null.
   * @param {number} x @param {number} y
   */
  markAt(x, y) {
    const number = Math.floor((y - this.ruler) / this.measures.lane);
    const near = (this.marks[number] ?? [])
      .map((mark) => ({ mark, dim: this.isDim(mark), away: Math.abs(this.x(mark.time) - x) }))
      .filter(({ away }) => away < REACH);
    return near.sort((a, b) => Number(a.dim) - Number(b.dim) || a.away - b.away)[0]?.mark ?? null;
  }

  listen() {
    const { canvas, overview } = this;
    /** @type {{ x: number, start: number, moved: boolean } | null} */
    let from = null;
    canvas.addEventListener("pointerdown", (event) => {
      from = { x: event.offsetX, start: this.start, moved: false };
    });
    canvas.addEventListener("pointermove", (event) => {
      if (from && event.buttons && Math.abs(event.offsetX - from.x) > 4) from.moved = true;
      if (from?.moved && event.buttons) {
        canvas.setPointerCapture(event.pointerId);
        const span = this.end - this.start;
        this.view(from.start - ((event.offsetX - from.x) / this.width) * span, span);
        this.hint(null);
      } else this.hint(this.markAt(event.offsetX, event.offsetY));
    });
    canvas.addEventListener("pointerleave", () => this.hint(null));
    canvas.addEventListener("click", (event) => {
      const dragged = from?.moved;
      from = null;
      if (dragged) return;
      const mark = this.markAt(event.offsetX, event.offsetY);
      if (mark) this.onPick(mark);
      else this.onSeek(this.time(event.offsetX));
    });
    canvas.addEventListener("wheel", (event) => {
      // Without a key the wheel belongs to the page.
      if (event.ctrlKey || event.metaKey) this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.time(event.offsetX));
      else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
        const span = this.end - this.start;
        this.view(this.start + (span * (event.deltaX || event.deltaY)) / this.width, span);
      } else return;
      event.preventDefault();
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      /** @type {Record<string, number>} */
      const steps = { ArrowLeft: -1, ArrowDown: -1, ArrowRight: 1, ArrowUp: 1, PageUp: 60, PageDown: -60 };
      if (event.key in steps) this.onSeek(this.cursor + steps[event.key] * (event.shiftKey ? 10 : 1));
      else if (event.key === "Home") this.onSeek(0);
      else if (event.key === "End") this.onSeek(this.duration);
      else return;
      event.preventDefault();
    });
    const centre = (/** @type {PointerEvent} */ event) => {
      const span = this.end - this.start;
      this.view((event.offsetX / overview.clientWidth) * this.duration - span / 2, span);
    };
    overview.addEventListener("pointerdown", (event) => {
      overview.setPointerCapture(event.pointerId);
      centre(event);
    });
    overview.addEventListener("pointermove", (event) => event.buttons && centre(event));
  }

  /** Show a mark's event next to the pointer. @param {Mark | null} mark */
  hint(mark) {
    const tip = $("tip");
    tip.hidden = mark === null;
    this.canvas.style.cursor = mark ? "pointer" : "";
    if (!mark) return;
    tip.replaceChildren(
      make("b", {}, `${clocks(this.halves, mark.time, true)} `, named(mark.label)),
      make("span", {}, ` ${mark.about}`),
    );
    const box = $("lanes");
    const row = this.rows === this.lanes ? mark.lane : 0;
    const left = Math.min(this.x(mark.time), this.canvas.clientWidth - tip.offsetWidth - 4);
    tip.style.left = `${box.offsetLeft + Math.max(4, left)}px`;
    tip.style.top = `${box.offsetTop - box.scrollTop + this.top(row) + this.measures.mark + 12}px`;
  }
}

/** Where any lane was looked at. @param {Lane[]} lanes @returns {[number, number][]} */
export function anyLooked(lanes) {
  /** @type {[number, number][]} */
  const joined = [];
  for (const [start, end] of lanes.flatMap(({ looked }) => looked).sort((a, b) => a[0] - b[0])) {
    const last = joined.at(-1);
    if (last && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined;
}

/** One mark for each event, by time: its verdict's, else that of the first lane. @param {Mark[][]} marks */
function oneEach(marks) {
  /** @type {Map<Claim, Mark>} */
  const found = new Map();
  const verdicts = marks.at(-1) ?? [];
  for (const mark of [...verdicts, ...marks.slice(0, -1).flat()]) if (!found.has(mark.claim)) found.set(mark.claim, mark);
  return [...found.values()].sort((a, b) => a.time - b.time);
}

/**
 * A status as a tick, whose place reads without colour: disagreements above the middle.
 * @param {CanvasRenderingContext2D} pen @param {string} status @param {number} x @param {number} y
 */
function tick(pen, status, x, y) {
  const above = ["conflict", "only", "some", "missed", "rejected"].includes(status);
  pen.fillRect(x - 0.75, above ? y - 8 : y + 4, 1.5, 10);
}

/**
 * A status as a shape around a point, so that it reads without colour.
 * @param {CanvasRenderingContext2D} pen @param {string} status @param {number} x @param {number} y
 */
function shape(pen, status, x, y) {
  pen.beginPath();
  const polygon = (/** @type {[number, number][]} */ ...points) => {
    points.forEach(([dx, dy], n) => (n ? pen.lineTo(x + dx, y + dy) : pen.moveTo(x + dx, y + dy)));
    pen.closePath();
    pen.fill();
  };
  pen.lineWidth = 2;
  if (status === "conflict") polygon([0, -6.5], [6.5, 0], [0, 6.5], [-6.5, 0]);
  else if (status === "only") polygon([0, -6], [6.5, 5], [-6.5, 5]);
  else if (status === "some") polygon([0, 6], [6.5, -5], [-6.5, -5]);
  else if (status === "missed") polygon([-5, -5], [5, -5], [5, 5], [-5, 5]);
  else if (status === "agreed") {
    pen.arc(x, y, 4.5, 0, 2 * Math.PI);
    pen.fill();
  } else if (status === "alone") {
    pen.arc(x, y, 4, 0, 2 * Math.PI);
    pen.stroke();
  } else if (status === "rejected") {
    pen.moveTo(x - 4.5, y - 4.5);
    pen.lineTo(x + 4.5, y + 4.5);
    pen.moveTo(x + 4.5, y - 4.5);
    pen.lineTo(x - 4.5, y + 4.5);
    pen.stroke();
  } else if (status === "confirmed") {
    pen.moveTo(x - 5, y);
    pen.lineTo(x - 1.5, y + 4);
    pen.lineTo(x + 5.5, y - 4.5);
    pen.stroke();
  } else {
    pen.fillRect(x - 1.5, y - 6, 3, 12);
    pen.fillRect(x - 6, y - 1.5, 12, 3);
  }
}
