// The last messages of a topic, within a bound of number and memory.

const MAX_MESSAGES = 500;
/** Of their texts and bytes, about. */
const MAX_BYTES = 8 << 20;
/** Of a number. */
const SMALL_BYTES = 64;

export class Messages {
  /** `{ s, seq, kind, value, quality, size }`, oldest first. */
  list = [];
  /** Another number after each change. */
  version = 0;
  #bytes = 0;

  add(update) {
    const message = read(update);
    this.list.push(message);
    this.#bytes += message.size;
    this.#trim();
    this.version += 1;
  }

  /** @param {object[]} updates in ascending order, all of them older */
  prepend(updates) {
    const older = updates.slice(-MAX_MESSAGES).map(read);
    this.list = [...older, ...this.list];
    for (const { size } of older) this.#bytes += size;
    this.#trim();
    this.version += 1;
  }

  /** The newest one stays, whatever its size. */
  #trim() {
    let dropped = 0;
    while (this.list.length - dropped > MAX_MESSAGES || (this.#bytes > MAX_BYTES && this.list.length - dropped > 1)) {
      this.#bytes -= this.list[dropped].size;
      dropped += 1;
    }
    if (dropped > 0) this.list.splice(0, dropped);
  }
}

function read({ seq, ingest_time_ns, quality, value }) {
  const [kind] = Object.keys(value);
  return { s: Number(ingest_time_ns / 1_000n) / 1e6, seq, kind, value, quality, size: value[kind].length ?? SMALL_BYTES };
}
