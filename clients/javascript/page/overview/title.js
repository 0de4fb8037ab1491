// The line above the chart: the topic, its newest value, its change and how fresh it is.

import { write } from '../shared/dom.js';
import { percent, withUnit } from '../shared/format.js';
import { freshness, signClass } from './freshness.js';

/** The words for kinds that are not their names. The text of an absent value says enough. */
const KINDS = { quote: 'bid', absent: '' };

/** @param {object} row of the store */
export function showTitle(elements, row, now_ms) {
  write(elements.topic, row.topic);
  elements.plot.setAttribute('aria-label', `Chart of ${row.topic}`);
  write(elements.name, row.name);
  write(elements.last, withUnit(row));
  const change = percent(row.change);
  write(elements.change, change && `${change} %`);
  elements.change.className = `mono ${signClass(change)}`;
  // Only a problem is shown here. The age of a live topic is in the table.
  const [text, color] = freshness(row, now_ms);
  write(elements.freshness, color && text);
  elements.freshness.className = color;
  const kind = KINDS[row.kind] ?? row.kind;
  write(elements.kind, row.extra ? `${kind} · ${row.extra}` : kind);
  const hint = row.kind === 'absent' ? 'There is no value at present.' : `Topics with ${row.kind} values have no chart.`;
  write(elements.hint, row.number === null ? hint : '');
}
