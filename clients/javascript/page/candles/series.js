// Candles of one interval, made from trades or other numbers in order of time.

import { gapBetween } from '../chart/gap-search.js';

/** What a person chooses from, in seconds. */
export const INTERVALS_S = [1, 5, 15, 60, 300, 900, 3_600];
/** Choosing an interval shows about this many candles. */
export const CANDLES_SHOWN = 80;

/**
 * @typedef {object} Candle
 * @property {number} start_s a multiple of the interval
 * @property {number} open
 * @property {number} high
 * @property {number} low
 * @property {number} close
 * @property {number} volume the sum of the sizes; 0 without sizes
 * @property {number} count of numbers
 * @property {boolean} isIncomplete whether numbers are missing
 */

export class CandleSeries {
  /** @type {Candle[]} ascending; an interval without a number has none */
  candles = [];
  interval_s;
  #last_s = null;

  constructor(interval_s) {
    this.interval_s = interval_s;
  }

  /**
   * @param {number} s not before the last one
   * @param {number} size NaN for none
   * @param {object[]} gaps as for `gapBetween`
   */
  add(s, number, size, gaps) {
    const { interval_s, candles } = this;
    const start_s = Math.floor(s / interval_s) * interval_s;
    const gap = this.#last_s === null ? null : gapBetween(gaps, this.#last_s, s);
    const last = candles.at(-1);
    // The beginning of the first candle is unknown, unless the first number lies on its edge.
    const isCut = this.#last_s === null ? s > start_s : gap !== null && (gap.to ?? Infinity) / 1000 > start_s;
    if (gap && last && gap.from / 1000 < last.start_s + interval_s) last.isIncomplete = true;
    this.#last_s = s;
    const volume = Number.isNaN(size) ? 0 : size;
    if (!last || last.start_s !== start_s) {
      candles.push({ start_s, open: number, high: number, low: number, close: number, volume, count: 1, isIncomplete: isCut });
      return;
    }
    last.high = Math.max(last.high, number);
    last.low = Math.min(last.low, number);
    last.close = number;
    last.volume += volume;
    last.count += 1;
  }

  /** Forgets the oldest candles above a number. */
  keep(count) {
    if (this.candles.length > count) this.candles.splice(0, this.candles.length - count);
  }

  /** The candles that overlap a time. */
  between(from_s, to_s) {
    const { candles, interval_s } = this;
    let [low, high] = [0, candles.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (candles[middle].start_s + interval_s <= from_s) low = middle + 1;
      else high = middle;
    }
    let end = low;
    while (end < candles.length && candles[end].start_s < to_s) end += 1;
    return candles.slice(low, end);
  }
}
