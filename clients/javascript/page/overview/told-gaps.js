// The gaps of a chart: those that the page saw itself, and those from before, of which the server
// tells.

const TEXT = 'source away';
const MS = 1_000;

/**
 * @param {{ gaps: object[], version: number }} own gaps that the page saw
 * @param {{ from_s: number, to_s: number }[]} outages
 * @param {import('../chart/points.js').Points} points the last one before an outage and the first
 * one after it are its edges, where they are known
 * @returns {{ gaps: object[], version: string | number }} in order of time
 */
export function withOutages(own, outages, points) {
  if (outages.length === 0) return own;
  const told = outages.map(({ from_s, to_s }) => {
    const before = points.indexAfter(from_s) - 1;
    const after = points.indexAfter(to_s);
    const from = before >= points.start ? points.times[before] : from_s;
    const to = after < points.end && points.first_s <= to_s ? points.times[after] : to_s;
    return { from: Math.min(from, from_s) * MS, to: Math.max(to, to_s) * MS, text: TEXT, lost: undefined };
  }).filter(({ from, to }) => !own.gaps.some((gap) => gap.from < to && (gap.to ?? Infinity) > from));
  const gaps = [...told, ...own.gaps].sort((a, b) => a.from - b.from);
  return { gaps, version: `${own.version} ${told.map(({ from, to }) => `${from}-${to}`).join()}` };
}
