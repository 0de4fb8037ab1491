// The line above a chart: the topic, its newest value, its change and how fresh it is.

import { write } from '../shared/dom.js';
import { percent, withUnit } from '../shared/format.js';
import { freshness, signClass } from './freshness.js';

/** The words for kinds that are not their names. The text of an absent value says enough. */
const KINDS = { quote: 'bid', absent: '' };
/** A value of at most 16 characters is never cut: a part of a number is another number. */
const WHOLE_MAX = 16;

/**
 * @param {Record<string, HTMLElement>} parts
 * @param {object | null} row of the store; null: nothing is known about the topic
 */
export function showTitle(parts, topic, row, now_ms) {
  write(parts.topicText, topic);
  if (parts.topic.title !== topic) {
    parts.topic.title = topic;
    parts.plot.setAttribute('aria-label', `Chart of ${topic}`);
  }
  if (row === null) {
    for (const name of ['name', 'last', 'change', 'freshness', 'kind']) write(parts[name], '');
    return;
  }
  write(parts.name, row.name);
  const last = withUnit(row);
  write(parts.last, last);
  parts.last.classList.toggle('whole', last.length <= WHOLE_MAX);
  const change = percent(row.change);
  write(parts.change, change && `${change} %`);
  parts.change.className = `change mono ${signClass(change)}`;
  // Only a problem is shown here. The age of a live topic is in the table.
  const [text, color] = freshness(row, now_ms);
  write(parts.freshness, color && text);
  parts.freshness.className = `freshness ${color}`;
  const kind = KINDS[row.kind] ?? row.kind;
  write(parts.kind, row.extra ? `${kind} · ${row.extra}` : kind);
}
