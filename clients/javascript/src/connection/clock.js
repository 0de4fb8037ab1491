// The server's clock, estimated as in RFC 5905, section 8.

/** The newest answers count. Older ones are dropped, because clocks drift. */
const MAX_SAMPLES = 8;

/** The offset of the server's clock, from the answer with the shortest round trip. */
export class Clock {
  #samples = [];

  get samples() {
    return this.#samples.length;
  }

  /**
   * @param {{ client_time_ns: bigint, receive_time_ns: bigint, send_time_ns: bigint }} answer
   * @param {bigint} now the client's clock when the answer arrived
   */
  add(answer, now) {
    const { client_time_ns: t1, receive_time_ns: t2, send_time_ns: t3 } = answer;
    this.#samples.push({ offset_ns: (t2 - t1 + (t3 - now)) / 2n, round_trip_ns: now - t1 - (t3 - t2) });
    if (this.#samples.length > MAX_SAMPLES) this.#samples.shift();
  }

  /**
   * Server's clock minus client's clock, exact to half the round trip; null before the first
   * answer.
   */
  get best() {
    return this.#samples.reduce(
      (best, sample) => (best === null || sample.round_trip_ns < best.round_trip_ns ? sample : best),
      null,
    );
  }

  /** The next connection may lead to another server with another clock. */
  clear() {
    this.#samples = [];
  }
}

const ORIGIN_NS = BigInt(Math.round(performance.timeOrigin * 1_000)) * 1_000n;

/** This program's clock in nanoseconds since 1970: finer than Date, and never set back. */
export function now() {
  return ORIGIN_NS + BigInt(Math.round(performance.now() * 1_000_000));
}
