// The times without data, for the chart.

const MAX_GAPS = 200;

export class GapList {
  /** `{ from, to, text, lost }`, in ms of the server's clock; `to` is null while the gap lasts. */
  gaps = [];
  #data_ms = null;

  /**
   * A connection ended, or updates were lost. A gap that is open stays open.
   *
   * @param {number} now_ms
   * @param {string} text the label on the chart
   * @param {number | null} [lost] updates lost, null if unknown; undefined if a connection ended
   */
  open(now_ms, text, lost) {
    const last = this.gaps.at(-1);
    if (last && last.to === null) {
      if (lost !== undefined) Object.assign(last, { text, lost });
      return;
    }
    // Lost updates would have come after the newest batch.
    const from = lost === undefined ? now_ms : (this.#data_ms ?? now_ms);
    this.gaps.push({ from, to: null, text, lost });
    if (this.gaps.length > MAX_GAPS) this.gaps.shift();
  }

  /** A batch arrived, which ends an open gap. */
  dataArrived(now_ms) {
    this.#data_ms = now_ms;
    const last = this.gaps.at(-1);
    if (last && last.to === null) last.to = now_ms;
  }
}
