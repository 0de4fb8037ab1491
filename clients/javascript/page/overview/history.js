// Loads a topic's updates from before the page was opened.

import { MAX_POINTS_PER_TOPIC } from './store.js';

/** Updates in one answer. */
const PAGE = 2_000;

/**
 * @param {import('../../index.js').Client} client
 * @param {string} topic
 * @param {number} before position of the oldest update known
 * @param {(updates: object[]) => number | null} add takes the next older updates, returns the
 * position of the oldest one, or null to stop
 */
export async function loadHistory(client, topic, before, add) {
  let left = MAX_POINTS_PER_TOPIC;
  let position = before;
  try {
    while (left > 0 && position !== null) {
      const { updates, more } = await client.history(topic, { limit: Math.min(left, PAGE), before: position });
      position = add(updates);
      left -= updates.length;
      if (!more || updates.length === 0) return;
    }
  } catch {
    // The server keeps no history or is away. The chart begins when the page was opened.
  }
}
