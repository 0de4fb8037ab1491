// The point or the gap below the pointer.

import { clock, fixed, signed } from '../shared/format.js';
import { indexAfter } from './reduce.js';

/**
 * A gap (without `y`), or a point of the line, each with the lines of the tooltip.
 *
 * @returns {{ x: number, y: number | null, lines: string[] } | null} null outside of the plot
 */
export function pointedAt(x, { row, gaps }, geometry) {
  const { left, right, now_s } = geometry;
  if (x < left || x > right) return null;
  const s = geometry.s(x);
  const gap = gaps.findLast(({ from, to }) => from / 1000 <= s && s < (to === null ? now_s : to / 1000));
  if (gap) {
    const until = gap.to === null ? 'now' : clock(gap.to, true);
    return { x, y: null, lines: [gap.text, `from ${clock(gap.from, true)}`, `to   ${until}`] };
  }
  return row.kind === 'reading' ? nearestReading(row, s, geometry) : priceThen(row, s, geometry);
}

/** A price holds until the next one, so the line has a point at each time. */
function priceThen(row, s, geometry) {
  const at = Math.max(indexAfter(row.times, s) - 1, 0);
  const shown_s = Math.max(Math.min(s, geometry.now_s), row.times[at]);
  return { x: geometry.x(shown_s), y: geometry.y(row.values[at]), lines: tell(row, at, geometry.now_s) };
}

function nearestReading(row, s, geometry) {
  const { times, values } = row;
  let at = Math.min(indexAfter(times, s), times.length - 1);
  if (at > 0 && s - times[at - 1] < times[at] - s) at -= 1;
  const x = geometry.x(times[at]);
  return x < geometry.left ? null : { x, y: geometry.y(values[at]), lines: tell(row, at, geometry.now_s) };
}

function tell({ times, values, number, decimals }, at, now_s) {
  const delta = number === null ? '–' : signed(number - values[at], decimals);
  const age_s = Math.max(now_s - times[at], 0);
  return [fixed(values[at], decimals), clock(times[at] * 1000, true), `Δ live ${delta} · ${age_s.toFixed(1)} s ago`];
}
