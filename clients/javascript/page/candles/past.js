// The candles or rows of one topic, of all intervals that were looked at. No I/O, no clock.

import { longerThan, nextStart } from './intervals.js';
import { IntervalSeries } from './series.js';

/** Intervals of one topic that are kept: those that were looked at last. */
const MAX_SERIES = 6;

export class Past {
  topic;
  /** What a person is told about it; empty for nothing. */
  note = '';
  /** After a refusal nothing is asked until then. */
  quietUntil_s = -Infinity;
  /** By the interval, those used last at the end. */
  #series = new Map();
  /** Whether live updates come. */
  #isFed = false;
  /** The interval that live updates are added to; null for none. */
  #live_s = null;
  #status = { status: 'live', since_s: -Infinity };

  constructor(topic) {
    this.topic = topic;
  }

  get isFed() {
    return this.#isFed;
  }

  /** Every update of the topic comes from now on, or again after some were missed. */
  begin() {
    this.#isFed = true;
    for (const series of this.#series.values()) series.lost();
    this.#current()?.begin();
  }

  /** No more updates come. */
  end() {
    this.#isFed = false;
    for (const series of this.#series.values()) series.end();
  }

  add(update) {
    this.#current()?.add(update);
  }

  setStatus(status, since_s) {
    this.#status = { status, since_s };
    this.#current()?.setStatus(status, since_s);
  }

  /** What was known is of another epoch. */
  clear() {
    this.note = '';
    this.quietUntil_s = -Infinity;
    for (const series of this.#series.values()) series.clear();
  }

  /** Live updates are added to this interval; null for none. */
  follow(interval_s) {
    if (this.#live_s === interval_s) return;
    this.#current()?.end();
    this.#live_s = interval_s;
    if (interval_s === null) return;
    const series = this.#seriesOf(interval_s);
    series.setStatus(this.#status.status, this.#status.since_s);
    if (this.#isFed) series.begin();
  }

  /**
   * What is known of a time, in intervals of a length, and in longer ones where the server keeps
   * those for longer.
   *
   * @returns {{ intervals: object[], joins: { s: number, interval_s: number }[],
   * missing: { from_s: number, to_s: number }[], oldest_s: number | null,
   * question: object | null }}
   * `joins`: where longer intervals end; `oldest_s`: nothing older is kept; `question`: what to ask
   * next, with its `series`
   */
  look(interval_s, from_s, to_s, now_s) {
    const found = { intervals: [], joins: [], missing: [], oldest_s: null, question: null };
    let end_s = to_s;
    for (let length_s = interval_s; ;) {
      const series = this.#seriesOf(length_s);
      series.keepNear((from_s + to_s) / 2);
      const wanted = series.question(from_s, end_s, now_s);
      if (wanted && !found.question) found.question = { ...wanted, series, generation: series.generation };
      const { floor_s } = series;
      const longer_s = floor_s !== null && floor_s > from_s ? longerThan(length_s) : null;
      const older = longer_s === null ? null : this.#older(longer_s, from_s, Math.min(floor_s, end_s), now_s);
      if (!older?.isKept) {
        found.intervals.unshift(...withFirst(series.between(from_s, end_s), floor_s));
        found.missing.unshift(...series.missing(from_s, Math.min(end_s, now_s)));
        found.question ??= older?.question ?? null;
        // Whether longer intervals reach further back is not known yet.
        if (older?.question) found.missing.unshift({ from_s, to_s: Math.min(floor_s, end_s, now_s) });
        else found.oldest_s = floor_s;
        return found;
      }
      const join_s = Math.min(nextStart(floor_s, longer_s), end_s);
      found.intervals.unshift(...series.between(join_s, end_s));
      if (join_s < to_s) found.joins.push({ s: join_s, interval_s: longer_s });
      end_s = join_s;
      length_s = longer_s;
    }
  }

  /** Whether a longer interval has anything before a time, and what to ask to learn that. */
  #older(interval_s, from_s, floor_s, now_s) {
    const series = this.#seriesOf(interval_s);
    // Whole intervals count: the one that the shorter ones begin in has nothing more.
    const isKept = series.between(from_s, floor_s).some(({ start_s }) => start_s + interval_s <= floor_s);
    if (isKept) return { isKept, question: null };
    const wanted = series.floor_s === null ? series.question(from_s, floor_s, now_s) : null;
    return { isKept, question: wanted && { ...wanted, series, generation: series.generation } };
  }

  #current() {
    return this.#live_s === null ? null : this.#series.get(this.#live_s);
  }

  #seriesOf(interval_s) {
    const series = this.#series.get(interval_s) ?? new IntervalSeries(interval_s);
    this.#series.delete(interval_s);
    this.#series.set(interval_s, series);
    if (this.#series.size > MAX_SERIES) {
      const oldest = [...this.#series.keys()].find((key) => key !== this.#live_s);
      this.#series.delete(oldest);
    }
    return series;
  }
}

/** Nothing was lost in the interval in which all that the server keeps begins. */
function withFirst(intervals, floor_s) {
  const [first, ...others] = intervals;
  return first?.start_s === floor_s && first.state === 'incomplete' ? [{ ...first, isFirst: true }, ...others] : intervals;
}
