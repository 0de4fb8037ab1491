// What a chart shows of a topic, in the words of the chart.

const NO_STATUSES = [];

/**
 * @param {object} row of the store
 * @param {object} chart of the workspace
 * @param {import('./detail.js').Detail | null} detail
 * @param {{ s: number, text: string }[]} joins changes of the rate
 * @param {(interval_s: number) => object[]} candlesOf candles in sight
 * @returns {object | null} null if there is nothing to show yet
 */
export function seriesOf(row, chart, detail, joins, candlesOf) {
  const { kind, number, decimals, unit, isOld } = row;
  const common = { number, decimals, unit, isOld, statuses: row.statuses ?? NO_STATUSES, joins: [], isExact: kind === 'trade' || kind === 'quote' };
  if (isWords(row)) {
    if (!detail || detail.states.changes.length === 0) return null;
    return { ...common, kind: 'states', states: detail.states, number: null };
  }
  if (chart.isCandles) {
    if (!detail) return null;
    const candles = candlesOf(chart.interval_s);
    return { ...common, kind: 'candles', candles, interval_s: chart.interval_s, hasSizes: kind === 'trade' };
  }
  if (row.points.length === 0) return null;
  return {
    ...common, kind: 'line', points: row.points,
    isStepped: kind !== 'reading', hasPair: kind === 'quote',
    joins: row.join ? [row.join, ...joins] : joins,
  };
}

/** Whether the topic has words instead of numbers: a timeline shows them. */
export const isWords = (row) => row.number === null && row.points.length === 0;
