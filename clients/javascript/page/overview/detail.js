// Every update of one topic: for candles, for the timeline of words, and for its messages. It has a
// subscription of its own without a rate, and begins with the server's history.

import { CandleSource } from '../candles/source.js';
import { Points } from '../chart/points.js';
import { StateList } from '../chart/states.js';
import { Messages } from '../inspector/messages.js';
import { count, nsToMs } from '../shared/format.js';
import { readValue } from '../shared/value.js';
import { GapList } from './gap-list.js';
import { loadHistory } from './history.js';

const MAX_TICKS = 200_000;
const DROPPED_PART = 8;
const MAX_STATES = 5_000;
/** Of the server's history. */
const MAX_HISTORY = 40_000;

export class Detail {
  topic;
  ticks = new Points();
  states = new StateList(MAX_STATES);
  messages = new Messages();
  gapList = new GapList();
  candles = new CandleSource(this.ticks, this.gapList);
  /** Updates since the detail exists, history apart. */
  received = 0;
  #client;
  #subscription;
  #changed;
  #seq = null;
  #oldest = null;
  #now;
  /** Whether a gap of the connection is open, which may turn out to be none. */
  #isAway = false;

  /**
   * @param {import('../../index.js').Client} client
   * @param {string} topic
   * @param {{ now_ms: () => number, changed: () => void }} on the server's time; something is new
   */
  constructor(client, topic, { now_ms, changed }) {
    this.topic = topic;
    this.#client = client;
    this.#changed = changed;
    this.#now = now_ms;
    this.#subscription = client.subscribe(topic, { mode: 'every' }, (event) => this.#receive(event));
    // Without permission there are no details; the page says why nothing comes.
    this.#subscription.ready.catch(() => {});
  }

  close() {
    this.#subscription.close();
  }

  disconnected() {
    this.gapList.open(this.#now(), 'not connected');
    this.#isAway = true;
  }

  #receive(event) {
    if (event.type === 'batch') this.#batch(event);
    if (event.type === 'gap') {
      this.#isAway = false;
      this.gapList.open(this.#now(), event.lost === undefined ? 'gap · some lost' : `gap · ${count(event.lost)} lost`, event.lost ?? null);
    }
    if (event.type === 'reset') {
      // Seqs of another epoch begin again, and what happened in between is unknown.
      this.#isAway = false;
      this.#seq = null;
      this.#oldest = -1;
    }
    this.#changed();
  }

  #batch(event) {
    // A subscription that resumes brings the updates of the time without a connection.
    if (this.#isAway && !event.snapshot) this.gapList.withdraw();
    this.#isAway = false;
    this.gapList.batchArrived(event, this.#now());
    for (const update of event.updates) {
      if (this.#seq !== null && update.seq <= this.#seq) continue;
      this.#seq = update.seq;
      this.received += 1;
      this.#add(update);
      if (this.#oldest === null) this.#loadHistory(update.position);
    }
  }

  #add(update) {
    const { number, other = NaN, text } = readValue(update.value);
    const s = Math.max(nsToMs(update.ingest_time_ns) / 1000, this.ticks.last_s ?? 0);
    this.ticks.append(s, number ?? NaN, other);
    if (this.ticks.length > MAX_TICKS) this.ticks.dropOldest(Math.ceil(MAX_TICKS / DROPPED_PART));
    if (number === null) this.states.add(s, text);
    this.messages.add(update);
  }

  #loadHistory(position) {
    this.#oldest = position;
    loadHistory(this.#client, this.topic, { before: position, limit: MAX_HISTORY }, (updates) => {
      if (this.#oldest === -1) return null;
      const older = { times: [], values: [], others: [] };
      const states = [];
      for (const { ingest_time_ns, value } of updates) {
        const { number, other = NaN, text } = readValue(value);
        const s = nsToMs(ingest_time_ns) / 1000;
        older.times.push(s);
        older.values.push(number ?? NaN);
        older.others.push(other);
        if (number === null) states.push({ s, text });
      }
      this.ticks.prepend(older);
      this.states.prepend(states);
      this.messages.prepend(updates);
      this.#oldest = updates[0]?.position ?? position;
      this.#changed();
      return this.#oldest;
    });
  }
}
