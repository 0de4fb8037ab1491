// The page's connection: one client, one subscription, and what to say about them.

import { Client } from '../index.js';
import { socketUrl } from './dom.js';

/** `location` may ask for less than everything: `?filter=market/%23`. */
const EVERYTHING = '#';
const COUNTDOWN_MS = 200;
const NORMAL = 1000;

const wishOf = (rate) => (rate === 'every' ? { mode: 'every' } : { mode: 'latest', max_rate_hz: Number(rate) });

export class Link {
  client = null;
  subscription = null;
  #handlers;
  #settings;
  #countdown = null;

  /**
   * @param {{ encoding: string, rate: string }} settings
   * @param {object} handlers `event(event)` of the subscription, `say(state, words, countdown)`, `lost()` when a connection ends
   */
  constructor(settings, handlers) {
    this.#settings = settings;
    this.#handlers = handlers;
    this.filter = new URL(location.href).searchParams.get('filter') ?? EVERYTHING;
    this.url = socketUrl('ws');
    this.start();
  }

  /** Connects, also when there is a connection: then with the settings as they are now. */
  start() {
    this.client?.close(NORMAL, 'the page connects in another way');
    const { encoding, rate } = this.#settings;
    const client = new Client(this.url, { encoding });
    this.client = client;
    // An old client's last words say nothing about the new one.
    const mine = (action) => (given) => {
      if (this.client === client) action(given);
    };
    client.addEventListener('status', mine(({ detail }) => this.#status(detail)));
    client.addEventListener('draining', mine(() => this.#handlers.say('trying', 'the server goes down and sends us elsewhere')));
    this.subscription = client.subscribe(this.filter, wishOf(rate), mine((event) => this.#handlers.event(event)));
    this.subscription.ready.catch(mine((error) => {
      if (client.readyState === client.OPEN) this.#handlers.say('ended', `${this.filter} is refused: ${error.message}`);
    }));
    this.#status({ status: 'connecting' });
  }

  setEncoding(encoding) {
    this.#settings.encoding = encoding;
    this.start();
  }

  async setRate(rate) {
    this.#settings.rate = rate;
    const { subscription } = this;
    try {
      await subscription.change(wishOf(rate));
    } catch {
      // Not subscribed at the moment.
      if (this.subscription === subscription) this.start();
    }
  }

  #status({ status, delay_ms, code, reason }) {
    clearInterval(this.#countdown);
    const why = reason || (code === 1006 ? 'no answer' : `code ${code}`);
    if (status === 'connecting') this.#handlers.say('trying', 'connecting');
    if (status === 'open') this.#handlers.say('live', `connected · epoch ${this.client.welcome.epoch.slice(0, 4)}`);
    if (status === 'closed') {
      this.#handlers.lost();
      this.#handlers.say('ended', `ended for good: ${why}`);
    }
    if (status !== 'waiting') return;
    this.#handlers.lost();
    const due = performance.now() + delay_ms;
    const tell = () => {
      const left_s = Math.max(due - performance.now(), 0) / 1000;
      this.#handlers.say('trying', `not connected: ${why}`, `; again in ${left_s.toFixed(1)} s`);
    };
    tell();
    this.#countdown = setInterval(tell, COUNTDOWN_MS);
  }
}
