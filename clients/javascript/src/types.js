// The types of docs/protocol.md, each with its four directions:
//
//   read(reader)            bincode to program     write(writer, value)   program to bincode
//   fromJson(json, topics)  JSON to program        toJson(value)          program to JSON
//
// Program here means: integers are numbers, but times and 64-bit amounts are BigInts; epochs and
// decimals are strings; bytes are a Uint8Array; what is missing is undefined.

import { MalformedError } from './bincode.js';
import { formatDecimal, parseDecimal } from './decimal.js';

const same = (value) => value;
/** Of a wrong value, in an error for people. */
const SHOWN_CHARS = 100;
const EPOCH = /^[0-9a-f]{16}$/;
const INTEGER = /^-?\d{1,20}$/;
const NOT_FINITE = { NaN, Infinity, '-Infinity': -Infinity };
// Arguments of one call of String.fromCharCode, far below what engines take.
const BASE64_CHUNK_BYTES = 8192;

/** Returns the value, if it is what it should be. */
function require_(holds, what, value) {
  if (!holds) throw new MalformedError(`${what} expected: ${shown(value)}`);
  return value;
}

function shown(value) {
  const text = typeof value === 'object' ? JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part)) : String(value);
  return text.slice(0, SHOWN_CHARS);
}

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

function unsigned(name, max) {
  const check = (value) => require_(Number.isSafeInteger(value) && value >= 0 && value <= max, name, value);
  return {
    read: (reader) => reader.unsigned(max),
    write: (writer, value) => writer.unsigned(check(value)),
    fromJson: check,
    toJson: check,
  };
}

export const u16 = unsigned('u16', 0xffff);
export const u32 = unsigned('u32', 0xffffffff);
/** Positions, seqs and counts, which stay below 2^53. */
export const u64 = unsigned('u64', Number.MAX_SAFE_INTEGER);

function big(name, min, max, read, write) {
  const check = (value) => {
    if (typeof value === 'bigint' && value >= min && value <= max) return value;
    throw new MalformedError(`${name} expected: ${value}`);
  };
  return {
    read,
    write: (writer, value) => write(writer, check(value)),
    fromJson: (json) => check(BigInt(require_(typeof json === 'string' && INTEGER.test(json), name, json))),
    toJson: (value) => String(check(value)),
  };
}

/** Nanoseconds since 1970. */
export const time = big(
  'a time',
  -(2n ** 63n),
  2n ** 63n - 1n,
  (reader) => BigInt(reader.i64()),
  (writer, value) => writer.i64(value),
);

/** An amount that may pass 2^53. */
export const amount = big(
  'an amount',
  0n,
  2n ** 64n - 1n,
  (reader) => reader.u64(),
  (writer, value) => writer.unsigned(value),
);

const checkEpoch = (value) => require_(typeof value === 'string' && EPOCH.test(value), 'an epoch', value);

export const epoch = {
  read: (reader) => reader.u64().toString(16).padStart(16, '0'),
  write: (writer, value) => writer.unsigned(BigInt(`0x${checkEpoch(value)}`)),
  fromJson: checkEpoch,
  toJson: checkEpoch,
};

const checkBool = (value) => require_(typeof value === 'boolean', 'true or false', value);

export const bool = {
  read: (reader) => reader.bool(),
  write: (writer, value) => writer.bool(checkBool(value)),
  fromJson: checkBool,
  toJson: checkBool,
};

const checkString = (value) => require_(typeof value === 'string', 'a string', value);

export const string = {
  read: (reader) => reader.string(),
  write: (writer, value) => writer.string(checkString(value)),
  fromJson: checkString,
  toJson: checkString,
};

const checkNumber = (value) => require_(typeof value === 'number', 'a number', value);

/** A finite number. */
export const f64 = {
  read: (reader) => reader.f64(),
  write: (writer, value) => writer.f64(checkNumber(value)),
  fromJson: checkNumber,
  toJson: (value) => require_(Number.isFinite(value), 'a finite number', value),
};

/** Any number; JSON has no way to write some of them. */
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

