// The scalar types of docs/protocol.md. Each has four functions:
//
//   read(reader)            bincode to program     write(writer, value)   program to bincode
//   fromJson(json, topics)  JSON to program        toJson(value)          program to JSON
//
// In a program, integers are numbers, but times and amounts of 64 bits are BigInts; epochs and
// decimals are strings; bytes are a Uint8Array; a missing value is undefined.

import { MalformedError } from '../errors.js';
import { check, checkBool, checkBytes, checkNumber, checkString, checkText } from './check.js';
import { formatDecimal, parseDecimal } from './decimal.js';

const HEX_DIGITS = /^[0-9a-f]{16}$/;
const INTEGER = /^-?\d{1,20}$/;
const NOT_FINITE = { NaN, Infinity, '-Infinity': -Infinity };
/** Arguments of one call of String.fromCharCode, far below the limits of engines. */
const BASE64_CHUNK_BYTES = 8192;

function unsigned(name, max) {
  const checkRange = (value) => check(Number.isSafeInteger(value) && value >= 0 && value <= max, name, value);
  return {
    read: (reader) => reader.unsigned(max),
    write: (writer, value) => writer.unsigned(checkRange(value)),
    fromJson: checkRange,
    toJson: checkRange,
  };
}

export const u16 = unsigned('u16', 0xffff);
export const u32 = unsigned('u32', 0xffffffff);
/** Positions, seqs and counts, which stay below 2^53. */
export const u64 = unsigned('u64', Number.MAX_SAFE_INTEGER);

function bigInteger(name, min, max, read, write) {
  const checkRange = (value) => check(typeof value === 'bigint' && value >= min && value <= max, name, value);
  return {
    read,
    write: (writer, value) => write(writer, checkRange(value)),
    fromJson: (json) => checkRange(BigInt(check(typeof json === 'string' && INTEGER.test(json), name, json))),
    toJson: (value) => String(checkRange(value)),
  };
}

/** Nanoseconds since 1970. */
export const time = bigInteger(
  'a time',
  -(2n ** 63n),
  2n ** 63n - 1n,
  (reader) => BigInt(reader.i64()),
  (writer, value) => writer.i64(value),
);

/** An amount that may exceed 2^53. */
export const amount = bigInteger(
  'an amount',
  0n,
  2n ** 64n - 1n,
  (reader) => reader.u64(),
  (writer, value) => writer.unsigned(value),
);

const checkHex = (value) => check(typeof value === 'string' && HEX_DIGITS.test(value), '16 hexadecimal digits', value);

/** Of an epoch or a publisher. */
export const hexDigits = {
  read: (reader) => reader.u64().toString(16).padStart(16, '0'),
  write: (writer, value) => writer.unsigned(BigInt(`0x${checkHex(value)}`)),
  fromJson: checkHex,
  toJson: checkHex,
};

export const bool = {
  read: (reader) => reader.bool(),
  write: (writer, value) => writer.bool(checkBool(value)),
  fromJson: checkBool,
  toJson: checkBool,
};

export const string = {
  read: (reader) => reader.string(),
  write: (writer, value) => writer.string(checkText(value)),
  fromJson: checkString,
  toJson: checkText,
};

/** A finite number. */
export const f64 = {
  read: (reader) => reader.f64(),
  write: (writer, value) => writer.f64(checkNumber(value)),
  fromJson: checkNumber,
  toJson: (value) => check(Number.isFinite(value), 'a finite number', value),
};

/** Any number. JSON has no number for NaN and the infinities, so they are strings there. */
export const reading = {
  ...f64,
  fromJson: (json) => (typeof json === 'string' && Object.hasOwn(NOT_FINITE, json) ? NOT_FINITE[json] : checkNumber(json)),
  toJson: (value) => (Number.isFinite(checkNumber(value)) ? value : String(value)),
};

function checkDecimal(text) {
  parseDecimal(text);
  return text;
}

export const decimal = {
  read: (reader) => formatDecimal(reader.i64(), reader.u8()),
  write(writer, value) {
    const { mantissa, scale } = parseDecimal(value);
    writer.i64(mantissa);
    writer.u8(scale);
  },
  fromJson: checkDecimal,
  toJson: checkDecimal,
};

/** Base64 in JSON. */
export const bytes = {
  read: (reader) => reader.bytes(),
  write: (writer, value) => writer.bytes(checkBytes(value)),
  fromJson(json) {
    try {
      return Uint8Array.from(atob(checkString(json)), (char) => char.charCodeAt(0));
    } catch {
      throw new MalformedError('expected bytes in base64');
    }
  },
  toJson(value) {
    checkBytes(value);
    let text = '';
    for (let at = 0; at < value.length; at += BASE64_CHUNK_BYTES) {
      text += String.fromCharCode(...value.subarray(at, at + BASE64_CHUNK_BYTES));
    }
    return btoa(text);
  },
};
