// Computes everything on a chart but its lines, in CSS pixels. It knows no canvas and no document.

import { fixed } from '../shared/format.js';
import { candleShapes } from './candle-shapes.js';
import { gapBoxes } from './gaps.js';
import { LABEL_PX } from './geometry.js';
import { pointedAt } from './pointed.js';
import { timeTicks, valueTicks } from './scale.js';
import { legendOf, stateBoxes } from './states.js';

/** A longer unit stands once above the axis, not at each label. */
const MAX_UNIT = 4;

/**
 * @param {object} view
 * @param {object} view.series `kind` (line, candles or states) and what it needs; the `number`,
 * `decimals` and `unit` of the topic
 * @param {{ gaps: object[] }} view.gapList
 * @param {number} view.now_s the server's time
 * @param {boolean} view.isUtc
 * @param {number} view.character_px width of a character on the axes, whose font is monospaced
 * @param {number | null} view.pointed_s the time of the crosshair
 * @param {object} plot from `plotOf`
 * @param {object | null} values from `valuesOf`; null if the chart has no value axis
 */
export function composeScene(view, plot, values) {
  const { series, gapList, now_s, isUtc, character_px, pointed_s } = view;
  const last = values === null ? null : lastLabel(series, plot, values);
  const states = series.kind === 'states' ? stateBoxes(series.states, plot, now_s) : [];
  return {
    plot, last,
    times: timeTicks(plot.from_s, plot.to_s, plot.right - plot.left, isUtc).map(({ s, label }) => ({ x: plot.x(s), label: cutLabel(label, plot.x(s), plot, values !== null, character_px) })),
    values: values === null ? [] : valueLabels(series, plot, values).map(({ value, label }) => {
      const y = values.y(value);
      const isCovered = last !== null && Math.abs(y - last.y) < LABEL_PX;
      return { y, label: isCovered ? '' : label };
    }),
    unit: series.unit && series.unit.length > MAX_UNIT ? series.unit : '',
    candles: series.kind === 'candles' ? candleShapes(series.candles, series.interval_s, plot, values, now_s) : [],
    states,
    legend: series.kind === 'states' ? legendOf(series.states, states) : [],
    troubles: troubleBoxes(series.statuses, plot, now_s),
    gaps: gapBoxes(gapList.gaps, plot, now_s, character_px),
    joins: series.joins.filter(({ s }) => s >= plot.from_s && s <= plot.to_s).map(({ s, text }) => ({ x: plot.x(s), text })),
    pointed: pointed_s === null ? null : pointedAt(pointed_s, view, plot, values),
  };
}

/** The values of the grid's lines, with their labels. */
export function valueLabels({ decimals, isExact, unit }, plot, { low, high }) {
  const ticks = valueTicks(low, high, plot.bottom - plot.top, decimals);
  // A price has the decimals of its source, a reading those of the step.
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : high - low;
  const digits = isExact ? decimals : Math.min(decimals, Math.max(-Math.floor(Math.log10(step) + 1e-9), 0));
  return ticks.map((value) => ({ value, label: withShortUnit(fixed(Math.abs(value) < step / 2 ? 0 : value, digits), unit) }));
}

/** The newest value as a label, if the chart is still about it. */
export const lastText = ({ number, decimals, unit }) => (number === null ? '' : withShortUnit(fixed(number, decimals), unit));

const withShortUnit = (text, unit) => (unit && unit.length <= MAX_UNIT ? `${text} ${unit}` : text);

function lastLabel(series, plot, values) {
  if (series.number === null) return null;
  const y = values.y(series.number);
  return y < plot.top || y > plot.bottom ? null : { y, label: lastText(series) };
}

/** A label that does not fit is left out. Right of the plot the value axis has space for it. */
function cutLabel(label, x, plot, hasAxis, character_px) {
  const half = (label.length * character_px) / 2;
  return x < plot.left + half || (!hasAxis && x > plot.right - half) ? '' : label;
}

/** Times in which the topic was stale or dead. */
function troubleBoxes(statuses, plot, now_s) {
  const boxes = [];
  statuses.forEach(({ s, status }, at) => {
    if (status === 'live') return;
    const left = Math.max(plot.x(s), plot.left);
    const right = Math.min(plot.x(statuses[at + 1]?.s ?? now_s), plot.right);
    if (right > left) boxes.push({ left, width: right - left, isDead: status === 'dead' });
  });
  return boxes;
}
