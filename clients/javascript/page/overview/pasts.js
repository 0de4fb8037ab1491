// The candles and rows of the topics that are or were shown, and the questions about them.

import { ask } from '../candles/ask.js';
import { PastLoader } from '../candles/loader.js';
import { outageInterval, outagesOf } from '../candles/outages.js';
import { Past } from '../candles/past.js';
import { span } from '../shared/format.js';

/** Topics whose past is kept: those that were shown last. */
const MAX_PASTS = 16;
/** What is this near to the view, as a part of its span, is asked for too. */
const NEAR = 0.25;

export class Pasts {
  /** By the topic, those used last at the end. */
  #pasts = new Map();
  #loader;
  #epoch = null;
  /** What is asked after this repaint. */
  #wanted = [];

  /** @param {() => void} changed an answer came */
  constructor(changed) {
    this.#loader = new PastLoader(ask, changed);
  }

  /** The past of a topic. */
  of(topic) {
    const past = this.#pasts.get(topic) ?? new Past(topic);
    this.#pasts.delete(topic);
    this.#pasts.set(topic, past);
    if (this.#pasts.size > MAX_PASTS) this.#pasts.delete(this.#pasts.keys().next().value);
    return past;
  }

  /** Another client begins from nothing; what is known stays. */
  clientEnds() {
    this.#loader.clear();
  }

  /** Call it before each repaint. What is known of another epoch is forgotten. */
  begin(client) {
    this.#wanted = [];
    const epoch = client.welcome?.epoch ?? this.#epoch;
    if (epoch === this.#epoch) return;
    if (this.#epoch !== null) for (const past of this.#pasts.values()) past.clear();
    this.#loader.clear();
    this.#epoch = epoch;
  }

  /**
   * What is known of a time in sight, and what is said about the rest.
   *
   * @param {Past} past
   * @param {{ from_s: number, to_s: number, now_s: number, isConnected: boolean }} view
   * @param {boolean} isUrgent whether its chart is the active one
   * @returns {{ intervals: object[], joins: object[], notes: object[], first_s: number | null }}
   * `first_s`: the first interval that is known, in sight or near
   */
  look(past, interval_s, { from_s, to_s, now_s, isConnected }, isUrgent) {
    const found = past.look(interval_s, from_s - NEAR * (to_s - from_s), to_s, now_s);
    if (found.question) this.#wanted[isUrgent ? 'unshift' : 'push']({ past, question: found.question });
    const intervals = found.intervals.filter((each) => each.start_s + each.interval_s > from_s && each.start_s < to_s);
    const joins = found.joins.map(({ s, interval_s: longer_s }) => ({ s, text: `${span(longer_s)} before this`, isBefore: true }));
    return { intervals, joins, notes: notesOf(found, past, { from_s, isConnected }), first_s: found.intervals[0]?.start_s ?? null };
  }

  /**
   * Times before a moment in which updates may be missing, in sight and near.
   *
   * @param {number | null} distance_s mean time between two updates in sight, if it is known
   * @returns {{ from_s: number, to_s: number }[]}
   */
  outages(past, interval_s, distance_s, { from_s, to_s, now_s }, seen_s) {
    const end_s = Math.min(to_s, seen_s);
    if (end_s <= from_s) return [];
    const { intervals, question } = past.look(outageInterval(interval_s, distance_s), from_s - NEAR * (to_s - from_s), end_s, now_s);
    if (question) this.#wanted.push({ past, question });
    return outagesOf(intervals);
  }

  /** Asks what the charts of this repaint need. */
  ask(client, now_s) {
    if (client.readyState === client.OPEN) this.#loader.want(client, this.#wanted, now_s);
  }
}

/** What is said about the times that are not drawn. */
function notesOf({ missing, oldest_s, question, intervals }, past, { from_s, isConnected }) {
  const notes = [];
  const [first, last] = [missing[0], missing.at(-1)];
  if (question && last.to_s > from_s) notes.push({ from_s: Math.max(first.from_s, from_s), to_s: last.to_s, text: isConnected ? past.note || 'loading' : 'not connected' });
  const hasNone = intervals.length === 0;
  if (oldest_s !== null && oldest_s > from_s) notes.push({ from_s, to_s: oldest_s, text: past.note || (hasNone ? 'the server keeps none' : 'the server keeps none before this') });
  return notes;
}
