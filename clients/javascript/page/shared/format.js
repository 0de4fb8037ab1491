// How numbers, counts and times are written. Nothing here knows the document.

const PERCENT_DECIMALS = 2;
const DASH = '–';
/** Keeps a number on one line. */
const THOUSANDS_SEPARATOR = '\u00a0';

export const nsToMs = (ns) => Number(ns / 1_000n) / 1_000;

/** A number with this many decimals. */
export function fixed(number, decimals) {
  if (number === null || number === undefined || Number.isNaN(number)) return DASH;
  if (!Number.isFinite(number)) return number > 0 ? '∞' : '-∞';
  if (Math.abs(number) >= 1e15 || (number !== 0 && Math.abs(number) < 1e-6)) return number.toPrecision(6);
  return grouped(number.toFixed(decimals));
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

/** A change in percent, without the unit. */
export const percent = (number) => signed(number, PERCENT_DECIMALS);

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

/** Time of day in UTC. */
export const clock = (ms, hasMillis = false) => new Date(ms).toISOString().slice(11, hasMillis ? 23 : 19);

/** The value of a row of the store. Only numbers have a unit. */
export const withUnit = ({ text, unit, number }) => (unit && number !== null ? `${text} ${unit}` : text);
