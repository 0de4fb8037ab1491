// Latency from the server's tape to this page.

import { nsToMs } from '../shared/format.js';

/** The newest latencies count, one for each batch. */
const MAX_LATENCIES = 600;

export class Latencies {
  /**
   * By two clocks that differ: the offset is added when it is needed, because it gets more exact.
   */
  #latencies = [];
  #next = 0;

  /**
   * @param {number} here_ms when the batch arrived, by this computer's clock
   * @param {bigint} ingest_time_ns of the batch's newest update, by the server's clock
   */
  add(here_ms, ingest_time_ns) {
    this.#latencies[this.#next] = here_ms - nsToMs(ingest_time_ns);
    this.#next = (this.#next + 1) % MAX_LATENCIES;
  }

  clear() {
    this.#latencies = [];
    this.#next = 0;
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
