// When to reconnect after a connection has ended.

const FIRST_BOUND_MS = 500;
const LAST_BOUND_MS = 30_000;

/** Random waits whose bound doubles, so that thousands of clients do not reconnect all at once. */
export class Backoff {
  #random;
  #attempts = 0;

  /** @param {() => number} random like Math.random */
  constructor(random) {
    this.#random = random;
  }

  /** The wait before the next attempt, in milliseconds. */
  next() {
    const bound = Math.min(FIRST_BOUND_MS * 2 ** this.#attempts, LAST_BOUND_MS);
    this.#attempts += 1;
    return this.#random() * bound;
  }

  /** An attempt succeeded: the next wait is short again. */
  reset() {
    this.#attempts = 0;
  }
}

/**
 * Whether to reconnect after this close code. After any other code the next connection would end in
 * the same way.
 */
export function mayReconnect(code) {
  return (
    code === 1001 || code === 1005 || code === 1006 || (code >= 1011 && code <= 1015) || (code >= 4000 && code <= 4499)
  );
}

/** The token has expired, was refused, or is revoked: another one can help. */
export const isAboutToken = (code) => code === 4002 || code === 4501 || code === 4502;
