// The data of the page: one row for each topic with its newest value and the points of its chart.
// Everything has a bound.

import { Points } from '../chart/points.js';
import { fixed, grouped, isPrice, isTooSmall, nsToMs } from '../shared/format.js';
import { decimalsOf, readValue } from '../shared/value.js';

/** Further topics are counted, not shown. */
const MAX_TOPICS = 50_000;
/** Points of all topics together: 24 bytes each, 48 in the worst case. */
const MAX_POINTS = 2_000_000;
/** Points of a topic without a chart: 24 minutes at 5 updates a second. */
const MAX_POINTS_PER_TOPIC = 7_200;
/** Points of a topic with a chart, the server's history included. */
export const MAX_POINTS_PER_CHART = 100_000;
/** Every topic may have this many points. With `MAX_TOPICS` they take 77 MB at most. */
const MIN_POINTS_PER_TOPIC = 64;
/** Changes of the status that are kept of each topic. */
const MAX_STATUSES = 200;
/** Changes of the rate that are kept. */
const MAX_JOINS = 50;
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
  /** When the rate of the live updates changed: `{ s, text }`. */
  joins = [];
  /** Rows that have a chart. */
  charted = new Set();
  #byTopic = new Map();
  #unshownTopics = new Set();
  /** Topics that are not live, with or without a row. */
  #statuses = new Map();
  #rated_ms = null;
  #reference = 'seen';

  get(topic) {
    return this.#byTopic.get(topic);
  }

  /** @param {number} now_ms the server's clock */
  addBatch({ topics = [], updates }, now_ms) {
    for (const update of updates) this.#addUpdate(update, now_ms);
    this.setInfos(topics);
  }

  #addUpdate({ topic, position, seq, ingest_time_ns, quality, value }, now_ms) {
    const row = this.#byTopic.get(topic) ?? this.#addRow(topic, position, seq, now_ms);
    if (!row) return;
    // It is part of the past, whose time the chart does not know.
    if (quality === 'historical' && row.kind !== '') {
      row.seq = Math.max(row.seq, seq);
      return;
    }
    const { kind, number, other = NaN, text, extra = '', raw } = readValue(value);
    if (number !== null) {
      row.decimals = text === null ? Math.max(row.decimals, decimalsOf(number)) : (text.split('.')[1] ?? '').length;
      row.direction = row.number === null ? 0 : Math.sign(number - row.number);
      if (row.direction !== 0) row.changed_ms = now_ms;
      row.first ??= number;
      if (this.#reference !== 'told') row.base ??= number;
      row.least = Math.min(row.least, number);
      row.greatest = Math.max(row.greatest, number);
    }
    row.kind = kind;
    row.number = number;
    if (number !== null) setBase(row, row.base);
    row.extra = extra;
    if (kind === 'reading') row.text = fixed(raw, row.decimals);
    else row.text = number === null ? text : grouped(text);
    const ingest_ms = nsToMs(ingest_time_ns);
    // The snapshot after a reconnect repeats values.
    const isNew = ingest_ms > row.ingest_ms || (ingest_ms === row.ingest_ms && seq !== row.seq) || row.points.length === 0;
    row.seq = seq;
    row.quality = quality;
    row.isOld = false;
    row.ingest_ms = ingest_ms;
    if (isNew) this.#addPoint(row, ingest_ms / 1000, number, other);
  }

  /** @returns {object | null} null if there is no space for another topic */
  #addRow(topic, position, seq, now_ms) {
    if (this.rows.length >= MAX_TOPICS) {
      // The set of counted topics is bounded too.
      if (this.#unshownTopics.size < MAX_TOPICS) this.#unshownTopics.add(topic);
      this.unshown = this.#unshownTopics.size;
      return null;
    }
    const { status = 'live', since_ms = null } = this.#statuses.get(topic) ?? {};
    const row = {
      topic, unit: '', name: '', kind: '', text: '', extra: '', number: null, decimals: 0, quality: 'live', status, since_ms,
      /** The first number of the page; what the change in percent is counted from, or null. */
      first: null, base: null, change: null,
      /** The least and the greatest number of the page; the base is too small beside them. */
      least: Infinity, greatest: -Infinity, isBaseSmall: false,
      /** Sign of the newest change, and its time by the server's clock. */
      direction: 0, changed_ms: 0,
      /** `ratedSeq`: the seq when the rate was computed last. */
      seq, ratedSeq: seq, rate: null, ingest_ms: 0,
      /** From before a reset of the subscription. */
      isOld: false,
      points: new Points(), isCharted: false,
      /** When the page first saw the topic: gaps from then on are those of the page. */
      seen_s: now_ms / 1000,
      /** Position of the oldest update: history continues before it, until there is no more. */
      oldest: position, hasAll: false,
      /** Where history ended and live updates began: `{ s, text }`; null if it cannot be seen. */
      join: null,
      /** Changes of the status since the page was opened: `{ s, status }`. */
      statuses: [],
      /** Why it may not be read any more: `{ since_ms, reason, position }`; null if it may. */
      denied: null,
    };
    this.#byTopic.set(topic, row);
    this.rows.push(row);
    return row;
  }

  /** A row with a chart may have more points. */
  setCharted(row, isCharted) {
    row.isCharted = isCharted;
    if (isCharted) this.charted.add(row);
    else this.charted.delete(row);
  }

  /** @param {number | null} number null: the line has a break */
  #addPoint(row, time_s, number, other) {
    const { points } = row;
    if (points.length === 0 ? number === null : time_s < points.last_s) return;
    if (number === null && Number.isNaN(points.values[points.end - 1])) return;
    points.append(time_s, number ?? NaN, other);
    this.points += 1;
    const share = Math.floor(MAX_POINTS / this.rows.length);
    const most = row.isCharted ? MAX_POINTS_PER_CHART : MAX_POINTS_PER_TOPIC;
    const limit = Math.max(Math.min(share, most), MIN_POINTS_PER_TOPIC);
    if (points.length <= limit) return;
    const dropped = points.length - limit + Math.ceil(limit / DROPPED_PART);
    points.dropOldest(dropped);
    this.points -= dropped;
    // History before them would leave a hole.
    row.hasAll = true;
  }

  /**
   * Puts older updates of a topic in front of the points it has.
   *
   * @param {string} joinText where they meet the live updates, if these are fewer
   */
  addHistory(topic, updates, joinText = '') {
    const row = this.#byTopic.get(topic);
    if (!row) return;
    const until_s = row.points.first_s ?? Infinity;
    const older = { times: [], values: [], others: [] };
    for (const { position, ingest_time_ns, quality, value } of updates) {
      const { number, other = NaN } = readValue(value);
      const s = nsToMs(ingest_time_ns) / 1000;
      if (quality === 'historical' || position >= row.oldest || s > until_s) continue;
      older.times.push(s);
      older.values.push(number ?? NaN);
      older.others.push(other);
    }
    if (joinText && older.times.length > 0 && row.join === null) row.join = { s: row.points.first_s ?? older.times.at(-1), text: joinText };
    row.points.prepend(older);
    this.points += older.times.length;
    row.oldest = Math.min(row.oldest, updates[0]?.position ?? row.oldest);
  }

  /** From now on the live updates have another rate. */
  addJoin(s, text) {
    this.joins.push({ s, text });
    if (this.joins.length > MAX_JOINS) this.joins.shift();
  }

  /**
   * What changes in percent are counted from: the first number of the page, those of this moment,
   * or those that `setBase` tells.
   *
   * @param {'seen' | 'now' | 'told'} reference
   */
  setReference(reference) {
    this.#reference = reference;
    for (const row of this.rows) setBase(row, { seen: row.first, now: row.number, told: null }[reference]);
  }

  /** @param {number | null} number null: nothing is known */
  setBase(topic, number) {
    const row = this.#byTopic.get(topic);
    if (row && this.#reference === 'told') setBase(row, number);
  }

  /** @param {{ topic: string, status: string, since_ns?: bigint }[]} statuses */
  setStatuses(statuses) {
    for (const { topic, status, since_ns } of statuses) {
      const since_ms = since_ns === undefined ? null : nsToMs(since_ns);
      if (status === 'live') this.#statuses.delete(topic);
      else this.#statuses.set(topic, { status, since_ms });
      const row = this.#byTopic.get(topic);
      if (row) this.#setStatus(row, status, since_ms);
    }
  }

  /** On a new connection all topics count as live until the server says otherwise. */
  connected(now_ms) {
    for (const topic of this.#statuses.keys()) {
      const row = this.#byTopic.get(topic);
      if (row) this.#setStatus(row, 'live', now_ms);
    }
    this.#statuses.clear();
  }

  #setStatus(row, status, since_ms) {
    const { statuses } = row;
    const before = statuses.at(-2);
    // It was never live again, as the server says on the new connection.
    if (before?.status === status && before.s === since_ms / 1000) statuses.pop();
    else if (since_ms !== null) statuses.push({ s: since_ms / 1000, status });
    if (statuses.length > MAX_STATUSES) statuses.shift();
    Object.assign(row, { status, since_ms });
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
      row.hasAll = true;
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

/** In percent; null if the first value is zero or unknown. */
const changeSince = (first, number) => (first === 0 || first === null || number === null ? null : ((number - first) / Math.abs(first)) * 100);

function setBase(row, number) {
  row.base = number;
  row.isBaseSmall = number !== null && isTooSmall(number, row, isPrice(row.kind));
  row.change = row.isBaseSmall ? null : changeSince(number, row.number);
}
