// The points of one topic: times, numbers, and the second number of quotes (ask) and trades (size).

const FIRST_CAPACITY = 16;

export class Points {
  /** Seconds of the server's clock, ascending. Valid from `start` to before `end`. */
  times = new Float64Array(FIRST_CAPACITY);
  /** NaN where the topic had a value that is no number: the line has a break there. */
  values = new Float64Array(FIRST_CAPACITY);
  /** NaN where there is none. */
  others = new Float64Array(FIRST_CAPACITY);
  start = 0;
  end = 0;
  /** Points that were ever appended, so that a reader knows how many are new to it. */
  appended = 0;
  /** Another number after a change of the front: a reader starts again. */
  version = 0;

  get length() {
    return this.end - this.start;
  }

  get first_s() {
    return this.length === 0 ? null : this.times[this.start];
  }

  get last_s() {
    return this.length === 0 ? null : this.times[this.end - 1];
  }

  /** @param {number} time_s not before the last one */
  append(time_s, value, other = NaN) {
    if (this.end === this.times.length) this.#makeSpace();
    this.times[this.end] = time_s;
    this.values[this.end] = value;
    this.others[this.end] = other;
    this.end += 1;
    this.appended += 1;
  }

  /** @param {{ times: number[], values: number[], others: number[] }} older in ascending order */
  prepend({ times, values, others }) {
    const count = times.length;
    if (count === 0) return;
    const join = (front, own) => {
      const joined = new Float64Array(count + this.length + FIRST_CAPACITY);
      joined.set(front);
      joined.set(own.subarray(this.start, this.end), count);
      return joined;
    };
    const length = count + this.length;
    this.times = join(times, this.times);
    this.values = join(values, this.values);
    this.others = join(others, this.others);
    this.start = 0;
    this.end = length;
    this.version += 1;
  }

  dropOldest(count) {
    this.start += Math.min(count, this.length);
  }

  /** The index of the first point whose time is later; `end` if there is none. */
  indexAfter(time_s) {
    let [low, high] = [this.start, this.end];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.times[middle] <= time_s) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The mean time between the points in a stretch of time; null with fewer than two. */
  distance_s(from_s, to_s) {
    const [first, last] = [this.indexAfter(from_s), this.indexAfter(to_s) - 1];
    return last <= first ? null : (this.times[last] - this.times[first]) / (last - first);
  }

  /** Moves the points to the front, or doubles the space if most of it is used. */
  #makeSpace() {
    const { start, end } = this;
    const capacity = this.length > this.times.length / 2 ? 2 * this.times.length : this.times.length;
    for (const name of ['times', 'values', 'others']) {
      const moved = new Float64Array(capacity);
      moved.set(this[name].subarray(start, end));
      this[name] = moved;
    }
    this.end -= start;
    this.start = 0;
  }
}
