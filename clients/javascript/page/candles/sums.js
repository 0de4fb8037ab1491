// What is known of the updates of one interval. All kinds of answers become the same object, and a
// live update is added to it as the server would add it.

import { formatDecimal, parseDecimal } from '../../src/wire/decimal.js';

const NS_PER_S = 1_000_000_000n;

/**
 * @typedef {object} Sum
 * @property {number} start_s
 * @property {number} interval_s
 * @property {'complete' | 'open' | 'incomplete'} state
 * @property {boolean} [isFirst] incomplete only because all that is known begins within it
 * @property {number} open the first number; the others are `high`, `low` and `close`
 * @property {{ open: string, high: string, low: string, close: string } | null} prices the same as
 * exact decimals; null without trades
 * @property {string | null} volume exact; null without trades, or if no decimal holds it
 * @property {number | null} sum of readings: divided by the count it is their mean; null for trades
 * @property {number} count of updates with a number
 */

/** @returns {Sum} */
export function ofCandle({ start_ns, state, open, high, low, close, volume, count }, interval_s) {
  return {
    start_s: Number(start_ns / NS_PER_S), interval_s, state, open: Number(open), high: Number(high), low: Number(low), close: Number(close),
    prices: { open, high, low, close }, volume: volume ?? null, sum: null, count,
  };
}

/** @returns {Sum} */
export function ofRow({ start_ns, state, first, max, min, last, sum, count }, interval_s) {
  return {
    start_s: Number(start_ns / NS_PER_S), interval_s, state, open: first, high: max, low: min, close: last,
    prices: null, volume: null, sum, count,
  };
}

/**
 * The number that an update adds, or null: of values without a number, of readings that are not
 * finite, and of updates that are older than they look.
 *
 * @returns {{ price: string, size: string } | { number: number } | null}
 */
export function sampleOf({ quality = 'live', value }) {
  if (quality === 'retained' || quality === 'historical') return null;
  const [kind] = Object.keys(value);
  const content = value[kind];
  if (kind === 'trade') return { price: content.price, size: content.size };
  if (kind === 'reading') return Number.isFinite(content) ? { number: content } : null;
  if (kind !== 'quote' || content.bid == null || content.ask == null) return null;
  return { number: (Number(content.bid) + Number(content.ask)) / 2 };
}

/** Whether a sample may be added: candles are of trades, rows of other numbers. */
export const fits = ({ prices }, sample) => (prices !== null) === ('price' in sample);

/** @returns {Sum} of one sample */
export function ofSample(start_s, interval_s, sample, state) {
  const { price, size } = sample;
  const number = price === undefined ? sample.number : Number(price);
  return {
    start_s, interval_s, state, open: number, high: number, low: number, close: number,
    prices: price === undefined ? null : { open: price, high: price, low: price, close: price },
    volume: size ?? null, sum: price === undefined ? number : null, count: 1,
  };
}

/** Adds the next sample. @returns {Sum} another object, so that a reader may keep the old one */
export function added(before, sample) {
  const next = ofSample(before.start_s, before.interval_s, sample, before.state);
  const { prices } = next;
  const isHigher = prices ? isAbove(prices.high, before.prices.high) : next.high > before.high;
  const isLower = prices ? isAbove(before.prices.low, prices.low) : next.low < before.low;
  const volume = prices ? sumOf(before.volume, next.volume) : null;
  const sum = prices ? null : before.sum + next.sum;
  const isExact = prices ? volume !== null : Number.isFinite(sum);
  return {
    ...before,
    high: isHigher ? next.high : before.high, low: isLower ? next.low : before.low, close: next.close,
    prices: prices && {
      open: before.prices.open, high: isHigher ? prices.high : before.prices.high,
      low: isLower ? prices.low : before.prices.low, close: prices.close,
    },
    volume, sum, state: isExact ? before.state : 'incomplete', count: before.count + 1,
  };
}

/** Whether a decimal is greater than another one. Floats decide unless they are equal. */
function isAbove(a, b) {
  const [near, other] = [Number(a), Number(b)];
  if (near !== other) return near > other;
  const [first, second] = [parseDecimal(a), parseDecimal(b)];
  const scale = Math.max(first.scale, second.scale);
  return scaled(first, scale) > scaled(second, scale);
}

const scaled = ({ mantissa, scale }, wanted) => mantissa * 10n ** BigInt(wanted - scale);

/** The exact sum, or null if no decimal holds it. */
function sumOf(a, b) {
  if (a === null || b === null) return null;
  const [first, second] = [parseDecimal(a), parseDecimal(b)];
  const scale = Math.max(first.scale, second.scale);
  const text = formatDecimal(scaled(first, scale) + scaled(second, scale), scale);
  try {
    parseDecimal(text);
    return text;
  } catch {
    return null;
  }
}
