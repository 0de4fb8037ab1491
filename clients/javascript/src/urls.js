// Where a client connects, if there are several places.

/** Newer browsers take those of HTTP as well. The last one is a Unix socket for the package ws. */
const SCHEMES = ['ws:', 'wss:', 'http:', 'https:', 'ws+unix:'];

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
    // All of them now: a later one is used when no caller can be told any more.
    for (const one of this.#urls) check(one);
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

/** Refuses what no WebSocket takes, by the rules of its constructor. */
function check(given) {
  let url;
  try {
    url = new URL(given, globalThis.location?.href);
  } catch {
    throw new SyntaxError(`${given} is no URL: use one such as wss://example.org/ws`);
  }
  if (!SCHEMES.includes(url.protocol)) throw new SyntaxError(`${given} has the scheme ${url.protocol.slice(0, -1)}: use ws or wss`);
  if (url.hash) throw new SyntaxError(`${given} has a fragment (${url.hash}), which no WebSocket can have`);
}
