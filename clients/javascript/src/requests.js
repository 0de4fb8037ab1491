/** Requests that may wait for their answers: far more than a server lets come at once. */
const MAX_WAITING = 1_024;
const MAX_ID = 0xffffffff;
/** Error codes that say "later, perhaps", for answers that do not say it themselves. */
const TEMPORARY_CODES = [102, 400];

/** What the server refused. `code` is from the protocol's list of error codes. */
export class ServerError extends Error {
  name = 'ServerError';

  constructor({ code, reason, temporary, retry_after_ms }) {
    super(reason);
    this.code = code;
    this.temporary = temporary ?? TEMPORARY_CODES.includes(code);
    this.retry_after_ms = retry_after_ms;
  }
}

/** A request that the server would not take. */
export class TooLongError extends RangeError {
  name = 'TooLongError';
}

/** What was asked and not answered yet. */
export class Requests {
  #lastId = 0;
  #waiting = new Map();

  nextId() {
    this.#lastId = (this.#lastId % MAX_ID) + 1;
    return this.#lastId;
  }

  /** False if too many wait already. */
  add(id, request) {
    if (this.#waiting.size >= MAX_WAITING) return false;
    this.#waiting.set(id, request);
    return true;
  }

  resolve(id, answer) {
    this.#take(id)?.resolve(answer);
  }

  /** False if nobody waits for this id. */
  reject(id, error) {
    const request = this.#take(id);
    request?.reject(error);
    return request !== undefined;
  }

  rejectAll(error) {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    for (const request of all) request.reject(error);
  }

  #take(id) {
    const request = this.#waiting.get(id);
    this.#waiting.delete(id);
    return request;
  }
}
