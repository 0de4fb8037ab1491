// The candles or rows of one topic and one interval, as far as they are known: pieces of the past
// that the server has told, and the newest one, which goes on with live updates. No I/O, no clock.

import { nextStart, startOf } from './intervals.js';
import { added, fits, ofSample, sampleOf } from './sums.js';

/** Intervals in one answer. The server sends at most 1,024. */
const PAGE = 1_000;
/** Intervals that are kept: several views of the past. */
const MAX_INTERVALS = 6_000;
/** Of the newest ones this many stay when others are in sight. */
const LIVE_TAIL = 200;
/** Updates that wait for the answer which they continue. With more, it is asked for again. */
const MAX_PENDING = 20_000;

export class IntervalSeries {
  interval_s;
  /** Another number when an answer about the newest intervals would come too late. */
  generation = 0;
  /** Ascending and apart: `list` is all there is from `from_s` to before `to_s`. */
  #pieces = [];
  #limit;
  /** The position up to which updates are counted; null if the newest interval is not known. */
  #position = null;
  /** Live updates that came before that; null if none come. */
  #pending = null;
  /** Whether the source is silent or gone, and until when it was. */
  #isTroubled = false;
  #troubledUntil_s = -Infinity;

  constructor(interval_s, limit = MAX_INTERVALS) {
    this.interval_s = interval_s;
    this.#limit = limit;
  }

  /** Whether the newest interval grows with live updates. */
  get isLive() {
    return this.#position !== null;
  }

  /** The first interval that the server keeps, if it keeps nothing older; Infinity if none. */
  get floor_s() {
    const first = this.#pieces[0];
    if (first?.from_s !== -Infinity) return null;
    return first.list[0]?.start_s ?? first.to_s;
  }

  /** Every update from now on will be added, once the server has answered what was before. */
  begin() {
    this.lost();
    this.#pending = [];
  }

