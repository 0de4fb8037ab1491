// The options of a client, and what they are without a word of the program.

import { now } from './connection/clock.js';
import { ENCODINGS } from './wire/encodings.js';

const DEFAULTS = {
  encoding: 'bincode',
  /** Updates that may wait for a slow program, for each subscription. */
  maxQueuedUpdates: 100_000,
  /** Bytes that may wait for a slow network before `publish` refuses. */
  maxBufferedBytes: 4 * 1024 * 1024,
  connectTimeoutMs: 10_000,
  /** Returns the newest token, or a promise of it. Without it the client has no identity. */
  token: undefined,
  clockIntervalMs: 30_000,
  random: Math.random,
  now,
  // Browsers accept these only as functions of the window.
  setTimeout: (action, delay_ms) => globalThis.setTimeout(action, delay_ms),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
};

/** All options of a client, checked. */
export function completeOptions(given) {
  const options = { ...DEFAULTS, WebSocket: globalThis.WebSocket, ...given };
  if (!options.WebSocket) throw new TypeError('there is no global WebSocket: pass one as options.WebSocket');
  if (options.token !== undefined && typeof options.token !== 'function') throw new TypeError('token is no function: pass one that returns the newest token');
  checkQueueLimit(options.maxQueuedUpdates);
  if (!Object.hasOwn(ENCODINGS, options.encoding)) throw new TypeError(`unknown encoding ${options.encoding}: use ${Object.keys(ENCODINGS).join(' or ')}`);
  return options;
}

/** With no room at all, or with what is no number, a paused subscription would never go on. */
export function checkQueueLimit(updates) {
  if (!(updates >= 1)) throw new RangeError(`maxQueuedUpdates is ${updates} (at least 1)`);
}
