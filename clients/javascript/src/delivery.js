// Hands the events of one subscription to the program, in order, one at a time, and knows which of
// them it has handled.

/** A first-in first-out queue; taking from the front costs the same however long it is. */
class Fifo {
  #items = [];
  #head = 0;

  get length() {
    return this.#items.length - this.#head;
  }

  get last() {
    return this.#items.at(-1);
  }

  push(item) {
    this.#items.push(item);
  }

  shift() {
    const item = this.#items[this.#head];
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  clear() {
    this.#items = [];
    this.#head = 0;
  }
}

export class Delivery {
  #queue = new Fifo();
  #limit;
  #callback;
  #onHandled;
  /** Updates in the queue and in the program's hands. */
  #load = 0;
  /** What the program is working on. */
  #current = null;
  #handledToken;
  /** The iterator's wish, if it waits for an event. */
  #waiting = null;
  #end = null;

  /**
   * @param {((event: object) => unknown) | undefined} callback none: the program iterates
   * @param {number} limit updates that may wait
   * @param {object | undefined} token where the program stands already
   * @param {() => void} onHandled something was handled, so there may be room again
   */
  constructor(callback, limit, token, onHandled) {
    this.#callback = callback;
    this.#limit = limit;
    this.#handledToken = token;
    this.#onHandled = onHandled;
  }

  /** Where to go on if the program ended now. */
  get token() {
    return this.#handledToken;
  }

  /** How many updates wait for the program. */
  get queued() {
    return this.#load;
  }

  /** A single event always fits, however large it is. */
  fits(updates) {
    return this.#load === 0 || this.#load + cost(updates) <= this.#limit;
  }

  /** Half of the room is free, so that it is worth to begin again. */
  get hasRoom() {
    return this.#load * 2 <= this.#limit;
  }

  /** @param {object} token where the program stands when it has handled the event */
  push(event, updates, token) {
    this.#queue.push({ event, cost: cost(updates), token });
    this.#load += cost(updates);
    this.#deliver();
  }

  /** The place has changed without an event. */
  settle(token) {
    const last = this.#queue.last ?? this.#current;
    if (last) last.token = token;
    else this.#handledToken = token;
  }

  /** No event follows those that wait already. */
  finish(error) {
    this.#end ??= { error };
    this.#deliver();
  }

  /** The program wants no more. Returns how many updates were thrown away. */
  discard() {
    const queued = this.#load - (this.#current?.cost ?? 0);
    this.#queue.clear();
    this.#load -= queued;
    this.finish();
    return queued;
  }

  /** The iterator's step: asking for the next event says that the one before is handled. */
  next() {
    if (this.#callback) return Promise.reject(new Error('this subscription has a callback'));
    if (this.#waiting) return Promise.reject(new Error('the step before is not done yet'));
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
    this.#load -= this.#current.cost;
    this.#current = null;
    this.#onHandled();
  }
}

/** Events without updates take room too. */
function cost(updates) {
  return Math.max(updates, 1);
}

/** A program's own error must not end the delivery, and must not vanish either. */
function rethrow(error) {
  queueMicrotask(() => {
    throw error;
  });
}
