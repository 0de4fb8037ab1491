// Computes everything on a chart but its lines, in CSS pixels. It knows no canvas and no document.

import { fixed } from '../shared/format.js';
import { candleShapes } from './candle-shapes.js';
import { gapBoxes } from './gaps.js';
import { LABEL_PAD_PX, LABEL_PX } from './geometry.js';
import { pointedAt } from './pointed.js';
import { flawBoxes, rowShapes, withWords } from './row-shapes.js';
import { rulerLines } from './ruler.js';
import { timeTicks, valueTicks } from './scale.js';
import { legendOf, stateBoxes } from './states.js';

/** Words of joins that lie on each other. */
const JOIN_LEVELS = 3;
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
 * @param {{ from_s: number, to_s: number } | null} [view.ruler]
 * @param {object} plot from `plotOf`
 * @param {object | null} values from `valuesOf`; null if the chart has no value axis
 */
export function composeScene(view, plot, values) {
  const { series, gapList, now_s, isUtc, character_px, pointed_s } = view;
  const last = values === null ? null : lastLabel(series, plot, values);
  const gaps = gapBoxes(gapList.gaps, plot, now_s, character_px);
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
    candles: series.kind === 'candles' ? candleShapes(series.candles, plot, values, now_s) : [],
    rows: series.kind === 'line' ? rowShapes(series.rows, series.points.first_s, plot, values) : [],
    flaws: withWords(flawBoxes(series.candles ?? series.rows ?? [], plot), gaps, character_px),
    notes: noteBoxes(series.notes, plot, character_px),
    states,
    legend: series.kind === 'states' ? legendOf(series.states, states) : series.hasPair ? pairOf(series) : [],
    troubles: troubleBoxes(series.statuses, plot, now_s),
    gaps,
    joins: joinLines(series.joins, plot, character_px),
    ruler: view.ruler ? rulerBox(view, plot) : null,
    pointed: pointed_s === null ? null : pointedAt(pointed_s, view, plot, values),
  };
}

/** Times about which something is said: their place, and the words if there is space for them. */
function noteBoxes(notes, plot, character_px) {
  const boxes = [];
  for (const { from_s, to_s, text } of notes) {
    const left = Math.max(plot.x(from_s), plot.left);
    const right = Math.min(plot.x(to_s), plot.right);
    const width = text.length * character_px + 2 * LABEL_PAD_PX;
    if (right > left) boxes.push({ left, right, label: width <= right - left ? { x: (left + right - width) / 2, width, text } : null });
  }
  return boxes;
}

/**
 * Lines at which data of one kind ends. Words about what is before stand there. Words that would
 * cover those of a later line stand above them.
 */
function joinLines(joins, plot, character_px) {
  const lines = [];
  /** Of each level, from the bottom: the place that is free left of its words. */
  const free = Array(JOIN_LEVELS).fill(Infinity);
  for (const { s, text, isBefore } of joins.toSorted((a, b) => b.s - a.s)) {
    if (s < plot.from_s || s > plot.to_s) continue;
    const x = plot.x(s);
    const width = text.length * character_px + 2 * LABEL_PAD_PX;
    const isLeft = x + width > plot.right || (isBefore && x - width >= plot.left);
    const left = isLeft ? x - width : x;
    const level = left < plot.left ? -1 : free.findIndex((end) => left + width <= end);
    if (level >= 0) free[level] = left;
    lines.push({ x, label: level < 0 ? null : { left, width, text, level } });
  }
  return lines;
}

/** The two lines of a quote, with their newest values and colours. */
function pairOf({ number, decimals, points }) {
  const ask = points.length === 0 ? NaN : points.others[points.end - 1];
  return [{ text: `bid ${fixed(number, decimals)}`, color: 0 }, { text: Number.isNaN(ask) ? 'no ask' : `ask ${fixed(ask, decimals)}`, color: 1 }];
}

/** The time between two cursors, as far as it is in sight, and what is in it. */
function rulerBox({ series, gapList, ruler, character_px }, plot) {
  const { from_s, to_s } = ruler;
  if (to_s < plot.from_s || from_s > plot.to_s) return null;
  const lines = rulerLines(series, gapList.gaps, from_s, to_s);
  const width = Math.max(...lines.map(({ length }) => length)) * character_px + 2 * LABEL_PAD_PX;
  const [left, right] = [plot.x(from_s), plot.x(to_s)];
  const x = Math.min(Math.max((left + right - width) / 2, plot.left + LABEL_PAD_PX), plot.right - width - LABEL_PAD_PX);
  return { left, right, label: { x, width, lines } };
}

/** The values of the grid's lines, with their labels. */
export function valueLabels({ decimals, isPrice, unit }, plot, { low, high }) {
  const ticks = valueTicks(low, high, plot.bottom - plot.top, decimals);
  // A price has the decimals of its source, a reading those of the step.
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : high - low;
  const digits = isPrice ? decimals : Math.min(decimals, Math.max(-Math.floor(Math.log10(step) + 1e-9), 0));
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