export const bytes = {
  read: (reader) => reader.bytes(),
  write: (writer, value) => writer.bytes(value),
  fromJson(json) {
    try {
      return Uint8Array.from(atob(checkString(json)), (char) => char.charCodeAt(0));
    } catch {
      throw new MalformedError('base64 expected');
    }
  },
  toJson(value) {
    let text = '';
    for (let at = 0; at < value.length; at += BASE64_CHUNK_BYTES) {
      text += String.fromCharCode(...value.subarray(at, at + BASE64_CHUNK_BYTES));
    }
    return btoa(text);
  },
};

export const list = (type) => ({
  read(reader) {
    const items = [];
    for (let left = reader.unsigned(Number.MAX_SAFE_INTEGER); left > 0; left--) items.push(type.read(reader));
    return items;
  },
  write(writer, items) {
    writer.unsigned(items.length);
    for (const item of items) type.write(writer, item);
  },
  fromJson: (json, topics) =>
    require_(Array.isArray(json), 'a list', json).map((item) => type.fromJson(item, topics)),
  toJson: (items) => items.map((item) => type.toJson(item)),
});

/** 0, or 1 and the value. */
export const optional = (type) => ({
  read: (reader) => (reader.bool() ? type.read(reader) : undefined),
  write(writer, value) {
    const present = value !== undefined && value !== null;
    writer.bool(present);
    if (present) type.write(writer, value);
  },
  fromJson: type.fromJson,
  toJson: type.toJson,
  missing: same,
});

/** Always there in bincode; in JSON it may be missing. */
export const withDefault = (type, value) => ({ ...type, missing: () => structuredClone(value) });

/** One of a few names. In JSON a name of a later version is handed through. */
export const choice = (...names) => ({
  read: (reader) => variant(names, reader),
  write(writer, name) {
    require_(names.includes(name), names.join(' or '), name);
    writer.unsigned(names.indexOf(name));
  },
  fromJson: checkString,
  toJson: (name) => require_(names.includes(name), names.join(' or '), name),
});

/** Which of some names or types a number stands for. */
export function variant(names, reader) {
  const number = reader.unsigned(0xffffffff);
  if (number >= names.length) throw new MalformedError(`there is no variant ${number}`);
  return names[number];
}

/** Fields in the order of their table. */
export const struct = (fields) => {
  const entries = Object.entries(fields);
  return {
    read(reader) {
      const result = {};
      for (const [name, type] of entries) {
        const value = type.read(reader);
        if (value !== undefined) result[name] = value;
      }
      return result;
    },
    write(writer, value) {
      for (const [name, type] of entries) type.write(writer, value[name] ?? type.missing?.());
    },
    fromJson(json, topics) {
      require_(isObject(json), 'an object', json);
      const result = {};
      for (const [name, type] of entries) {
        const present = json[name] !== undefined && json[name] !== null;
        if (!present && !type.missing) throw new MalformedError(`the field ${name} is missing`);
        const value = present ? type.fromJson(json[name], topics) : type.missing();
        if (value !== undefined) result[name] = value;
      }
      return result;
    },
    toJson(value) {
      const result = {};
      for (const [name, type] of entries) {
        const field = value[name] ?? type.missing?.();
        if (field !== undefined) result[name] = type.toJson(field);
      }
      return result;
    },
  };
};

/** An object with one key, which is the name of the variant. Unknown ones of JSON are handed through. */
export const keyed = (types) => {
  const names = Object.keys(types);
  const only = (value) => {
    const keys = Object.keys(require_(isObject(value), 'an object', value));
    require_(keys.length === 1, 'one key', keys);
    return keys[0];
  };
  const known = (value) => {
    const name = only(value);
    return require_(names.includes(name), names.join(' or '), name);
  };
  return {
    read(reader) {
      const name = variant(names, reader);
      return { [name]: types[name].read(reader) };
    },
    write(writer, value) {
      const name = known(value);
      writer.unsigned(names.indexOf(name));
      types[name].write(writer, value[name]);
    },
    fromJson(json) {
      const name = only(json);
      return names.includes(name) ? { [name]: types[name].fromJson(json[name]) } : json;
    },
    toJson(value) {
      const name = known(value);
      return { [name]: types[name].toJson(value[name]) };
    },
  };
};
