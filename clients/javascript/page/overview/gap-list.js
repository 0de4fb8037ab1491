// The times without data, for the chart.

const MAX_GAPS = 200;

export class GapList {
  /** `{ from, to, text, lost }`, in ms of the server's clock; `to` is null while the gap lasts. */
  gaps = [];
  /** The newest ingest time of all updates. */
  #newest_ms = null;
  /** The gap that the current snapshot closes. */
  #closing = null;

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
    // A page that lags gets the news later than the first lost update would have come.
    const from = lost === undefined ? now_ms : Math.min(this.#newest_ms ?? now_ms, now_ms);
    this.gaps.push({ from, to: null, text, lost });
    if (this.gaps.length > MAX_GAPS) this.gaps.shift();
  }

  /**
   * A batch arrived, which closes an open gap. The snapshot after lost updates may have several
   * batches; its newest update shows where the gap ends.
   *
   * @param {number} now_ms
   * @param {number | null} newest_ms the newest ingest time in the batch, null if the batch is
   * empty
   * @param {boolean} isSnapshot
   */
  batchArrived(now_ms, newest_ms, isSnapshot) {
    const last = this.gaps.at(-1);
    if (last && last.to === null) this.#closing = last;
    else if (!isSnapshot) this.#closing = null;
    const closing = this.#closing;
    if (closing) {
      const end_ms = closing.lost === undefined ? now_ms : (newest_ms ?? now_ms);
      closing.to = Math.max(closing.to ?? closing.from, end_ms);
    }
    if (newest_ms !== null) this.#newest_ms = Math.max(this.#newest_ms ?? newest_ms, newest_ms);
  }
}
