// Why the list of topics is empty, and what to do about it. Nothing here knows the document.

import { count } from '../shared/format.js';
import { sentence } from '../shared/login-words.js';

/**
 * @param {object} shown
 * @param {number} shown.hidden topics that the filter of the list hides
 * @param {string} shown.problem what is wrong with the login; empty if nothing is
 * @param {'live' | 'trying' | 'lost' | 'ended'} shown.state of the connection
 * @param {string} shown.text the same in words
 * @param {string} shown.address of the server
 * @param {string} shown.filter what the page subscribes to
 */
export function emptyWords({ hidden, problem, state, text, address, filter }) {
  if (hidden > 0) return `The filter hides ${hidden === 1 ? 'the only topic' : `all ${count(hidden)} topics`}. Clear it to see them.`;
  if (problem !== '') return problem;
  if (state === 'live') return `Connected. No topic ${filter === '#' ? '' : `of ${filter} `}has a value yet. Topics appear here as soon as a feed or a client publishes.`;
  const what = sentence(text);
  if (state === 'ended') return `${what} Reconnect at the top.`;
  if (text.startsWith('connected')) return `${what} ${address} is stopped, or the network is down.`;
  if (text === 'connecting') return `Connecting to ${address}. Topics appear here when the server answers.`;
  return `${what} The page connects to ${address} again by itself.`;
}
