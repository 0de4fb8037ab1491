// The points of a line, reduced to one entry for each column of device pixels. A line through the
// first, lowest, highest and last value of each column covers the same pixels as one through all
// points. The columns are multiples of a fixed time, so they stay the same while the chart moves,
// and a repaint adds only the newest ones.

import { gapBetween } from './gap-search.js';

const FIRST_CAPACITY = 1_024;
const FIELDS = ['column', 'first', 'low', 'high', 'last', 'held'];

export class Columns {
  /** Seconds of one column. */
  step_s;
  length = 0;
  /** Points that were looked at, for tests and the benchmark. */
  visited = 0;
  /** Number of the column: time divided by `step_s`. */
  column = new Float64Array(FIRST_CAPACITY);
  first = new Float64Array(FIRST_CAPACITY);
  low = new Float64Array(FIRST_CAPACITY);
  high = new Float64Array(FIRST_CAPACITY);
  last = new Float64Array(FIRST_CAPACITY);
  /** NaN, or the line has a break before this column: the value before it held until there. */
  held = new Float64Array(FIRST_CAPACITY);
  #field;
  #source = null;
  #version = -1;
  #appended = 0;
  #gapVersion = -1;
  /** The time of the newest point, and the column from which on the next point has a break. */
  #last_s = null;
  #break = NaN;

  /** @param {'values' | 'others'} field of the points */
  constructor(field = 'values') {
    this.#field = field;
  }

  /**
   * Takes in the points that are new since the last call, or all of them after another change.
   *
   * @param {import('./points.js').Points} points
   * @param {{ gaps: object[], version: number }} gapList
   * @param {number} step_s
   * @returns {number} the number of the first column that may have changed: -Infinity for all,
   * Infinity for none
   */
  update(points, gapList, step_s) {
    const isSame = points === this.#source && points.version === this.#version && step_s === this.step_s && gapList.version === this.#gapVersion;
    const fresh = isSame ? points.appended - this.#appended : points.length;
    // Points that are forgotten leave their columns, until these are too many.
    const isMore = fresh > points.length || this.length > 2 * points.length + FIRST_CAPACITY;
    if (!isSame || isMore) this.#restart(points, gapList, step_s);
    const isKept = isSame && !isMore && this.length > 0;
    const changed = fresh === 0 && isSame ? Infinity : isKept ? this.column[this.length - 1] : -Infinity;
    const values = points[this.#field];
    const count = isMore ? points.length : fresh;
    for (let at = points.end - count; at < points.end; at++) this.#add(points.times[at], values[at], gapList.gaps);
    this.visited += count;
    this.#appended = points.appended;
    return changed;
  }

  /** The index of the first entry whose column is later. */
  indexAfter(column) {
    let [low, high] = [0, this.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.column[middle] <= column) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The column until which the newest value is known: a break or a gap after it.
   *
   * @returns {number | null} null if nothing is missing since
   */
  heldAfterLast(gapList, now_s) {
    if (!Number.isNaN(this.#break)) return this.#break;
    const gap = this.#last_s === null ? null : gapBetween(gapList.gaps, this.#last_s, now_s);
    return gap ? this.#columnOf(Math.max(gap.from / 1000, this.#last_s)) : null;
  }

  #restart(points, gapList, step_s) {
    this.step_s = step_s;
    this.length = 0;
    this.#source = points;
    this.#version = points.version;
    this.#gapVersion = gapList.version;
    this.#last_s = null;
    this.#break = NaN;
  }

  #columnOf(time_s) {
    return Math.floor(time_s / this.step_s);
  }

  #add(time_s, value, gaps) {
    const column = this.#columnOf(time_s);
    if (Number.isNaN(value)) {
      if (Number.isNaN(this.#break)) this.#break = column;
      return;
    }
    let held = this.#break;
    if (Number.isNaN(held) && this.#last_s !== null) {
      const gap = gapBetween(gaps, this.#last_s, time_s);
      if (gap) held = this.#columnOf(Math.max(gap.from / 1000, this.#last_s));
    }
    this.#last_s = time_s;
    this.#break = NaN;
    const at = this.length - 1;
    if (at < 0 || this.column[at] !== column) return this.#append(column, value, held);
    if (value < this.low[at]) this.low[at] = value;
    if (value > this.high[at]) this.high[at] = value;
    this.last[at] = value;
  }

  #append(column, value, held) {
    if (this.length === this.column.length) {
      for (const name of FIELDS) {
        const larger = new Float64Array(2 * this[name].length);
        larger.set(this[name]);
        this[name] = larger;
      }
    }
    const at = this.length;
    this.column[at] = column;
    this.first[at] = value;
    this.low[at] = value;
    this.high[at] = value;
    this.last[at] = value;
    this.held[at] = this.length === 0 ? NaN : held;
    this.length += 1;
  }
}
