// Times in which a topic may lack updates, as the server's intervals tell: it marks those that an
// outage of the source touches, and an interval without updates is none at all.

/** Shorter intervals would often end between the last update and the outage. */
const MIN_INTERVAL_S = 60;

/** The length of the intervals that outages are looked for in. */
export const outageInterval = (interval_s) => Math.max(interval_s, MIN_INTERVAL_S);

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
