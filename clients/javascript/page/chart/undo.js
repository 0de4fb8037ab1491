// Steps back through the states of a view. One gesture is one step.

const MAX_STEPS = 100;
/** Changes of the same kind within this time are one gesture. */
const GESTURE_MS = 700;

export class Undo {
  #steps = [];
  #kind = null;
  #changed_ms = -Infinity;

  /**
   * Call it before a change.
   *
   * @param {object} state that never changes itself
   * @param {string} kind of the change, such as `wheel`
   */
  remember(state, kind, now_ms) {
    const isSame = kind === this.#kind && now_ms - this.#changed_ms < GESTURE_MS;
    this.#kind = kind;
    this.#changed_ms = now_ms;
    if (isSame) return;
    this.#steps.push(state);
    if (this.#steps.length > MAX_STEPS) this.#steps.shift();
  }

  /** @returns {object | null} the state before the newest gesture; null if there is none */
  back() {
    this.#kind = null;
    return this.#steps.pop() ?? null;
  }
}
