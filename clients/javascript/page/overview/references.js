// From what changes in percent are counted: the first value that the page saw, or the value at a
// time, which the server's candles tell.

import { ofCandle, ofRow } from '../candles/sums.js';

/** Questions without an answer. */
const MAX_IN_FLIGHT = 4;
/** The value of a day ago is asked for again after this time. */
const RENEW_MS = 300_000;
const DAY_MS = 86_400_000;
const INTERVAL = '1m';
const INTERVAL_S = 60;

/** What a person chooses from. */
export const REFERENCES = ['seen', 'day', 'midnight', 'now'];

export class References {
  #store;
  #changed;
  #inFlight = 0;
  /** `seen`, `now`, or what the time is that values are asked for. */
  #kind = 'seen';
  #since_ms = 0;
  /** By the topic, when its value was asked for. */
  #asked = new Map();

  constructor(store, changed) {
    this.#store = store;
    this.#changed = changed;
  }

  /**
   * @param {'seen' | 'day' | 'midnight' | 'now'} kind
   * @param {number} midnight_ms of today, where the person is
   */
  choose(kind, now_ms, midnight_ms) {
    this.#kind = kind;
    this.#since_ms = kind === 'midnight' ? midnight_ms : now_ms;
    this.#asked.clear();
    this.#store.setReference(kind === 'day' || kind === 'midnight' ? 'told' : kind);
  }

  /** Asks for the values of rows in sight. Call it about once a second. */
  update(client, rows, now_ms) {
    if (this.#kind === 'seen' || this.#kind === 'now' || client.readyState !== client.OPEN) return;
    for (const { topic, number } of rows) {
      if (this.#inFlight >= MAX_IN_FLIGHT) return;
      const asked_ms = this.#asked.get(topic) ?? -Infinity;
      const isDue = this.#kind === 'day' ? now_ms - asked_ms > RENEW_MS : asked_ms === -Infinity;
      if (number !== null && isDue) this.#ask(client, topic, now_ms);
    }
  }

  async #ask(client, topic, now_ms) {
    const kind = this.#kind;
    const at_ms = kind === 'day' ? now_ms - DAY_MS : this.#since_ms;
    const before_ns = BigInt(Math.floor(at_ms / 1000 / INTERVAL_S) * INTERVAL_S) * 1_000_000_000n;
    this.#asked.set(topic, now_ms);
    this.#inFlight += 1;
    let number = null;
    try {
      const { candles, rows } = await client.candles(topic, INTERVAL, { limit: 1, before_ns });
      const [sum] = [...candles.map((each) => ofCandle(each, INTERVAL_S)), ...rows.map((each) => ofRow(each, INTERVAL_S))];
      number = sum?.close ?? null;
    } catch {
      // Nothing is known of that time. The column stays empty.
    }
    this.#inFlight -= 1;
    if (kind !== this.#kind) return;
    this.#store.setBase(topic, number);
    this.#changed();
  }
}
