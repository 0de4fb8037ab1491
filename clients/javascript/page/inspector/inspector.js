// The last messages of a topic, and one of them as a whole.

import { clock } from '../shared/clock.js';
import { copyText, write } from '../shared/dom.js';
import { count } from '../shared/format.js';
import { dump } from '../shared/hex.js';
import { difference } from './difference.js';
import { payloadOf, pictureType, prettyJson, sizeText } from './payload.js';

const SHOWN = 60;
const LINE_LENGTH = 160;
const MAX_DUMP = 16_384;
/** A person reads no faster. */
const REPAINT_MS = 200;
/** How long a button says that it has copied. */
const COPIED_MS = 1_500;

export class Inspector {
  #parts;
  #messages = null;
  #version = -1;
  /** The seq of the message that a person chose; null for the newest one. */
  #chosen = null;
  /** `pretty`, `raw`, `changes`, `hex` or `picture`; null for the best one. */
  #form = null;
  #lines = [];
  /** The seq of the first message in the list. */
  #topSeq = null;
  #shown = null;
  #painted_ms = -Infinity;
  #isUtc = null;
  #repaint;

  /**
   * @param {HTMLElement} element from the template of a chart
   * @param {() => void} repaint called after a click
   */
  constructor(element, repaint) {
    const part = (name) => element.querySelector(`.${name}`);
    this.#parts = { element, about: part('about'), forms: part('forms'), copy: part('copy'), newest: part('newest'), body: part('payload'), list: part('messages') };
    this.#repaint = repaint;
    const { forms, copy, newest } = this.#parts;
    forms.addEventListener('click', ({ target }) => this.#choose(() => {
      if (target.value) this.#form = target.value;
    }));
    newest.addEventListener('click', () => this.#choose(() => {
      this.#chosen = null;
    }));
    copy.addEventListener('click', () => this.#copy());
  }

  #choose(change) {
    change();
    this.#version = -1;
    this.#painted_ms = -Infinity;
    this.#repaint();
  }

  /** @param {import('./messages.js').Messages | null} messages */
  paint(messages, isUtc) {
    const { element } = this.#parts;
    element.hidden = messages === null;
    if (messages === null) return;
    if (messages !== this.#messages) {
      this.#messages = messages;
      this.#version = -1;
      this.#chosen = null;
      this.#painted_ms = -Infinity;
    }
    const now = performance.now();
    const isSame = messages.version === this.#version && isUtc === this.#isUtc;
    if (isSame || now - this.#painted_ms < REPAINT_MS) return;
    this.#painted_ms = now;
    this.#version = messages.version;
    this.#isUtc = isUtc;
    const { list } = messages;
    let at = this.#chosen === null ? list.length - 1 : list.findIndex(({ seq }) => seq === this.#chosen);
    if (at < 0) {
      this.#chosen = null;
      at = list.length - 1;
    }
    this.#paintList(list, at, isUtc);
    this.#paintBody(list[at] ?? null, list[at - 1] ?? null, isUtc);
    this.#parts.newest.hidden = this.#chosen === null;
    if (this.#chosen !== null) write(this.#parts.newest, at === list.length - 1 ? 'Newest' : `Newest, +${list.length - 1 - at}`);
  }

  /** The newest first. A list with a chosen message does not move. */
  #paintList(list, at, isUtc) {
    const first = this.#chosen === null ? list.length - 1 : Math.max(at, Math.min(this.#first(list), list.length - 1));
    const { list: target } = this.#parts;
    for (let place = 0; place < SHOWN; place++) {
      const message = list[first - place];
      if (!message && !this.#lines[place]) break;
      const line = (this.#lines[place] ??= this.#addLine(target));
      line.element.hidden = !message;
      if (!message) continue;
      line.message = message;
      write(line.time, clock(message.s * 1000, isUtc, true));
      write(line.text, shortText(message));
      line.element.setAttribute('aria-current', String(list[at] === message));
    }
    this.#topSeq = list[first]?.seq ?? null;
  }

  /** Where the list began at the last repaint. */
  #first(list) {
    const at = list.findIndex(({ seq }) => seq === this.#topSeq);
    return at < 0 ? list.length - 1 : at;
  }

  #addLine(target) {
    const element = document.createElement('button');
    const time = element.appendChild(document.createElement('time'));
    const text = element.appendChild(document.createElement('span'));
    const line = { element, time, text, message: null };
    element.addEventListener('click', () => this.#choose(() => {
      this.#chosen = line.message.seq;
    }));
    target.append(element);
    return line;
  }

  #paintBody(message, before, isUtc) {
    const { about, forms, body, copy } = this.#parts;
    copy.disabled = message === null;
    if (message === null) {
      write(about, 'No message yet.');
      body.replaceChildren();
      return;
    }
    const payload = payloadOf(message.value);
    const type = pictureType(payload.bytes);
    const pretty = payload.text === null ? null : prettyJson(payload.text);
    const possible = {
      pretty: pretty !== null, raw: payload.text !== null, changes: payload.text !== null && before !== null,
      hex: true, picture: type !== null,
    };
    const best = type ? 'picture' : pretty !== null ? 'pretty' : payload.text !== null ? 'raw' : 'hex';
    const form = this.#form && possible[this.#form] ? this.#form : best;
    for (const button of forms.children) {
      button.hidden = !possible[button.value];
      button.setAttribute('aria-pressed', String(button.value === form));
    }
    const quality = message.quality === 'live' ? '' : ` · ${message.quality}`;
    write(about, `${clock(message.s * 1000, isUtc, true)} · ${sizeText(payload.bytes.length)} · seq ${message.seq}${quality}`);
    this.#shown = { text: payload.text === null ? dump(payload.bytes, Infinity) : form === 'pretty' ? pretty : payload.text };
    if (form === 'picture') return showPicture(body, payload.bytes, type, message.seq);
    if (form === 'changes') return showChanges(body, payloadOf(before.value).text ?? '', payload.text);
    const text = form === 'hex' ? dump(payload.bytes, MAX_DUMP) : form === 'pretty' ? pretty : payload.text;
    if (body.childElementCount > 0) body.replaceChildren();
    delete body.dataset.seq;
    write(body, text);
  }

  async #copy() {
    if (!this.#shown) return;
    const { copy } = this.#parts;
    const isDone = await copyText(this.#shown.text);
    write(copy, isDone ? 'Copied' : 'Not allowed');
    setTimeout(() => write(copy, 'Copy'), COPIED_MS);
  }
}

