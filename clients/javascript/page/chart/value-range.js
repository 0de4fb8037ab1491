// The range of the value axis while values change: it grows at once and shrinks after a second, so
// that it does not jump with each value.

const SHRINK_MS = 1_000;
/** A range that is filled by more than this part stays. */
const FILLED = 0.75;

export class ValueRange {
  #range = null;
  /** Since when the values could do with less. */
  #loose_ms = null;

  clear() {
    this.#range = null;
  }

  /**
   * @param {[number, number]} wanted with the space around the values
   * @param {[number, number]} needed without it
   * @returns {[number, number]}
   */
  fit(wanted, needed, now_ms) {
    const kept = this.#range;
    const holds = kept !== null && kept[0] <= needed[0] && kept[1] >= needed[1];
    if (!holds) return this.#set(wanted);
    const isFilled = wanted[1] - wanted[0] >= FILLED * (kept[1] - kept[0]);
    if (isFilled) {
      this.#loose_ms = null;
      return kept;
    }
    this.#loose_ms ??= now_ms;
    return now_ms - this.#loose_ms >= SHRINK_MS ? this.#set(wanted) : kept;
  }

  #set(range) {
    this.#range = range;
    this.#loose_ms = null;
    return range;
  }
}
