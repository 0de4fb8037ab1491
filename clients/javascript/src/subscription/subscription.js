import { Backoff } from '../backoff.js';
import { Chain } from './chain.js';
import { Delivery } from './delivery.js';

/** With these starts the server goes on at the token. */
const CONTINUES = ['resumed', 'truncated'];

/**
 * One filter, across all connections. The methods after `change` are for the registry.
 */
export class Subscription extends EventTarget {
  /** Counts of this subscription since it was opened. */
  stats = { batches: 0, updates: 0, gaps: 0, gaps_uncounted: 0, lost: 0, resets: 0, truncations: 0, violations: 0, overflows: 0, discarded: 0 };

  #host;
  #filter;
  #mode;
  #max_rate_hz;
  #granted = null;
  /** Topics that are not live. */
  #notLive = new Map();
  #status = 'pending';
  #error = null;
  #channel = null;
  #chain = new Chain();
  #delivery;
  #backoff;
  #retry = null;
  /** The token for the next subscribe request. */
  #resume;
  /** Why the next subscribe request cannot resume, although the program has handled updates. */
  #resetReason = null;
  #settleReady;

  /** Resolves with the granted mode and rate when the server first accepts. */
  ready;

  constructor(host, filter, options) {
    super();
    this.#host = host;
    this.#filter = filter;
    this.#mode = options.mode;
    this.#max_rate_hz = options.max_rate_hz;
    this.#resume = options.resume;
    this.#resetReason = options.resetReason ?? null;
    this.#backoff = new Backoff(host.random);
    this.#delivery = new Delivery(options.callback, options.maxQueuedUpdates, options.resume, () => this.#handled());
    this.ready = new Promise((resolve, reject) => {
      this.#settleReady = { resolve, reject };
    });
    // A program that does not use the promise gets the error from `status` or from the iterator.
    this.ready.catch(() => {});
  }

  get filter() {
    return this.#filter;
  }

  /** As requested; `granted` is the server's answer. */
  get mode() {
    return this.#mode;
  }

  get max_rate_hz() {
    return this.#max_rate_hz;
  }

  get granted() {
    return this.#granted;
  }

  get status() {
    return this.#status;
  }

  /** Why it is closed, or null. */
  get error() {
    return this.#error;
  }

  /** Resumes after everything that the program has handled. */
  get token() {
    return this.#delivery.token;
  }

  /** Updates that wait for the program. */
  get queued() {
    return this.#delivery.queued;
  }

  /** Updates of its topics up to its position, in mode `every`. */
  get count() {
    return this.#chain.count;
  }

  /** `live`, `stale` or `dead`. A topic counts as live until a status says otherwise. */
  statusOf(topic) {
    return this.#notLive.get(topic) ?? 'live';
  }

