import { Backoff, mayReconnect } from './backoff.js';
import { Clock, now } from './clock.js';
import { Connection, ENCODINGS, REASON_BYTES, byteLength } from './connection.js';
import { Enrolment } from './enrolment.js';
import { Requests, ServerError, TooLongError } from './requests.js';
import { TopicTable } from './topics.js';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** A connection that lasted so long was a good one: the next wait is a short one again. */
const STABLE_MS = 5_000;
/** Answers about the clock to gather quickly, so that an early offset is a good one. */
const QUICK_CLOCK_SAMPLES = 4;
const QUICK_CLOCK_INTERVAL_MS = 1_000;
const NORMAL = 1000;

const DEFAULTS = {
  encoding: 'bincode',
  /** Updates that may wait for a slow program, per subscription. */
  maxQueuedUpdates: 100_000,
  /** Bytes that may wait for a slow network before `publish` refuses. */
  maxBufferedBytes: 4 * 1024 * 1024,
  connectTimeoutMs: 10_000,
  clockIntervalMs: 30_000,
  random: Math.random,
  now,
  // Browsers want these called as functions of the window.
  setTimeout: (action, delay_ms) => globalThis.setTimeout(action, delay_ms),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
};

/** A connection to one server that comes back by itself, and everything that is subscribed on it. */
export class Client extends EventTarget {
  static CONNECTING = CONNECTING;
  static OPEN = OPEN;
  static CLOSING = CLOSING;
  static CLOSED = CLOSED;
  CONNECTING = CONNECTING;
  OPEN = OPEN;
  CLOSING = CLOSING;
  CLOSED = CLOSED;

  /** Counts since the client was made, over all subscriptions. */
  stats = {
    connections: 0, unknown_messages: 0, ignored_batches: 0, ignored_updates: 0, refused_publishes: 0,
    batches: 0, updates: 0, gaps: 0, gaps_uncounted: 0, lost: 0, resets: 0, violations: 0, overflows: 0, discarded: 0,
  };

  #url;
  #options;
  #topics;
  #clock = new Clock();
  #backoff;
  #requests = new Requests();
  #connection = null;
  #readyState = CONNECTING;
  #welcome = null;
  #position = 0;
  #enrolment;
  #timers = { reconnect: null, stable: null, clock: null, drain: null };
  #draining = false;
  #settleReady;

  /** Resolves with the first welcome. */
  ready;

