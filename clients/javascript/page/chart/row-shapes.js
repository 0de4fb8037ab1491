// Where rows lie on a plot, in CSS pixels: the band from the least to the greatest number of each
// interval, and the line through their means.

import { LABEL_PAD_PX } from './geometry.js';

/** What is written over intervals in which updates are missing. */
const FLAW_TEXT = 'incomplete';

/**
 * @param {object[]} rows sums, ascending
 * @param {number | null} until_s where every single update is known, which the rows end at
 * @returns {{ left: number, right: number, x: number, top: number, bottom: number, y: number,
 * isBreak: boolean }[]} `isBreak`: something may be missing before it
 */
export function rowShapes(rows, until_s, plot, values) {
  const shapes = [];
  rows.forEach((row, at) => {
    const before = rows[at - 1];
    const end_s = row.start_s + row.interval_s;
    const left = plot.x(row.start_s);
    const right = plot.x(until_s === null ? end_s : Math.min(end_s, until_s));
    if (right <= plot.left || left >= plot.right || right <= left) return;
    shapes.push({
      left, right, x: (left + right) / 2, top: values.y(row.high), bottom: values.y(row.low), y: values.y(meanOf(row)),
      isBreak: before !== undefined && isUnsure(before, row),
    });
  });
  return shapes;
}

/** Of trades there is no mean: the last price counts. */
export const meanOf = ({ sum, count, close }) => (sum === null ? close : sum / count);

/** Nothing came between two flawed intervals, which may be because none were counted. */
const isUnsure = (before, row) => before.start_s + before.interval_s < row.start_s && before.state === 'incomplete' && row.state === 'incomplete';

/** @returns {[number, number] | null} the least and greatest number of rows in sight */
export function extremesOfRows(rows, plot) {
  let [low, high] = [Infinity, -Infinity];
  for (const row of rows) {
    if (row.start_s + row.interval_s <= plot.from_s || row.start_s >= plot.to_s) continue;
    low = Math.min(low, row.low);
    high = Math.max(high, row.high);
  }
  return low <= high ? [low, high] : null;
}

/**
 * The times in which updates are missing, those side by side as one. None are missing before the
 * first interval of all.
 *
 * @returns {{ left: number, width: number }[]}
 */
export function flawBoxes(intervals, plot) {
  const boxes = [];
  /** The end of the interval before, if it lacks updates. */
  let partial_s = null;
  for (const each of intervals) {
    const end_s = each.start_s + each.interval_s;
    const isPartial = each.state === 'incomplete';
    if (isPartial && !each.isFirst) {
      const left = Math.max(plot.x(partial_s ?? each.start_s), plot.left);
      const right = Math.min(plot.x(end_s), plot.right);
      if (partial_s !== null && boxes.length > 0) boxes.at(-1).width = right - boxes.at(-1).left;
      else if (right > left) boxes.push({ left, width: right - left });
    }
    partial_s = isPartial ? end_s : null;
  }
  return boxes;
}

/**
 * The boxes of `flawBoxes` with their words, which are left out where they do not fit into the box,
 * or would lie over the words of a gap.
 *
 * @param {object[]} gaps from `gapBoxes`
 * @param {number} character_px width of a character
 */
export function withWords(flaws, gaps, character_px) {
  const labelWidth = FLAW_TEXT.length * character_px + 2 * LABEL_PAD_PX;
  const taken = gaps.map(({ label }) => label).filter(Boolean);
  return flaws.map((flaw) => {
    const x = flaw.left + (flaw.width - labelWidth) / 2;
    const hasSpace = labelWidth <= flaw.width && taken.every((label) => label.x + label.width <= x || x + labelWidth <= label.x);
    return { ...flaw, label: hasSpace ? { x, width: labelWidth, text: FLAW_TEXT } : null };
  });
}
