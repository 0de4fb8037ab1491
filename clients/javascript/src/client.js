import { Backoff, mayReconnect } from './backoff.js';
import { Clock, now } from './clock.js';
import { Connection, ENCODINGS, REASON_BYTES } from './connection.js';
import { Requests, ServerError } from './requests.js';
import { Subscription } from './subscription.js';
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
/** Channels in one request, so that it stays far below the longest message. */
const CHANNELS_PER_REQUEST = 1_000;
/** Filters in one request; their tokens and answers stay readable that way. */
const FILTERS_PER_REQUEST = 256;
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
  #subscriptions = new Set();
  #channels = new Map();
  /** To be asked for with the next flush, after the channels to be left. */
  #wanted = new Set();
  #unwanted = [];
  #flushing = false;
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
    const { mode = 'latest', max_rate_hz, resume, maxQueuedUpdates = this.#options.maxQueuedUpdates } = options;
    for (const other of this.#subscriptions) {
      if (other.filter === filter && other.mode === mode && other.max_rate_hz === max_rate_hz) {
        throw new Error(`${filter} is subscribed already in this mode and rate`);
      }
    }
    // Without the topics of its epoch a token would bring ids that nobody explains.
    const usable = !resume || this.encoding === 'json' || resume.epoch === this.#topics.epoch;
    const subscription = new Subscription(this.#host(), filter, {
      mode, max_rate_hz, callback, maxQueuedUpdates,
      resume: usable ? resume : undefined,
      resetReason: usable ? undefined : 'topics_not_kept',
    });
    this.#subscriptions.add(subscription);
    this.#wanted.add(subscription);
    this.#flushSoon();
    return subscription;
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

  /** What the server thinks is subscribed on this connection. */
  async list() {
    return (await this.#request({ type: 'list' })).subscriptions;
  }

  /** Ends the connection for good, with the same rules for code and reason as a WebSocket's. */
  close(code = NORMAL, reason = '') {
    if (code !== NORMAL && !(code >= 3000 && code <= 4999)) {
      throw new DOMException(`${code} is neither 1000 nor in 3000 to 4999`, 'InvalidAccessError');
    }
    if (new TextEncoder().encode(reason).length > REASON_BYTES) {
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
    for (const subscription of this.#subscriptions) subscription.connected();
    this.#flush();
    this.#askClock();
    this.#settleReady.resolve(welcome);
    this.#status('open');
  }

  #ended(end) {
    const error = new Error(`the connection ended with ${end.code} ${end.reason}`.trimEnd());
    this.#connection = null;
    for (const name of Object.keys(this.#timers)) this.#setTimer(name, null);
    this.#channels.clear();
    this.#unwanted = [];
    this.#wanted.clear();
    this.#requests.rejectAll(error);
    for (const subscription of this.#subscriptions) subscription.disconnected();
    const again = this.#draining || mayReconnect(end.code);
    this.#draining = false;
    if (this.#readyState === CLOSING) return this.#finish(end, null);
    if (!again) return this.#finish(end, error);
    this.#readyState = CONNECTING;
    const delay_ms = this.#backoff.next();
    this.#setTimer('reconnect', () => this.#connect(), delay_ms);
    this.#status('waiting', { ...end, delay_ms });
  }

  /** @param {Error | null} error null if the program wanted it so */
  #finish(end, error) {
    this.#readyState = CLOSED;
    for (const name of Object.keys(this.#timers)) this.#setTimer(name, null);
    this.#settleReady.reject(error ?? new Error('the client was closed'));
    for (const subscription of [...this.#subscriptions]) subscription.ended(error);
    this.#status('closed', end);
    this.dispatchEvent(new CustomEvent('close', { detail: end }));
  }

  #receive(message) {
    switch (message.type) {
      case 'batch': {
        const subscription = this.#channels.get(message.channel);
        if (subscription) return subscription.batch(message);
        this.stats.ignored_batches += 1;
        this.stats.ignored_updates += message.updates.length;
        return;
      }
      case 'gap':
        return this.#channels.get(message.channel)?.gap(message);
      case 'heartbeat':
        this.#position = message.position;
        for (const { channel, position } of message.channels) this.#channels.get(channel)?.heartbeat(position);
        return;
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

  /** What a subscription may do with its client. */
  #host() {
    return {
      stats: this.stats,
      random: this.#options.random,
      setTimeout: this.#options.setTimeout,
      clearTimeout: this.#options.clearTimeout,
      enlist: (subscription) => {
        this.#wanted.add(subscription);
        this.#flushSoon();
      },
      release: (channel) => this.#release(channel),
      forget: (subscription) => {
        this.#wanted.delete(subscription);
        this.#subscriptions.delete(subscription);
      },
      change: (subscription, channel, wish) => this.#change(subscription, channel, wish),
    };
  }

  #release(channel) {
    this.#channels.delete(channel);
    this.#unwanted.push(channel);
    this.#flushSoon();
  }

  #change(subscription, channel, wish) {
    return new Promise((resolve, reject) => {
      this.#ask({ type: 'change', channel, ...wish }, {
        // At once, because the next message may be a batch on the new channel already.
        resolve: (changed) => {
          this.#channels.delete(changed.previous);
          if (subscription.status === 'live') {
            this.#channels.set(changed.channel, subscription);
            subscription.changed(changed, wish);
          } else {
            this.#release(changed.channel);
          }
          resolve(subscription.granted);
        },
        reject,
      });
    });
  }

  /** Everything that the program does in one go becomes as few requests as possible. */
  #flushSoon() {
    if (this.#flushing) return;
    this.#flushing = true;
    queueMicrotask(() => {
      this.#flushing = false;
      this.#flush();
    });
  }

  #flush() {
    if (this.#readyState !== OPEN) return;
    while (this.#unwanted.length > 0) this.#unsubscribe(this.#unwanted.splice(0, CHANNELS_PER_REQUEST));
    const groups = new Map();
    for (const subscription of this.#wanted) {
      const key = `${subscription.mode} ${subscription.max_rate_hz}`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(subscription);
    }
    this.#wanted.clear();
    for (const group of groups.values()) {
      for (let at = 0; at < group.length; at += FILTERS_PER_REQUEST) this.#subscribe(group.slice(at, at + FILTERS_PER_REQUEST));
    }
  }

  #unsubscribe(channels) {
    const reject = (error) => {
      if (!error.temporary) return;
      this.#options.setTimeout(() => {
        // Channels of another connection mean nothing on this one.
        if (this.#connection !== connection) return;
        this.#unwanted.push(...channels);
        this.#flushSoon();
      }, error.retry_after_ms ?? QUICK_CLOCK_INTERVAL_MS);
    };
    const connection = this.#connection;
    this.#ask({ type: 'unsubscribe', channels }, { resolve: () => {}, reject });
  }

  #subscribe(group) {
    const { mode, max_rate_hz } = group[0];
    const filters = group.map(({ filter, resume }) => ({ filter, resume }));
    this.#ask({ type: 'subscribe', filters, mode, max_rate_hz }, {
      resolve: ({ results }) => group.forEach((subscription, index) => this.#answered(subscription, results[index])),
      reject: (error) => this.#notSubscribed(group, error),
    });
  }

  #notSubscribed(group, error) {
    // The connection is gone, or the client: both take care of their subscriptions themselves.
    if (!this.#connection) return;
    const half = Math.ceil(group.length / 2);
    if (error instanceof TooLongError && group.length > 1) {
      this.#subscribe(group.slice(0, half));
      this.#subscribe(group.slice(half));
      return;
    }
    for (const subscription of group) {
      if (subscription.status === 'closed') continue;
      if (error.temporary) subscription.retryAfter(error.retry_after_ms ?? 0);
      else subscription.refused(error);
    }
  }

  #answered(subscription, result) {
    if (result === undefined) return subscription.refused(new Error('the server did not answer for this filter'));
    const closed = subscription.status === 'closed';
    if ('code' in result) {
      const error = new ServerError(result);
      if (closed) return;
      if (error.temporary) subscription.retryAfter(0);
      else subscription.refused(error);
      return;
    }
    const owner = this.#channels.get(result.channel);
    if (owner) {
      if (!closed) subscription.refused(new Error(`granted as what ${owner.filter} is subscribed to already`));
      return;
    }
    if (closed) return this.#release(result.channel);
    if (result.start === 'existing') {
      // The remains of one that was left a moment ago: its place is not known any more.
      this.#release(result.channel);
      subscription.retryAfter(0);
      return;
    }
    this.#channels.set(result.channel, subscription);
    subscription.accepted(result);
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
    const length = typeof payload === 'string' ? new TextEncoder().encode(payload).length : payload.length;
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

class TooLongError extends RangeError {
  name = 'TooLongError';
}
