// Where things lie on a chart: the plot, its two axes, and the way between data and CSS pixels.

import { fixed } from '../shared/format.js';
import { indexAfter } from './reduce.js';
import { valueRange, valueTicks } from './scale.js';

/** Height of a label on an axis and of the label of a gap. */
export const LABEL_PX = 18;
/** Space left and right of the text in a label. */
export const LABEL_PAD_PX = 6;
/** Between the plot and a label of the value axis. */
export const LABEL_GAP_PX = 2;
const TOP_PX = 8;
const TIME_AXIS_PX = 28;
/** Right of the labels of the value axis. */
const VALUE_AXIS_END_PX = 6;
/** Time shown when there is little to show. */
const MIN_SPAN_S = 10;
/** Empty space on the right, as a part of the time shown. */
const AHEAD = 0.02;

/**
 * @param {object} view as for `composeScene`
 * @returns the plot's edges, the ranges, `x(s)`, `y(value)`, `s(x)` and the values of the grid's
 * lines
 */
export function geometryOf({ row, now_s, window_s, size, character_px, labelLength }) {
  const from_s = startOf(row, now_s, window_s);
  const to_s = now_s + (now_s - from_s) * AHEAD;
  const [low, high] = valueRange(...extremes(row, from_s), row.decimals);
  const top = TOP_PX;
  const bottom = Math.max(size.height - TIME_AXIS_PX, top + 1);

  const label = (value) => fixed(value, row.decimals);
  const values = valueTicks(low, high, bottom - top, row.decimals).map((value) => ({ value, label: label(value) }));
  const longest = Math.max(labelLength, label(row.number).length, ...values.map((tick) => tick.label.length));
  const axis_px = LABEL_GAP_PX + 2 * LABEL_PAD_PX + longest * character_px + VALUE_AXIS_END_PX;
  const [left, right] = [0, Math.max(size.width - axis_px, 1)];
  return {
    left, right, top, bottom, from_s, to_s, now_s, values, labelLength: longest,
    x: (s) => left + ((s - from_s) / (to_s - from_s)) * (right - left),
    y: (value) => bottom - ((value - low) / (high - low)) * (bottom - top),
    s: (x) => from_s + ((x - left) / (right - left)) * (to_s - from_s),
  };
}

function startOf({ times }, now_s, window_s) {
  const first = Math.min(times[0], now_s - MIN_SPAN_S);
  return window_s === 0 ? first : Math.max(first, now_s - window_s);
}

/** The lowest and highest value in sight, the newest one included. */
function extremes({ times, values, number, kind }, from_s) {
  let low = number ?? values.at(-1);
  let high = low;
  const first = indexAfter(times, from_s);
  // A price from before still holds at the left edge.
  for (let at = kind === 'reading' ? first : Math.max(first - 1, 0); at < values.length; at++) {
    if (values[at] < low) low = values[at];
    if (values[at] > high) high = values[at];
  }
  return [low, high];
}
