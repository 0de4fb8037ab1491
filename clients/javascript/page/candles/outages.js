// Times in which a topic may lack updates, as the server's intervals tell: it marks those that an
// outage of the source touches, and an interval without updates is none at all.

import { INTERVALS_S } from './intervals.js';

/** An interval in which an outage is looked for has about this many updates or more. */
const MIN_UPDATES = 2;
/** Where it is not known how often updates come. */
const UNKNOWN_DISTANCE_S = 30;

/**
 * The length of the intervals that outages are looked for in. Shorter ones would often end between
 * the last update and the outage.
 *
 * @param {number} interval_s of the rows that fit the view
 * @param {number | null} distance_s mean time between two updates; null if it is not known
 */
export function outageInterval(interval_s, distance_s) {
  const least_s = Math.max(interval_s, MIN_UPDATES * (distance_s ?? UNKNOWN_DISTANCE_S));
  return INTERVALS_S.find((candidate) => candidate >= least_s) ?? INTERVALS_S.at(-1);
}

/**
 * The holes between two intervals that are both incomplete.
 *
 * @param {object[]} intervals sums, ascending
 * @returns {{ from_s: number, to_s: number }[]} from the end of the one to the start of the other
 */
export function outagesOf(intervals) {
  const holes = [];
  intervals.forEach((each, at) => {
    const before = intervals[at - 1];
    if (!before || before.state !== 'incomplete' || each.state !== 'incomplete') return;
    const from_s = before.start_s + before.interval_s;
    if (from_s < each.start_s) holes.push({ from_s, to_s: each.start_s });
  });
  return holes;
}
