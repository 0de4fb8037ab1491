// The list of all events, newest at the bottom. A click on a line opens its details.

import { clock } from '../shared/clock.js';
import { count } from '../shared/format.js';
import { toHex } from '../shared/hex.js';
import { logDetails } from './log-details.js';

/** The oldest lines are removed. */
const MAX_LINES = 300;
/** Of a closed line; the details have the rest. */
const LINE_CHARS = 400;
const LINE_BYTES = 64;
/** The list counts as scrolled to its end within this distance. */
const END_PX = 24;

const KIND_NAMES = { call: 'you' };

export class Log {
  #list;
  #newer;
  /** Entries that are not in the document yet. */
  #waiting = [];
  /** Entries that were removed before they were shown. */
  #skipped = 0;
  #lines = new Map();
  /** Whether new entries are shown at once. It ends when a person scrolls up or opens a line. */
  #isFollowing = true;
  #last_ms = null;

  /** @param {{ list: HTMLElement, newer: HTMLButtonElement }} elements */
  constructor({ list, newer }) {
    this.#list = list;
    this.#newer = newer;
    list.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    newer.addEventListener('click', () => this.follow());
  }

  /** Adds an entry, or shows the changes of an entry that was added before. */
  add(entry) {
    const line = this.#lines.get(entry);
    if (line) return this.#fill(line, entry);
    if (this.#waiting.includes(entry)) return;
    this.#waiting.push(entry);
    if (this.#waiting.length <= MAX_LINES) return;
    this.#waiting.shift();
    this.#skipped += 1;
  }

  /** Moves waiting entries into the document, if the list follows them. */
  paint() {
    const waiting = this.#waiting.length + this.#skipped;
    this.#newer.hidden = this.#isFollowing || waiting === 0;
    if (!this.#isFollowing) {
      if (!this.#newer.hidden) this.#newer.textContent = `${count(waiting)} newer ↓`;
      return;
    }
    if (waiting === 0) return;
    if (this.#skipped > 0) this.#note(`${count(this.#skipped)} lines were skipped`);
    this.#skipped = 0;
    for (const entry of this.#waiting) this.#append(entry);
    this.#waiting = [];
    while (this.#list.children.length > MAX_LINES) this.#remove(this.#list.firstElementChild);
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  follow() {
    this.#isFollowing = true;
    this.paint();
    this.#newer.hidden = true;
    this.#list.scrollTop = this.#list.scrollHeight;
  }

  clear() {
    this.#list.replaceChildren();
    this.#lines.clear();
    this.#waiting = [];
    this.#skipped = 0;
    this.#last_ms = null;
    this.#isFollowing = true;
    this.#newer.hidden = true;
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    const isAtEnd = scrollTop + clientHeight > scrollHeight - END_PX;
    if (!isAtEnd) this.#isFollowing = false;
    // A person reads an open line, even at the end of the list.
    else if (!this.#list.querySelector('li.open')) this.#isFollowing = true;
  }

  #append(entry) {
    const element = document.createElement('li');
    element.dataset.kind = entry.kind;
    if (entry.kind === 'close') element.dataset.clean = String(entry.wasClean);
    const button = element.appendChild(document.createElement('button'));
    button.setAttribute('aria-expanded', 'false');
    const [time, kind, text, size] = ['time', 'kind', 'text', 'size'].map((name) => {
      const part = button.appendChild(document.createElement(name === 'time' ? 'time' : 'span'));
      part.className = name;
      return part;
    });
    time.textContent = clock(entry.at_ms, true, true);
    kind.textContent = KIND_NAMES[entry.kind] ?? entry.kind;
    const since_ms = this.#last_ms === null ? null : entry.at_ms - this.#last_ms;
    this.#last_ms = entry.at_ms;
    const line = { element, button, text, size, entry, since_ms };
    button.addEventListener('click', () => this.#toggle(line));
    this.#lines.set(entry, line);
    this.#fill(line, entry);
    this.#list.append(element);
  }

  #fill(line, { kind, text, bytes, json, container, size }) {
    // Of a binary message the line has the meaning; the details have the bytes.
    const shown = kind === 'message' && bytes ? (json ?? toHex(bytes, LINE_BYTES)) : text;
    line.text.textContent = shown.slice(0, LINE_CHARS);
    line.size.textContent = size === undefined ? '' : `${bytes || container ? 'binary ' : ''}${count(size)} B`;
  }

  #note(text) {
    const element = this.#list.appendChild(document.createElement('li'));
    element.dataset.kind = 'note';
    element.textContent = text;
  }

  #remove(element) {
    for (const [entry, line] of this.#lines) {
      if (line.element !== element) continue;
      this.#lines.delete(entry);
      break;
    }
    element.remove();
  }

  #toggle(line) {
    const isOpen = line.element.classList.toggle('open');
    line.button.setAttribute('aria-expanded', String(isOpen));
    if (!isOpen) {
      line.element.lastElementChild.remove();
      return;
    }
    this.#isFollowing = false;
    line.element.append(logDetails(line.entry, line.since_ms));
    line.element.scrollIntoView({ block: 'nearest' });
  }
}
