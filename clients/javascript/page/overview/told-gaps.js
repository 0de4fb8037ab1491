// The gaps of a chart: those that the page saw itself, and those of which the server tells: by its
// intervals from before, and by statuses since then.

const TEXT = 'source away';
const MS = 1_000;
/**
 * The time between two points is a gap if the source was away for this part of it (one in this
 * many). A topic that comes once an hour has no gap of an hour when its feed reconnects.
 */
const AWAY_PART = 2;

/**
 * The times in which the source of a topic was away while the page looked on, as statuses tell. The
 * last one may have no end yet.
 *
 * @param {{ statuses: { s: number, status: string }[], points: object }} row of the store
 * @returns {{ from_s: number, to_s: number, isTold: true }[]}
 */
export function awayOf({ statuses, points }) {
  const times = [];
  statuses.forEach(({ s, status }, at) => {
    if (status === 'live' || points.first_s === null) return;
    const [from_s, to_s] = [Math.max(s, points.first_s), statuses[at + 1]?.s ?? Infinity];
    const last = times.at(-1);
    if (last?.to_s === from_s) last.to_s = to_s;
    else if (from_s < to_s) times.push({ from_s, to_s, isTold: true });
  });
  return times;
}

/**
 * @param {{ gaps: object[], version: number }} own gaps that the page saw
 * @param {{ from_s: number, to_s: number, isTold?: boolean }[]} outages
 * @param {import('../chart/points.js').Points} points the last one before an outage and the first
 * one after it are its edges, where they are known
 * @returns {{ gaps: object[], version: string | number }} in order of time
 */
export function withOutages(own, outages, points) {
  if (outages.length === 0) return own;
  const told = outages.map((outage) => {
    const { from_s, to_s } = edges(outage, points);
    return { from: from_s * MS, to: to_s === Infinity ? null : to_s * MS, text: TEXT, lost: undefined };
  }).filter((each) => !own.gaps.some((gap) => gap.from < (each.to ?? Infinity) && (gap.to ?? Infinity) > each.from));
  const gaps = [...told, ...own.gaps].sort((a, b) => a.from - b.from);
  return { gaps, version: `${own.version} ${told.map(({ from, to }) => `${from}-${to}`).join()}` };
}

function edges({ from_s, to_s, isTold = false }, points) {
  if (to_s === Infinity) return { from_s, to_s };
  const before = points.indexAfter(from_s) - 1;
  const next = points.indexAfter(to_s);
  // A status says the time of the update with which a source is live again.
  const after = isTold && points.times[next - 1] === to_s ? next - 1 : next;
  const from = before >= points.start ? points.times[before] : from_s;
  const to = after < points.end && points.first_s <= to_s ? points.times[after] : to_s;
  const isShort = isTold && (to_s - from_s) * AWAY_PART < to - from;
  return isShort ? { from_s, to_s } : { from_s: Math.min(from, from_s), to_s: Math.max(to, to_s) };
}
