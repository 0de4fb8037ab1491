// The data of the page: one row for each topic with its newest value and the points of its chart.
// Everything has a bound.

import { fixed, grouped, nsToMs } from '../shared/format.js';
import { decimalsOf, readValue } from '../shared/value.js';

/** Further topics are counted, not shown. */
const MAX_TOPICS = 50_000;
/** Points of all charts together: 16 bytes each. */
const MAX_POINTS = 2_000_000;
/**
 * Points of one chart: 24 minutes at 5 updates a second. The server's history fills the same space.
 */
export const MAX_POINTS_PER_TOPIC = 7_200;
/** Every chart may have this many points. With `MAX_TOPICS` they take 51 MB at most. */
const MIN_POINTS_PER_TOPIC = 64;
/** Dropping the oldest eighth at once costs less than one by one. */
const DROPPED_PART = 8;
/**
 * Weight of the newest second in a rate, so that the rate settles within seconds and can be read.
 */
const RATE_WEIGHT = 0.4;

export class Store {
  rows = [];
  /** Points of all rows. */
  points = 0;
  /** Topics above the limit. */
  unshown = 0;
  #byTopic = new Map();
  #unshownTopics = new Set();
  /** Topics that are not live, with or without a row. */
  #statuses = new Map();
  #rated_ms = null;

  get(topic) {
    return this.#byTopic.get(topic);
  }

  /** @param {number} now_ms the server's clock */
  addBatch({ topics = [], updates }, now_ms) {
    for (const update of updates) this.#addUpdate(update, now_ms);
    this.setInfos(topics);
  }

  #addUpdate({ topic, position, seq, ingest_time_ns, quality, value }, now_ms) {
    const row = this.#byTopic.get(topic) ?? this.#addRow(topic, position, seq);
    if (!row) return;
    // It is part of the past, whose time the chart does not know.
    if (quality === 'historical' && row.kind !== '') {
      row.seq = Math.max(row.seq, seq);
      return;
    }
    const { kind, number, text, extra = '', raw } = readValue(value);
    if (number !== null) {
      row.decimals = text === null ? Math.max(row.decimals, decimalsOf(number)) : (text.split('.')[1] ?? '').length;
      row.direction = row.number === null ? 0 : Math.sign(number - row.number);
      if (row.direction !== 0) row.changed_ms = now_ms;
      row.first ??= number;
      row.change = row.first === 0 ? null : ((number - row.first) / Math.abs(row.first)) * 100;
    }
    row.kind = kind;
    row.number = number;
    row.extra = extra;
    if (kind === 'reading') row.text = fixed(raw, row.decimals);
    else row.text = number === null ? text : grouped(text);
    row.seq = seq;
    row.quality = quality;
    row.isOld = false;
    const ingest_ms = nsToMs(ingest_time_ns);
    if (number !== null && (ingest_ms > row.ingest_ms || row.times.length === 0)) this.#addPoint(row, ingest_ms / 1000, number);
    row.ingest_ms = ingest_ms;
  }

  /** @returns {object | null} null if there is no space for another topic */
  #addRow(topic, position, seq) {
    if (this.rows.length >= MAX_TOPICS) {
      // The set of counted topics is bounded too.
      if (this.#unshownTopics.size < MAX_TOPICS) this.#unshownTopics.add(topic);
      this.unshown = this.#unshownTopics.size;
      return null;
    }
    const { status = 'live', since_ms = null } = this.#statuses.get(topic) ?? {};
    const row = {
      topic, unit: '', name: '', kind: '', text: '', extra: '', number: null, decimals: 0, quality: 'live', status, since_ms,
      /** The first number of the page, and the change since then in percent. */
      first: null, change: null,
      /** Sign of the newest change, and its time by the server's clock. */
      direction: 0, changed_ms: 0,
      /** `ratedSeq`: the seq when the rate was computed last. */
      seq, ratedSeq: seq, rate: null, ingest_ms: 0,
      /** From before a reset of the subscription. */
      isOld: false,
      /** Points of the chart: seconds of the server's clock, ascending. */
      times: [], values: [],
      /** Position of the oldest update: history continues before it. */
      oldest: position, hasHistory: false,
    };
    this.#byTopic.set(topic, row);
    this.rows.push(row);
    return row;
  }

  #addPoint(row, time_s, number) {
    const { times, values } = row;
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

  /** Puts older updates of a topic in front of the points it has. */
  addHistory(topic, updates) {
    const row = this.#byTopic.get(topic);
    if (!row) return;
    row.hasHistory = true;
    const until_s = row.times[0] ?? Infinity;
    const [times, values] = [[], []];
    for (const { position, ingest_time_ns, quality, value } of updates) {
      const { number } = readValue(value);
      const s = nsToMs(ingest_time_ns) / 1000;
      if (number === null || quality === 'historical' || position >= row.oldest || s > until_s) continue;
      times.push(s);
      values.push(number);
    }
    row.times = times.concat(row.times);
    row.values = values.concat(row.values);
    this.points += times.length;
    row.oldest = Math.min(row.oldest, updates[0]?.position ?? row.oldest);
  }

  /** @param {{ topic: string, status: string, since_ns?: bigint }[]} statuses */
  setStatuses(statuses) {
    for (const { topic, status, since_ns } of statuses) {
      const since_ms = since_ns === undefined ? null : nsToMs(since_ns);
      if (status === 'live') this.#statuses.delete(topic);
      else this.#statuses.set(topic, { status, since_ms });
      const row = this.#byTopic.get(topic);
      if (row) Object.assign(row, { status, since_ms });
    }
  }

  /** Topics that are stale or dead. */
  get notLive() {
    return this.#statuses.size;
  }

  /** Units and names come with the topics, not with the values, and may come later. */
  setInfos(topics) {
    for (const { topic, unit = '', name = '' } of topics) {
      const row = this.#byTopic.get(topic);
      if (row) Object.assign(row, { unit, name });
    }
  }

  /** The subscription starts again, so its values may be wrong now. */
  reset() {
    for (const row of this.rows) {
      row.isOld = true;
      row.ratedSeq = null;
      // Positions of another epoch mean nothing.
      row.hasHistory = true;
    }
  }

  /**
   * Computes the updates per second of each topic from the server's seqs. Call it once a second.
   */
  updateRates(now_ms) {
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
}
