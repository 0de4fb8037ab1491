import { Backoff, mayReconnect } from './backoff.js';
import { Clock } from './connection/clock.js';
import { Connection, MAX_REASON_BYTES } from './connection/connection.js';
import { OncePublishes } from './connection/once-publishes.js';
import { PendingRequests } from './connection/pending-requests.js';
import { Tokens } from './connection/tokens.js';
import { TOKEN_REFUSED, ServerError, TooLongError } from './errors.js';
import { completeOptions } from './options.js';
import { SubscriptionRegistry } from './subscription/registry.js';
import { Urls } from './urls.js';
import { byteLength } from './wire/encodings.js';
import { TopicTable } from './wire/topic-table.js';

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

/** After a connection of at least this length the next wait is short again. */
const STABLE_MS = 5_000;
/** The first answers about the clock are requested quickly, so that the offset is soon exact. */
const QUICK_CLOCK_SAMPLES = 4;
const QUICK_CLOCK_INTERVAL_MS = 1_000;
const NORMAL = 1000;

/** A connection to a server that reconnects by itself, and the subscriptions on it. */
export class Client extends EventTarget {
  static CONNECTING = CONNECTING;
  static OPEN = OPEN;
  static CLOSING = CLOSING;
  static CLOSED = CLOSED;
  CONNECTING = CONNECTING;
  OPEN = OPEN;
  CLOSING = CLOSING;
  CLOSED = CLOSED;

  /** Counts of all subscriptions since the client was created. */
  stats = {
    connections: 0, unknown_messages: 0, ignored_batches: 0, ignored_updates: 0, refused_publishes: 0,
    batches: 0, updates: 0, gaps: 0, gaps_uncounted: 0, lost: 0, resets: 0, truncations: 0, violations: 0, overflows: 0, discarded: 0,
  };

  #urls;
  #options;
  #topics;
  #clock = new Clock();
  #backoff;
  #requests = new PendingRequests();
  #connection = null;
  #readyState = CONNECTING;
  #welcome = null;
  #position = 0;
  /** By this program's clock. */
  #heard_ns = 0n;
  #registry;
  #once;
  #timers = { reconnect: null, stable: null, clock: null, drain: null, renew: null };
  /** Whether to connect again after the end of this connection, whatever its close code is. */
  #comesBack = false;
  #identity = null;
  #tokens;
  /** The waits until another token is asked for, while the identity is about to expire. */
  #renewals;
  /** Whether requests may be sent: the client needs no token, or the server has accepted it. */
  #hasBegun = false;
  #settleReady;

  /** Resolves with the first welcome. */
  ready;

  /** Connects at once to a `url` such as `wss://example.org/ws`, or to one of several. */
  constructor(url, options = {}) {
    super();
    this.#options = completeOptions(options);
    this.#urls = new Urls(url, this.#options.random);
    this.#topics = new TopicTable(options.topics);
    this.#backoff = new Backoff(this.#options.random);
    this.#renewals = new Backoff(this.#options.random);
    this.#tokens = new Tokens(this.#options.token, this.#options.now);
    const host = {
      isOpen: () => this.#readyState === OPEN && this.#hasBegun,
      sendRequest: (message, handlers) => this.#sendRequest(message, handlers),
    };
    this.#registry = new SubscriptionRegistry(this.#options, this.stats, host);
    this.#once = new OncePublishes(host, this.#options, this.stats);
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    // A program that does not use the promise gets the end from `close`.
    this.ready.catch(() => {});
    this.#connect();
  }

  get url() {
    return this.#urls.current;
  }

  get encoding() {
    return this.#options.encoding;
  }

  /** Like a WebSocket's. CONNECTING also between two connections; OPEN from the welcome on. */
  get readyState() {
    return this.#readyState;
  }

  /** Bytes that wait for the network. */
  get bufferedAmount() {
    return this.#connection?.bufferedAmount ?? 0;
  }

  /** The newest welcome, or null. */
  get welcome() {
    return this.#welcome;
  }

  /** The newest position of the tape that the server sent. */
  get position() {
    return this.#position;
  }

  /** When the newest message of the server arrived, by the server's clock, estimated. */
  get heard_ns() {
    return this.#heard_ns + (this.#clock.best?.offset_ns ?? 0n);
  }

  /** What the server says that this client may do, or null. */
  get identity() {
    return this.#identity;
  }

