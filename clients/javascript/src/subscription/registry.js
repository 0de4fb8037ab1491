import { ForbiddenError, ServerError, TooLongError } from '../errors.js';
import { checkQueueLimit } from '../options.js';
import { Subscription } from './subscription.js';

/** Channels in one request, which keeps it far below the server's limit for a message. */
const CHANNELS_PER_REQUEST = 1_000;
/** Filters in one request, which keeps request and answer readable in a debugger. */
const FILTERS_PER_REQUEST = 256;
/** The wait before another attempt if the server names none. */
const RETRY_MS = 1_000;

/**
 * All subscriptions of a client. It sends their requests and routes messages by the channels of the
 * current connection.
 */
export class SubscriptionRegistry {
  #options;
  #stats;
  #client;
  #subscriptions = new Set();
  #channels = new Map();
  /** Channels to unsubscribe with the next flush, and the subscriptions to subscribe after that. */
  #unsubscribing = [];
  #subscribing = new Set();
  #isFlushDue = false;
  #connections = 0;
  #lineage = null;

  /**
   * @param {object} options the client's
   * @param {object} stats the client's
   * @param {object} client `isOpen()` and `sendRequest(message, { resolve, reject })`
   */
  constructor(options, stats, client) {
    this.#options = options;
    this.#stats = stats;
    this.#client = client;
  }

  /** Adds a subscription and subscribes it as soon as possible. */
  open(filter, options, callback) {
    const { mode = 'latest', max_rate_hz, resume, resetReason } = options;
    const { maxQueuedUpdates = this.#options.maxQueuedUpdates } = options;
    checkQueueLimit(maxQueuedUpdates);
    this.#requireNew(filter, mode, max_rate_hz);
    const subscription = new Subscription(this.#host(), filter, {
      mode, max_rate_hz, resume, resetReason, maxQueuedUpdates, callback,
    });
    this.#subscriptions.add(subscription);
    this.#subscribeSoon(subscription);
    return subscription;
  }

  /** @param {import('../wire/lineage.js').Lineage} lineage of the new connection */
  connected(lineage) {
    this.#lineage = lineage;
    this.#connections += 1;
    for (const subscription of this.#subscriptions) subscription.connected();
    this.#flush();
  }

  disconnected() {
    this.#channels.clear();
    this.#subscribing.clear();
    this.#unsubscribing = [];
    for (const subscription of this.#subscriptions) subscription.disconnected();
  }

  /** @param {Error | null} error null if the program closed the client */
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
    this.#channels.get(message.channel)?.statuses(message);
  }

  /** The server has ended subscriptions that are no longer allowed. */
  forbidden({ channels, position, reason }) {
    for (const channel of channels) {
      const subscription = this.#channels.get(channel);
      this.#channels.delete(channel);
      subscription?.forbidden(new ForbiddenError(reason, position));
    }
  }

  heartbeat({ channels }) {
    for (const { channel, position } of channels) this.#channels.get(channel)?.heartbeat(position);
  }

  /** The part of the client that a subscription uses. */
  #host() {
    const { random, setTimeout, clearTimeout } = this.#options;
    return {
      stats: this.#stats,
      random,
      setTimeout,
      clearTimeout,
      subscribe: (subscription) => this.#subscribeSoon(subscription),
      unsubscribe: (channel) => this.#unsubscribeSoon(channel),
      remove: (subscription) => {
        this.#subscribing.delete(subscription);
        this.#subscriptions.delete(subscription);
      },
      change: (subscription, channel, requested) => this.#change(subscription, channel, requested),
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

  #subscribeSoon(subscription) {
    this.#subscribing.add(subscription);
    this.#flushSoon();
  }

  #unsubscribeSoon(channel) {
    this.#channels.delete(channel);
    this.#unsubscribing.push(channel);
    this.#flushSoon();
  }

  #change(subscription, channel, requested) {
    return new Promise((resolve, reject) => {
      this.#requireNew(subscription.filter, requested.mode, requested.max_rate_hz);
      this.#client.sendRequest({ type: 'change', channel, ...requested }, {
        // At once: the next message may be a batch on the new channel.
        resolve: (changed) => {
          this.#channels.delete(changed.previous);
          if (subscription.status === 'live') {
            this.#channels.set(changed.channel, subscription);
            subscription.changed(changed, requested);
          } else {
            this.#unsubscribeSoon(changed.channel);
          }
          resolve(subscription.granted);
        },
        reject,
      });
    });
  }

  /** Everything that the program does in one task becomes as few requests as possible. */
  #flushSoon() {
    if (this.#isFlushDue) return;
    this.#isFlushDue = true;
    queueMicrotask(() => {
      this.#isFlushDue = false;
      this.#flush();
    });
  }

  #flush() {
    if (!this.#client.isOpen()) return;
    while (this.#unsubscribing.length > 0) this.#unsubscribe(this.#unsubscribing.splice(0, CHANNELS_PER_REQUEST));
    const groups = new Map();
    for (const subscription of this.#subscribing) {
      const key = `${subscription.mode} ${subscription.max_rate_hz}`;
      if (!groups.has(key)) groups.set(key, []);
      groups.get(key).push(subscription);
    }
    this.#subscribing.clear();
    for (const group of groups.values()) {
      for (let at = 0; at < group.length; at += FILTERS_PER_REQUEST) this.#subscribe(group.slice(at, at + FILTERS_PER_REQUEST));
    }
  }

  #unsubscribe(channels) {
    const reject = (error) => {
      if (!error.temporary) return;
      this.#options.setTimeout(() => {
        // The channels of an earlier connection mean nothing on this one.
        if (this.#connections !== connection) return;
        this.#unsubscribing.push(...channels);
        this.#flushSoon();
      }, error.retry_after_ms ?? RETRY_MS);
    };
    const connection = this.#connections;
    this.#client.sendRequest({ type: 'unsubscribe', channels }, { resolve: () => {}, reject });
  }

  #subscribe(group) {
    const { mode, max_rate_hz } = group[0];
    const filters = group.map(({ filter, resume }) => ({ filter, resume }));
    this.#client.sendRequest({ type: 'subscribe', filters, mode, max_rate_hz }, {
      resolve: ({ results }) => group.forEach((subscription, index) => this.#answered(subscription, results[index])),
      reject: (error) => this.#notSubscribed(group, error),
    });
  }

  #notSubscribed(group, error) {
    // The next connection subscribes everything again.
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
    if (result === undefined) return subscription.refused(new Error('the answer has no result for this filter'));
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
      if (!closed) subscription.refused(new Error(`the server granted the channel of ${owner.filter}, which is subscribed already`));
      return;
    }
    if (closed) return this.#unsubscribeSoon(result.channel);
    if (result.start === 'existing') {
      // It was unsubscribed a moment ago and is still there. Its position is unknown by now.
      this.#unsubscribeSoon(result.channel);
      subscription.retryAfter(0);
      return;
    }
    this.#channels.set(result.channel, subscription);
    subscription.accepted(result, this.#lineage);
  }
}
