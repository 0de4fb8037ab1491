// How numbers, counts and times are written. Nothing here knows the document.

const PERCENT_DECIMALS = 2;
/** A greater range than this many times the base means changes of 1,000 % and more. */
const RANGE_MAX_BASES = 10;
/** The largest part before a unit of a percentage. */
const MOST_SHOWN = 99_999;
const DASH = '–';
/** From here on a number has an exponent. */
const LARGE = 1e15;
/** Below this a number has an exponent if its source has more decimals than people count. */
const SMALL = 1e-4;
const PLAIN_DECIMALS = 6;
const SIGNIFICANT = 6;
/** Of `toFixed` there are 100, but a float has no more digits than these for our sizes. */
const MAX_DECIMALS = 20;
/** Keeps a number on one line. */
const THOUSANDS_SEPARATOR = '\u00a0';

export const nsToMs = (ns) => Number(ns / 1_000n) / 1_000;

/** A number with this many decimals. */
export function fixed(number, decimals) {
  if (number === null || number === undefined || Number.isNaN(number)) return DASH;
  if (!Number.isFinite(number)) return number > 0 ? '∞' : '-∞';
  const size = Math.abs(number);
  if (size >= LARGE) return number.toPrecision(SIGNIFICANT);
  // Where a source measures such small values, zeros would hide them.
  if (number !== 0 && size < SMALL && decimals > PLAIN_DECIMALS) return exponential(number, decimals);
  return grouped(number.toFixed(Math.min(decimals, MAX_DECIMALS)));
}

/** `1.2e-7`, with the digits that this many decimals have. */
function exponential(number, decimals) {
  const exponent = Math.floor(Math.log10(Math.abs(number)));
  return number.toExponential(Math.min(Math.max(decimals + exponent, 0), SIGNIFICANT - 1));
}

/** `39484.64` with its thousands apart. The decimals stay together. */
export function grouped(text) {
  const [whole, decimals] = text.split('.');
  const separated = whole.replace(/\B(?=(\d{3})+$)/g, THOUSANDS_SEPARATOR);
  return decimals === undefined ? separated : `${separated}.${decimals}`;
}

/** A change: with a sign, unless it is written as zero. */
export function signed(number, decimals) {
  if (number === null || !Number.isFinite(number)) return '';
  const text = fixed(number, decimals).replace(/^-(?=[0.]*$)/, '');
  return number > 0 && /[1-9]/.test(text) ? `+${text}` : text;
}

/** A change in percent, without the unit, that fits its column: `+0.12`, `-380`, `+461 k`. */
export function percent(change) {
  if (change === null || !Number.isFinite(change)) return '';
  const size = Math.abs(change);
  if (size < 100) return signed(change, PERCENT_DECIMALS);
  if (size < 1e5) return signed(change, 0);
  const [divisor, unit] = size < 1e8 ? [1e3, 'k'] : size < 1e11 ? [1e6, 'M'] : [1e9, 'G'];
  const text = signed(Math.min(Math.max(change / divisor, -MOST_SHOWN), MOST_SHOWN), 0);
  return `${text}${THOUSANDS_SEPARATOR}${unit}`;
}

/** Whether the values of a kind are prices. */
export const isPrice = (kind) => kind === 'trade' || kind === 'quote';

/**
 * Whether a percentage of a number says nothing about values with this range: it was next to zero
 * by chance. A price that stays above zero has a percentage whatever it does.
 *
 * @param {{ least: number, greatest: number }} range
 * @param {boolean} isOfPrice whether the values are prices
 */
export function isTooSmall(base, { least, greatest }, isOfPrice) {
  const [from, to] = [Math.min(least, base), Math.max(greatest, base)];
  return !(isOfPrice && from > 0) && Math.abs(base) * RANGE_MAX_BASES < to - from;
}

export function rate(per_s) {
  if (per_s === null) return '';
  if (per_s < 0.05) return '0';
  return per_s < 10 ? per_s.toFixed(1) : grouped(per_s.toFixed(0));
}

export function age(ms) {
  const s = Math.max(ms, 0) / 1000;
  if (s < 60) return `${s.toFixed(1)} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min`;
  return s < 172_800 ? `${Math.floor(s / 3600)} h` : `${Math.floor(s / 86_400)} d`;
}

/** For a narrow column. */
export function shortAge(ms) {
  return ms < 59_500 ? `${Math.round(Math.max(ms, 0) / 1000)} s` : age(ms);
}

export function millis(ms) {
  if (ms === undefined) return DASH;
  return ms < 10 ? `${ms.toFixed(2)} ms` : `${ms.toFixed(0)} ms`;
}

export const count = (number) => grouped(String(number));

/** The time shown, such as `5 m` or `36 s`. */
export function span(s) {
  for (const [unit_s, unit] of [[86_400, 'd'], [3_600, 'h'], [60, 'm']]) {
    if (s >= unit_s) return `${Number((s / unit_s).toFixed(s % unit_s === 0 ? 0 : 1))} ${unit}`;
  }
  return `${Number(s.toFixed(s < 10 ? 1 : 0))} s`;
}

/** The value of a row of the store. Only numbers have a unit. */
export const withUnit = ({ text, unit, number }) => (unit && number !== null ? `${text} ${unit}` : text);