  [Symbol.asyncIterator]() {
    return {
      next: () => this.#delivery.next(),
      return: () => {
        this.close();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** Ends the subscription. Events that still wait for the program are discarded. */
  close() {
    if (this.#status === 'closed') return;
    this.#unsubscribe();
    this.#finish();
    this.#add('discarded', this.#delivery.discard());
  }

  /** Changes mode and rate without losing an update. Resolves when the server has done so. */
  change({ mode = 'latest', max_rate_hz } = {}) {
    if (this.#channel === null) return Promise.reject(new Error('not subscribed at the moment'));
    return this.#host.change(this, this.#channel, { mode, max_rate_hz });
  }

  get resume() {
    return this.#resume;
  }

  /** A new connection is open. */
  connected() {
    if (this.#status === 'pending') this.#subscribe();
  }

  /** The connection ended. Events that wait for the program stay. */
  disconnected() {
    this.#stopRetry();
    if (this.#channel === null) return;
    this.#resume = this.#chain.token;
    this.#channel = null;
    this.#setStatus('pending');
  }

  /** @param {import('../wire/lineage.js').Lineage} lineage of the connection */
  accepted(result, lineage) {
    this.#channel = result.channel;
    const resume = this.#resume;
    const resumed = CONTINUES.includes(result.start) && resume !== undefined;
    if (resumed) {
      const reason = Chain.checkResumed(result, resume, lineage);
      if (reason) return this.#violation(reason, 'not_resumable');
    }
    const reset = !resumed && (resume || this.#resetReason) ? (this.#resetReason ?? result.start) : null;
    this.#resume = undefined;
    this.#resetReason = null;
    this.#chain.accepted(result);
    this.#granted = { mode: result.mode, max_rate_hz: result.max_rate_hz };
    if (reset) {
      this.#add('resets', 1);
      this.#delivery.push({ type: 'reset', reason: reset }, 0, this.#chain.token);
    } else if (resumed && result.start === 'truncated') {
      const { position, epoch } = resume;
      this.#add('truncations', 1);
      this.#delivery.push({ type: 'truncated', kept: lineage.kept(epoch), position, lost: result.lost }, 0, this.#chain.token);
    } else {
      this.#delivery.setToken(this.#chain.token);
    }
    this.#clearStatuses();
    this.#settleReady.resolve(this.#granted);
    if (this.#channel !== null) this.#setStatus('live');
  }

  /** The server refused, and will always refuse. */
  refused(error) {
    this.#unsubscribe();
    this.#finish(error);
    this.#settleReady.reject(error);
    this.#delivery.finish(error);
  }

  /** The server has ended it. The program can still take the events that wait. */
  forbidden(error) {
    this.#channel = null;
    this.#stopRetry();
    this.#finish(error);
    this.#settleReady.reject(error);
    this.#delivery.finish(error);
  }

  /** The server refused for the moment. */
  retryAfter(delay_ms) {
    this.#stopRetry();
    this.#retry = this.#host.setTimeout(() => this.#subscribe(), Math.max(delay_ms, this.#backoff.next()));
  }

  /** The client is closed. The program can still take the events that wait. */
  ended(error) {
    this.#channel = null;
    this.#stopRetry();
    this.#finish(error);
    this.#settleReady.reject(error ?? new Error('the client was closed'));
    this.#delivery.finish(error);
  }

  batch(batch) {
    // This happens only in bincode, see `topicName` in messages.js.
    if (batch.updates.some((update) => update.topic === undefined)) {
      return this.#violation('a topic id that was never introduced', 'unknown_topic');
    }
    const reason = this.#chain.checkBatch(batch);
    if (reason) return this.#violation(reason);
    const { snapshot, from, to, topics, updates } = batch;
    if (!this.#delivery.fits(updates.length)) return this.#overflow(updates.length);
    this.#chain.batch(batch);
    this.#backoff.reset();
    this.#add('batches', 1);
    this.#add('updates', updates.length);
    this.#delivery.push({ type: 'batch', snapshot, from, to, ...known(topics), updates }, updates.length, this.#chain.token);
  }

  gap(gap) {
    const reason = this.#chain.checkGap(gap);
    if (reason) return this.#violation(reason);
    if (!this.#delivery.fits(0)) return this.#overflow(0);
    this.#chain.gap(gap);
    const { from, to, lost } = gap;
    this.#add('gaps', 1);
    if (lost === undefined) this.#add('gaps_uncounted', 1);
    else this.#add('lost', lost);
    this.#delivery.push({ type: 'gap', from, to, lost }, 0, this.#chain.token);
  }

  statuses({ statuses, topics }) {
    if (statuses.some(({ topic }) => topic === undefined)) {
      return this.#violation('a topic id that was never introduced', 'unknown_topic');
    }
    if (!this.#delivery.fits(statuses.length)) return this.#overflow(0);
    for (const { topic, status } of statuses) {
      if (status === 'live') this.#notLive.delete(topic);
      else this.#notLive.set(topic, status);
    }
    this.#delivery.push({ type: 'status', statuses, ...known(topics) }, statuses.length, this.#chain.token);
  }

  /** On a new channel all topics count as live again. The server names those that are not. */
  #clearStatuses() {
    if (this.#notLive.size === 0 || this.#channel === null) return;
    const statuses = [...this.#notLive.keys()].map((topic) => ({ topic, status: 'live' }));
    this.#notLive.clear();
    this.#delivery.push({ type: 'status', statuses }, 0, this.#chain.token);
  }

  heartbeat(position) {
    const reason = this.#chain.checkHeartbeat(position);
    if (reason) this.#violation(reason);
  }

  /** @param {{ mode: string, max_rate_hz?: number }} requested by the program */
  changed(changed, requested) {
    this.#channel = changed.channel;
    this.#mode = requested.mode;
    this.#max_rate_hz = requested.max_rate_hz;
    this.#granted = { mode: changed.mode, max_rate_hz: changed.max_rate_hz };
    const reason = this.#chain.checkChanged(changed);
    if (reason) return this.#violation(reason);
    this.#chain.changed(changed);
    this.#delivery.setToken(this.#chain.token);
  }

  /**
   * Updates are lost, or the server is broken: subscribes again from the last proven position, or
   * from the beginning if there is a reason why the token is useless.
   */
  #violation(reason, resetReason = null) {
    this.#add('violations', 1);
    this.#unsubscribe();
    if (resetReason) {
      this.#resume = undefined;
      this.#resetReason = resetReason;
    } else {
      this.#resume = this.#chain.token;
    }
    this.#setStatus('pending');
    this.retryAfter(0);
    this.dispatchEvent(new CustomEvent('violation', { detail: { reason } }));
  }

  /**
   * The program is too slow. The subscription ends until the program has caught up. Meanwhile the
   * server's tape holds the updates; a gap will count those that it has dropped.
   */
  #overflow(updates) {
    this.#add('overflows', 1);
    this.#add('discarded', updates);
    this.#resume = this.#chain.token;
    this.#unsubscribe();
    this.#setStatus('paused');
  }

  #handled() {
    if (this.#status !== 'paused' || !this.#delivery.hasSpace) return;
    this.#setStatus('pending');
    this.#subscribe();
  }

  #subscribe() {
    this.#stopRetry();
    this.#host.subscribe(this);
  }

  #unsubscribe() {
    this.#stopRetry();
    if (this.#channel !== null) this.#host.unsubscribe(this.#channel);
    this.#channel = null;
  }

  /** @param {Error | null} error null if the program closed it */
  #finish(error = null) {
    this.#error = error;
    this.#setStatus('closed', error === null ? {} : { error });
    this.#host.remove(this);
  }

  #stopRetry() {
    this.#host.clearTimeout(this.#retry);
    this.#retry = null;
  }

  #add(name, number) {
    this.stats[name] += number;
    this.#host.stats[name] += number;
  }

  #setStatus(status, detail = {}) {
    if (status === this.#status) return;
    this.#status = status;
    this.dispatchEvent(new CustomEvent('status', { detail: { status, ...detail } }));
  }
}

/** What a message says about topics, if it says anything. */
const known = (topics) => (topics.length > 0 ? { topics } : {});
