// Delivers the events of one subscription to the program, one at a time and in order, and knows
// which of them the program has handled.

import { Fifo } from './fifo.js';

export class Delivery {
  #queue = new Fifo();
  #limit;
  #callback;
  #onHandled;
  /** Updates in the queue and in the current event. */
  #queued = 0;
  /** The event that the program is handling. */
  #current = null;
  #handledToken;
  /** The promise of the iterator, while the iterator waits for an event. */
  #waiting = null;
  #end = null;

  /**
   * @param {((event: object) => unknown) | undefined} callback undefined: the program iterates
   * @param {number} limit updates in the queue, at most
   * @param {object | undefined} token of the last event that the program has handled already
   * @param {() => void} onHandled called when an event was handled: the queue may have space again
   */
  constructor(callback, limit, token, onHandled) {
    this.#callback = callback;
    this.#limit = limit;
    this.#handledToken = token;
    this.#onHandled = onHandled;
  }

  /** Continues after the last handled event. */
  get token() {
    return this.#handledToken;
  }

  /** Updates that wait for the program. */
  get queued() {
    return this.#queued;
  }

  /** Whether an event with this many updates fits. An empty queue takes an event of any size. */
  fits(updates) {
    return this.#queued === 0 || this.#queued + cost(updates) <= this.#limit;
  }

  /** Whether half of the queue is free, so that resuming is worthwhile. */
  get hasSpace() {
    return this.#queued * 2 <= this.#limit;
  }

  /** @param {object} token continues after this event */
  push(event, updates, token) {
    this.#queue.push({ event, cost: cost(updates), token });
    this.#queued += cost(updates);
    this.#deliver();
  }

  /** The position has changed without an event. */
  setToken(token) {
    const last = this.#queue.last ?? this.#current;
    if (last) last.token = token;
    else this.#handledToken = token;
  }

  /** No event follows those in the queue. */
  finish(error) {
    this.#end ??= { error };
    this.#deliver();
  }

  /**
   * The program wants no further event.
   *
   * @returns {number} updates that were discarded
   */
  discard() {
    const discarded = this.#queued - (this.#current?.cost ?? 0);
    this.#queue.clear();
    this.#queued -= discarded;
    this.finish();
    return discarded;
  }

  /** The next step of the iterator. It marks the event before as handled. */
  next() {
    if (this.#callback) return Promise.reject(new Error('this subscription has a callback'));
    if (this.#waiting) return Promise.reject(new Error('the previous call of next() has not settled yet'));
    this.#handled();
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject };
      this.#deliver();
    });
  }

  #deliver() {
    if (this.#callback) this.#call();
    else this.#answer();
  }

  #call() {
    while (!this.#current && this.#queue.length > 0) {
      this.#current = this.#queue.shift();
      let result;
      try {
        result = this.#callback(this.#current.event);
      } catch (error) {
        rethrow(error);
      }
      if (typeof result?.then !== 'function') {
        this.#handled();
        continue;
      }
      const done = () => {
        this.#handled();
        this.#call();
      };
      result.then(done, (error) => {
        rethrow(error);
        done();
      });
    }
  }

  #answer() {
    if (!this.#waiting) return;
    const { resolve, reject } = this.#waiting;
    if (this.#queue.length > 0) {
      this.#current = this.#queue.shift();
      resolve({ done: false, value: this.#current.event });
    } else if (this.#end?.error) {
      reject(this.#end.error);
    } else if (this.#end) {
      resolve({ done: true, value: undefined });
    } else {
      return;
    }
    this.#waiting = null;
  }

  #handled() {
    if (!this.#current) return;
    this.#handledToken = this.#current.token;
    this.#queued -= this.#current.cost;
    this.#current = null;
    this.#onHandled();
  }
}

/** The space of an event in the queue. Events without updates take space too. */
function cost(updates) {
  return Math.max(updates, 1);
}

/** An error of the program must not end the delivery, and must not be lost either. */
function rethrow(error) {
  queueMicrotask(() => {
    throw error;
  });
}
