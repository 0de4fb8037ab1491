// The client of the page and its one subscription, and the state of both in words.

import { Client } from '../../index.js';
import { socketUrl } from '../shared/dom.js';
import { nsToMs } from '../shared/format.js';

/** The address of the page may name another filter: `?filter=market/%23`. */
const EVERYTHING = '#';
const COUNTDOWN_MS = 200;
/** A heartbeat that is this late is missing, as a part of its interval. */
const SILENT_PART = 1.2;
const NORMAL = 1000;
const ABNORMAL = 1006;

const paramsOf = (rate) => (rate === 'every' ? { mode: 'every' } : { mode: 'latest', max_rate_hz: Number(rate) });

export class OverviewSubscription {
  client = null;
  subscription = null;
  #handlers;
  #settings;
  #countdown = null;
  #isSilent = false;

  /**
   * Connects at once.
   *
   * @param {{ encoding: string, rate: string }} settings
   * @param {object} handlers `event(event)` of the subscription; `state(state, text, countdown)`,
   * where the state is a class of the dot; `disconnected()`
   */
  constructor(settings, handlers) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.filter = new URL(location.href).searchParams.get('filter') ?? EVERYTHING;
    this.url = socketUrl('ws');
    this.start();
  }

  /** Connects with the current settings. An earlier connection is closed. */
  start() {
    this.client?.close(NORMAL, 'the page connects again');
    const { encoding, rate } = this.#settings;
    const client = new Client(this.url, { encoding });
    this.client = client;
    // The last events of an earlier client say nothing about this one.
    const ifCurrent = (action) => (given) => {
      if (this.client === client) action(given);
    };
    client.addEventListener('status', ifCurrent(({ detail }) => this.#showStatus(detail)));
    client.addEventListener('draining', ifCurrent(() => this.#handlers.state('trying', 'the server is draining; reconnecting soon')));
    this.subscription = client.subscribe(this.filter, paramsOf(rate), ifCurrent((event) => this.#handlers.event(event)));
    this.subscription.ready.catch(ifCurrent((error) => {
      if (client.readyState === client.OPEN) this.#handlers.state('ended', `filter ${this.filter} refused: ${error.message}`);
    }));
    this.#showStatus({ status: 'connecting' });
  }

  /** Where history ends and updates at this rate begin; empty if none are left out. */
  get rateText() {
    return this.#settings.rate === 'every' ? '' : `${this.#settings.rate} /s from here`;
  }

  /** The distance between two batches that the rate keeps; 0 for none. */
  get distance_ms() {
    const hz = this.subscription.granted?.max_rate_hz;
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
    if (isSilent) this.#handlers.state('trying', `connected · silent for ${Math.floor(silent_ms / 1000)} s`);
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
    const { subscription } = this;
    try {
      await subscription.change(paramsOf(rate));
    } catch {
      // There is no channel to change at the moment.
      if (this.subscription === subscription) this.start();
    }
  }

  #showStatus({ status, delay_ms, code, reason }) {
    clearInterval(this.#countdown);
    if (status !== 'open') this.#isSilent = false;
    const why = reason || (code === ABNORMAL ? 'no answer' : `code ${code}`);
    if (status === 'connecting') this.#handlers.state('trying', 'connecting');
    if (status === 'open') this.#handlers.state('live', `connected · epoch ${this.client.welcome.epoch.slice(0, 4)}`);
    if (status === 'closed') {
      this.#handlers.disconnected();
      this.#handlers.state('ended', `closed: ${why}`);
    }
    if (status !== 'waiting') return;
    this.#handlers.disconnected();
    const due = performance.now() + delay_ms;
    const countDown = () => {
      const left_s = Math.max(due - performance.now(), 0) / 1000;
      this.#handlers.state('trying', `not connected: ${why}`, `; retry in ${left_s.toFixed(1)} s`);
    };
    countDown();
    this.#countdown = setInterval(countDown, COUNTDOWN_MS);
  }
}
