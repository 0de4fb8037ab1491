// The time that all charts show. A view is never changed: each function returns another one.

/** Empty space on the right of the newest value, as a part of the time shown. */
const LEAD = 0.025;
export const MIN_SPAN_S = 1;
export const MAX_SPAN_S = 366 * 86_400;
const clampSpan = (span_s) => Math.min(Math.max(span_s, MIN_SPAN_S), MAX_SPAN_S);

/**
 * @typedef {object} View
 * @property {number} span_s the time shown
 * @property {number | null} end_s the right edge; null: it follows the clock
 */

/** @returns {View} */
export const following = (span_s) => ({ span_s: clampSpan(span_s), end_s: null });

/** The right edge while following. */
const liveEnd = (span_s, now_s) => now_s + span_s * LEAD;

/** @returns {{ from_s: number, to_s: number }} */
export function windowOf({ span_s, end_s }, now_s) {
  const to_s = end_s ?? liveEnd(span_s, now_s);
  return { from_s: to_s - span_s, to_s };
}

/**
 * Shows more or less time. A view that follows keeps following; another one keeps the time at the
 * anchor in its place.
 *
 * @param {number} factor above 1 for more time
 */
export function zoomed(view, factor, anchor_s, now_s) {
  const span_s = clampSpan(view.span_s * factor);
  if (view.end_s === null) return { ...view, span_s };
  const part = (view.end_s - anchor_s) / view.span_s;
  return settled({ span_s, end_s: anchor_s + part * span_s }, now_s);
}

/** @param {number} by_s above 0 for later times. The live edge is the end: there it follows. */
export function panned(view, by_s, now_s) {
  return settled({ ...view, end_s: windowOf(view, now_s).to_s + by_s }, now_s);
}

/** Shows exactly the time between two moments. */
export function between(from_s, to_s, now_s) {
  const span_s = clampSpan(to_s - from_s);
  return settled({ span_s, end_s: (from_s + to_s) / 2 + span_s / 2 }, now_s);
}

/** Stops at the present moment. */
export const paused = (view, now_s) => (view.end_s === null ? { ...view, end_s: windowOf(view, now_s).to_s } : view);

function settled({ span_s, end_s }, now_s) {
  return { span_s, end_s: end_s >= liveEnd(span_s, now_s) ? null : end_s };
}
