// Every update of one topic: for its candles, for the timeline of words, and for its messages. It
// has a subscription of its own without a rate.

import { StateList } from '../chart/states.js';
import { Messages } from '../inspector/messages.js';
import { nsToMs } from '../shared/format.js';
import { sentence } from '../shared/login-words.js';
import { readValue } from '../shared/value.js';
import { GapList, lossLabel } from './gap-list.js';
import { loadHistory } from './history.js';

const MAX_STATES = 5_000;
/** Of the server's history. */
const MAX_HISTORY = 40_000;

export class Detail {
  topic;
  states = new StateList(MAX_STATES);
  messages = new Messages();
  gapList = new GapList();
  #client;
  #past;
  #subscription;
  #changed;
  #seq = null;
  /** Position of the oldest update; null before the first one, -1 if history does not fit. */
  #oldest = null;
  #hasHistory = false;
  #newest_s = 0;
  #isClosed = false;
  #now;
  /** Why the server does not send every update: `{ since_ms, reason, position }`, or null. */
  denied = null;
  /** Whether a gap of the connection is open, which may turn out to be none. */
  #isAway = false;

  /**
   * @param {import('../../index.js').Client} client
   * @param {string} topic
   * @param {import('../candles/past.js').Past} past gets every update
   * @param {{ now_ms: () => number, changed: () => void }} on the server's time; something is new
   */
  constructor(client, topic, past, { now_ms, changed }) {
    this.topic = topic;
    this.#client = client;
    this.#past = past;
    this.#changed = changed;
    this.#now = now_ms;
    this.#subscription = client.subscribe(topic, { mode: 'every' }, (event) => this.#receive(event));
    this.#subscription.ready.then(() => this.#isClosed || past.begin(), () => {});
    // Without permission there are no details; the chart says why nothing comes.
    this.#subscription.addEventListener('status', ({ detail: { error } }) => {
      if (!error || error.code === undefined && error.position === undefined) return;
      this.denied = { since_ms: this.#now(), reason: sentence(error.message), position: error.position };
      past.end();
      changed();
    });
  }

  close() {
    this.#isClosed = true;
    this.#past.end();
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
      this.#past.begin();
      this.gapList.open(this.#now(), lossLabel(event), event.lost ?? null);
    }
    if (event.type === 'truncated') this.gapList.open(this.#now(), lossLabel(event), event.lost ?? null);
    if (event.type === 'reset' || event.type === 'truncated') {
      // Seqs of another epoch begin again, and what happened in between is unknown.
      this.#past.begin();
      this.#isAway = false;
      this.#seq = null;
      this.#oldest = -1;
    }
    if (event.type === 'status') {
      for (const { status, since_ns } of event.statuses) this.#past.setStatus(status, since_ns === undefined ? this.#now() / 1000 : nsToMs(since_ns) / 1000);
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
      // What a snapshot repeats is part of the past already.
      if (!event.snapshot) this.#past.add(update);
      this.#add(update);
      this.#oldest ??= update.position;
    }
  }

  #add(update) {
    const { kind, number, text } = readValue(update.value);
    const s = Math.max(nsToMs(update.ingest_time_ns) / 1000, this.#newest_s);
    this.#newest_s = s;
    if (number === null) this.states.add(s, text, kind !== 'bytes');
    this.messages.add(update);
  }

  /** Words and messages begin with the server's history; candles do not need it. */
  loadHistory() {
    if (this.#hasHistory || this.#oldest === null || this.#oldest === -1) return;
    this.#hasHistory = true;
    const position = this.#oldest;
    loadHistory(this.#client, this.topic, { before: position, limit: MAX_HISTORY }, (updates) => {
      if (this.#oldest === -1) return null;
      const states = [];
      for (const { ingest_time_ns, value } of updates) {
        const { kind, number, text } = readValue(value);
        if (number === null) states.push({ s: nsToMs(ingest_time_ns) / 1000, text, isState: kind !== 'bytes' });
      }
      this.states.prepend(states);
      this.messages.prepend(updates);
      this.#oldest = updates[0]?.position ?? position;
      this.#changed();
      return this.#oldest;
    });
  }
}
