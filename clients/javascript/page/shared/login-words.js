// What a server says about logins, in words. Nothing here knows the document.

import { nsToMs } from './format.js';

const NOT_AUTHENTICATED = 500;
const TOKEN_REFUSED = 501;
const TOO_MANY_CONNECTIONS = 502;
const ENDS = {
  4002: 'Your login has expired. Log in with a new token.',
  4501: 'This server wants a token, and accepted none.',
  4502: 'Your token, or the person it belongs to, was revoked. Log in with another token.',
  4503: 'An operator has ended this connection.',
};
/** Filters that are named; the others are counted. */
const MAX_FILTERS = 12;
const MINUTE_S = 60;

/** A text as a sentence. */
export const sentence = (text) => (text === '' ? '' : `${text[0].toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`);

/** Whether an error means that another token helps. */
export const wantsToken = ({ code }) => code === NOT_AUTHENTICATED || code === TOKEN_REFUSED || code === TOO_MANY_CONNECTIONS;

/** What an error means for a person who logs in. */
export function problemOf({ code, message }) {
  if (code === NOT_AUTHENTICATED) return 'This server wants a token.';
  return sentence(message);
}

/** What the end of a connection means for a person who logs in; empty if it is not about logins. */
export const problemOfEnd = ({ code }) => ENDS[code] ?? '';

/** The name of the login. */
export function whoIs(identity) {
  if (identity === null) return 'You are not logged in.';
  const { subject, role } = identity;
  return subject === '' ? `You are not logged in. Without a token you have the role “${role}”.` : `You are ${subject}, with the role “${role}”.`;
}

/** When an identity ends, in seconds since 1970; null if it does not. */
export const endOf = ({ expires_ns }) => (expires_ns === undefined ? null : nsToMs(expires_ns) / 1000);

/** What an identity may do: pairs of a name and a text. */
export function rightsOf({ subscribe, history, publish, max_rate_hz }) {
  const rights = [['May read', named(subscribe)], ['Their past', named(history)], ['May publish', named(publish)]];
  if (max_rate_hz !== undefined) rights.push(['At most', `${max_rate_hz} ${max_rate_hz === 1 ? 'value' : 'values'} a second of each topic`]);
  return rights;
}

function named(filters) {
  if (filters.length === 0) return 'nothing';
  if (filters.includes('#')) return 'everything';
  const shown = filters.slice(0, MAX_FILTERS).join('  ');
  return filters.length > MAX_FILTERS ? `${shown}  and ${filters.length - MAX_FILTERS} more` : shown;
}

/** How long a login lasts, such as `for 4 min 5 s`. */
export function lasting(s) {
  if (s <= 0) return 'no longer';
  if (s < MINUTE_S) return `for ${Math.ceil(s)} s`;
  const minutes = Math.floor(s / MINUTE_S);
  if (minutes < 10) return `for ${minutes} min ${Math.floor(s % MINUTE_S)} s`;
  if (minutes < 120) return `for ${minutes} min`;
  return minutes < 2_880 ? `for ${Math.floor(minutes / 60)} h` : `for ${Math.floor(minutes / 1_440)} days`;
}
