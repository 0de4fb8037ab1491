// What the page knows: one row for each topic with its newest value, and the values since the page was
// opened, within bounds.

import { decimalsOf, fixed, grouped, read } from './format.js';

/** Topics beyond this are counted, not shown. */
const MAX_TOPICS = 50_000;
/** Points of all charts together: 16 bytes each. */
const MAX_POINTS = 2_000_000;
/** Of one chart; at 5 a second these are 24 minutes. */
const MAX_POINTS_PER_TOPIC = 7_200;
/** However many topics there are, a chart has so many. With `MAX_TOPICS` these are 51 MB at most. */
const MIN_POINTS_PER_TOPIC = 64;
/** Dropping the oldest eighth at once costs less than one by one. */
const DROPPED_PART = 8;
/** Batches whose latency is remembered. */
const MAX_LATENCIES = 600;
const MAX_HOLES = 200;
/** Weight of the newest second in a rate, so that it settles within some seconds and can be read. */
const RATE_WEIGHT = 0.4;
/** Of a change. */
const PERCENT_DECIMALS = 2;

export const toMs = (ns) => Number(ns / 1_000n) / 1_000;

export class Store {
  rows = [];
  points = 0;
  /** Topics that did not fit. */
  unseen = 0;
  /** Times without data, in ms of the server's clock: `{ from, to, text, lost }`; `to` is null while it lasts. */
  holes = [];
  #byTopic = new Map();
  #unseenTopics = new Set();
  /** Of topics that are not live, also of those that have no value yet. */
  #statuses = new Map();
  #latencies = [];
  #nextLatency = 0;
  #rated_ms = null;
  #taken_ms = null;

  get(topic) {
    return this.#byTopic.get(topic);
  }

  /**
   * Takes what a batch says.
   * @param {number} now_ms the server's clock
   * @param {number} here_ms this computer's
   */
  take({ updates, snapshot }, now_ms, here_ms) {
    this.#closeHole(now_ms);
    this.#taken_ms = now_ms;
    for (const update of updates) this.#update(update, now_ms);
    if (snapshot || updates.length === 0) return;
    // Without the offset between the clocks, for that is known better and better.
    this.#latencies[this.#nextLatency] = here_ms - toMs(updates.at(-1).ingest_time_ns);
    this.#nextLatency = (this.#nextLatency + 1) % MAX_LATENCIES;
  }

