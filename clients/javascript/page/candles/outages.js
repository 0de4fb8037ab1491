// Times in which a topic may lack updates, as the server's intervals tell: it marks those that an
// outage of the source touches, and an interval without updates is none at all.

import { INTERVALS_S } from './intervals.js';

/**
 * Where intervals have this many updates on average, an empty one is no chance: the source was away
 * if one of its neighbours lacks updates. The other one may have ended before the source went, or
 * begun after it came back. With fewer updates both must lack some.
 */
const DENSE_UPDATES = 8;
/** Where it is not known how often updates come. */
const UNKNOWN_DISTANCE_S = 5;

/**
 * The length of the intervals that outages are looked for in: with enough updates that an
 * outage leaves its mark on them.
 *
 * @param {number} interval_s of the rows that fit the view
 * @param {number | null} distance_s mean time between two updates; null if it is not known
 */
export function outageInterval(interval_s, distance_s) {
  const least_s = Math.max(interval_s, DENSE_UPDATES * (distance_s ?? UNKNOWN_DISTANCE_S));
  return INTERVALS_S.find((candidate) => candidate >= least_s) ?? INTERVALS_S.at(-1);
}

/**
 * The holes between two intervals in which the source was away.
 *
 * @param {object[]} intervals sums, ascending
 * @returns {{ from_s: number, to_s: number }[]} from the end of the one to the start of the other
 */
export function outagesOf(intervals) {
  const updates = intervals.reduce((sum, { count }) => sum + count, 0);
  const isDense = updates >= DENSE_UPDATES * intervals.length;
  const holes = [];
  intervals.forEach((each, at) => {
    const before = intervals[at - 1];
    if (!before) return;
    const lacking = [before, each].filter(({ state }) => state === 'incomplete').length;
    const from_s = before.start_s + before.interval_s;
    if (from_s < each.start_s && lacking >= (isDense ? 1 : 2)) holes.push({ from_s, to_s: each.start_s });
  });
  return holes;
}
