// Which times mean the same moment: the rule of touchline/matching.py.

/** Seconds of slack: a millisecond, because files round times, and the error of binary numbers. */
const SLACK = 0.001001;

/** Return the largest difference that is within a tolerance, seconds. @param {number} tolerance */
export const reach = (tolerance) => tolerance + SLACK;

/**
 * Tell whether two times, in seconds, are within a tolerance of each other.
 * @param {number} a @param {number} b @param {number} tolerance
 */
export const isWithin = (a, b, tolerance) => Math.abs(a - b) <= reach(tolerance);
