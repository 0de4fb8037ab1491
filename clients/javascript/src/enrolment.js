import { ServerError, TooLongError } from './requests.js';
import { Subscription } from './subscription.js';

/** Channels in one request, so that it stays far below the longest message. */
const CHANNELS_PER_REQUEST = 1_000;
/** Filters in one request; their tokens and answers stay readable that way. */
const FILTERS_PER_REQUEST = 256;
/** When to ask again if the server does not say. */
const RETRY_MS = 1_000;

/** All subscriptions of a client: asks the server for them, and knows their channels on this connection. */
export class Enrolment {
  #options;
  #stats;
  #client;
  #subscriptions = new Set();
  #channels = new Map();
  /** To be asked for with the next flush, after the channels to be left. */
  #wanted = new Set();
  #unwanted = [];
  #flushing = false;
  #connections = 0;

  /**
   * @param {object} options the client's
   * @param {object} stats the client's
   * @param {object} client `isOpen()` and `ask(message, { resolve, reject })`
   */
  constructor(options, stats, client) {
    this.#options = options;
    this.#stats = stats;
    this.#client = client;
  }

  /** A new subscription, which is asked for as soon as possible. */
  open(filter, options, callback) {
    const { mode = 'latest', max_rate_hz, resume, resetReason } = options;
    const { maxQueuedUpdates = this.#options.maxQueuedUpdates } = options;
    this.#requireNew(filter, mode, max_rate_hz);
    const subscription = new Subscription(this.#host(), filter, {
      mode, max_rate_hz, resume, resetReason, maxQueuedUpdates, callback,
    });
    this.#subscriptions.add(subscription);
    this.#enlist(subscription);
    return subscription;
  }

  connected() {
    this.#connections += 1;
    for (const subscription of this.#subscriptions) subscription.connected();
    this.#flush();
  }

  disconnected() {
    this.#channels.clear();
    this.#wanted.clear();
    this.#unwanted = [];
    for (const subscription of this.#subscriptions) subscription.disconnected();
  }

  /** @param {Error | null} error null if the program wanted it so */
  ended(error) {
    for (const subscription of [...this.#subscriptions]) subscription.ended(error);
  }

  batch(batch) {
    const subscription = this.#channels.get(batch.channel);
    if (subscription) return subscription.batch(batch);
    this.#stats.ignored_batches += 1;
    this.#stats.ignored_updates += batch.updates.length;
  }

  gap(gap) {
    this.#channels.get(gap.channel)?.gap(gap);
  }

  status(message) {
    this.#channels.get(message.channel)?.statuses(message.statuses);
  }

  heartbeat({ channels }) {
    for (const { channel, position } of channels) this.#channels.get(channel)?.heartbeat(position);
  }

  /** What a subscription may do with its client. */
  #host() {
    const { random, setTimeout, clearTimeout } = this.#options;
    return {
      stats: this.#stats,
      random,
      setTimeout,
      clearTimeout,
      enlist: (subscription) => this.#enlist(subscription),
      release: (channel) => this.#release(channel),
      forget: (subscription) => {
        this.#wanted.delete(subscription);
        this.#subscriptions.delete(subscription);
      },
      change: (subscription, channel, wish) => this.#change(subscription, channel, wish),
    };
  }

  /** The server would answer two of the same with one channel. */
  #requireNew(filter, mode, max_rate_hz) {
    for (const other of this.#subscriptions) {
      if (other.filter === filter && other.mode === mode && other.max_rate_hz === max_rate_hz) {
        throw new Error(`${filter} is subscribed already in this mode and rate`);
      }
    }
  }

  #enlist(subscription) {
    this.#wanted.add(subscription);
    this.#flushSoon();
  }

  #release(channel) {
    this.#channels.delete(channel);
    this.#unwanted.push(channel);
    this.#flushSoon();
  }

  #change(subscription, channel, wish) {
    return new Promise((resolve, reject) => {
      this.#requireNew(subscription.filter, wish.mode, wish.max_rate_hz);
      this.#client.ask({ type: 'change', channel, ...wish }, {
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
    if (!this.#client.isOpen()) return;
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
        if (this.#connections !== connection) return;
        this.#unwanted.push(...channels);
        this.#flushSoon();
      }, error.retry_after_ms ?? RETRY_MS);
    };
    const connection = this.#connections;
    this.#client.ask({ type: 'unsubscribe', channels }, { resolve: () => {}, reject });
  }

  #subscribe(group) {
    const { mode, max_rate_hz } = group[0];
    const filters = group.map(({ filter, resume }) => ({ filter, resume }));
    this.#client.ask({ type: 'subscribe', filters, mode, max_rate_hz }, {
      resolve: ({ results }) => group.forEach((subscription, index) => this.#answered(subscription, results[index])),
      reject: (error) => this.#notSubscribed(group, error),
    });
  }

  #notSubscribed(group, error) {
    // After a connection everything is asked for again anyway.
    if (!this.#client.isOpen()) return;
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
}
