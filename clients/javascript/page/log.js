// The list of everything that happened, newest below. A line unfolds to what is in it.

import { clock, count } from './format.js';
import { dump, toHex } from './hex.js';
import { MEANINGS, closeWords } from './words.js';

/** Lines that are kept. */
const MAX_LINES = 300;
/** Of one line that is folded; the rest is behind it. */
const LINE_CHARS = 400;
const LINE_BYTES = 64;
/** Of one line that is unfolded. */
const OPEN_CHARS = 64 * 1024;
const OPEN_BYTES = 4 * 1024;
/** Closer to the end than this is at the end. */
const END_PX = 24;

const NAMES = { call: 'you', thrown: 'thrown' };

export class Log {
  #list;
  #newer;
  /** Entries that are not in the document yet. */
  #waiting = [];
  #passed = 0;
  #lines = new Map();
  #isFollowing = true;
  #last_ms = null;

  /** @param {{ list: HTMLElement, newer: HTMLButtonElement }} elements */
  constructor({ list, newer }) {
    this.#list = list;
    this.#newer = newer;
    list.addEventListener('scroll', () => this.#scrolled(), { passive: true });
    newer.addEventListener('click', () => this.follow());
  }

  /** Takes an entry, or one that has changed. */
  add(entry) {
    const line = this.#lines.get(entry);
    if (line) return this.#fill(line, entry);
    if (this.#waiting.includes(entry)) return;
    this.#waiting.push(entry);
    if (this.#waiting.length <= MAX_LINES) return;
    this.#waiting.shift();
    this.#passed += 1;
  }

  /** Brings what waits into the document, unless a person reads further above. */
  paint() {
    const waiting = this.#waiting.length + this.#passed;
    this.#newer.hidden = this.#isFollowing || waiting === 0;
    if (!this.#isFollowing) {
      if (!this.#newer.hidden) this.#newer.textContent = `${count(waiting)} newer ↓`;
      return;
    }
    if (waiting === 0) return;
    if (this.#passed > 0) this.#note(`${count(this.#passed)} lines were passed over`);
    this.#passed = 0;
    for (const entry of this.#waiting) this.#append(entry);
    this.#waiting = [];
    while (this.#list.children.length > MAX_LINES) this.#drop(this.#list.firstElementChild);
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
    this.#passed = 0;
    this.#last_ms = null;
    this.#isFollowing = true;
    this.#newer.hidden = true;
  }

  #scrolled() {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    const isAtEnd = scrollTop + clientHeight > scrollHeight - END_PX;
    // Who has unfolded something reads, also at the end.
    if (!isAtEnd) this.#isFollowing = false;
    else if (!this.#list.querySelector('li.open')) this.#isFollowing = true;
  }

  #append(entry) {
    const element = document.createElement('li');
    element.dataset.kind = entry.kind;
    const button = element.appendChild(document.createElement('button'));
    button.setAttribute('aria-expanded', 'false');
    const [time, kind, text, size] = ['time', 'kind', 'text', 'size'].map((name) => {
      const part = button.appendChild(document.createElement(name === 'time' ? 'time' : 'span'));
      part.className = name;
      return part;
    });
    const line = { element, button, text, size, entry, since_ms: this.#last_ms === null ? null : entry.at_ms - this.#last_ms };
    this.#last_ms = entry.at_ms;
    time.textContent = clock(entry.at_ms, true);
    kind.textContent = NAMES[entry.kind] ?? entry.kind;
    if (entry.kind === 'close') element.dataset.clean = String(entry.wasClean);
    button.addEventListener('click', () => this.#toggle(line));
    this.#lines.set(entry, line);
    this.#fill(line, entry);
    this.#list.append(element);
  }

  #fill({ text, size }, { kind, text: words, bytes, json, is, size: length }) {
    // What came in binary is told by what it means; its bytes are behind the line.
    const shown = kind === 'message' && bytes ? (json ?? toHex(bytes, LINE_BYTES)) : words;
    text.textContent = shown.slice(0, LINE_CHARS);
    size.textContent = length === undefined ? '' : `${bytes || is ? 'binary ' : ''}${count(length)} B`;
  }

  #note(text) {
    const element = this.#list.appendChild(document.createElement('li'));
    element.dataset.kind = 'note';
    element.textContent = text;
  }

  #drop(element) {
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
    line.element.append(more(line));
    line.element.scrollIntoView({ block: 'nearest' });
  }
}

/** What is behind a line. */
function more({ entry, since_ms }) {
  const { kind, text, message, json, bytes, is, code } = entry;
  const element = document.createElement('div');
  element.className = 'more';
  const part = (tag, words) => {
    element.appendChild(document.createElement(tag)).textContent = words;
  };
  const meaning = kind === 'close' ? closeWords(code) : MEANINGS[message?.type];
  const since = since_ms === null ? '' : `${since_ms.toFixed(1)} ms after the line before.`;
  part('p', [meaning, is && `It came as ${is}.`, since].filter(Boolean).join(' '));
  if (bytes) {
    element.classList.add('binary');
    part('pre', dump(bytes, OPEN_BYTES));
  }
  part('pre', json === null || json === undefined ? (bytes ? 'no message of the protocol' : text) : pretty(json));
  return element;
}

/** JSON with its parts below each other; what is none stays as it is. */
function pretty(json) {
  let text = json;
  try {
    text = JSON.stringify(JSON.parse(json), null, 2);
  } catch {
    // A person may send what they like.
  }
  return text.length > OPEN_CHARS ? `${text.slice(0, OPEN_CHARS)}\n… ${count(text.length - OPEN_CHARS)} characters more` : text;
}
