// Latency from the server's tape to this page, without the time for which the rate held a batch
// back.

import { nsToMs } from '../shared/format.js';

/** The newest latencies count, one for each batch. */
const MAX_LATENCIES = 600;

export class Latencies {
  /**
   * By two clocks that differ: the offset is added when it is needed, because it gets more exact.
   */
  #latencies = [];
  #next = 0;
  /** When the batch before arrived, by this computer's clock. */
  #arrived_ms = null;

  /**
   * With a rate, batches keep a distance. A batch was due when its newest update was there and that
   * distance was over: counted from the batch before, which had left half a round trip before it
   * arrived.
   *
   * @param {number} here_ms when the batch arrived, by this computer's clock
   * @param {bigint} ingest_time_ns of the batch's newest update, by the server's clock
   * @param {number} distance_ms between two batches; 0 without a rate
   * @param {{ offset_ns: bigint, round_trip_ns: bigint } | null} clock estimate
   */
  add(here_ms, ingest_time_ns, distance_ms, clock) {
    const made_ms = nsToMs(ingest_time_ns);
    let due_ms = made_ms;
    if (distance_ms > 0 && this.#arrived_ms !== null && clock !== null) {
      const left_ms = this.#arrived_ms + nsToMs(clock.offset_ns) - nsToMs(clock.round_trip_ns) / 2;
      const arrived_ms = here_ms + nsToMs(clock.offset_ns);
      due_ms = Math.min(Math.max(made_ms, left_ms + distance_ms), Math.max(arrived_ms, made_ms));
    }
    this.#arrived_ms = here_ms;
    this.#latencies[this.#next] = here_ms - due_ms;
    this.#next = (this.#next + 1) % MAX_LATENCIES;
  }

  clear() {
    this.#latencies = [];
    this.#next = 0;
    this.#arrived_ms = null;
  }

  /**
   * @param {{ offset_ns: bigint } | null} estimate of the offset between the clocks
   * @returns {{ p50?: number, p99?: number }} milliseconds; empty while unknown
   */
  quantiles(estimate) {
    if (estimate === null || this.#latencies.length === 0) return {};
    const offset_ms = nsToMs(estimate.offset_ns);
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    const at = (part) => Math.max(sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] + offset_ms, 0);
    return { p50: at(0.5), p99: at(0.99) };
  }
}
