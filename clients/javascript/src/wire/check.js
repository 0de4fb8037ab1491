// Checks of values that come from a frame or from a program.

import { MalformedError } from '../errors.js';

/** Of a wrong value, in the text of an error. */
const SHOWN_CHARS = 100;

/** Returns the value if the condition holds, and throws a MalformedError otherwise. */
export function check(condition, expected, value) {
  if (!condition) throw new MalformedError(`expected ${expected}, got ${shown(value)}`);
  return value;
}

export const checkBool = (value) => check(typeof value === 'boolean', 'true or false', value);
export const checkString = (value) => check(typeof value === 'string', 'a string', value);
/** Half of a surrogate pair: UTF-8 has no bytes for it, and encoders replace it without a word. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** A string that is to be sent. */
export const checkText = (value) => check(!LONE_SURROGATE.test(checkString(value)), 'a string without half of a surrogate pair', value);

/** Any other list or view would be sent as other bytes. Also true for those of another realm. */
export const checkBytes = (value) => check(Object.prototype.toString.call(value) === '[object Uint8Array]', 'a Uint8Array', value);

export const checkNumber = (value) => check(typeof value === 'number', 'a number', value);
export const checkObject = (value) => check(typeof value === 'object' && value !== null && !Array.isArray(value), 'an object', value);

function shown(value) {
  const text = typeof value === 'object' ? JSON.stringify(value, (_, part) => (typeof part === 'bigint' ? `${part}n` : part)) : String(value);
  return text.slice(0, SHOWN_CHARS);
}