function shortText({ value, kind }) {
  if (kind === 'bytes') return `${count(value.bytes.length)} bytes`;
  if (kind === 'trade') return [value.trade.price, value.trade.size, value.trade.side].filter(Boolean).join('  ');
  if (kind === 'quote') return `${value.quote.bid ?? 'no bid'} / ${value.quote.ask ?? 'no ask'}`;
  const { text } = payloadOf(value);
  return text.slice(0, LINE_LENGTH).replace(/\s+/g, ' ') || '(empty)';
}

function showChanges(body, before, after) {
  delete body.dataset.seq;
  const lines = difference(prettyJson(before) ?? before, prettyJson(after) ?? after);
  body.replaceChildren(...lines.map(({ sign, text }) => {
    const line = document.createElement('span');
    line.className = sign === '+' ? 'added' : sign === '-' ? 'removed' : '';
    line.textContent = `${sign} ${text}\n`;
    return line;
  }));
}

/** A canvas, because the page may load pictures from the server only. */
async function showPicture(body, bytes, type, seq) {
  if (body.dataset.seq === String(seq)) return;
  body.dataset.seq = String(seq);
  try {
    const picture = await createImageBitmap(new Blob([bytes], { type }));
    if (body.dataset.seq !== String(seq)) return;
    const canvas = document.createElement('canvas');
    canvas.width = picture.width;
    canvas.height = picture.height;
    canvas.setAttribute('role', 'img');
    canvas.setAttribute('aria-label', `Picture of ${picture.width} × ${picture.height} pixels`);
    canvas.getContext('2d').drawImage(picture, 0, 0);
    body.replaceChildren(canvas);
  } catch {
    body.textContent = `This ${type} cannot be shown. Choose Hex.`;
  }
}
