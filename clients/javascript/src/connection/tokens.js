// Where a client takes its tokens from, which one the server knows, and which one it has refused.

import { isAboutToken } from '../backoff.js';

/** A refused token is shown again after this time: an operator may have allowed it meanwhile. */
const REFUSED_REST_NS = 60_000_000_000n;

export class Tokens {
  #source;
  #now;
  /** The token that the server has accepted on this connection, or null. */
  #shown = null;
  /** `{ token, reason, until_ns }`, or null. */
  #refused = null;
  /** `{ token }` if it was fetched before the connection is open; or null. */
  #fetched = null;

  /**
   * @param {(() => string | Promise<string>) | undefined} source of the newest token
   * @param {() => bigint} now this program's clock, in nanoseconds
   */
  constructor(source, now) {
    this.#source = source;
    this.#now = now;
  }

  /** Whether the client has an identity. */
  get areUsed() {
    return this.#source !== undefined;
  }

  /** Whether the server has refused a token: then one is fetched before the next connection. */
  get hasRefused() {
    return this.#refused !== null;
  }

  accepted(token) {
    this.#shown = token;
  }

  refuse(token, reason) {
    this.#refused = { token, reason, until_ns: this.#now() + REFUSED_REST_NS };
  }

  /** @returns {boolean} whether a connection ended because of its token: another one helps */
  ended({ code, reason }) {
    const isReason = this.areUsed && isAboutToken(code);
    if (isReason && this.#shown !== null) this.refuse(this.#shown, reason);
    this.#shown = null;
    return isReason;
  }

  /**
   * Fetches a token for the next connection.
   *
   * @returns {Promise<string | null>} why it is not worth showing, or null
   */
  async fetch() {
    const token = await this.#source();
    const reason = this.#refusalOf(token);
    this.#fetched = reason === null ? { token } : null;
    return reason;
  }

  /** The token for a connection that is open now. */
  async first() {
    const fetched = this.#fetched;
    this.#fetched = null;
    return fetched ? fetched.token : this.#source();
  }

  /** The newest token if it is another one than that of the connection, or null. */
  async another() {
    const token = await this.#source();
    return token === this.#shown || this.#refusalOf(token) !== null ? null : token;
  }

  #refusalOf(token) {
    const refused = this.#refused;
    return refused?.token === token && this.#now() < refused.until_ns ? refused.reason : null;
  }
}
