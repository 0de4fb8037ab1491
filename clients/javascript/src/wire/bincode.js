// bincode 2 in its standard configuration: only the types that Tickcast's messages use.

import { MalformedError } from '../errors.js';

const UTF8_ENCODER = new TextEncoder();
// A byte order mark is part of a string like any other character.
const UTF8_DECODER = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The first buffer of a writer. Most messages of a client fit. */
const FIRST_BUFFER_BYTES = 256;
const TWO_TO_32 = 2 ** 32;
const TWO_TO_53 = 2 ** 53;

/** Reads one message from its start to its end. */
export class Reader {
  #bytes;
  #view;
  #at = 0;

  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Throws if bytes are left. */
  end() {
    const rest = this.#bytes.length - this.#at;
    if (rest > 0) throw new MalformedError(`${rest} trailing bytes after the message`);
  }

  u8() {
    return this.#bytes[this.#take(1)];
  }

  bool() {
    const byte = this.u8();
    if (byte > 1) throw new MalformedError(`expected 0 or 1 for a boolean, got ${byte}`);
    return byte === 1;
  }

  f64() {
    return this.#view.getFloat64(this.#take(8), true);
  }

  /** An unsigned integer of at most `max`, which must be a safe integer. */
  unsigned(max) {
    const value = this.#varint();
    if (value > max) throw new MalformedError(`expected at most ${max}, got ${value}`);
    return Number(value);
  }

  u64() {
    return BigInt(this.#varint());
  }

  /** A number if that is exact, else a BigInt: most mantissas of decimals are small. */
  i64() {
    const zigzag = this.#varint();
    if (typeof zigzag === 'bigint') return BigInt.asIntN(64, (zigzag >> 1n) ^ -(zigzag & 1n));
    return zigzag % 2 === 0 ? zigzag / 2 : -(zigzag + 1) / 2;
  }

  string() {
    const bytes = this.#slice();
    try {
      return UTF8_DECODER.decode(bytes);
    } catch {
      throw new MalformedError('a string is not UTF-8');
    }
  }

  /** A copy, so that a stored value does not keep its whole message in memory. */
  bytes() {
    return this.#slice().slice();
  }

  #slice() {
    const length = this.unsigned(Number.MAX_SAFE_INTEGER);
    const start = this.#take(length);
    return this.#bytes.subarray(start, start + length);
  }

  #take(length) {
    const start = this.#at;
    if (length > this.#bytes.length - start) throw new MalformedError(`the message ends too early: ${length} bytes expected, ${this.#bytes.length - start} left`);
    this.#at = start + length;
    return start;
  }

  #varint() {
    const first = this.u8();
    if (first < 251) return first;
    if (first === 251) return this.#view.getUint16(this.#take(2), true);
    if (first === 252) return this.#view.getUint32(this.#take(4), true);
    if (first === 253) {
      const at = this.#take(8);
      const value = this.#view.getUint32(at + 4, true) * TWO_TO_32 + this.#view.getUint32(at, true);
      return value < TWO_TO_53 ? value : this.#view.getBigUint64(at, true);
    }
    throw new MalformedError(`an integer begins with ${first}`);
  }
}

/** Writes one message into a buffer that grows. */
export class Writer {
  #bytes = new Uint8Array(FIRST_BUFFER_BYTES);
  #view = new DataView(this.#bytes.buffer);
  #length = 0;

  /** The bytes of the message. */
  finish() {
    return this.#bytes.subarray(0, this.#length);
  }

  u8(value) {
    const at = this.#reserve(1);
    this.#bytes[at] = value;
  }

  bool(value) {
    this.u8(value ? 1 : 0);
  }

  f64(value) {
    const at = this.#reserve(8);
    this.#view.setFloat64(at, value, true);
  }

  /** @param {number | bigint} value at least 0 and below 2^64 */
  unsigned(value) {
    if (value < 251) {
      this.u8(Number(value));
    } else if (value <= 0xffff) {
      this.u8(251);
      const at = this.#reserve(2);
      this.#view.setUint16(at, Number(value), true);
    } else if (value <= 0xffffffff) {
      this.u8(252);
      const at = this.#reserve(4);
      this.#view.setUint32(at, Number(value), true);
    } else {
      this.u8(253);
      const at = this.#reserve(8);
      this.#view.setBigUint64(at, BigInt(value), true);
    }
  }

  /** @param {bigint} value at least -2^63 and below 2^63 */
  i64(value) {
    this.unsigned(BigInt.asUintN(64, (value << 1n) ^ (value >> 63n)));
  }

  string(value) {
    this.bytes(UTF8_ENCODER.encode(value));
  }

  bytes(value) {
    this.unsigned(value.length);
    const start = this.#reserve(value.length);
    this.#bytes.set(value, start);
  }

  /**
   * Reserves bytes and returns their start. It may replace the buffer: read `#bytes` after this
   * call.
   */
  #reserve(length) {
    const start = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.length));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return start;
  }
}
