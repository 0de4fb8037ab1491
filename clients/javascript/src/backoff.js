// When to come back after a connection has ended.

const FIRST_BOUND_MS = 500;
const LAST_BOUND_MS = 30_000;

/** Random waits whose bound doubles, so that thousands of clients do not come back all at once. */
export class Backoff {
  #random;
  #attempts = 0;

  /** @param {() => number} random as Math.random */
  constructor(random) {
    this.#random = random;
  }

  /** How long to wait before the next attempt, in milliseconds. */
  next() {
    const bound = Math.min(FIRST_BOUND_MS * 2 ** this.#attempts, LAST_BOUND_MS);
    this.#attempts += 1;
    return this.#random() * bound;
  }

  /** It went well: the next wait is a short one again. */
  reset() {
    this.#attempts = 0;
  }
}

/**
 * Whether a connection that ended with this close code is worth another attempt. After the other
 * codes the same would happen again.
 */
export function mayReconnect(code) {
  return (
    code === 1001 || code === 1005 || code === 1006 || (code >= 1011 && code <= 1015) || (code >= 4000 && code <= 4499)
  );
}