  /** The estimate of the server's clock, or null. */
  get clock() {
    return this.#clock.best;
  }

  /** The topics of this epoch. A later client needs them together with the tokens. */
  get topics() {
    return this.#topics.save();
  }

  /**
   * The server's time, estimated. Before the first answer it is the time of this program's clock.
   */
  serverNow() {
    return this.#options.now() + (this.#clock.best?.offset_ns ?? 0n);
  }

  /**
   * Subscribes to a filter, now and on every later connection.
   *
   * @param {(event: object) => unknown} [callback] without a callback, iterate over the result
   */
  subscribe(filter, options = {}, callback = undefined) {
    if (typeof options === 'function') return this.subscribe(filter, {}, options);
    if (this.#readyState >= CLOSING) throw new Error('the client is closed');
    // Without the topics of its epoch a token leads to ids without a name.
    const { resume } = options;
    const usable = !resume || this.encoding === 'json' || this.#topics.covers(resume.epoch);
    return this.#registry.open(filter, usable ? options : { ...options, resume: undefined, resetReason: 'topics_not_kept' }, callback);
  }

  /**
   * Publishes updates, all or none. The client never repeats them: after a lost connection it is
   * unknown whether they are on the tape.
   *
   * @param {object | object[]} updates with `topic`, `value` and optionally `source_time_ns`
   * @returns {Promise<number | undefined>} position of the last one; undefined without `ack`
   */
  async publish(updates, { ack = true } = {}) {
    const message = { type: 'publish', updates: Array.isArray(updates) ? updates : [updates] };
    if (this.bufferedAmount > this.#options.maxBufferedBytes) {
      this.stats.refused_publishes += 1;
      throw new Error(`${this.bufferedAmount} bytes wait for the network (limit ${this.#options.maxBufferedBytes})`);
    }
    if (ack) return (await this.#request(message)).position;
    this.#send(this.#encode(message));
    return undefined;
  }

  /**
   * Publishes updates, all or none, and sends them again on each new connection until they are
   * answered. The server puts them on the tape once, also at another node. It also works without a
   * connection: then they are sent later.
   *
   * @param {object | object[]} updates as for `publish`
   * @returns {Promise<number>} position of the last one. Rejects with an UncertainError if the
   * server has forgotten whether they are on the tape
   */
  async publishOnce(updates) {
    if (this.#readyState >= CLOSING) throw new Error('the client is closed');
    return this.#once.publish(Array.isArray(updates) ? updates : [updates]);
  }

  /**
   * A topic's past updates that the server still holds: the newest ones, or the newest before a
   * position.
   *
   * @returns {Promise<{ updates: object[], more: boolean }>} oldest first, with what is known about
   * the topic (`unit`, `name`, `state_class`)
   */
  async history(topic, { limit, before } = {}) {
    const { topics, updates, more } = await this.#request({ type: 'history', topic, limit, before });
    const { id, topic: name, ...known } = topics[0] ?? {};
    return { updates, more, ...known };
  }

  /**
   * Candles of a topic's trades, or rows of its readings: the newest ones, or the newest of a range
   * of times. They count all updates up to `position`; the program adds later ones.
   *
   * @returns {Promise<{ position: number, candles: object[], rows: object[], more: boolean }>} one
   * of the lists is empty. Oldest first, with what is known about the topic
   */
  async candles(topic, interval, { limit, from_ns, before_ns } = {}) {
    const answer = await this.#request({ type: 'candles', topic, interval, limit, from_ns, before_ns });
    const { topics, position, candles, rows, more } = answer;
    const { id, topic: name, ...known } = topics[0] ?? {};
    return { position, candles, rows, more, ...known };
  }

  /** The subscriptions of this connection according to the server. */
  async list() {
    return (await this.#request({ type: 'list' })).subscriptions;
  }

  /** Closes the client. Code and reason have the rules of a WebSocket's. */
  close(code = NORMAL, reason = '') {
    if (code !== NORMAL && !(code >= 3000 && code <= 4999)) {
      throw new DOMException(`close code ${code} is not allowed: use 1000 or 3000 to 4999`, 'InvalidAccessError');
    }
    if (byteLength(reason) > MAX_REASON_BYTES) {
      throw new DOMException(`the reason has ${byteLength(reason)} bytes (limit ${MAX_REASON_BYTES})`, 'SyntaxError');
    }
    if (this.#readyState >= CLOSING) return;
    this.#readyState = CLOSING;
    this.#status('closing');
    if (this.#connection) this.#connection.close(code, reason);
    else queueMicrotask(() => this.#finish({ code, reason, wasClean: true }, null));
  }

  #connect() {
    this.#status('connecting');
    this.#connection = new Connection(this.url, this.encoding, this.#topics, this.#options, {
      welcome: (message) => this.#welcomed(message),
      message: (message) => {
        this.#heard_ns = this.#options.now();
        this.#receive(message);
      },
      unknown: () => {
        this.stats.unknown_messages += 1;
      },
      end: (end) => this.#ended(end),
    });
  }

  #welcomed(welcome) {
    this.stats.connections += 1;
    this.#welcome = welcome;
    this.#heard_ns = this.#options.now();
    this.#position = welcome.position;
    this.#topics.enter(welcome);
    this.#clock.clear();
    if (this.#readyState !== CONNECTING) return;
    this.#readyState = OPEN;
    this.#identity = null;
    this.#hasBegun = false;
    this.#setTimer('stable', () => this.#backoff.reset(), STABLE_MS);
    if (this.#tokens.areUsed) this.#logIn(() => this.#begin(welcome));
    else this.#begin(welcome);
  }

  #begin(welcome) {
    this.#hasBegun = true;
    this.#registry.connected(this.#topics.lineage);
    this.#once.connected();
    this.#requestTime();
    this.#settleReady.resolve(welcome);
    this.#status('open');
  }

  #ended(end) {
    const error = new Error(`the connection ended with ${end.code} ${end.reason}`.trimEnd());
    this.#connection = null;
    this.#urls.move();
    for (const name of Object.keys(this.#timers)) this.#setTimer(name, null);
    const closing = this.#readyState === CLOSING;
    this.#readyState = closing ? CLOSING : CONNECTING;
    this.#requests.rejectAll(error);
    this.#registry.disconnected();
    const needsToken = this.#tokens.ended(end);
    const reconnects = this.#comesBack || needsToken || mayReconnect(end.code);
    this.#comesBack = false;
    if (closing) return this.#finish(end, null);
    if (!reconnects) return this.#finish(end, error);
    this.#wait(end);
  }

  #wait(end) {
    const delay_ms = this.#backoff.next();
    const connect = this.#tokens.hasRefused ? () => this.#connectWithToken(end) : () => this.#connect();
    this.#setTimer('reconnect', connect, delay_ms);
    this.#status('waiting', { ...end, delay_ms });
  }

  /** Connects with another token than the refused one. Without one it waits again. */
  async #connectWithToken(end) {
    let reason;
    try {
      reason = await this.#tokens.fetch();
    } catch (error) {
      reason = error.message;
      this.#tell(error);
    }
    if (this.#readyState !== CONNECTING) return;
    if (reason === null) this.#connect();
    else this.#wait({ ...end, reason: `${reason}; no other token yet` });
  }

  /** @param {Error | null} error null if the program closed the client */
  #finish(end, error) {
    this.#readyState = CLOSED;
    for (const name of Object.keys(this.#timers)) this.#setTimer(name, null);
    this.#settleReady.reject(error ?? new Error('the client was closed'));
    this.#registry.ended(error);
    this.#once.ended(error ?? new Error('the client was closed'));
    this.#status('closed', end);
    this.dispatchEvent(new CustomEvent('close', { detail: end }));
  }

  /**
   * Proves an identity, or renews it. Resolves with what the client may do.
   *
   * @param {string} token
   */
  async authenticate(token) {
    const connection = this.#connection;
    try {
      const identity = await this.#request({ type: 'authenticate', token });
      if (this.#connection === connection) this.#tokens.accepted(token);
      return identity;
    } catch (error) {
      if (error.code === TOKEN_REFUSED) this.#tokens.refuse(token, error.message);
      throw error;
    }
  }

  /**
   * Fetches a token and shows it to the server.
   *
   * @param {() => void} begin what the new connection waits for
   */
  #logIn(begin) {
    const connection = this.#connection;
    return this.#whileOpen(async (isSame) => {
      const token = await this.#tokens.first();
      if (!isSame()) return;
      await this.authenticate(token);
      if (isSame()) begin();
    }, (error) => {
      // Another attempt can succeed with another token, or if the program found none this time.
      this.#comesBack = !(error instanceof ServerError) || error.temporary || error.code === TOKEN_REFUSED;
      connection.close(NORMAL, 'no token');
    });
  }

  /**
   * Shows the server another token, because the one of this connection is about to expire. Without
   * one it asks again later, until the connection ends.
   *
   * @param {boolean} isFirst whether it is the first attempt after the server's warning
   */
  #renew(isFirst) {
    const again = () => this.#setTimer('renew', () => this.#renew(false), this.#renewals.next());
    return this.#whileOpen(async (isSame) => {
      const token = await this.#tokens.another();
      if (!isSame()) return;
      if (token !== null) {
        await this.authenticate(token);
        this.#renewals.reset();
      } else if (isFirst) {
        throw new Error('the token is about to expire, and there is no other one yet');
      } else {
        again();
      }
    }, again);
  }

