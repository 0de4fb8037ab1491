// The chain of docs/protocol.md: the proof that no update of a subscription was lost.
//
// `position` is where the live batches of the subscription continue.

/**
 * Follows one subscription. Each `check` returns the reason why a message breaks the chain, or
 * null. Call the method without `check` only after null.
 */
export class Chain {
  #epoch;
  #mode;
  #position;
  /** Updates up to the position; undefined if unknown, and in mode `latest`. */
  #count;
  /** Where the running snapshot continues; undefined if none is running. */
  #snapshot;

  get position() {
    return this.#position;
  }

  get count() {
    return this.#count;
  }

  /** A later subscription continues here with this token. */
  get token() {
    const token = { epoch: this.#epoch, position: this.#position };
    if (this.#count !== undefined) token.count = this.#count;
    if (this.#snapshot !== undefined) token.snapshot = this.#snapshot;
    return token;
  }

  /**
   * Why an accepted result does not continue at the token, or null.
   *
   * @param {import('../wire/lineage.js').Lineage} lineage of the connection
   */
  static checkResumed(result, token, lineage) {
    const kept = result.epoch === lineage.epoch ? lineage.kept(token.epoch) : undefined;
    if (kept === undefined) return `resumed in epoch ${result.epoch}, which does not continue ${token.epoch}`;
    const isTruncated = result.start === 'truncated';
    if (isTruncated !== token.position > kept) return `${result.start}, but of ${token.position} the server has kept ${kept}`;
    const position = isTruncated ? kept : token.position;
    if (result.position > position) return `resumed at ${result.position}, after ${position}`;
    // In another epoch everything comes again: values may be missing that lost ones replaced.
    const snapshot = result.epoch === token.epoch ? (token.snapshot ?? position) : 0;
    if ((result.snapshot ?? result.position) > snapshot) {
      return `the snapshot continues at ${result.snapshot ?? result.position}, after ${snapshot}`;
    }
    return isTruncated ? checkLost(result, token) : checkCount(result, token);
  }

  /** The server accepted the subscription, new or resumed. */
  accepted(result) {
    this.#epoch = result.epoch;
    this.#move(result.mode, result.position, result.count);
    this.#startSnapshot(result.snapshot);
  }

  checkBatch(batch) {
    if (batch.from > batch.to) return `a batch from ${batch.from} back to ${batch.to}`;
    let previous = batch.from;
    for (const update of batch.updates) {
      if (update.position <= previous || update.position > batch.to) {
        return `an update at ${update.position} in a batch from ${batch.from} to ${batch.to}, after one at ${previous}`;
      }
      previous = update.position;
    }
    return batch.snapshot ? this.#checkSnapshot(batch) : this.#checkLive(batch);
  }

  #checkSnapshot(batch) {
    if (this.#snapshot === undefined) return batch.from === batch.to ? null : 'a snapshot was not announced';
    if (batch.from !== this.#snapshot) return `the snapshot jumps from ${this.#snapshot} to ${batch.from}`;
    if (batch.to > this.#position) return `the snapshot goes to ${batch.to}, after the position ${this.#position}`;
    return null;
  }

  #checkLive(batch) {
    if (this.#snapshot !== undefined) return `a live batch came before the end of the snapshot, which is at ${this.#snapshot}`;
    if (batch.from !== this.#position) return `a live batch from ${batch.from} at the position ${this.#position}`;
    return null;
  }

  batch(batch) {
    if (batch.snapshot) {
      // An empty snapshot is none.
      if (this.#snapshot !== undefined) this.#startSnapshot(batch.to);
      return;
    }
    this.#position = batch.to;
    if (this.#count !== undefined) this.#count += batch.updates.length;
  }

  checkGap(gap) {
    if (this.#mode !== 'every') return `a gap in mode ${this.#mode}`;
    if (gap.from !== this.#position) return `a gap from ${gap.from} at the position ${this.#position}`;
    if (gap.to < gap.from) return `a gap from ${gap.from} back to ${gap.to}`;
    const snapshot = this.#snapshot ?? this.#position;
    if (gap.snapshot > snapshot) return `the snapshot of a gap begins at ${gap.snapshot}, after ${snapshot}`;
    return null;
  }

  gap(gap) {
    const known = this.#count !== undefined && gap.lost !== undefined;
    this.#move(this.#mode, gap.to, known ? this.#count + gap.lost : undefined);
    this.#startSnapshot(gap.snapshot);
  }

  checkHeartbeat(position) {
    return position === this.#position ? null : `a heartbeat at ${position} at the position ${this.#position}`;
  }

  checkChanged(changed) {
    if (changed.position > this.#position) return `changed at ${changed.position}, after ${this.#position}`;
    return null;
  }

  /** A running snapshot continues on the new channel, and ends at the position there. */
  changed(changed) {
    this.#move(changed.mode, changed.position, changed.count);
    this.#startSnapshot(this.#snapshot);
  }

  #move(mode, position, count) {
    this.#mode = mode;
    this.#position = position;
    this.#count = mode === 'every' ? count : undefined;
  }

  #startSnapshot(position) {
    this.#snapshot = position === undefined || position >= this.#position ? undefined : position;
  }
}

/** A subscription that goes on a little earlier may have another count. */
function checkCount({ mode, position, count }, token) {
  if (mode !== 'every' || token.count === undefined || position !== token.position || count === token.count) return null;
  return `resumed with a count of ${count} instead of ${token.count}`;
}

function checkLost({ count, lost }, token) {
  if (lost === undefined || token.count === undefined || count + lost === token.count) return null;
  return `truncated to a count of ${count}, with ${lost} lost of ${token.count}`;
}
