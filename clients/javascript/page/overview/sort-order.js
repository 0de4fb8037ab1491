// The orders of the table.

const KEYS = {
  last: (row) => row.number,
  change: (row) => row.change,
  rate: (row) => row.rate,
  age: (row) => -row.ingest_ms,
};

/** People count: floor-2 comes before floor-10. */
const collator = new Intl.Collator('en', { numeric: true });
const byTopic = (a, b) => collator.compare(a.topic, b.topic) || (a.topic < b.topic ? -1 : 1);

export const isSortKey = (key) => key === 'topic' || Object.hasOwn(KEYS, key);

/**
 * Compares two rows of the store. Equal rows go by topic; rows without a number come last in both
 * directions.
 */
export function comparer(key, direction) {
  if (key === 'topic') return direction > 0 ? byTopic : (a, b) => byTopic(b, a);
  const valueOf = KEYS[key];
  return (a, b) => {
    const [x, y] = [valueOf(a), valueOf(b)];
    if (x === y) return byTopic(a, b);
    if (x === null || x === undefined) return 1;
    if (y === null || y === undefined) return -1;
    return x < y ? -direction : direction;
  };
}
