// The two axes: their ranges, the grid lines and the labels.

import { clock, monthAndDay, offsetAt } from '../shared/clock.js';

/** Space above and below the line, as a part of the line's height. */
const MARGIN = 0.08;
/** Distance between two lines of the grid, at least. */
const VALUE_SPACING_PX = 56;
/** On a low chart they are closer: there are at least two. */
const CLOSE_SPACING_PX = 28;
const LOW_PX = 150;
const TIME_SPACING_PX = 90;
/**
 * Lines of one axis, at most. A chart of 8,000 px has fewer; a range that is not finite has none.
 */
const MAX_TICKS = 200;
/** Two values closer than this, relative to their size, cannot be told apart in a float. */
const RESOLUTION = 1e-12;
const DAY_S = 86_400;
const TIME_STEPS_S = [
  0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5,
  1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 21_600, 43_200, DAY_S,
];

/**
 * The range of the value axis: the values, some space around them, at least two steps of the
 * source.
 */
export function valueRange(low, high, decimals) {
  const resolution = Math.max(Math.abs(low), Math.abs(high)) * RESOLUTION;
  const space = Math.max((high - low) * MARGIN, 2 * 10 ** -decimals, resolution);
  return [low - space, high + space];
}

/**
 * Values at which the grid has a line: multiples of 1, 2 or 5 times a power of ten, and never
 * closer to each other than the source's decimals can tell apart.
 */
export function valueTicks(low, high, height_px, decimals) {
  const spacing_px = height_px < LOW_PX ? CLOSE_SPACING_PX : VALUE_SPACING_PX;
  const wanted = Math.max(((high - low) * spacing_px) / height_px, 10 ** -decimals);
  const power = 10 ** Math.floor(Math.log10(wanted));
  // A step that is wanted exactly must not be missed by a rounding error.
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= wanted * 0.999);
  return multiples(step, low, high);
}

/**
 * Times at which the grid has a line, in seconds, each with its label: the time of day, or the date
 * at midnight.
 *
 * @param {boolean} isUtc otherwise the times are round by the local clock
 */
export function timeTicks(from_s, to_s, width_px, isUtc) {
  const wanted = ((to_s - from_s) * TIME_SPACING_PX) / width_px;
  const step = TIME_STEPS_S.find((candidate) => candidate >= wanted) ?? Math.ceil(wanted / DAY_S) * DAY_S;
  const guess = offsetAt(to_s, isUtc);
  const ticks = [];
  for (const local_s of multiples(step, from_s + guess, to_s + guess)) {
    // The offset of that time, which summer time may have changed.
    const s = local_s - offsetAt(local_s - guess, isUtc);
    if (s >= from_s && s <= to_s && !(s <= ticks.at(-1)?.s)) ticks.push({ s, label: timeLabel(s, step, isUtc) });
  }
  return ticks;
}

function timeLabel(s, step_s, isUtc) {
  const ms = Math.round(s * 1000);
  const time = clock(ms, isUtc, true);
  if (step_s >= 60 && time === '00:00:00.000') return monthAndDay(ms, isUtc);
  if (step_s < 1) return time.slice(6);
  return step_s < 60 ? time.slice(0, 8) : time.slice(0, 5);
}

function multiples(step, low, high) {
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step) - first + 1;
  if (!(count > 0 && count <= MAX_TICKS && Number.isFinite(step))) return [];
  return Array.from({ length: count }, (_, at) => (first + at) * step);
}
