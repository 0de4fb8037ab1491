// Publishes that are sent again on each connection until they are answered. The server puts each of
// them on the tape once. `docs/protocol.md` says why ("Publishing once").

import { NUMBER_TOO_OLD, ServerError, UncertainError } from '../errors.js';
import { copyUpdates } from '../wire/messages.js';

/** The server knows the last this many publishes of a publisher, so as many wait for answers. */
export const PUBLISHER_WINDOW = 64;
/** Publishes that may wait, sent or not: seconds of them on a slow network. */
const MAX_WAITING = 1_024;
/** After how long a refused publish is sent again, if the server does not say. */
const RETRY_AFTER_MS = 1_000;

// Where a publish is: it is to be sent, it was sent on this connection, or it is refused for now.
const HERE = 0;
const SENT = 1;
const REFUSED = 2;

export class OncePublishes {
  #host;
  #env;
  #stats;
  /** Oldest first: `{ updates, number, place, isDoubtful, resolve, reject }`. */
  #waiting = [];
  #publisher;
  #number;
  /** `unknown` to the server, `told`, `refused` for now, or `known`. */
  #stage;
  #retry = null;

  /**
   * @param {object} host `isOpen()`, `sendRequest(message, { resolve, reject })`
   * @param {object} env `setTimeout`, `clearTimeout`
   * @param {object} stats of the client
   */
  constructor(host, env, stats) {
    this.#host = host;
    this.#env = env;
    this.#stats = stats;
    this.#begin();
  }

  /** @returns {Promise<number>} the position of the last update */
  publish(updates) {
    return new Promise((resolve, reject) => {
      if (this.#waiting.length >= MAX_WAITING) {
        this.#stats.refused_publishes += 1;
        return reject(new Error(`too many publishes wait for their answers (limit ${MAX_WAITING})`));
      }
      this.#waiting.push({ updates: copyUpdates(updates), number: null, place: HERE, isDoubtful: false, resolve, reject });
      return this.#send();
    });
  }

  /** A connection is open: what is not answered is sent again. */
  connected() {
    this.#send();
  }

  /** No connection follows. */
  ended(error) {
    this.#env.clearTimeout(this.#retry);
    for (const one of [...this.#waiting]) this.#fail(one, error);
  }

  /** Goes on as another publisher. The server must be told of it first, by number 1. */
  #begin() {
    const bytes = globalThis.crypto.getRandomValues(new Uint8Array(8));
    this.#publisher = Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
    this.#number = 1;
    this.#stage = 'unknown';
  }

  #send() {
    let numbered = this.#waiting.filter((one) => one.number !== null).length;
    for (const one of [...this.#waiting]) {
      if (!this.#host.isOpen()) return;
      if (one.place !== HERE) continue;
      if (one.number === null) {
        if (this.#stage !== 'known') return this.#tellPublisher();
        if (numbered >= PUBLISHER_WINDOW) return;
        numbered += 1;
        this.#number += 1;
        one.number = { publisher: this.#publisher, number: this.#number };
      }
      one.place = SENT;
      this.#host.sendRequest({ type: 'publish_once', ...one.number, updates: one.updates }, {
        resolve: ({ position }) => {
          this.#remove(one);
          one.resolve(position);
          this.#send();
        },
        reject: (error) => this.#refused(one, error),
      });
    }
  }

  #tellPublisher() {
    if (this.#stage !== 'unknown') return;
    const publisher = this.#publisher;
    this.#stage = 'told';
    this.#host.sendRequest({ type: 'publish_once', publisher, number: 1, updates: [] }, {
      resolve: () => {
        if (this.#publisher === publisher) this.#stage = 'known';
        this.#send();
      },
      reject: (error) => {
        if (this.#publisher !== publisher) return;
        this.#stage = error.temporary ? 'refused' : 'unknown';
        if (error.temporary) this.#retryLater(error);
        else if (error instanceof ServerError) this.#failNew(error);
      },
    });
  }

  #refused(one, error) {
    if (error.temporary) {
      one.place = REFUSED;
      return this.#retryLater(error);
    }
    if (error.code === NUMBER_TOO_OLD) return this.#forgotten(one, error);
    if (!(error instanceof ServerError) && !this.#host.isOpen()) {
      one.place = HERE;
      one.isDoubtful = true;
      return undefined;
    }
    return this.#fail(one, error);
  }

  /** The server has forgotten the publisher. What it got only once is not on the tape. */
  #forgotten(one, error) {
    if (one.number.publisher === this.#publisher) this.#begin();
    if (one.isDoubtful) this.#fail(one, error);
    else Object.assign(one, { number: null, place: HERE });
    this.#send();
  }

  #failNew(error) {
    for (const one of this.#waiting.filter(({ number }) => number === null)) this.#fail(one, error);
  }

  #fail(one, error) {
    this.#remove(one);
    one.reject(one.isDoubtful ? new UncertainError(`it is unknown whether the updates are on the tape: ${error.message}`, { cause: error }) : error);
    this.#send();
  }

  #remove(one) {
    const index = this.#waiting.indexOf(one);
    if (index >= 0) this.#waiting.splice(index, 1);
  }

  #retryLater({ retry_after_ms = RETRY_AFTER_MS }) {
    this.#env.clearTimeout(this.#retry);
    this.#retry = this.#env.setTimeout(() => {
      if (this.#stage === 'refused') this.#stage = 'unknown';
      for (const one of this.#waiting) if (one.place === REFUSED) one.place = HERE;
      this.#send();
    }, retry_after_ms);
  }
}
