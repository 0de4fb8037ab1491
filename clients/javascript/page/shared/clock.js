// Times as people read them: local or UTC.

const MINUTE_S = 60;
const HOUR_MINUTES = 60;

/** Seconds to add to UTC at a moment. Summer time changes it. */
export const offsetAt = (s, isUtc) => (isUtc ? 0 : -new Date(s * 1000).getTimezoneOffset() * MINUTE_S);

const shifted = (ms, isUtc) => new Date(ms + offsetAt(ms / 1000, isUtc) * 1000).toISOString();

/** Time of day. */
export const clock = (ms, isUtc, hasMillis = false) => shifted(ms, isUtc).slice(11, hasMillis ? 23 : 19);

/** `01-08`, month and day. */
export const monthAndDay = (ms, isUtc) => shifted(ms, isUtc).slice(5, 10);

/** Time of day, with the date in front if it is not that of the other moment. */
export function clockFrom(ms, today_ms, isUtc) {
  const isSame = shifted(ms, isUtc).slice(0, 10) === shifted(today_ms, isUtc).slice(0, 10);
  return isSame ? clock(ms, isUtc, true) : `${monthAndDay(ms, isUtc)} ${clock(ms, isUtc, true)}`;
}

/** `UTC`, or `UTC+02:00`. */
export function zoneName(ms, isUtc) {
  const minutes = offsetAt(ms / 1000, isUtc) / MINUTE_S;
  if (isUtc) return 'UTC';
  const two = (number) => String(number).padStart(2, '0');
  const whole = Math.abs(minutes);
  return `UTC${minutes < 0 ? '-' : '+'}${two(Math.floor(whole / HOUR_MINUTES))}:${two(whole % HOUR_MINUTES)}`;
}

/** The beginning of the day. */
export function midnight(ms, isUtc) {
  if (isUtc) return Date.parse(new Date(ms).toISOString().slice(0, 10));
  return new Date(ms).setHours(0, 0, 0, 0);
}
