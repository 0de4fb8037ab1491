// Where candles come from: every update of the topic, from the server's history and live. What asks
// for candles knows nothing of that.

import { CandleSeries } from './series.js';

/** Of one topic and interval. */
const MAX_CANDLES = 5_000;

export class CandleSource {
  #ticks;
  #gapList;
  #series = null;
  #version = -1;
  #appended = 0;
  #gapVersion = -1;

  /**
   * @param {import('../chart/points.js').Points} ticks every update, with sizes as `others`
   * @param {{ gaps: object[], version: number }} gapList
   */
  constructor(ticks, gapList) {
    this.#ticks = ticks;
    this.#gapList = gapList;
  }

  /**
   * Candles that overlap a time, and the interval.
   *
   * @param {boolean} hasSizes whether the other number of a tick is a size
   */
  between(interval_s, from_s, to_s, hasSizes) {
    this.#update(interval_s, hasSizes);
    return this.#series.between(from_s, to_s);
  }

  #update(interval_s, hasSizes) {
    const ticks = this.#ticks;
    const isSame = this.#series?.interval_s === interval_s && this.#version === ticks.version && this.#gapVersion === this.#gapList.version;
    const fresh = isSame ? Math.min(ticks.appended - this.#appended, ticks.length) : ticks.length;
    if (!isSame) this.#series = new CandleSeries(interval_s);
    for (let at = ticks.end - fresh; at < ticks.end; at++) {
      const number = ticks.values[at];
      if (!Number.isNaN(number)) this.#series.add(ticks.times[at], number, hasSizes ? ticks.others[at] : NaN, this.#gapList.gaps);
    }
    this.#series.keep(MAX_CANDLES);
    this.#version = ticks.version;
    this.#appended = ticks.appended;
    this.#gapVersion = this.#gapList.version;
  }
}
