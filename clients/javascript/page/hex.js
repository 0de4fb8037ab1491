// Bytes as hexadecimal digits, for people.

/** Bytes of one line of a dump. */
const LINE_BYTES = 8;
const CONTROL = /[^\x20-\x7e]/g;

const byte = (number) => number.toString(16).padStart(2, '0');

/** `02 03 fb`, of at most so many bytes. */
export function toHex(bytes, most = Infinity) {
  const shown = Array.from(bytes.subarray(0, most), byte).join(' ');
  return bytes.length > most ? `${shown} …` : shown;
}

/** @throws {TypeError} unless it is pairs of hexadecimal digits */
export function fromHex(text) {
  const digits = text.replace(/\s+/g, '');
  if (!/^([\da-f]{2})*$/i.test(digits)) throw new TypeError('pairs of hexadecimal digits are needed, such as 04 01');
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => parseInt(pair, 16));
}

/** Lines of a few bytes with their place in front and what they are in ASCII behind. */
export function dump(bytes, most) {
  const lines = [];
  for (let at = 0; at < Math.min(bytes.length, most); at += LINE_BYTES) {
    const line = bytes.subarray(at, Math.min(at + LINE_BYTES, most));
    const place = at.toString(16).padStart(4, '0');
    const ascii = String.fromCharCode(...line).replace(CONTROL, '·');
    lines.push(`${place}  ${toHex(line).padEnd(3 * LINE_BYTES - 1)}  ${ascii}`);
  }
  if (bytes.length > most) lines.push(`… ${bytes.length - most} bytes more`);
  return lines.join('\n');
}
