// The page's heights: the lanes get the space that the video, the verdict buttons and four rows leave.

import { $ } from "./elements.js";

/** @import { Timeline } from "./timeline.js" */

const GAP = 10; // pixels between the timeline and the list, as in the style
const SHARE = 0.48; // largest share of the column for the timeline, so that a high window also shows more rows
const ON_SMALL_SCREENS = 0.26; // share of the window for the lanes if the page scrolls
const LOWEST_CURVES = 74; // pixels for two classes' curves

/** Fit the lanes and the curves of evidence to the window, also after an opening or closing. */
export class Layout {
  /** @param {Timeline} timeline */
  constructor(timeline) {
    this.timeline = timeline;
    this.isFolded = false;
    this.panel = $("evidence-panel");
    this.filters = /** @type {HTMLDetailsElement} */ ($("more-filters"));
    const watch = new ResizeObserver(() => this.fit());
    for (const element of [$("side"), this.filters, ...document.querySelectorAll(".bar, .amount")]) watch.observe(element);
    addEventListener("resize", () => this.fit());
    $("fold").addEventListener("click", () => this.fold(!this.isFolded));
    // If both do not fit, the one opened last stays open.
    this.filters.addEventListener("toggle", () => {
      if (this.filters.open && this.room < LOWEST_CURVES) this.showEvidence(false);
      this.fit();
    });
    $("evidence").addEventListener("click", () => this.showEvidence(this.panel.hidden));
  }

  /** @param {boolean} isFolded */
  fold(isFolded) {
    this.isFolded = isFolded;
    this.fit();
  }

  /** @param {boolean} isShown */
  showEvidence(isShown) {
    this.panel.hidden = !isShown;
    if (isShown && this.room < LOWEST_CURVES) this.filters.open = false;
    $("evidence").setAttribute("aria-expanded", String(isShown));
    this.timeline.redraw();
    this.fit();
  }

  /** Return whether the whole page scrolls, as on a phone. */
  get isSmall() {
    return getComputedStyle($("side")).display === "contents";
  }

  /** Pixels for the lanes and the curves together. */
  get room() {
    if (this.isSmall) return ON_SMALL_SCREENS * innerHeight;
    const [side, frame, lanes, list, scroller] = [$("side"), $("timeline"), $("lanes"), $("moments"), $("scroller")];
    const around = frame.offsetHeight - lanes.offsetHeight - this.panel.offsetHeight;
    const rows = parseFloat(getComputedStyle(scroller).minHeight);
    const left = side.clientHeight - GAP - (list.offsetHeight - scroller.offsetHeight) - rows - around;
    return Math.max(0, Math.min(left, SHARE * side.clientHeight - around));
  }

  fit() {
    const { room, panel } = this;
    const curves = panel.hidden || this.isSmall ? 0 : Math.max(Math.min(LOWEST_CURVES, room), Math.round(0.55 * room));
    panel.style.maxHeight = curves ? `${curves}px` : "";
    this.timeline.fit(this.isFolded ? 0 : room - curves);
    const isShown = !$("lanes").hidden;
    $("fold").textContent = isShown ? "Fold" : "Unfold";
    $("fold").setAttribute("aria-label", `${$("fold").textContent} the lanes`);
    $("fold").setAttribute("aria-expanded", String(isShown));
    // Lanes without space cannot be unfolded.
    $("fold").hidden = !isShown && !this.isFolded;
  }
}

/** A button that opens a menu if the window is too narrow for its items. */
export function wireMenu() {
  const [button, items] = [$("menu"), $("menu-items")];
  const set = (/** @type {boolean} */ isOpen) => {
    items.classList.toggle("open", isOpen);
    button.setAttribute("aria-expanded", String(isOpen));
  };
  button.addEventListener("click", () => set(!items.classList.contains("open")));
  items.addEventListener("click", (event) => {
    if (/** @type {HTMLElement} */ (event.target).closest("button")) set(false);
  });
  document.addEventListener("pointerdown", (event) => {
    if (!/** @type {HTMLElement} */ (event.target).closest(".menu")) set(false);
  });
  items.parentElement?.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !items.classList.contains("open")) return;
    event.preventDefault();
    set(false);
    button.focus();
  });
}
