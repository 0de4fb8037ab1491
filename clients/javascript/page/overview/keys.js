// The keys of the page. None of them needs the focus on a certain place.

/** The keys and gestures as the help tells them. */
export const HELP = [
  ['/', 'Filter the topics: part of a name, or MQTT wildcards'],
  ['j  k  ↓  ↑', 'Next topic, previous topic'],
  ['Enter', 'Keep its chart: the next topic gets another one'],
  ['x', 'Remove the active chart'],
  ['n  p', 'Next chart, previous chart'],
  ['Space  End', 'Pause, follow the newest values'],
  ['+  −', 'Less time, more time'],
  ['←  →', 'Earlier, later'],
  ['c', 'Candles or a line'],
  ['i', 'Next interval of the candles'],
  ['m', 'Messages of the topic'],
  ['f', 'Follow, and fit the values'],
  ['Ctrl+Z', 'Undo the last change of the view'],
  ['u', 'Local time or UTC'],
  ['l', 'Copy a link to this view'],
  ['Esc', 'Remove the ruler, close the charts on a phone'],
  ['Wheel', 'Zoom time, at the live edge while following'],
  ['Right drag', 'Zoom to a box'],
  ['Drag', 'Move in time; on the value axis: stretch the values'],
  ['Shift drag', 'Measure a time: differences, least, greatest, mean'],
  ['Double click', 'Follow, and fit the values'],
  ['One finger', 'Move in time'],
  ['Two fingers', 'Zoom and move'],
  ['Tap', 'Value and time below the finger'],
  ['Double tap', 'Follow, and fit the values'],
  ['Hold, drag', 'Measure a time: differences, least, greatest, mean'],
];

const ACTIONS = {
  '/': 'filter', '?': 'help', j: 'next', k: 'previous', ArrowDown: 'next', ArrowUp: 'previous',
  PageDown: 'pageDown', PageUp: 'pageUp', Home: 'first',
  Enter: 'keep', x: 'remove', n: 'nextChart', p: 'previousChart', ' ': 'pause', End: 'follow', f: 'reset',
  '+': 'zoomIn', '=': 'zoomIn', '-': 'zoomOut', ArrowLeft: 'earlier', ArrowRight: 'later',
  c: 'candles', i: 'interval', m: 'messages', u: 'zone', l: 'link', Escape: 'escape',
};
/** Buttons and links have these keys for themselves. */
const OF_CONTROLS = new Set(['Enter', ' ']);
/** In the filter only these do something else than writing. */
const IN_FILTER = new Set(['Enter', 'ArrowDown', 'Escape']);

/**
 * What a key means here.
 *
 * @param {KeyboardEvent} event
 * @param {{ isWriting: boolean, isControl: boolean, isScrollable: boolean }} focus where the focus
 * is: in a field, on a button or link, in a text that scrolls
 * @returns {string | null}
 */
export function actionOf({ key, ctrlKey, metaKey, altKey }, { isWriting, isControl, isScrollable }) {
  if ((ctrlKey || metaKey) && !altKey && key.toLowerCase() === 'z') return isWriting ? null : 'undo';
  if ((ctrlKey || metaKey || altKey) && key !== 'Enter') return null;
  if (isWriting) return IN_FILTER.has(key) ? (key === 'Escape' ? 'clear' : 'leaveFilter') : null;
  if (isControl && OF_CONTROLS.has(key)) return null;
  if (isScrollable && /^(Arrow|Page|Home|End)/.test(key)) return null;
  return Object.hasOwn(ACTIONS, key) ? ACTIONS[key] : null;
}