  /** Runs a task of this connection. Its error is told, unless the connection has ended. */
  async #whileOpen(task, failed) {
    const connection = this.#connection;
    const isSame = () => this.#connection === connection && this.#readyState === OPEN;
    try {
      await task(isSame);
    } catch (error) {
      if (!isSame()) return;
      this.#tell(error);
      failed(error);
    }
  }

  #tell(error) {
    this.dispatchEvent(new CustomEvent('error', { detail: error }));
  }

  #receive(message) {
    switch (message.type) {
      case 'authenticated':
        this.#identity = message;
        this.dispatchEvent(new CustomEvent('identity', { detail: message }));
        if (message.id !== undefined) this.#requests.resolve(message.id, message);
        return;
      case 'expiring':
        if (this.#tokens.areUsed) this.#renew(true);
        return this.dispatchEvent(new CustomEvent('expiring', { detail: { expires_ns: message.expires_ns } }));
      case 'unsubscribed':
        if (message.id === undefined) return this.#registry.forbidden(message);
        return this.#requests.resolve(message.id, message);
      case 'batch':
        return this.#registry.batch(message);
      case 'gap':
        return this.#registry.gap(message);
      case 'status':
        return this.#registry.status(message);
      case 'heartbeat':
        this.#position = message.position;
        return this.#registry.heartbeat(message);
      case 'error': {
        const error = new ServerError(message);
        if (message.id !== undefined && this.#requests.reject(message.id, error)) return;
        return this.#tell(error);
      }
      case 'draining':
        return this.#drain(message.reconnect_within_ms);
      default:
        this.#requests.resolve(message.id, message);
    }
  }

  /** Many clients get this message at the same time, so each closes at a random time. */
  #drain(window_ms) {
    this.#comesBack = true;
    this.#setTimer('drain', () => this.#connection?.close(NORMAL, 'draining'), this.#options.random() * window_ms);
    this.dispatchEvent(new CustomEvent('draining', { detail: { reconnect_within_ms: window_ms } }));
  }

  #requestTime() {
    this.#sendRequest({ type: 'time', client_time_ns: this.#options.now() }, {
      resolve: (answer) => {
        this.#clock.add(answer, this.#options.now());
        this.dispatchEvent(new CustomEvent('clock', { detail: this.#clock.best }));
      },
      // The next request follows anyway.
      reject: () => {},
    });
    const quick = this.#clock.samples < QUICK_CLOCK_SAMPLES;
    this.#setTimer('clock', () => this.#requestTime(), quick ? QUICK_CLOCK_INTERVAL_MS : this.#options.clockIntervalMs);
  }

  #request(message) {
    return new Promise((resolve, reject) => this.#sendRequest(message, { resolve, reject }));
  }

  /** Sends a request. Exactly one of the two functions is called, now or later. */
  #sendRequest(message, { resolve, reject }) {
    let payload;
    const id = this.#requests.nextId();
    try {
      payload = this.#encode({ ...message, id });
    } catch (error) {
      return reject(error);
    }
    if (!this.#requests.add(id, { resolve, reject })) {
      return reject(Object.assign(new Error('too many requests without an answer'), { temporary: true }));
    }
    this.#send(payload);
  }

  #encode(message) {
    if (this.#readyState !== OPEN) throw new Error('not connected');
    const payload = this.#connection.encode(message);
    const length = typeof payload === 'string' ? byteLength(payload) : payload.length;
    const limit = this.#welcome.limits.message_bytes;
    if (limit > 0 && length > limit) throw new TooLongError(`the message has ${length} bytes (limit of the server: ${limit})`);
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
