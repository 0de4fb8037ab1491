// Loads a topic's updates from before the page was opened, a page at a time.

/** Updates in one answer. */
const PAGE = 2_000;

/**
 * @param {import('../../index.js').Client} client
 * @param {string} topic
 * @param {object} range
 * @param {number} [range.before] position of the oldest update known
 * @param {number} range.limit updates at most
 * @param {(updates: object[]) => number | null} add takes the next older updates, returns the
 * position of the oldest one, or null to stop
 * @returns {Promise<boolean>} whether the server has older ones
 */
export async function loadHistory(client, topic, { before, limit }, add) {
  let left = limit;
  let position = before;
  try {
    while (left > 0) {
      const { updates, more } = await client.history(topic, { limit: Math.min(left, PAGE), before: position });
      position = add(updates);
      left -= updates.length;
      if (!more || updates.length === 0) return false;
      if (position === null) return true;
    }
    return true;
  } catch {
    // The server keeps no history or is away. The chart begins when the page was opened.
    return false;
  }
}
