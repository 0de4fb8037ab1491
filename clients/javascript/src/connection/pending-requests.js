/**
 * More requests than a server accepts at once (`request_burst`), so only a broken server gets here.
 */
const MAX_PENDING = 1_024;
const MAX_ID = 0xffffffff;

/** The requests without an answer yet, by their id. */
export class PendingRequests {
  #lastId = 0;
  #pending = new Map();

  nextId() {
    this.#lastId = (this.#lastId % MAX_ID) + 1;
    return this.#lastId;
  }

  /**
   * @param {number} id
   * @param {{ resolve: (answer: object) => void, reject: (error: Error) => void }} request
   * @returns {boolean} false if too many requests are pending
   */
  add(id, request) {
    if (this.#pending.size >= MAX_PENDING) return false;
    this.#pending.set(id, request);
    return true;
  }

  resolve(id, answer) {
    this.#take(id)?.resolve(answer);
  }

  /** @returns {boolean} false if no request has this id */
  reject(id, error) {
    const request = this.#take(id);
    request?.reject(error);
    return request !== undefined;
  }

  rejectAll(error) {
    const all = [...this.#pending.values()];
    this.#pending.clear();
    for (const request of all) request.reject(error);
  }

  #take(id) {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    return request;
  }
}
