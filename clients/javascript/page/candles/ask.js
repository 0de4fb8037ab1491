// Asks the server for candles or rows. A server that keeps none may have history, of which they are
// made here.

import { nameOf, startOf } from './intervals.js';
import { added, fits, ofCandle, ofRow, ofSample, sampleOf } from './sums.js';

const NS_PER_S = 1_000_000_000n;
/** The server keeps none. */
const NONE_KEPT = 304;
/** Updates of a topic's history that are made into intervals. */
const MAX_UPDATES = 20_000;
const HISTORY_PAGE = 2_000;

/**
 * @param {import('../../index.js').Client} client
 * @param {string} topic
 * @param {number} interval_s
 * @param {{ before_s: number | null, limit: number, asked_s: number }} question
 * @returns {Promise<object>} an answer for `IntervalSeries.take`, and `note`: what to tell a person
 */
export async function ask(client, topic, interval_s, question) {
  const { before_s, limit } = question;
  const before_ns = before_s === null ? undefined : BigInt(before_s) * NS_PER_S;
  try {
    const { position, candles, rows, more } = await client.candles(topic, nameOf(interval_s), { limit, before_ns });
    const intervals = candles.length > 0 ? candles.map((candle) => ofCandle(candle, interval_s)) : rows.map((row) => ofRow(row, interval_s));
    return { position, intervals, more, note: '' };
  } catch (error) {
    if (error.code !== NONE_KEPT) throw error;
    return fromHistory(client, topic, interval_s, question);
  }
}

async function fromHistory(client, topic, interval_s, { before_s, asked_s }) {
  const updates = [];
  try {
    for (let more = true; more && updates.length < MAX_UPDATES;) {
      const page = await client.history(topic, { limit: HISTORY_PAGE, before: updates[0]?.position });
      updates.unshift(...page.updates);
      more = page.more && page.updates.length > 0;
    }
  } catch (error) {
    if (error.code !== NONE_KEPT) throw error;
    return { position: 0, intervals: [], more: false, missing_s: asked_s, note: 'the server keeps no candles and no history' };
  }
  const intervals = intervalsOf(updates, interval_s).filter(({ start_s }) => before_s === null || start_s < before_s);
  return { position: updates.at(-1)?.position ?? 0, intervals, more: false, note: 'the server keeps no candles: made from its history' };
}

/** The intervals of updates in order. The first one may lack some. */
export function intervalsOf(updates, interval_s) {
  const list = [];
  for (const update of updates) {
    const sample = sampleOf(update);
    if (sample === null) continue;
    const last = list.at(-1);
    const start_s = Math.max(startOf(Number(update.ingest_time_ns / 1_000n) / 1e6, interval_s), last?.start_s ?? -Infinity);
    if (last && !fits(last, sample)) last.state = 'incomplete';
    else if (last?.start_s === start_s) list[list.length - 1] = added(last, sample);
    else list.push(ofSample(start_s, interval_s, sample, list.length === 0 && updates[0].seq > 1 ? 'incomplete' : 'open'));
  }
  return list;
}
