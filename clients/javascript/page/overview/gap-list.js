// The times without data, for the chart.

import { count, nsToMs } from '../shared/format.js';

const MAX_GAPS = 200;

/** The label of updates that a `gap` or a `truncated` reports as lost. */
export function lossLabel({ type, lost }) {
  const what = lost === undefined ? 'some lost' : `${count(lost)} lost`;
  return type === 'truncated' ? `server restarted · ${what}` : `gap · ${what}`;
}

export class GapList {
  /** `{ from, to, text, lost }`, in ms of the server's clock; `to` is null while the gap lasts. */
  gaps = [];
  /** Another number after each change. */
  version = 0;
  /** The newest ingest time of all updates. */
  #newest_ms = null;
  /** When the page learned of the gap that is open or closing. */
  #learned_ms = 0;
  /** The gap that ends with the next live update. */
  #closing = null;

  /**
   * A connection ended, or updates were lost. A gap that is open stays open.
   *
   * @param {number} now_ms
   * @param {string} text the label on the chart
   * @param {number | null} [lost] updates lost, null if unknown; undefined if a connection ended
   */
  open(now_ms, text, lost) {
    this.#learned_ms = now_ms;
    const last = this.gaps.at(-1);
    this.version += 1;
    if (last && last.to === null) {
      if (lost !== undefined) Object.assign(last, { text, lost });
      return;
    }
    // A page that lags learns of the gap long after the time of the first lost update.
    const from = lost === undefined ? now_ms : Math.min(this.#newest_ms ?? now_ms, now_ms);
    this.gaps.push({ from, to: null, text, lost });
    if (this.gaps.length > MAX_GAPS) this.gaps.shift();
  }

  /** No message came since a moment, although the connection stands. */
  openSilence(from_ms) {
    this.#learned_ms = from_ms;
    if (this.gaps.at(-1)?.to === null) return;
    this.version += 1;
    this.gaps.push({ from: from_ms, to: null, text: 'server silent', lost: undefined });
    if (this.gaps.length > MAX_GAPS) this.gaps.shift();
  }

  /** Nothing was lost after all: the updates of an open gap without a connection came later. */
  withdraw() {
    const last = this.gaps.at(-1);
    if (!last || last.to !== null || last.lost !== undefined) return;
    this.version += 1;
    this.gaps.pop();
  }

  /** Messages come again. */
  closeSilence(now_ms) {
    const last = this.gaps.at(-1);
    if (!last || last.to !== null || last.lost !== undefined) return;
    this.version += 1;
    last.to = now_ms;
  }

  /**
   * A batch arrived, which closes an open gap: a gap without a connection now, lost updates at the
   * time of the next live update. The snapshot in between has older updates.
   */
  batchArrived({ updates, snapshot }, now_ms) {
    const last = this.gaps.at(-1);
    if (last && last.to === null) {
      last.to = last.lost === undefined ? now_ms : Math.max(last.from, this.#learned_ms);
      this.version += 1;
      this.#closing = last.lost === undefined ? null : last;
    }
    if (updates.length === 0) return;
    if (this.#closing && !snapshot) {
      const { from, to } = this.#closing;
      this.version += 1;
      this.#closing.to = Math.max(from, Math.min(to, nsToMs(updates[0].ingest_time_ns)));
      this.#closing = null;
    }
    this.#newest_ms = Math.max(this.#newest_ms ?? 0, nsToMs(updates.at(-1).ingest_time_ns));
  }
}
