// The point, candle, state or gap below the pointer, in words.

import { clock, clockFrom } from '../shared/clock.js';
import { age, fixed, grouped, signed, span } from '../shared/format.js';
import { meanOf } from './row-shapes.js';
import { stateAt } from './states.js';

const MAX_TEXT = 60;
/** A pointer is not more exact. */
const NEAR_PX = 12;

/**
 * @param {number} s the time of the crosshair
 * @param {object} view as for `composeScene`
 * @param {object} plot from `plotOf`
 * @param {object} values from `valuesOf`
 * @returns {{ x: number, y: number | null, lines: string[] } | null} a gap has no `y`; null outside
 * of the plot
 */
export function pointedAt(s, view, plot, values) {
  const { series, gapList, now_s, isUtc } = view;
  if (s < plot.from_s || s > plot.to_s) return null;
  const gap = gapList.gaps.findLast(({ from, to }) => from / 1000 <= s && s < (to === null ? now_s : to / 1000));
  if (gap) {
    const until = gap.to === null ? 'now' : clock(gap.to, isUtc, true);
    return { x: plot.x(s), y: null, lines: [gap.text, `from ${clock(gap.from, isUtc, true)}`, `to   ${until}`] };
  }
  const note = series.notes.find(({ from_s, to_s }) => from_s <= s && s < to_s);
  if (note) return { x: plot.x(s), y: null, lines: [note.text, clockFrom(s * 1000, now_s * 1000, isUtc)] };
  if (series.kind === 'candles') return candleAt(s, view, plot, values);
  if (series.kind === 'states') return stateBelow(s, view, plot);
  return pointAt(s, view, plot, values);
}

function pointAt(s, { series, now_s, isUtc }, plot, values) {
  const { points, rows, isStepped, decimals, number, unit, hasPair } = series;
  if (rows.length > 0 && !(s >= points.first_s)) return rowAt(s, { series, now_s, isUtc }, plot, values);
  // Left of the first point nothing is known.
  if (points.length === 0 || plot.x(s) < plot.x(points.first_s) - NEAR_PX) return null;
  let at = Math.min(Math.max(points.indexAfter(s) - (isStepped ? 1 : 0), points.start), points.end - 1);
  // A reading has no value between its points: the nearest one counts.
  if (!isStepped && at > points.start && s - points.times[at - 1] < points.times[at] - s) at -= 1;
  const [time_s, value, other] = [points.times[at], points.values[at], points.others[at]];
  const shown_s = isStepped ? Math.max(Math.min(s, now_s), time_s) : time_s;
  if (shown_s < plot.from_s || shown_s > plot.to_s) return null;
  const when = `${clockFrom(time_s * 1000, now_s * 1000, isUtc)} · ${age((now_s - time_s) * 1000)} ago`;
  if (Number.isNaN(value)) return { x: plot.x(shown_s), y: null, lines: ['no number', when] };
  const delta = number === null ? '–' : signed(number - value, decimals);
  const text = hasPair ? `${fixed(value, decimals)} / ${Number.isNaN(other) ? 'no ask' : fixed(other, decimals)}` : fixed(value, decimals);
  return { x: plot.x(shown_s), y: values.y(value), lines: [unit ? `${text} ${unit}` : text, when, `Δ live ${delta}`] };
}

/** The interval of a line that holds a time. */
function rowAt(s, { series, now_s, isUtc }, plot, values) {
  const { decimals, unit } = series;
  const row = intervalAt(series.rows, s);
  if (!row) return { x: plot.x(s), y: null, lines: ['no update in this interval', clockFrom(s * 1000, now_s * 1000, isUtc)] };
  const text = (number) => fixed(number, decimals);
  const mean = meanOf(row);
  const [name, shown] = row.sum === null ? ['last', text(mean)] : ['mean', fixed(mean, decimals + 1)];
  return {
    x: plot.x(row.start_s + row.interval_s / 2), y: values.y(mean),
    lines: [`${name} ${shown}${unit ? ` ${unit}` : ''}`, `min ${text(row.low)}  max ${text(row.high)}`, countOf(row.count), startAndLength(row, now_s, isUtc)],
  };
}

const intervalAt = (list, s) => list.findLast(({ start_s, interval_s }) => start_s <= s && s < start_s + interval_s);
const countOf = (count) => `${grouped(String(count))} ${count === 1 ? 'update' : 'updates'}`;

function startAndLength({ start_s, interval_s, state, isFirst }, now_s, isUtc) {
  const isOpen = start_s + interval_s > now_s;
  const lack = isFirst ? ' · history begins in it' : ' · incomplete';
  const flaw = state === 'incomplete' ? lack : isOpen ? ' · open' : '';
  return `${clockFrom(start_s * 1000, now_s * 1000, isUtc).slice(0, -4)} · ${span(interval_s)}${flaw}`;
}

function candleAt(s, { series, now_s, isUtc }, plot, values) {
  const { candles, decimals } = series;
  const candle = intervalAt(candles, s);
  if (!candle) return { x: plot.x(s), y: null, lines: ['no update in this interval', clockFrom(s * 1000, now_s * 1000, isUtc)] };
  const { prices, volume, count } = candle;
  // Prices are shown with all their digits.
  const text = (name) => (prices ? grouped(prices[name]) : fixed(candle[name], decimals));
  return {
    x: plot.x(candle.start_s + candle.interval_s / 2), y: values.y(candle.close),
    lines: [
      `O ${text('open')}  C ${text('close')}`,
      `H ${text('high')}  L ${text('low')}`,
      `${volume === null ? '' : `volume ${grouped(volume)} · `}${countOf(count)}`,
      startAndLength(candle, now_s, isUtc),
    ],
  };
}

function stateBelow(s, { series, now_s, isUtc }, plot) {
  const state = stateAt(series.states, s);
  if (!state || s > now_s) return null;
  const lasts_s = (state.until_s ?? now_s) - state.s;
  const text = state.text.length > MAX_TEXT ? `${state.text.slice(0, MAX_TEXT)}…` : state.text;
  return { x: plot.x(s), y: null, lines: [text, `since ${clockFrom(state.s * 1000, now_s * 1000, isUtc)}`, `for ${age(lasts_s * 1000)}`] };
}
