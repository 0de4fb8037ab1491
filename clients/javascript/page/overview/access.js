// What the page may read, and since when it may not read what it has read before.

import { sentence } from '../shared/login-words.js';
import { topicMatcher } from './filter.js';

/** The filters that are told at most, of those that are allowed. */
const MAX_TOLD = 4;

export class Access {
  #identity = null;
  #matchers = [];
  /** Reasons of the server: `{ matches, reason, position }`, the newest ones last. */
  #told = [];

  /** @param {object | null} identity null: the server knows no identities, so all may be read */
  set(identity) {
    this.#identity = identity;
    this.#matchers = (identity?.subscribe ?? []).map(matcherOf);
    // What is allowed again has no reason any more.
    const allowed = identity?.subscribe ?? ['#'];
    this.#told = this.#told.filter(({ filter }) => !allowed.some((other) => covers(other, filter)));
  }

  /** The server has ended a filter's subscription. */
  ended(filter, { message, position }) {
    this.#told = this.#told.filter((told) => told.filter !== filter);
    this.#told.push({ filter, matches: matcherOf(filter), reason: message, position });
  }

  mayRead(topic) {
    return this.#identity === null || this.#matchers.some((matches) => matches(topic));
  }

  /** Why a topic may not be read, and the position from which on nothing comes, if it is known. */
  reasonOf(topic) {
    const told = this.#told.findLast(({ matches }) => matches(topic));
    const { role, subscribe } = this.#identity;
    const allowed = subscribe.slice(0, MAX_TOLD).join('  ') || 'nothing';
    const general = `The role “${role}” does not allow it; allowed: ${allowed}${subscribe.length > MAX_TOLD ? ' …' : ''}.`;
    return { reason: told ? sentence(told.reason) : general, position: told?.position };
  }

  /**
   * Marks the rows that may not be read any more, and those that may be read again.
   *
   * @param {object[]} rows of the store
   */
  mark(rows, now_ms) {
    for (const row of rows) {
      if (this.mayRead(row.topic)) row.denied = null;
      else row.denied = { since_ms: row.denied?.since_ms ?? now_ms, ...this.reasonOf(row.topic) };
    }
  }
}

/** What the server cannot mean matches nothing. */
const matcherOf = (filter) => (/[+#]/.test(filter) ? (topicMatcher(filter) ?? (() => false)) : (topic) => topic === filter);

/**
 * The filters to subscribe to: what was asked for, or all that is allowed if everything was asked
 * for. A filter that another one covers is left out.
 */
export function filtersFor(asked, identity) {
  if (asked !== '#' || identity === null) return [asked];
  const { subscribe } = identity;
  return subscribe.filter((filter, at) => !subscribe.some((other, where) => where !== at && covers(other, filter) && (!covers(filter, other) || where < at)));
}

/** Whether a filter selects all topics of another one. */
export function covers(wide, narrow) {
  if (/^[+#]/.test(wide) && narrow.startsWith('$')) return false;
  const [levels, others] = [wide.split('/'), narrow.split('/')];
  for (const [at, level] of levels.entries()) {
    if (level === '#') return true;
    const other = others[at];
    if (other === undefined || other === '#') return false;
    if (level !== '+' && level !== other) return false;
  }
  return levels.length === others.length;
}
