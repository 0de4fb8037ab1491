// Exact decimals: strings in a program; a mantissa and the number of decimal places in bincode.

const MAX_SCALE = 18;
const MIN_MANTISSA = -(2n ** 63n);
const MAX_MANTISSA = 2n ** 63n - 1n;
const PATTERN = /^-?\d+(?:\.\d{1,18})?$/;

/**
 * @param {string} text such as `-0.50`
 * @returns {{ mantissa: bigint, scale: number }} such as -50 and 2
 * @throws {RangeError} if the text is not a decimal or has too many digits
 */
export function parseDecimal(text) {
  if (typeof text !== 'string' || !PATTERN.test(text)) throw new RangeError(`not a decimal: ${String(text).slice(0, 100)}`);
  const point = text.indexOf('.');
  const scale = point < 0 ? 0 : text.length - point - 1;
  const mantissa = BigInt(text.replace('.', ''));
  if (mantissa < MIN_MANTISSA || mantissa > MAX_MANTISSA) throw new RangeError(`more digits than 64 bits can hold: ${text}`);
  return { mantissa, scale };
}

/**
 * @param {number | bigint} mantissa
 * @param {number} scale decimal places
 * @throws {RangeError} for more than 18 decimal places
 */
export function formatDecimal(mantissa, scale) {
  if (scale > MAX_SCALE) throw new RangeError(`${scale} decimal places are too many (limit ${MAX_SCALE})`);
  if (scale === 0) return String(mantissa);
  const digits = String(mantissa < 0 ? -mantissa : mantissa).padStart(scale + 1, '0');
  const sign = mantissa < 0 ? '-' : '';
  return `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}
