/** The current epoch, and the earlier ones that it continues, as a welcome tells them. */
export class Lineage {
  #continues;

  /** @param {{ epoch: string, continues?: { epoch: string, last: number }[] }} welcome */
  constructor({ epoch, continues = [] }) {
    this.epoch = epoch;
    this.#continues = continues;
  }

  /**
   * The position of the last update of an epoch that the server still has: Infinity for the current
   * epoch, undefined for one that it does not continue.
   */
  kept(epoch) {
    if (epoch === this.epoch) return Infinity;
    const at = this.#continues.findIndex((ended) => ended.epoch === epoch);
    if (at === -1) return undefined;
    // A later end may have been earlier on the tape.
    return Math.min(...this.#continues.slice(at).map(({ last }) => last));
  }
}
