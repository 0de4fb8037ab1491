// What a chart shows of a topic, in the words of the chart.

import { isPrice, span } from '../shared/format.js';

const NO_STATUSES = [];
export const NOTHING = { intervals: [], joins: [], notes: [] };

/**
 * @param {object} row of the store
 * @param {object} chart of the workspace
 * @param {import('./detail.js').Detail | null} detail
 * @param {{ s: number, text: string }[]} joins changes of the rate
 * @param {object | null} past what `Pasts.look` found; null: nothing is asked
 * @returns {object | null} null if there is nothing to show yet
 */
export function seriesOf(row, chart, detail, joins, past) {
  const { kind, number, decimals, unit, isOld, points } = row;
  const common = { number, decimals, unit, isOld, statuses: row.statuses ?? NO_STATUSES, joins: [], notes: [], isPrice: isPrice(kind) };
  if (isWords(row)) {
    if (!detail || detail.states.changes.length === 0) return null;
    return { ...common, kind: 'states', states: detail.states, number: null };
  }
  const { intervals, joins: ends, notes } = past ?? NOTHING;
  if (chart.isCandles) {
    if (!past) return null;
    return { ...common, kind: 'candles', candles: intervals, joins: ends, notes };
  }
  // From the first point on, every update is drawn for itself.
  const first_s = points.first_s ?? Infinity;
  const isBefore = ({ start_s, interval_s }) => start_s + interval_s <= first_s;
  const rows = intervals.some(isBefore) ? intervals.filter(({ start_s }) => start_s < first_s) : [];
  if (points.length === 0 && rows.length === 0 && notes.length === 0) return null;
  const all = [...ends.filter(({ s }) => s < first_s), ...joins];
  if (row.join) all.push(row.join);
  if (rows.length > 0 && first_s < Infinity) all.push({ s: first_s, text: `${span(rows.at(-1).interval_s)} rows before this`, isBefore: true });
  return {
    ...common, kind: 'line', points, rows, joins: all, notes,
    isStepped: kind !== 'reading', hasPair: kind === 'quote',
  };
}

/** Whether the topic has words instead of numbers: a timeline shows them. */
export const isWords = (row) => row.number === null && row.points.length === 0;
