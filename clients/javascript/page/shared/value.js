// Reads a value of the protocol for display.

import { count, grouped } from './format.js';

/** A reading is a float: further digits are rounding errors. */
const READING_DIGITS = 9;
const MAX_DECIMALS = 20;
/** Of a text; the cell cuts the rest. */
const TEXT_LENGTH = 80;

/**
 * @returns the `kind`, the `number` for charts or null, the `other` number (ask of a quote, size of
 * a trade), and the `text` to show. The text of a reading is null, because its topic decides how
 * many decimals it has.
 */
export function readValue(value) {
  const [kind] = Object.keys(value);
  const content = value[kind];
  switch (kind) {
    case 'reading':
      return { kind, number: Number.isFinite(content) ? content : null, text: null, raw: content };
    case 'trade':
      return { kind, number: Number(content.price), other: Number(content.size), text: content.price, extra: tradeExtra(content) };
    case 'quote':
      return quote(content);
    case 'text':
      return { kind, number: null, text: content.slice(0, TEXT_LENGTH) };
    case 'absent':
      return { kind, number: null, text: absent(content) };
    case 'bytes':
      return { kind, number: null, text: `${count(content.length)} bytes` };
    default:
      return { kind, number: null, text: JSON.stringify(content).slice(0, TEXT_LENGTH) };
  }
}

/** One side is missing while it has no offers. */
function quote({ bid, ask }) {
  const number = bid == null ? null : Number(bid);
  const extra = ask == null ? 'no ask' : `ask ${grouped(ask)}`;
  return { kind: 'quote', number, other: ask == null ? NaN : Number(ask), text: bid ?? 'no bid', extra };
}

const tradeExtra = ({ size, side }) => (side ? `size ${size} · ${side}` : `size ${size}`);

/** The source's own word, unless it only says that there is nothing. */
function absent(word) {
  return word === '' || word === 'null' ? 'no value' : word.slice(0, TEXT_LENGTH);
}

/** Decimals of the shortest way to write a number with the digits that mean something. */
export function decimalsOf(number) {
  const [digits, exponent = 0] = String(Number(number.toPrecision(READING_DIGITS))).split('e').map(String);
  const decimals = (digits.split('.')[1] ?? '').length - Number(exponent);
  return Math.min(Math.max(decimals, 0), MAX_DECIMALS);
}
