// The types of docs/protocol.md that are made of other types, with the same four functions as
// scalars. `missing`, where a type has it, returns the value of a field that is missing.

import { MalformedError } from '../errors.js';
import { check, checkObject, checkString } from './check.js';

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
  fromJson: (json, topics) => check(Array.isArray(json), 'a list', json).map((item) => type.fromJson(item, topics)),
  toJson: (items) => items.map((item) => type.toJson(item)),
});

/** In bincode 0, or 1 and the value. */
export const optional = (type) => ({
  read: (reader) => (reader.bool() ? type.read(reader) : undefined),
  write(writer, value) {
    const isPresent = value !== undefined && value !== null;
    writer.bool(isPresent);
    if (isPresent) type.write(writer, value);
  },
  fromJson: type.fromJson,
  toJson: type.toJson,
  missing: () => undefined,
});

/** Always present in bincode; in JSON it may be missing. */
export const withDefault = (type, value) => ({ ...type, missing: () => structuredClone(value) });

/** One of a few names. In JSON an unknown name is passed on: it is one of a later version. */
export const choice = (...names) => {
  const checkName = (name) => check(names.includes(name), names.join(' or '), name);
  return {
    read: (reader) => variant(names, reader),
    write: (writer, name) => writer.unsigned(names.indexOf(checkName(name))),
    fromJson: checkString,
    toJson: checkName,
  };
};

/** Reads a number and returns the name or type with this index. */
export function variant(names, reader) {
  const number = reader.unsigned(0xffffffff);
  if (number >= names.length) throw new MalformedError(`unknown variant ${number}, expected less than ${names.length}`);
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
      checkObject(json);
      const result = {};
      for (const [name, type] of entries) {
        const isPresent = json[name] !== undefined && json[name] !== null;
        if (!isPresent && !type.missing) throw new MalformedError(`the field ${name} is missing`);
        const value = isPresent ? type.fromJson(json[name], topics) : type.missing();
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

/**
 * An object with one key, which is the name of the variant. In JSON an unknown variant is passed
 * on: it is one of a later version.
 */
export const keyed = (types) => {
  const names = Object.keys(types);
  const keyOf = (value) => {
    const keys = Object.keys(checkObject(value));
    check(keys.length === 1, 'an object with one key', keys);
    return keys[0];
  };
  const knownKeyOf = (value) => {
    const name = keyOf(value);
    return check(names.includes(name), names.join(' or '), name);
  };
  return {
    read(reader) {
      const name = variant(names, reader);
      return { [name]: types[name].read(reader) };
    },
    write(writer, value) {
      const name = knownKeyOf(value);
      writer.unsigned(names.indexOf(name));
      types[name].write(writer, value[name]);
    },
    fromJson(json) {
      const name = keyOf(json);
      return names.includes(name) ? { [name]: types[name].fromJson(json[name]) } : json;
    },
    toJson(value) {
      const name = knownKeyOf(value);
      return { [name]: types[name].toJson(value[name]) };
    },
  };
};
