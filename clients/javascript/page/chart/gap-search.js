// Finds the gaps between two points.

/**
 * The newest gap that separates two points. A point inside a gap has no value before it that holds.
 *
 * @param {object[]} gaps `{ from, to }` in ms, ascending; `to` is null while the gap lasts
 * @returns {object | null}
 */
export function gapBetween(gaps, before_s, after_s) {
  for (let at = gaps.length - 1; at >= 0; at--) {
    const { from } = gaps[at];
    if (from / 1000 >= after_s) continue;
    const to = gaps[at].to ?? Infinity;
    // Gaps are in order, so all earlier ones are over too.
    if (to / 1000 <= before_s) return null;
    if (from / 1000 >= before_s) return gaps[at];
  }
  return null;
}
