// The freshness of a topic's value, in words.

import { age, shortAge } from '../shared/format.js';

/** The age of the newest value, or its problem, and the CSS class of that text. */
export function freshness({ status, since_ms, quality, ingest_ms, denied }, now_ms) {
  if (denied) return [`denied ${shortAge(now_ms - denied.since_ms).replace('min', 'm').replace(' ', '')}`, 'bad'];
  if (status !== 'live') {
    // The column has no more space.
    const since = since_ms === null ? '' : ` ${shortAge(now_ms - since_ms).replace('min', 'm')}`;
    return [status + since, status === 'dead' ? 'bad' : 'warning'];
  }
  return quality === 'live' ? [age(now_ms - ingest_ms), ''] : [quality, 'warning'];
}

/** The CSS class of a written change: a zero is neither up nor down. */
export const signClass = (text) => (text.startsWith('+') ? 'up' : text.startsWith('-') ? 'down' : '');
