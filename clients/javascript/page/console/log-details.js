// The details of one line of the log.

import { count } from '../shared/format.js';
import { MESSAGE_MEANINGS, explainClose } from './explanations.js';
import { dump } from '../shared/hex.js';

const MAX_CHARS = 64 * 1024;
const MAX_BYTES = 4 * 1024;

/**
 * @param {object} entry of the bare socket
 * @param {number | null} since_ms after the entry before; null for the first
 * @returns {HTMLElement} a sentence, the bytes if there are any, and the JSON or the text
 */
export function logDetails({ kind, text, message, json, bytes, container, code }, since_ms) {
  const element = document.createElement('div');
  element.className = 'details';
  const append = (tag, content) => {
    element.appendChild(document.createElement(tag)).textContent = content;
  };
  const meaning = kind === 'close' ? explainClose(code) : MESSAGE_MEANINGS[message?.type];
  const arrival = container && `It arrived as ${container}.`;
  const since = since_ms === null ? '' : `${since_ms.toFixed(1)} ms after the line before.`;
  append('p', [meaning, arrival, since].filter(Boolean).join(' '));
  if (bytes) {
    element.classList.add('binary');
    append('pre', dump(bytes, MAX_BYTES));
  }
  if (json) append('pre', indented(json));
  else append('pre', bytes ? 'not a message of the protocol' : text);
  return element;
}

/** JSON on several lines. Other text stays as it is, because a person may send anything. */
function indented(json) {
  let text = json;
  try {
    text = JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    // Not JSON.
  }
  if (text.length <= MAX_CHARS) return text;
  return `${text.slice(0, MAX_CHARS)}\n… ${count(text.length - MAX_CHARS)} more characters`;
}