  /** Updates are missing, or none come any more. What came before stays. */
  lost() {
    this.generation += 1;
    if (this.#pending !== null) this.#pending = [];
    if (!this.isLive) return;
    this.#position = null;
    const newest = this.#pieces.at(-1);
    // The newest interval is shown until a better one is known.
    newest.to_s = newest.list.at(-1)?.start_s ?? newest.from_s;
    if (newest.to_s === -Infinity) this.#pieces.pop();
  }

  /** No live updates will be added until the next `begin`. */
  end() {
    this.lost();
    this.#pending = null;
  }

  /** Forgets everything. */
  clear() {
    this.#pieces = [];
    this.#position = null;
    if (this.#pending !== null) this.#pending = [];
    this.generation += 1;
  }

  /**
   * The status of the topic: intervals in which it was not live may lack updates.
   *
   * @param {number} since_s when it changed
   */
  setStatus(status, since_s) {
    this.#isTroubled = status !== 'live';
    if (!this.#isTroubled) this.#troubledUntil_s = since_s;
    if (this.isLive) this.#flawNewest(since_s);
  }

  /** @param {object} update of the topic: live ones, in order */
  add(update) {
    if (this.isLive) return this.#count(update);
    if (this.#pending === null) return;
    this.#pending.push(update);
    if (this.#pending.length > MAX_PENDING) this.lost();
  }

  /**
   * What to ask the server next for a time in sight.
   *
   * @returns {{ before_s: number | null, limit: number } | null} null: all is known. `before_s` is
   * null for the newest intervals
   */
  question(from_s, to_s, now_s) {
    const { interval_s } = this;
    const limit = (first_s, end_s) => Math.min(Math.max(Math.ceil((end_s - first_s) / interval_s) + 2, 2), PAGE);
    if (!this.isLive && this.#pending !== null) {
      const known_s = this.#pieces.at(-1)?.to_s ?? -Infinity;
      const first_s = Math.max(from_s, known_s);
      // A view of the past needs no more of the present than its end.
      return { before_s: null, limit: to_s < now_s - PAGE * interval_s ? 2 : limit(startOf(first_s, interval_s), now_s) };
    }
    // A part of an interval is not worth a question: its end is asked for with the next one.
    const end_s = Math.min(to_s, now_s);
    const missing = this.missing(from_s, end_s).findLast((part) => part.to_s - part.from_s >= interval_s || part.to_s < end_s);
    if (!missing) return null;
    const before_s = nextStart(missing.to_s, interval_s);
    return { before_s, limit: limit(startOf(missing.from_s, interval_s), before_s) };
  }

  /**
   * Takes the server's answer. One is asked at a time.
   *
   * @param {{ before_s: number | null, generation: number, asked_s: number }} question `asked_s`:
   * the server's time when it was asked
   * @param {{ position: number, intervals: object[], more: boolean, missing_s?: number }} answer
   * `missing_s`: updates before this time are missing
   * @returns {boolean} false if it is of no use any more
   */
  take({ before_s, generation, asked_s }, { position, intervals, more, missing_s }) {
    if (before_s === null && (generation !== this.generation || this.#pending === null)) return false;
    const hasNone = intervals.length === 0;
    // An answer without intervals has nothing older either, whatever it says.
    const from_s = more && !hasNone ? intervals[0].start_s : -Infinity;
    const to_s = before_s === null ? Infinity : Math.min(before_s, asked_s);
    this.#cover(from_s, to_s, intervals);
    if (before_s !== null) return true;
    this.#position = position;
    const pending = this.#pending;
    this.#pending = [];
    if (missing_s !== undefined) this.#troubledUntil_s = missing_s;
    for (const update of pending) this.#count(update);
    return true;
  }

  /** The intervals that overlap a time. */
  between(from_s, to_s) {
    const { interval_s } = this;
    const found = [];
    for (const { list } of this.#pieces) {
      let [low, high] = [0, list.length];
      while (low < high) {
        const middle = (low + high) >> 1;
        if (list[middle].start_s + interval_s <= from_s) low = middle + 1;
        else high = middle;
      }
      for (; low < list.length && list[low].start_s < to_s; low++) found.push(list[low]);
    }
    return found;
  }

  /** The parts of a time that are not known, oldest first. */
  missing(from_s, to_s) {
    const parts = [];
    let at = from_s;
    for (const piece of this.#pieces) {
      if (piece.to_s <= at) continue;
      if (piece.from_s >= to_s) break;
      if (piece.from_s > at) parts.push({ from_s: at, to_s: piece.from_s });
      at = Math.max(at, piece.to_s);
    }
    if (at < to_s) parts.push({ from_s: at, to_s });
    return parts;
  }

  /** Forgets what is furthest from a time, above the limit. */
  keepNear(s) {
    let surplus = this.#pieces.reduce((sum, { list }) => sum + list.length, 0) - this.#limit;
    if (surplus <= 0) return;
    this.#cutTail(s);
    while (surplus > 0) {
      const [first, last] = [this.#pieces[0], this.#pieces.at(-1)];
      const isLiveTail = this.isLive && this.#pieces.length > 1;
      const newest = isLiveTail ? this.#pieces.at(-2) : last;
      const [oldest_s, newest_s] = [first.list[0]?.start_s ?? -Infinity, newest.list.at(-1)?.start_s ?? -Infinity];
      const isOlder = s - oldest_s >= newest_s - s || (this.isLive && !isLiveTail);
      const piece = isOlder ? first : newest;
      const dropped = Math.min(surplus, piece.list.length);
      if (dropped === piece.list.length) {
        this.#pieces.splice(this.#pieces.indexOf(piece), 1);
      } else if (isOlder) {
        piece.list.splice(0, dropped);
        piece.from_s = piece.list[0].start_s;
      } else {
        piece.to_s = piece.list[piece.list.length - dropped].start_s;
        piece.list.length -= dropped;
      }
      surplus -= dropped;
    }
  }

  /** While the past is in sight, the live intervals are a piece of their own, which stays. */
  #cutTail(s) {
    const live = this.#pieces.at(-1);
    if (!this.isLive || live.list.length <= LIVE_TAIL) return;
    const at = live.list.length - LIVE_TAIL;
    const from_s = live.list[at].start_s;
    if (s >= from_s) return;
    this.#pieces.push({ from_s, to_s: Infinity, list: live.list.splice(at) });
    live.to_s = from_s;
  }

  #count(update) {
    if (update.position <= this.#position) return;
    this.#position = update.position;
    const sample = sampleOf(update);
    if (sample === null) return;
    const { list } = this.#pieces.at(-1);
    const last = list.at(-1);
    // A clock that was set back changes nothing that is over.
    const start_s = Math.max(startOf(Number(update.ingest_time_ns / 1_000n) / 1e6, this.interval_s), last?.start_s ?? -Infinity);
    if (last && !fits(last, sample)) {
      list[list.length - 1] = { ...last, state: 'incomplete' };
    } else if (last?.start_s === start_s) {
      list[list.length - 1] = added(last, sample);
    } else {
      if (last?.state === 'open') list[list.length - 1] = { ...last, state: 'complete' };
      const isFlawed = this.#isTroubled || start_s < this.#troubledUntil_s;
      list.push(ofSample(start_s, this.interval_s, sample, isFlawed ? 'incomplete' : 'open'));
    }
  }

  /** Marks the newest interval, unless it was over before a time. */
  #flawNewest(since_s) {
    const { list } = this.#pieces.at(-1);
    const last = list.at(-1);
    if (!last || last.start_s + this.interval_s <= since_s) return;
    list[list.length - 1] = { ...last, state: 'incomplete' };
  }

  /** What an answer says counts, not what was known of that time. */
  #cover(from_s, to_s, list) {
    if (to_s <= from_s) return;
    const kept = [];
    for (const piece of this.#pieces) {
      if (piece.from_s < from_s) kept.push({ from_s: piece.from_s, to_s: Math.min(piece.to_s, from_s), list: piece.list.filter(({ start_s }) => start_s < from_s) });
      if (piece.to_s > to_s) kept.push({ from_s: Math.max(piece.from_s, to_s), to_s: piece.to_s, list: piece.list.filter(({ start_s }) => start_s >= to_s) });
    }
    kept.push({ from_s, to_s, list: [...list] });
    kept.sort((a, b) => a.from_s - b.from_s);
    this.#pieces = [];
    for (const piece of kept) {
      const last = this.#pieces.at(-1);
      if (last && last.to_s >= piece.from_s) {
        const first_s = piece.list[0]?.start_s ?? Infinity;
        last.list = [...last.list.filter(({ start_s }) => start_s < first_s), ...piece.list];
        last.to_s = piece.to_s;
      } else {
        this.#pieces.push(piece);
      }
    }
  }
}
