// Reduces a series to a few points for each column of pixels.

/**
 * Keeps the first, lowest, highest and last point of each column, in their order. A line through
 * these points covers the same pixels as a line through all points.
 *
 * @param {number[]} times ascending
 * @param {number[]} values
 * @param {number} first index of the first point
 * @param {number} end index after the last point
 * @param {(time: number) => number} columnOf the column of a time, an integer
 * @returns {number[]} ascending indices
 */
export function reduceToColumns(times, values, first, end, columnOf) {
  const kept = [];
  let at = first;
  while (at < end) {
    const column = columnOf(times[at]);
    let low = at;
    let high = at;
    let next = at + 1;
    while (next < end && columnOf(times[next]) === column) {
      if (values[next] < values[low]) low = next;
      else if (values[next] > values[high]) high = next;
      next += 1;
    }
    kept.push(at);
    for (const index of [Math.min(low, high), Math.max(low, high), next - 1]) {
      if (index > kept.at(-1)) kept.push(index);
    }
    at = next;
  }
  return kept;
}

/** The first index whose time is later; the number of times if there is none. */
export function indexAfter(times, time) {
  let [low, high] = [0, times.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (times[middle] <= time) low = middle + 1;
    else high = middle;
  }
  return low;
}
