// Two people's verdicts on the same events, set beside each other.

import { isWithin } from "./matching.js";

/** @import { Claim, Decision } from "./types.js" */

/**
 * @typedef {object} Agreement
 * @property {number} both  events that both decided
 * @property {number} same  of these, with the same verdict and label
 * @property {number | null} kappa  Cohen's, of what both decided; null where chance alone agrees
 * @property {Claim[]} differ
 * @property {Claim[]} mine  that only the first decided
 * @property {Claim[]} theirs  that only the second decided
 */

/** Return the label that a verdict gives to an event, or nothing. @param {Decision} one */
export const category = (one) => (one.verdict === "confirmed" ? one.label : "");

/**
 * How far two people agree. Kappa is of the categories "no event" and each label that one of them
 * gives: (observed − expected) / (1 − expected).
 * @param {Claim[]} claims
 * @param {Map<Claim, Decision>} mine
 * @param {Map<Claim, Decision>} theirs
 * @returns {Agreement}
 */
export function agreement(claims, mine, theirs) {
  const both = claims.filter((claim) => mine.has(claim) && theirs.has(claim));
  const pairs = both.map((claim) => [mine, theirs].map((one) => category(/** @type {Decision} */ (one.get(claim)))));
  const differ = both.filter((_, place) => pairs[place][0] !== pairs[place][1]);
  const same = both.length - differ.length;
  let expected = 0;
  for (const name of new Set(pairs.flat())) {
    const [a, b] = [0, 1].map((who) => pairs.filter((pair) => pair[who] === name).length);
    expected += (a * b) / both.length ** 2;
  }
  return {
    both: both.length,
    same,
    kappa: both.length && expected < 1 ? (same / both.length - expected) / (1 - expected) : null,
    differ,
    mine: claims.filter((claim) => mine.has(claim) && !theirs.has(claim)),
    theirs: claims.filter((claim) => !mine.has(claim) && theirs.has(claim)),
  };
}

/**
 * Return the events added by the second reviewer that the first one did not add.
 * @param {Decision[]} mine @param {Decision[]} theirs @param {number} tolerance
 */
export function onlyAdded(mine, theirs, tolerance) {
  return theirs.filter((one) => !mine.some((other) => other.label === one.label && isWithin(other.time, one.time, tolerance)));
}
