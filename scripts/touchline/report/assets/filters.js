// The shown moments: their selection, number and order.

import { ORDER } from "./elements.js";
import { category } from "./reviewers.js";

/** @import { Item } from "./types.js" */

/**
 * @typedef {object} Filters
 * @property {Set<string>} statuses
 * @property {Set<string>} classes  none: all
 * @property {number | null} lane
 * @property {string} truth
 * @property {string} verdict
 * @property {number | null} least
 * @property {number | null} most
 * @property {string[]} words  that all occur
 */

/** Return whether every event of a moment is decided. @param {Item} item */
export const isDecided = (item) => item.claims.every((claim) => claim.decision);

/** Return whether any event of a moment is decided. @param {Item} item */
export const isTouched = (item) => item.claims.some((claim) => claim.decision);

/** Return whether an event of a moment is confirmed. @param {Item} item */
const isConfirmed = (item) => item.claims.some(({ decision }) => decision?.verdict === "confirmed");

/** Return whether a moment is decided: one of its events is confirmed, or all are rejected. @param {Item} item */
export const isSettled = (item) => isConfirmed(item) || isDecided(item);

/** Return the undecided events of a moment with a confirmed event. @param {Item} item */
export const leftBeside = (item) => (isConfirmed(item) ? item.claims.filter(({ decision }) => !decision) : []);

/** @type {Record<string, (item: Item) => boolean>} */
const VERDICTS = {
  undecided: (item) => !isSettled(item),
  confirmed: isConfirmed,
  rejected: (item) => item.claims.some(({ decision }) => decision?.verdict === "rejected"),
  differ: (item) => item.claims.some(({ decision, other }) => decision && other && category(decision) !== category(other)),
  noted: (item) => item.claims.some(({ note }) => note),
};

/** Describe the moments that a choice of “Show” leaves out. @param {string} amount */
export const leftOut = (amount) => (amount === "shortlist" ? "not in the shortlist"
  : amount === "1" ? "not the best of a class" : `not among the best ${amount} of a class`);

/**
 * Return the shown items. They always include decided ones. The shortlist has only predicted events.
 * Other choices also have events that no model predicted.
 * @param {Item[]} items @param {string} amount
 */
export function among(items, amount) {
  if (amount === "all") return [...items];
  return items.filter((item) => isTouched(item) || (amount === "shortlist" ? item.listed
    : item.status === "missed" || (item.rank !== null && item.rank <= Number(amount))));
}

/** Return the items that pass the filters. @param {Item[]} items @param {Filters} filters */
export function filtered(items, { statuses, classes, lane, truth, verdict, least, most, words }) {
  return items.filter((item) => {
    if (!statuses.has(item.status)) return false;
    if (classes.size && !item.claims.some(({ label }) => classes.has(label))) return false;
    if (lane !== null && !item.lanes.has(lane)) return false;
    if (truth && !item.truths.has(truth === "right")) return false;
    if (verdict && !VERDICTS[verdict](item)) return false;
    if (words.length && !words.every((word) => item.text.includes(word))) return false;
    if (least !== null && !(item.strength !== null && item.strength >= least)) return false;
    return most === null || (item.strength !== null && item.strength <= most);
  });
}

/** @type {Record<string, (a: Item, b: Item) => number>} */
export const COMPARE = {
  likely: (a, b) => a.order - b.order || a.time - b.time,
  time: (a, b) => a.time - b.time,
  status: (a, b) => ORDER.indexOf(a.status) - ORDER.indexOf(b.status) || a.time - b.time,
  score: (a, b) => (b.strength ?? -1) - (a.strength ?? -1) || a.time - b.time,
  unsure: (a, b) => (a.strength ?? 2) - (b.strength ?? 2) || a.time - b.time,
  class: (a, b) => a.claims[0].label.localeCompare(b.claims[0].label) || a.order - b.order,
};
