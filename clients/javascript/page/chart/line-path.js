// The path of a line through columns, in device pixels of the plot.

export const MOVE = 0;
export const LINE = 1;

/**
 * @param {import('./columns.js').Columns} columns
 * @param {object} plot from `plotOf`
 * @param {(value: number) => number} rowOf the row of a value, not rounded
 * @param {{ from: number, to: number }} range numbers of the first and last column that must be
 * complete
 * @param {{ isStepped: boolean, until: number | null }} style a stepped line holds a value until
 * the next one, and the newest one until the column `until`
 * @returns {number[]} `kind, x, y, ...`
 */
export function linePath(columns, { fromColumn }, rowOf, range, { isStepped, until }) {
  const path = [];
  // The line enters the range from the entry before it.
  const first = Math.max(columns.indexAfter(range.from - 1) - 1, 0);
  const xOf = (column) => column - fromColumn + 0.5;
  let y = 0;
  for (let at = first; at < columns.length; at++) {
    const x = xOf(columns.column[at]);
    const held = columns.held[at];
    const begin = rowOf(columns.first[at]);
    if (at === first) {
      path.push(MOVE, x, begin, LINE, x, begin);
    } else if (!Number.isNaN(held)) {
      if (isStepped) path.push(LINE, xOf(held), y);
      path.push(MOVE, x, begin, LINE, x, begin);
    } else {
      if (isStepped) path.push(LINE, x, y);
      path.push(LINE, x, begin);
    }
    const [low, high, end] = [columns.low[at], columns.high[at], columns.last[at]];
    if (low !== high) path.push(LINE, x, rowOf(low), LINE, x, rowOf(high), LINE, x, rowOf(end));
    y = rowOf(end);
    // One entry after the range, so that the line leaves it.
    if (columns.column[at] > range.to) return path;
  }
  if (isStepped && until !== null && path.length > 0 && xOf(until) > path.at(-2)) path.push(LINE, xOf(until), y);
  return path;
}

/** The lowest and highest value in a range of columns; null if there is none. */
export function extremesOf(columns, from, to, isStepped) {
  let [low, high] = [Infinity, -Infinity];
  let at = columns.indexAfter(from - 1);
  // A price from before still holds at the left edge.
  if (isStepped && at > 0 && !(at < columns.length && !Number.isNaN(columns.held[at]) && columns.held[at] < from)) {
    low = high = columns.last[at - 1];
  }
  for (; at < columns.length && columns.column[at] <= to; at++) {
    if (columns.low[at] < low) low = columns.low[at];
    if (columns.high[at] > high) high = columns.high[at];
  }
  return low <= high ? [low, high] : null;
}
