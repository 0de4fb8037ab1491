// The client of the page, its subscriptions, and the state of both in words.

import { Client, ServerError } from '../../index.js';
import { socketUrl } from '../shared/dom.js';
import { nsToMs } from '../shared/format.js';
import { checkToken } from '../shared/login-check.js';
import { problemOf, problemOfEnd, wantsToken } from '../shared/login-words.js';
import { covers, filtersFor } from './access.js';

/** The address of the page may name another filter: `?filter=market/%23`. */
const EVERYTHING = '#';
const COUNTDOWN_MS = 200;
/** A heartbeat that is this late is missing, as a part of its interval. */
const SILENT_PART = 1.2;
const NORMAL = 1000;
const ABNORMAL = 1006;

export class OverviewSubscription {
  client = null;
  /** One for each filter. There are several if the login allows less than everything. */
  subscriptions = new Map();
  #handlers;
  #settings;
  #login;
  #countdown = null;
  #isSilent = false;
  #isCurrent = (action) => action;

  /**
   * Connects at once.
   *
   * @param {{ encoding: string, rate: string }} settings
   * @param {import('../shared/login.js').Login} login
   * @param {object} handlers `event(event)` of a subscription; `state(state, text, countdown)`,
   * where the state is a class of the dot; `disconnected()`; `identity(identity)`;
   * `problem(text)` for a person who logs in; `expiring(until_s)`; `ended(filter, error)` if the
   * server has ended a subscription
   */
  constructor(settings, login, handlers) {
    this.#settings = settings;
    this.#login = login;
    this.#handlers = handlers;
    this.filter = new URL(location.href).searchParams.get('filter') ?? EVERYTHING;
    this.url = socketUrl('ws');
    this.start();
  }

