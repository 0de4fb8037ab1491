// Reads a value of the protocol for display.

import { grouped } from './format.js';

/** A reading is a float: further decimals are rounding errors. */
const READING_DECIMALS = 6;
/** Of a text; the cell cuts the rest. */
const TEXT_LENGTH = 80;

/**
 * @returns the `kind`, the `number` for charts or null, and the `text` to show. The text of a
 * reading is null, because its topic decides how many decimals it has.
 */
export function readValue(value) {
  const [kind] = Object.keys(value);
  const content = value[kind];
  switch (kind) {
    case 'reading':
      return { kind, number: Number.isFinite(content) ? content : null, text: null, raw: content };
    case 'trade':
      return { kind, number: Number(content.price), text: content.price, extra: `size ${content.size}` };
    case 'quote':
      return quote(content);
    case 'text':
      return { kind, number: null, text: content.slice(0, TEXT_LENGTH) };
    case 'absent':
      return { kind, number: null, text: absent(content) };
    case 'bytes':
      return { kind, number: null, text: `${content.length} bytes` };
    default:
      return { kind, number: null, text: JSON.stringify(content).slice(0, TEXT_LENGTH) };
  }
}

/** One side is missing while it has no offers. */
function quote({ bid, ask }) {
  const number = bid == null ? null : Number(bid);
  const extra = ask == null ? 'no ask' : `ask ${grouped(ask)}`;
  return { kind: 'quote', number, text: bid ?? 'no bid', extra };
}

/** The source's own word, unless it only says that there is nothing. */
function absent(word) {
  return word === '' || word === 'null' ? 'no value' : word.slice(0, TEXT_LENGTH);
}

/** Decimals of the shortest way to write a number. */
export function decimalsOf(number) {
  const text = String(number);
  if (text.includes('e')) return READING_DECIMALS;
  const point = text.indexOf('.');
  return point < 0 ? 0 : Math.min(text.length - point - 1, READING_DECIMALS);
}
