// Bytes as hexadecimal digits.

/** Bytes in one line of a dump. */
const LINE_BYTES = 8;
const NOT_PRINTABLE = /[^\x20-\x7e]/g;

const byte = (number) => number.toString(16).padStart(2, '0');

/** `02 03 fb`, with an ellipsis after `limit` bytes. */
export function toHex(bytes, limit = Infinity) {
  const shown = Array.from(bytes.subarray(0, limit), byte).join(' ');
  return bytes.length > limit ? `${shown} …` : shown;
}

/** @throws {TypeError} unless the text is pairs of hexadecimal digits, with or without spaces */
export function fromHex(text) {
  const digits = text.replace(/\s+/g, '');
  if (!/^([\da-f]{2})*$/i.test(digits)) throw new TypeError('pairs of hexadecimal digits are needed, such as 04 01');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Lines of 8 bytes: offset, hexadecimal digits, ASCII. */
export function dump(bytes, limit) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, limit); at += LINE_BYTES) {
    const line = bytes.subarray(at, Math.min(at + LINE_BYTES, limit));
    const offset = at.toString(16).padStart(4, '0');
    const ascii = String.fromCharCode(...line).replace(NOT_PRINTABLE, '·');
    lines.push(`${offset}  ${toHex(line).padEnd(3 * LINE_BYTES - 1)}  ${ascii}`);
  }
  if (bytes.length > limit) lines.push(`… ${bytes.length - limit} more bytes`);
  return lines.join('\n');
}