  /**
   * Connects at once.
   *
   * @param {string | URL} url such as `wss://example.org/ws`
   */
  constructor(url, options = {}) {
    super();
    this.#url = url;
    this.#options = { ...DEFAULTS, WebSocket: globalThis.WebSocket, ...options };
    if (!this.#options.WebSocket) throw new TypeError('there is no global WebSocket: give one in the options');
    if (!Object.hasOwn(ENCODINGS, this.#options.encoding)) throw new TypeError(`unknown encoding ${this.#options.encoding}`);
    this.#topics = new TopicTable(options.topics);
    this.#backoff = new Backoff(this.#options.random);
    this.#enrolment = new Enrolment(this.#options, this.stats, {
      isOpen: () => this.#readyState === OPEN,
      ask: (message, answer) => this.#ask(message, answer),
    });
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    // Whoever does not ask for it is told by `close`.
    this.ready.catch(() => {});
    this.#connect();
  }

  get url() {
    return String(this.#url);
  }

  get encoding() {
    return this.#options.encoding;
  }

  /** As a WebSocket's: CONNECTING also between two connections, OPEN from the welcome on. */
  get readyState() {
    return this.#readyState;
  }

  /** Bytes that were given to the network and are not sent yet. */
  get bufferedAmount() {
    return this.#connection?.bufferedAmount ?? 0;
  }

  /** The newest welcome, or null. */
  get welcome() {
    return this.#welcome;
  }

  /** The newest position of the tape that the server told. */
  get position() {
    return this.#position;
  }

  /** What is known of the server's clock, or null. */
  get clock() {
    return this.#clock.best;
  }

  /** Topics that were introduced in this epoch, to be given to a later client together with its tokens. */
  get topics() {
    return this.#topics.save();
  }

  /** The server's time by this program's clock; the plain time before the first answer. */
  serverNow() {
    return this.#options.now() + (this.#clock.best?.offset_ns ?? 0n);
  }

  /**
   * Subscribes to a filter, now and on every later connection.
   *
   * @param {(event: object) => unknown} [callback] without one, iterate over what is returned
   */
  subscribe(filter, options = {}, callback = undefined) {
    if (typeof options === 'function') return this.subscribe(filter, {}, options);
    if (this.#readyState >= CLOSING) throw new Error('the client is closed');
    // Without the topics of its epoch a token would bring ids that nobody explains.
    const { resume } = options;
    const usable = !resume || this.encoding === 'json' || resume.epoch === this.#topics.epoch;
    return this.#enrolment.open(filter, usable ? options : { ...options, resume: undefined, resetReason: 'topics_not_kept' }, callback);
  }

  /**
   * Puts updates on the tape, all or none. Not repeated by itself: after a lost connection nobody knows
   * whether they were taken.
   *
   * @param {object | object[]} updates with `topic`, `value` and perhaps `source_time_ns`
   * @returns {Promise<number | undefined>} position of the last one, or nothing without `ack`
   */
  async publish(updates, { ack = true } = {}) {
    const message = { type: 'publish', updates: Array.isArray(updates) ? updates : [updates] };
    if (this.bufferedAmount > this.#options.maxBufferedBytes) {
      this.stats.refused_publishes += 1;
      throw new Error(`${this.bufferedAmount} bytes wait for the network already`);
    }
    if (ack) return (await this.#request(message)).position;
    this.#send(this.#encode(message));
    return undefined;
  }

  /**
   * A topic's updates of the past, as far as the server holds them: the newest ones, or those before a
   * position.
   *
   * @returns {Promise<{ updates: object[], unit?: string, more: boolean }>} the oldest first
   */
  async history(topic, { limit, before } = {}) {
    const { topics, updates, more } = await this.#request({ type: 'history', topic, limit, before });
    const [info] = topics;
    return info?.unit === undefined ? { updates, more } : { updates, more, unit: info.unit };
  }

  /** What the server thinks is subscribed on this connection. */
  async list() {
    return (await this.#request({ type: 'list' })).subscriptions;
  }

  /** Ends the connection for good, with the same rules for code and reason as a WebSocket's. */
  close(code = NORMAL, reason = '') {
    if (code !== NORMAL && !(code >= 3000 && code <= 4999)) {
      throw new DOMException(`${code} is neither 1000 nor in 3000 to 4999`, 'InvalidAccessError');
    }
    if (byteLength(reason) > REASON_BYTES) {
      throw new DOMException(`a reason has at most ${REASON_BYTES} bytes`, 'SyntaxError');
    }
    if (this.#readyState >= CLOSING) return;
    this.#readyState = CLOSING;
    this.#status('closing');
    if (this.#connection) this.#connection.close(code, reason);
    else queueMicrotask(() => this.#finish({ code, reason, wasClean: true }, null));
  }

  #connect() {
    this.#status('connecting');
    this.#connection = new Connection(this.#url, this.encoding, this.#topics, this.#options, {
      welcome: (message) => this.#welcomed(message),
      message: (message) => this.#receive(message),
      unknown: () => {
        this.stats.unknown_messages += 1;
      },
      end: (end) => this.#ended(end),
    });
  }

  #welcomed(welcome) {
    this.stats.connections += 1;
    this.#welcome = welcome;
    this.#position = welcome.position;
    this.#topics.enter(welcome.epoch);
    this.#clock.clear();
    if (this.#readyState !== CONNECTING) return;
    this.#readyState = OPEN;
    this.#setTimer('stable', () => this.#backoff.reset(), STABLE_MS);
    this.#enrolment.connected();
    this.#askClock();
    this.#settleReady.resolve(welcome);
    this.#status('open');
  }

  #ended(end) {
    const error = new Error(`the connection ended with ${end.code} ${end.reason}`.trimEnd());
    this.#connection = null;
    for (const name of Object.keys(this.#timers)) this.#setTimer(name, null);
    const closing = this.#readyState === CLOSING;
    this.#readyState = closing ? CLOSING : CONNECTING;
    this.#requests.rejectAll(error);
    this.#enrolment.disconnected();
    const again = this.#draining || mayReconnect(end.code);
    this.#draining = false;
    if (closing) return this.#finish(end, null);
    if (!again) return this.#finish(end, error);
    const delay_ms = this.#backoff.next();
    this.#setTimer('reconnect', () => this.#connect(), delay_ms);
    this.#status('waiting', { ...end, delay_ms });
  }

  /** @param {Error | null} error null if the program wanted it so */
  #finish(end, error) {
    this.#readyState = CLOSED;
    for (const name of Object.keys(this.#timers)) this.#setTimer(name, null);
    this.#settleReady.reject(error ?? new Error('the client was closed'));
    this.#enrolment.ended(error);
    this.#status('closed', end);
    this.dispatchEvent(new CustomEvent('close', { detail: end }));
  }

  #receive(message) {
    switch (message.type) {
      case 'batch':
        return this.#enrolment.batch(message);
      case 'gap':
        return this.#enrolment.gap(message);
      case 'status':
        return this.#enrolment.status(message);
      case 'heartbeat':
        this.#position = message.position;
        return this.#enrolment.heartbeat(message);
      case 'error': {
        const error = new ServerError(message);
        if (message.id !== undefined && this.#requests.reject(message.id, error)) return;
        return this.dispatchEvent(new CustomEvent('error', { detail: error }));
      }
      case 'draining':
        return this.#drain(message.reconnect_within_ms);
      default:
        this.#requests.resolve(message.id, message);
    }
  }

  /** Others are told at the same time, so each goes when its own random time has come. */
  #drain(window_ms) {
    this.#draining = true;
    this.#setTimer('drain', () => this.#connection?.close(NORMAL, 'draining'), this.#options.random() * window_ms);
    this.dispatchEvent(new CustomEvent('draining', { detail: { reconnect_within_ms: window_ms } }));
  }

  #askClock() {
    this.#ask({ type: 'time', client_time_ns: this.#options.now() }, {
      resolve: (answer) => {
        this.#clock.add(answer, this.#options.now());
        this.dispatchEvent(new CustomEvent('clock', { detail: this.#clock.best }));
      },
      // The next question comes anyway.
      reject: () => {},
    });
    const quick = this.#clock.samples < QUICK_CLOCK_SAMPLES;
    this.#setTimer('clock', () => this.#askClock(), quick ? QUICK_CLOCK_INTERVAL_MS : this.#options.clockIntervalMs);
  }

  #request(message) {
    return new Promise((resolve, reject) => this.#ask(message, { resolve, reject }));
  }

  /** Sends a request; exactly one of the two functions is called, later or at once. */
  #ask(message, { resolve, reject }) {
    let payload;
    const id = this.#requests.nextId();
    try {
      payload = this.#encode({ ...message, id });
    } catch (error) {
      return reject(error);
    }
    if (!this.#requests.add(id, { resolve, reject })) {
      return reject(Object.assign(new Error('too many requests wait for an answer'), { temporary: true }));
    }
    this.#send(payload);
  }

  #encode(message) {
    if (this.#readyState !== OPEN) throw new Error('not connected');
    const payload = this.#connection.encode(message);
    const length = typeof payload === 'string' ? byteLength(payload) : payload.length;
    const limit = this.#welcome.limits.message_bytes;
    if (limit > 0 && length > limit) throw new TooLongError(`${length} bytes are more than the server takes, ${limit}`);
    return payload;
  }

  #send(payload) {
    this.#connection.send(payload);
  }

  #setTimer(name, action, delay_ms) {
    this.#options.clearTimeout(this.#timers[name]);
    this.#timers[name] = action ? this.#options.setTimeout(action, delay_ms) : null;
  }

  #status(status, detail = {}) {
    this.dispatchEvent(new CustomEvent('status', { detail: { status, ...detail } }));
  }
}
