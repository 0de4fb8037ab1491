// Computes everything that a chart shows, in CSS pixels. It knows no canvas and no document.

import { fixed } from '../shared/format.js';
import { gapBoxes } from './gaps.js';
import { LABEL_PX, geometryOf } from './geometry.js';
import { pointedAt } from './pointed.js';
import { indexAfter, reduceToColumns } from './reduce.js';
import { timeTicks } from './scale.js';

/**
 * @param {object} view
 * @param {object} view.row a row of the store with at least one point
 * @param {object[]} view.gaps of the store
 * @param {number} view.now_s the server's time
 * @param {number} view.window_s the time shown, 0 for everything
 * @param {{ width: number, height: number, scale: number }} view.size `scale`: device pixels in one
 * CSS pixel
 * @param {number} view.character_px width of a character on the axes, whose font is monospaced
 * @param {number} view.labelLength characters for which the value axis has space at least
 * @param {{ x: number } | null} view.pointer
 */
export function composeScene(view) {
  const { row, gaps, size, character_px, pointer } = view;
  const geometry = geometryOf(view);
  const { left, right, top, bottom, from_s, to_s, values, labelLength } = geometry;
  const line = linePoints(row, geometry, size.scale);
  const last = row.number === null ? null : { y: geometry.y(row.number), label: fixed(row.number, row.decimals) };
  return {
    plot: { left, right, top, bottom },
    labelLength,
    times: timeTicks(from_s, to_s, right - left).map(({ s, label }) => {
      const x = geometry.x(s);
      const isCut = x < left + (label.length * character_px) / 2;
      return { x, label: isCut ? '' : label };
    }),
    values: values.map(({ value, label }) => {
      const y = geometry.y(value);
      const isCovered = last !== null && Math.abs(y - last.y) < LABEL_PX;
      return { y, label: isCovered ? '' : label };
    }),
    line,
    end: { x: line.at(-2), y: line.at(-1) },
    gaps: gapBoxes(gaps, geometry, character_px),
    last,
    pointed: pointer && pointedAt(pointer.x, view, geometry),
  };
}

/** The line as `x, y, x, y, ...`. It begins with the last point before the plot. */
function linePoints({ kind, times, values, isOld }, geometry, scale) {
  const isStepped = kind !== 'reading';
  const first = Math.max(indexAfter(times, geometry.from_s) - 1, 0);
  const columnOf = (s) => Math.floor(geometry.x(s) * scale);
  const line = [];
  for (const at of reduceToColumns(times, values, first, times.length, columnOf)) {
    const x = geometry.x(times[at]);
    // A price holds until the next one.
    if (isStepped && line.length > 0) line.push(x, line.at(-1));
    line.push(x, geometry.y(values[at]));
  }
  if (isStepped && !isOld && geometry.now_s > times.at(-1)) line.push(geometry.x(geometry.now_s), line.at(-1));
  return line;
}
