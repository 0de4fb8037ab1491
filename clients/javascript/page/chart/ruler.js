// What is between two times of a chart: differences and statistics.

import { age, fixed, grouped, isTooSmall, signed } from '../shared/format.js';
import { stateAt } from './states.js';

const PERCENT_DECIMALS = 3;

/**
 * @param {object} series as for `composeScene`
 * @param {object[]} gaps `{ from, to }` in ms
 * @returns {{ first: number | null, last: number | null, low: number, high: number,
 * mean: number | null, count: number, volume: number | null, hasGap: boolean }} of the updates in
 * a time; rows and candles count if they are in it as a whole
 */
export function measure(series, gaps, from_s, to_s) {
  const sums = { first: null, last: null, low: Infinity, high: -Infinity, total: 0, count: 0, volume: null, hasGap: false };
  const intervals = series.candles ?? series.rows ?? [];
  for (const { start_s, interval_s, open, high, low, close, sum, count, volume, state } of intervals) {
    if (start_s < from_s || start_s + interval_s > to_s) continue;
    sums.first ??= open;
    sums.last = close;
    sums.low = Math.min(sums.low, low);
    sums.high = Math.max(sums.high, high);
    sums.total = sum === null ? NaN : sums.total + sum;
    sums.count += count;
    if (volume !== null) sums.volume = (sums.volume ?? 0) + Number(volume);
    sums.hasGap ||= state === 'incomplete';
  }
  if (series.kind === 'line') addPoints(sums, series.points, from_s, to_s);
  sums.hasGap ||= gaps.some(({ from, to }) => from / 1000 < to_s && (to ?? Infinity) / 1000 > from_s);
  const { total, ...rest } = sums;
  return { ...rest, mean: sums.count === 0 || Number.isNaN(total) ? null : total / sums.count };
}

function addPoints(sums, points, from_s, to_s) {
  for (let at = points.indexAfter(from_s); at < points.end && points.times[at] <= to_s; at++) {
    const value = points.values[at];
    if (Number.isNaN(value)) continue;
    sums.first ??= value;
    sums.last = value;
    if (value < sums.low) sums.low = value;
    if (value > sums.high) sums.high = value;
    sums.total += value;
    sums.count += 1;
  }
}

/**
 * The same as lines of text.
 *
 * @returns {string[]}
 */
export function rulerLines(series, gaps, from_s, to_s) {
  const lines = [`Δt ${durationText(to_s - from_s)}`];
  if (series.kind === 'states') {
    const changes = series.states.changes.filter(({ s }) => s > from_s && s <= to_s).length;
    const [before, after] = [from_s, to_s].map((s) => stateAt(series.states, s)?.text ?? 'nothing');
    return [...lines, `${changes} ${changes === 1 ? 'change' : 'changes'}`, before === after ? before : `${before} → ${after}`];
  }
  const { first, last, low, high, mean, count, volume, hasGap } = measure(series, gaps, from_s, to_s);
  const { decimals, unit } = series;
  const text = (number) => fixed(number, decimals);
  if (count > 0) {
    const isSmall = first === 0 || isTooSmall(first, { least: low, greatest: high }, series.isPrice);
    const percent = isSmall ? '' : ` (${signed(((last - first) / Math.abs(first)) * 100, PERCENT_DECIMALS)} %)`;
    lines.push(`Δ ${signed(last - first, decimals) || '0'}${unit ? ` ${unit}` : ''}${percent}`);
    lines.push(`min ${text(low)}  max ${text(high)}`);
    lines.push(`${mean === null ? '' : `mean ${fixed(mean, decimals + 1)} · `}n ${grouped(String(count))}${volume === null ? '' : ` · volume ${grouped(String(Number(volume.toPrecision(6))))}`}`);
  } else {
    lines.push('no update in it');
  }
  if (hasGap) lines.push('something is missing in it');
  return lines;
}

const MINUTE_S = 60;
const HOUR_S = 3_600;
const DAY_S = 86_400;

/** `1 h 5 min`, or seconds with their decimals. */
function durationText(s) {
  if (s < MINUTE_S) return age(s * 1000).replace(/^[\d.]+/, s.toFixed(s < 10 ? 2 : 1));
  if (s < HOUR_S) return `${Math.floor(s / MINUTE_S)} min ${Math.floor(s % MINUTE_S)} s`;
  if (s < DAY_S) return `${Math.floor(s / HOUR_S)} h ${Math.floor((s % HOUR_S) / MINUTE_S)} min`;
  return `${Math.floor(s / DAY_S)} d ${Math.floor((s % DAY_S) / HOUR_S)} h`;
}