  #update({ topic, position, seq, ingest_time_ns, quality, value }, now_ms) {
    let row = this.#byTopic.get(topic);
    if (!row) {
      if (this.rows.length >= MAX_TOPICS) return this.#passOver(topic);
      row = {
        topic, unit: '', kind: '', text: '', number: null, decimals: 0, extra: '', first: null, change: null, direction: 0, changed_ms: 0,
        seq, ratedSeq: seq, rate: null, ingest_ms: 0, quality: 'live', isOld: false, times: [], values: [],
        status: this.#statuses.get(topic)?.status ?? 'live', since_ms: this.#statuses.get(topic)?.since_ms ?? null,
        /** Position of the oldest update seen: history goes on before it. */
        oldest: position, hasPast: false,
      };
      this.#byTopic.set(topic, row);
      this.rows.push(row);
    }
    const { kind, number, text, extra, raw } = read(value);
    if (number !== null) {
      row.decimals = text === null ? Math.max(row.decimals, decimalsOf(number)) : (text.split('.')[1] ?? '').length;
      row.direction = row.number === null ? 0 : Math.sign(number - row.number);
      if (row.direction !== 0) row.changed_ms = now_ms;
      row.first ??= number;
      row.change = row.first === 0 ? null : ((number - row.first) / Math.abs(row.first)) * 100;
    }
    row.kind = kind;
    row.number = number;
    row.extra = extra ?? '';
    row.text = kind === 'reading' ? fixed(raw, row.decimals) : number === null ? text : grouped(text);
    row.seq = seq;
    row.quality = quality;
    row.isOld = false;
    const ingest_ms = toMs(ingest_time_ns);
    if (number !== null && (ingest_ms > row.ingest_ms || row.times.length === 0)) this.#keep(row, ingest_ms / 1000, number);
    row.ingest_ms = ingest_ms;
  }

  /** What the server says of the sources of topics. */
  judge(statuses) {
    for (const { topic, status, since_ns } of statuses) {
      const since_ms = since_ns === undefined ? null : toMs(since_ns);
      if (status === 'live') this.#statuses.delete(topic);
      else this.#statuses.set(topic, { status, since_ms });
      const row = this.#byTopic.get(topic);
      if (row) Object.assign(row, { status, since_ms });
    }
  }

  /** How many topics are not live. */
  ailing() {
    return this.#statuses.size;
  }

  /** Puts what was before in front of what is known of a topic. */
  remember(topic, updates) {
    const row = this.#byTopic.get(topic);
    if (!row) return;
    row.hasPast = true;
    const until_s = row.times[0] ?? Infinity;
    const [times, values] = [[], []];
    for (const { position, ingest_time_ns, value } of updates) {
      const { number } = read(value);
      const s = toMs(ingest_time_ns) / 1000;
      if (number === null || position >= row.oldest || s > until_s) continue;
      times.push(s);
      values.push(number);
    }
    row.times = times.concat(row.times);
    row.values = values.concat(row.values);
    this.points += times.length;
    row.oldest = Math.min(row.oldest, updates[0]?.position ?? row.oldest);
  }

  #passOver(topic) {
    // Counted once each, and not for ever.
    if (this.#unseenTopics.size < MAX_TOPICS) this.#unseenTopics.add(topic);
    this.unseen = this.#unseenTopics.size;
  }

  #keep(row, time_s, number) {
    const { times, values } = row;
    // Charts want times that never go back.
    if (times.length > 0 && time_s < times.at(-1)) return;
    times.push(time_s);
    values.push(number);
    this.points += 1;
    const share = Math.floor(MAX_POINTS / this.rows.length);
    const limit = Math.max(Math.min(share, MAX_POINTS_PER_TOPIC), MIN_POINTS_PER_TOPIC);
    if (times.length <= limit) return;
    const dropped = times.length - limit + Math.ceil(limit / DROPPED_PART);
    times.splice(0, dropped);
    values.splice(0, dropped);
    this.points -= dropped;
  }

  /** Units come with the topics, not with the values. */
  learn(topics) {
    for (const { topic, unit } of topics) {
      const row = this.#byTopic.get(topic);
      if (row && unit) row.unit = unit;
    }
  }

  /** The server began anew: what is known may be no longer so. */
  reset() {
    for (const row of this.rows) {
      row.isOld = true;
      row.ratedSeq = null;
      // Positions of another epoch mean nothing.
      row.hasPast = true;
    }
  }

  /** From now on nothing comes, or something is lost. */
  openHole(now_ms, text, lost) {
    const last = this.holes.at(-1);
    if (last && last.to === null) {
      if (lost !== undefined) Object.assign(last, { text, lost });
      return;
    }
    // What is lost was due since the newest batch.
    const from = lost === undefined ? now_ms : (this.#taken_ms ?? now_ms);
    this.holes.push({ from, to: null, text, lost });
    if (this.holes.length > MAX_HOLES) this.holes.shift();
  }

  #closeHole(now_ms) {
    const last = this.holes.at(-1);
    if (last && last.to === null) last.to = now_ms;
  }

  /** Once a second: updates per second of each topic, from the server's count. */
  measure(now_ms) {
    const s = this.#rated_ms === null ? 0 : (now_ms - this.#rated_ms) / 1000;
    this.#rated_ms = now_ms;
    for (const row of this.rows) {
      const isSame = row.ratedSeq !== null && row.seq >= row.ratedSeq;
      if (s > 0 && isSame && !row.isOld) {
        const newest = (row.seq - row.ratedSeq) / s;
        row.rate = row.rate === null ? newest : row.rate + RATE_WEIGHT * (newest - row.rate);
      }
      row.ratedSeq = row.seq;
    }
  }

  /**
   * @param {{ offset_ns: bigint } | null} estimate of the clocks
   * @returns {{ p50?: number, p99?: number }} milliseconds
   */
  latency(estimate) {
    if (estimate === null || this.#latencies.length === 0) return {};
    const offset_ms = toMs(estimate.offset_ns);
    const sorted = [...this.#latencies].sort((a, b) => a - b);
    const at = (part) => Math.max(sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)] + offset_ms, 0);
    return { p50: at(0.5), p99: at(0.99) };
  }

  forgetLatency() {
    this.#latencies = [];
    this.#nextLatency = 0;
  }
}

export { PERCENT_DECIMALS };
