// A chat from window to window: one topic for each room, published to and subscribed to.

import { Client } from '../index.js';
import { clock } from './format.js';
import { toMs } from './store.js';

const PREFIX = 'chat/';
/** Lines that are kept. */
const MAX_LINES = 200;
/** Of a name, so that a line is not all name. */
const NAME_CHARS = 24;
const SEPARATOR = ': ';

export class Chat {
  #client;
  #list;
  #say;
  #room = null;
  #subscription = null;
  /** Where the lines of this window are on the tape. */
  #own = new Set();

  /**
   * @param {URL} url
   * @param {HTMLElement} list
   * @param {(words: string, isBad: boolean) => void} say called with what is the matter, or with nothing
   */
  constructor(url, list, say) {
    this.#list = list;
    this.#say = say;
    this.#client = new Client(url, { encoding: 'json' });
    this.#client.addEventListener('status', ({ detail }) => {
      if (detail.status === 'waiting') say('Not connected. It comes back by itself.', true);
      if (detail.status === 'open' && this.#subscription?.status !== 'closed') say('', false);
      if (detail.status === 'closed') say(`The connection ended for good: code ${detail.code} ${detail.reason}`, true);
    });
  }

  get topic() {
    return PREFIX + this.#room;
  }

  /** Leaves the room there was, and listens to another one. */
  enter(room) {
    if (room === this.#room) return;
    this.#subscription?.close();
    this.#list.replaceChildren();
    this.#room = room;
    this.#say('', false);
    const subscription = this.#client.subscribe(this.topic, { mode: 'every' }, (event) => this.#hear(event));
    this.#subscription = subscription;
    subscription.ready.catch((error) => {
      if (this.#subscription === subscription) this.#say(`You can not listen here: ${because(error)}`, true);
    });
  }

  /** @returns {Promise<boolean>} whether it is on the tape now */
  async speak(name, words) {
    const who = name.trim().slice(0, NAME_CHARS).replaceAll(SEPARATOR, ' ') || 'somebody';
    try {
      const position = await this.#client.publish({ topic: this.topic, value: { text: who + SEPARATOR + words } });
      this.#own.add(position);
      this.#list.querySelector(`[data-position="${position}"]`)?.classList.add('own');
      this.#say('', false);
      return true;
    } catch (error) {
      this.#say(`That was not said: ${because(error)}`, true);
      return false;
    }
  }

  #hear(event) {
    if (event.type === 'gap') this.#note(event.lost === undefined ? 'some lines are lost' : `${event.lost} lines are lost`);
    if (event.type === 'reset') this.#note('the server began anew');
    if (event.type !== 'batch') return;
    for (const update of event.updates) this.#line(update, event.snapshot);
  }

  #line({ position, ingest_time_ns, value }, isOld) {
    const text = value.text ?? JSON.stringify(value);
    const at = text.indexOf(SEPARATOR);
    const [who, words] = at > 0 && at <= NAME_CHARS ? [text.slice(0, at), text.slice(at + SEPARATOR.length)] : ['', text];
    const element = document.createElement('li');
    element.dataset.position = position;
    element.classList.toggle('own', this.#own.delete(position));
    element.title = `Position ${position} on the tape${isOld ? ', said before you came' : ''}`;
    for (const [tag, content] of [['time', clock(toMs(ingest_time_ns)).slice(0, 5)], ['b', who], ['span', words]]) {
      element.appendChild(document.createElement(tag)).textContent = content;
    }
    this.#append(element);
  }

  #note(words) {
    const element = document.createElement('li');
    element.className = 'note';
    element.textContent = words;
    this.#append(element);
  }

  #append(element) {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    const isAtEnd = scrollTop + clientHeight > scrollHeight - element.offsetHeight - 24;
    this.#list.append(element);
    while (this.#list.children.length > MAX_LINES) this.#list.firstElementChild.remove();
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

/** A refusal of the server has a code; a connection that is not there has none. */
const because = ({ code, message }) => (typeof code === 'number' ? `${message} (error ${code})` : message);