  /** Connects with the current settings. An earlier connection is closed. */
  start() {
    this.client?.close(NORMAL, 'the page connects again');
    const { encoding } = this.#settings;
    const token = this.#login.token === null ? undefined : () => this.#login.token;
    const client = new Client(this.url, { encoding, token });
    this.client = client;
    this.subscriptions.clear();
    // The last events of an earlier client say nothing about this one.
    this.#isCurrent = (action) => (given) => {
      if (this.client === client) action(given);
    };
    const on = (name, action) => client.addEventListener(name, this.#isCurrent(({ detail }) => action(detail)));
    on('status', (detail) => this.#showStatus(detail));
    on('draining', () => this.#handlers.state('trying', 'the server is draining; reconnecting soon'));
    on('identity', (identity) => {
      this.#handlers.identity(identity);
      this.#reconcile();
    });
    on('error', (error) => error instanceof ServerError && wantsToken(error) && this.#handlers.problem(problemOf(error)));
    on('expiring', ({ expires_ns }) => this.#handlers.expiring(nsToMs(expires_ns) / 1000));
    this.#reconcile();
    this.#showStatus({ status: 'connecting' });
  }

  /**
   * Shows another token to the server: on this connection if it belongs to a login, which then is
   * renewed, else on a connection of its own.
   *
   * @returns {Promise<boolean>} whether this connection has it now; rejects if it is refused
   */
  async enter(token) {
    const { client } = this;
    const isLoggedIn = client.readyState === client.OPEN && client.identity !== null && client.identity.subject !== '';
    await (isLoggedIn ? client.authenticate(token) : checkToken(Client, this.url, token));
    return isLoggedIn;
  }

  /** Subscribes to what is wanted and allowed, and to nothing else. */
  #reconcile() {
    const { client } = this;
    if (client.readyState >= client.CLOSING) return;
    const wanted = filtersFor(this.filter, client.identity);
    for (const [filter, subscription] of this.subscriptions) {
      if (wanted.includes(filter)) continue;
      // What is not allowed any more is ended by the server, which tells the position.
      if (subscription.status !== 'live' || wanted.some((other) => covers(other, filter))) subscription.close();
      this.subscriptions.delete(filter);
    }
    for (const filter of wanted) if (!this.subscriptions.has(filter)) this.#subscribe(filter);
    if (wanted.length === 0) this.#handlers.state('ended', 'your login may read nothing');
  }

  #subscribe(filter) {
    const { client } = this;
    const ifCurrent = this.#isCurrent;
    const subscription = client.subscribe(filter, this.#params, ifCurrent((event) => this.#handlers.event(event)));
    this.subscriptions.set(filter, subscription);
    subscription.addEventListener('status', ifCurrent(({ detail }) => detail.error && this.#ended(filter, subscription, detail.error)));
    subscription.ready.catch(() => {});
  }

  #ended(filter, subscription, error) {
    const { client } = this;
    if (client.readyState !== client.OPEN) return;
    const isWanted = this.subscriptions.get(filter) === subscription;
    if (isWanted) this.subscriptions.delete(filter);
    if (error.position !== undefined) this.#handlers.ended(filter, error);
    if (wantsToken(error)) {
      this.#handlers.state('ended', 'not logged in');
      this.#handlers.problem(problemOf(error));
    } else if (isWanted && filtersFor(this.filter, client.identity).includes(filter)) {
      this.#handlers.state('ended', `filter ${filter} refused: ${error.message}`);
      if (client.identity) this.#handlers.problem(problemOf(error));
    }
  }

  get #params() {
    const { rate } = this.#settings;
    const most_hz = this.client.identity?.max_rate_hz ?? Infinity;
    if (rate === 'every' && most_hz === Infinity) return { mode: 'every' };
    return { mode: 'latest', max_rate_hz: Math.min(rate === 'every' ? Infinity : Number(rate), most_hz) };
  }

  /** Mode and rate that the server has granted, or null. */
  get granted() {
    return this.subscriptions.values().next().value?.granted ?? null;
  }

  /** Where history ends and updates at this rate begin; empty if none are left out. */
  get rateText() {
    return this.#settings.rate === 'every' ? '' : `${this.#settings.rate} /s from here`;
  }

  /** The distance between two batches that the rate keeps; 0 for none. */
  get distance_ms() {
    const hz = this.granted?.max_rate_hz;
    return hz ? 1000 / hz : 0;
  }

  /**
   * Tells if nothing was heard for longer than the server's heartbeat allows. Call it often.
   *
   * @returns {number | null} the time of the last message, by the server's clock in ms
   */
  silentSince() {
    const { client } = this;
    const heartbeat_ms = client.welcome?.heartbeat_ms ?? 0;
    const isOpen = client.readyState === client.OPEN && heartbeat_ms > 0;
    const silent_ms = isOpen ? nsToMs(client.serverNow() - client.heard_ns) : 0;
    const isSilent = isOpen && silent_ms > heartbeat_ms * SILENT_PART;
    if (isSilent) this.#handlers.state('lost', `connected · silent for ${Math.floor(silent_ms / 1000)} s`);
    else if (this.#isSilent) this.#showStatus({ status: 'open' });
    this.#isSilent = isSilent && isOpen;
    return isSilent ? nsToMs(client.heard_ns) : null;
  }

  setEncoding(encoding) {
    this.#settings.encoding = encoding;
    this.start();
  }

  async setRate(rate) {
    this.#settings.rate = rate;
    const { client } = this;
    try {
      await Promise.all([...this.subscriptions.values()].map((subscription) => subscription.change(this.#params)));
    } catch {
      // There is no channel to change at the moment.
      if (this.client === client) this.start();
    }
  }

  #showStatus({ status, delay_ms, code, reason }) {
    clearInterval(this.#countdown);
    if (status !== 'open') this.#isSilent = false;
    const why = reason || (code === ABNORMAL ? 'no answer' : `code ${code}`);
    if (status === 'connecting') this.#handlers.state('trying', 'connecting');
    // The last digits, as the monitor shows them.
    if (status === 'open') this.#handlers.state('live', 'connected', { detail: ` · epoch ${this.client.welcome.epoch.slice(-4)}` });
    if (status === 'waiting' || status === 'closed') this.#handlers.problem(problemOfEnd({ code }));
    if (status === 'closed') {
      this.#handlers.disconnected();
      this.#handlers.state('ended', `closed: ${why}`);
    }
    if (status !== 'waiting') return;
    this.#handlers.disconnected();
    const due = performance.now() + delay_ms;
    const countDown = () => {
      const left_s = Math.max(due - performance.now(), 0) / 1000;
      this.#handlers.state('lost', `not connected: ${why}`, { countdown: `; retry in ${left_s.toFixed(1)} s` });
    };
    countDown();
    this.#countdown = setInterval(countDown, COUNTDOWN_MS);
  }
}
