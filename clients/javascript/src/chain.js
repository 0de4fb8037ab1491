// The proof that nothing was lost: where one subscription stands, and what may come next.

/** Reasons are sentences for people; null means that all is well. */
export class Chain {
  #epoch;
  #mode;
  /** Where live batches go on. */
  #place;
  /** Updates up to the place; undefined if unknown or if the mode does not count. */
  #count;
  /** Where the snapshot under way goes on; undefined if none is. */
  #snapshot;
  /** Whether a batch of that snapshot has come. If its range is empty, none ever does. */
  #snapshotBegun = false;

  get place() {
    return this.#place;
  }

  get count() {
    return this.#count;
  }

  /** What a later subscription needs to go on here. */
  get token() {
    const token = { epoch: this.#epoch, position: this.#place };
    if (this.#count !== undefined) token.count = this.#count;
    if (this.#snapshot !== undefined) token.snapshot = this.#snapshot;
    return token;
  }

  /** Why an accepted result does not go on where the token ended, or null. */
  static checkResumed(result, token) {
    if (result.epoch !== token.epoch) return `resumed in epoch ${result.epoch} instead of ${token.epoch}`;
    if (result.position > token.position) return `resumed at ${result.position}, behind ${token.position}`;
    const snapshot = token.snapshot ?? token.position;
    if (result.snapshot > snapshot) return `the snapshot goes on at ${result.snapshot}, behind ${snapshot}`;
    if (result.mode === 'every' && token.count !== undefined && result.count !== token.count) {
      return `resumed with a count of ${result.count} instead of ${token.count}`;
    }
    return null;
  }

  /** A subscription begins or goes on as the server's `accepted` says. */
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
    if (this.#snapshot === undefined) return 'a snapshot that was not announced';
    if (batch.from !== this.#snapshot) return `the snapshot jumps from ${this.#snapshot} to ${batch.from}`;
    if (batch.to > this.#place) return `the snapshot goes to ${batch.to}, behind the place ${this.#place}`;
    return null;
  }

  #checkLive(batch) {
    if (this.#snapshotBegun) return `a live batch before the end of the snapshot, which is at ${this.#snapshot}`;
    if (batch.from !== this.#place) return `a live batch from ${batch.from} at the place ${this.#place}`;
    return null;
  }

  /** To be called after `checkBatch` found nothing. */
  batch(batch) {
    if (batch.snapshot) {
      this.#startSnapshot(batch.to);
      this.#snapshotBegun = this.#snapshot !== undefined;
      return;
    }
    this.#place = batch.to;
    if (this.#count !== undefined) this.#count += batch.updates.length;
    this.#startSnapshot(undefined);
  }

  checkGap(gap) {
    if (this.#mode !== 'every') return `a gap in mode ${this.#mode}`;
    if (gap.from !== this.#place) return `a gap from ${gap.from} at the place ${this.#place}`;
    if (gap.to < gap.from) return `a gap from ${gap.from} back to ${gap.to}`;
    const snapshot = this.#snapshot ?? this.#place;
    if (gap.snapshot > snapshot) return `the snapshot of a gap begins at ${gap.snapshot}, behind ${snapshot}`;
    return null;
  }

  /** To be called after `checkGap` found nothing. */
  gap(gap) {
    const known = this.#count !== undefined && gap.lost !== undefined;
    this.#move(this.#mode, gap.to, known ? this.#count + gap.lost : undefined);
    this.#startSnapshot(gap.snapshot);
  }

  /** The place according to a heartbeat. */
  checkHeartbeat(position) {
    return position === this.#place ? null : `a heartbeat at ${position} at the place ${this.#place}`;
  }

  checkChanged(changed) {
    if (changed.position > this.#place) return `changed at ${changed.position}, behind ${this.#place}`;
    return null;
  }

  /** A snapshot that is under way stays so. To be called after `checkChanged` found nothing. */
  changed(changed) {
    this.#move(changed.mode, changed.position, changed.count);
  }

  #move(mode, place, count) {
    this.#mode = mode;
    this.#place = place;
    this.#count = mode === 'every' ? count : undefined;
  }

  #startSnapshot(position) {
    this.#snapshot = position === undefined || position >= this.#place ? undefined : position;
    this.#snapshotBegun = false;
  }
}
