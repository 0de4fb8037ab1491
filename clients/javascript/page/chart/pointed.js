// The point, candle, state or gap below the pointer, in words.

import { clock, clockFrom } from '../shared/clock.js';
import { age, fixed, grouped, signed, span } from '../shared/format.js';
import { stateAt } from './states.js';

const MAX_TEXT = 60;
/** A pointer is not more exact. */
const NEAR_PX = 12;
const VOLUME_DIGITS = 6;

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
  if (series.kind === 'candles') return candleAt(s, view, plot, values);
  if (series.kind === 'states') return stateBelow(s, view, plot);
  return pointAt(s, view, plot, values);
}

function pointAt(s, { series, now_s, isUtc }, plot, values) {
  const { points, isStepped, decimals, number, unit, hasPair } = series;
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

function candleAt(s, { series, now_s, isUtc }, plot, values) {
  const { candles, interval_s, decimals, hasSizes } = series;
  const candle = candles.find(({ start_s }) => start_s <= s && s < start_s + interval_s);
  if (!candle) return { x: plot.x(s), y: null, lines: ['no update in this interval', clockFrom(s * 1000, now_s * 1000, isUtc)] };
  const text = (number) => fixed(number, decimals);
  const { open, high, low, close, volume, count, isIncomplete, start_s } = candle;
  const isOpen = start_s + interval_s > now_s;
  return {
    x: plot.x(start_s + interval_s / 2), y: values.y(close),
    lines: [
      `O ${text(open)}  C ${text(close)}`,
      `H ${text(high)}  L ${text(low)}`,
      `${hasSizes ? `volume ${grouped(String(Number(volume.toPrecision(VOLUME_DIGITS))))} · ` : ''}${count} ${count === 1 ? 'update' : 'updates'}`,
      `${clockFrom(start_s * 1000, now_s * 1000, isUtc).slice(0, -4)} · ${span(interval_s)}${isIncomplete ? ' · incomplete' : isOpen ? ' · open' : ''}`,
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
