// Where a client connects, if there are several places.

/** The URLs of a server, or of the nodes of a cluster. */
export class Urls {
  #urls;
  #place = 0;
  #random;

  /**
   * @param {string | URL | (string | URL)[]} urls
   * @param {() => number} random like Math.random
   */
  constructor(urls, random) {
    this.#urls = Array.isArray(urls) ? [...urls] : [urls];
    if (this.#urls.length === 0) throw new TypeError('there is no URL: pass one or several');
    this.#random = random;
  }

  get current() {
    return String(this.#urls[this.#place]);
  }

  /** Chooses another one, at random, if there are several: so clients of a lost node spread. */
  move() {
    const others = this.#urls.length - 1;
    if (others === 0) return;
    const step = 1 + Math.min(Math.floor(this.#random() * others), others - 1);
    this.#place = (this.#place + step) % this.#urls.length;
  }
}
