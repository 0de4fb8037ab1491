// The part of the page's address after `#`: what is shown, so that a link shows the same.
//
//     #chart=market%2FBTC-USDT%2Ftrade;candles=60&span=4800&end=2026-01-31T12:00:00.000Z&list=BTC
//
// A name alone, such as `#market%2FBTC-USDT%2Ftrade`, is one chart.

import { INTERVALS_S } from '../candles/intervals.js';
import { MAX_SPAN_S, MIN_SPAN_S } from '../chart/view.js';

const MIN_SIGNIFICANT = 12;

/**
 * @param {object} shown
 * @param {object[]} shown.charts of the workspace
 * @param {{ span_s: number, end_s: number | null }} shown.view
 * @param {string} shown.list the filter of the list
 * @param {boolean} shown.isUtc
 * @returns {string} without the `#`
 */
export function writeAddress({ charts, view, list, isUtc }) {
  const parts = charts.map(({ topic, isCandles, interval_s, hasMessages, range }) => [
    `chart=${encodeURIComponent(topic)}`,
    isCandles ? `candles=${interval_s}` : '',
    hasMessages ? 'messages' : '',
    range ? `low=${number(range[0])};high=${number(range[1])}` : '',
  ].filter(Boolean).join(';'));
  if (charts.length > 0) parts.push(`span=${number(view.span_s)}`);
  if (charts.length > 0 && view.end_s !== null) parts.push(`end=${new Date(view.end_s * 1000).toISOString()}`);
  if (list) parts.push(`list=${encodeURIComponent(list)}`);
  if (isUtc) parts.push('utc');
  return parts.join('&');
}

const number = (value) => String(Number(value.toPrecision(MIN_SIGNIFICANT)));

/**
 * @param {string} text without the `#`. What it says wrongly is left out.
 * @returns {{ charts: object[], span_s?: number, end_s?: number, list?: string, isUtc?: true }}
 */
export function readAddress(text) {
  const read = { charts: [] };
  if (text === '') return read;
  if (!/(^|&)(chart|span|end|list)=|^utc$/.test(text)) {
    const topic = decode(text);
    if (topic) read.charts.push({ topic });
    return read;
  }
  for (const part of text.split('&')) {
    const [, name, value] = /^([a-z]+)(?:=(.*))?$/.exec(part) ?? [];
    if (name === 'chart') {
      const chart = readChart(value ?? '');
      if (chart) read.charts.push(chart);
    } else if (name === 'span') {
      const span_s = Number(value);
      if (span_s >= MIN_SPAN_S && span_s <= MAX_SPAN_S) read.span_s = span_s;
    } else if (name === 'end') {
      const end_s = Date.parse(value) / 1000;
      if (Number.isFinite(end_s)) read.end_s = end_s;
    } else if (name === 'list') {
      read.list = decode(value ?? '') ?? '';
    } else if (name === 'utc') {
      read.isUtc = true;
    }
  }
  return read;
}

function readChart(text) {
  const [name, ...options] = text.split(';');
  const topic = decode(name);
  if (!topic) return null;
  const given = Object.fromEntries(options.map((option) => option.split('=')));
  const chart = { topic, hasMessages: 'messages' in given };
  const interval_s = Number(given.candles);
  if (INTERVALS_S.includes(interval_s)) Object.assign(chart, { isCandles: true, interval_s });
  const [low, high] = [Number(given.low ?? NaN), Number(given.high ?? NaN)];
  if (low < high && Number.isFinite(high - low)) chart.range = [low, high];
  return chart;
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}
