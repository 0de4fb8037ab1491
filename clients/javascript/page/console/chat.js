// A chat between windows. Each room is a topic: lines are published to it and subscribed from it.

import { Client } from '../../index.js';
import { clock } from '../shared/clock.js';
import { nsToMs } from '../shared/format.js';
import { wantsToken } from '../shared/login-words.js';

const PREFIX = 'chat/';
/** The oldest lines are removed. */
const MAX_LINES = 200;
/** Of a name, so that a line has space for its text. */
const NAME_CHARS = 24;
const NO_NAME = 'guest';
const SEPARATOR = ': ';
/** The list counts as scrolled to its end within this distance. */
const END_PX = 24;

export class Chat {
  #url;
  #client;
  #list;
  #on;
  #login;
  #room = null;
  #subscription = null;
  /** Positions of this window's lines on the tape. */
  #own = new Set();

  /**
   * @param {URL} url
   * @param {HTMLElement} list
   * @param {object} on `trouble(text, isBad)`, where an empty text means that the trouble is over;
   * `identity(identity)`; `problem(error)` if another token could help
   * @param {import('../shared/login.js').Login} login
   */
  constructor(url, list, on, login) {
    this.#url = url;
    this.#list = list;
    this.#on = on;
    this.#login = login;
    this.connect();
  }

  /** Connects with the current login, and enters the room again. */
  connect() {
    const room = this.#room;
    this.#client?.close();
    const token = this.#login.token === null ? undefined : () => this.#login.token;
    const client = new Client(this.#url, { encoding: 'json', token });
    this.#client = client;
    const ifCurrent = (action) => ({ detail }) => this.#client === client && action(detail);
    client.addEventListener('status', ifCurrent((detail) => {
      if (detail.status === 'waiting') this.#showTrouble('Not connected. Reconnecting soon.', true);
      if (detail.status === 'open' && this.#subscription?.status !== 'closed') this.#showTrouble('', false);
      if (detail.status === 'closed') this.#showTrouble(`The connection is closed: code ${detail.code} ${detail.reason}`, true);
    }));
    client.addEventListener('identity', ifCurrent((identity) => this.#on.identity(identity)));
    client.addEventListener('error', ifCurrent((error) => wantsToken(error) && this.#on.problem(error)));
    this.#room = null;
    this.#subscription = null;
    if (room !== null) this.enter(room);
  }

  /** The server's time. */
  get now_s() {
    return nsToMs(this.#client.serverNow()) / 1000;
  }

  #showTrouble(text, isBad) {
    this.#on.trouble(text, isBad);
  }

  get topic() {
    return PREFIX + this.#room;
  }

  /** Leaves the current room and subscribes to another. */
  enter(room) {
    if (room === this.#room) return;
    this.#subscription?.close();
    this.#list.replaceChildren();
    this.#room = room;
    this.#showTrouble('', false);
    const subscription = this.#client.subscribe(this.topic, { mode: 'every' }, (event) => this.#receive(event));
    this.#subscription = subscription;
    subscription.ready.catch((error) => {
      if (this.#subscription !== subscription) return;
      if (wantsToken(error)) this.#on.problem(error);
      this.#showTrouble(`You cannot read this room: ${reasonOf(error)}`, true);
    });
  }

  /** @returns {Promise<boolean>} whether the line is on the tape now */
  async say(name, text) {
    const author = name.trim().slice(0, NAME_CHARS).replaceAll(SEPARATOR, ' ') || NO_NAME;
    try {
      const position = await this.#client.publish({ topic: this.topic, value: { text: author + SEPARATOR + text } });
      this.#own.add(position);
      this.#list.querySelector(`[data-position="${position}"]`)?.classList.add('own');
      this.#showTrouble('', false);
      return true;
    } catch (error) {
      this.#showTrouble(`The line was not sent: ${reasonOf(error)}`, true);
      return false;
    }
  }

  #receive(event) {
    if (event.type === 'gap') this.#note(event.lost === undefined ? 'some lines are lost' : `${event.lost} lines are lost`);
    if (event.type === 'truncated') this.#note(`the server has lost ${event.lost ?? 'some'} lines`);
    if (event.type === 'reset') this.#note('the server started again');
    if (event.type !== 'batch') return;
    for (const update of event.updates) this.#addLine(update, event.snapshot);
  }

  #addLine({ position, ingest_time_ns, value }, isOld) {
    const content = value.text ?? JSON.stringify(value);
    const at = content.indexOf(SEPARATOR);
    const [author, text] = at > 0 && at <= NAME_CHARS ? [content.slice(0, at), content.slice(at + SEPARATOR.length)] : ['', content];
    const element = document.createElement('li');
    element.dataset.position = position;
    element.classList.toggle('own', this.#own.delete(position));
    element.title = `Position ${position} on the tape${isOld ? ', from before you came' : ''}`;
    for (const [tag, part] of [['time', clock(nsToMs(ingest_time_ns), true).slice(0, 5)], ['b', author], ['span', text]]) {
      element.appendChild(document.createElement(tag)).textContent = part;
    }
    this.#append(element);
  }

  #note(text) {
    const element = document.createElement('li');
    element.className = 'note';
    element.textContent = text;
    this.#append(element);
  }

  #append(element) {
    const { scrollTop, clientHeight, scrollHeight } = this.#list;
    const isAtEnd = scrollTop + clientHeight > scrollHeight - element.offsetHeight - END_PX;
    this.#list.append(element);
    while (this.#list.children.length > MAX_LINES) this.#list.firstElementChild.remove();
    if (isAtEnd) this.#list.scrollTop = this.#list.scrollHeight;
  }
}

/** A refusal by the server has a code; a missing connection has none. */
const reasonOf = ({ code, message }) => (typeof code === 'number' ? `${message} (error ${code})` : message);
