// One bare WebSocket, as any page could make it, and everything that happens to it.

import { byteLength } from '../src/connection.js';
import { CLIENT, SERVER, decodeBincode, decodeJson, encodeBincode, encodeJson } from '../src/messages.js';
import { TopicTable } from '../src/topics.js';
import { fromHex, toHex } from './hex.js';

/** Subprotocols whose frames are binary. */
export const BINCODE = 'tickcast.v1.bincode';
const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
/** Of what was sent, in the line that says so. */
const CALL_LENGTH = 2_000;

const quoted = (text) => JSON.stringify(text);

export class Trial {
  /** What the server said last of a subscription: examples take channels and tokens from it. */
  known = null;
  #tell;
  #socket = null;
  #topics = new TopicTable();
  /** Blobs are read one after the other, for a batch may need the topics of the one before. */
  #reading = Promise.resolve();

  /** @param {(entry: object) => void} tell called for each event and each call; again when a blob has been read */
  constructor(tell) {
    this.#tell = tell;
  }

  /** As the browser's own, or -1 before there was a socket. */
  get readyState() {
    return this.#socket?.readyState ?? -1;
  }

  /** In words. */
  get state() {
    return STATES[this.readyState] ?? 'no socket yet';
  }

  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** @param {string} protocol may be empty: none is asked for then */
  open(url, protocol, binaryType) {
    const named = protocol === '' ? '' : `, ${quoted(protocol)}`;
    const then = protocol === BINCODE ? `; socket.binaryType = ${quoted(binaryType)}` : '';
    this.#call(`socket = new WebSocket(${quoted(String(url))}${named})${then}`, () => {
      const socket = protocol === '' ? new WebSocket(url) : new WebSocket(url, protocol);
      socket.binaryType = binaryType;
      this.#socket = socket;
      // For a person who wants to go on in the browser's own console.
      globalThis.socket = socket;
      const isEcho = new URL(url).pathname.endsWith('/echo');
      const on = (name, act) => socket.addEventListener(name, (event) => act(event));
      on('open', () => this.#tell(entry('open', `protocol: ${quoted(socket.protocol)}, extensions: ${quoted(socket.extensions)}`)));
      on('message', ({ data }) => this.#received(data, isEcho));
      on('error', () => this.#tell(entry('error', 'the browser says no more than that', { code: null })));
      on('close', ({ code, reason, wasClean }) =>
        this.#tell(entry('close', `code: ${code}, wasClean: ${wasClean}, reason: ${quoted(reason)}`, { code, wasClean })));
    });
  }

  /**
   * Sends what a person typed.
   * @param {'text' | 'bincode' | 'hex'} form as it is; JSON that becomes bincode; bytes in hexadecimal digits
   */
  send(typed, form) {
    if (form === 'text') return this.#call(`socket.send(${quoted(typed).slice(0, CALL_LENGTH)})`, () => this.#send(typed), byteLength(typed), { json: typed });
    let bytes;
    let message = null;
    try {
      if (form === 'hex') {
        bytes = fromHex(typed);
      } else {
        message = decodeJson(CLIENT, typed, this.#topics);
        if (message === null) throw new TypeError('no message of a client has this type');
        bytes = encodeBincode(CLIENT, message, this.#topics);
      }
    } catch (error) {
      return this.#tell(entry('thrown', `${error.message}. Nothing was sent.`));
    }
    return this.sendBytes(bytes, message && encodeJson(CLIENT, message));
  }

  /** @param {string | null} json the same as JSON, for people */
  sendBytes(bytes, json = null) {
    const digits = toHex(bytes, CALL_LENGTH).replaceAll(' ', '');
    this.#call(`socket.send(Uint8Array.fromHex("${digits}"))`, () => this.#send(bytes), bytes.length, { bytes, json });
  }

  /** @param {number | undefined} code as given: the browser judges it */
  close(code, reason) {
    const given = code === undefined ? '' : reason === '' ? String(code) : `${code}, ${quoted(reason)}`;
    this.#call(`socket.close(${given})`, () => {
      if (code === undefined) this.#socket.close();
      else this.#socket.close(code, reason);
    });
  }

  #send(data) {
    this.#socket.send(data);
  }

  /** Does what a line of a program would do, and says so; what it throws is said, too. */
  #call(line, act, size, more) {
    this.#tell(entry('call', line, { size, ...more }));
    try {
      act();
    } catch (error) {
      this.#tell(entry('thrown', `${error.name}: ${error.message}`));
    }
  }

  #received(data, isEcho) {
    if (typeof data === 'string') {
      const message = isEcho ? null : this.#decode(() => decodeJson(SERVER, data, this.#topics));
      return this.#tell(entry('message', data, { size: byteLength(data), json: data, message }));
    }
    const isBlob = data instanceof Blob;
    const size = isBlob ? data.size : data.byteLength;
    const heard = entry('message', '', { size, is: isBlob ? 'a Blob' : 'an ArrayBuffer' });
    const read = (buffer) => {
      heard.bytes = new Uint8Array(buffer);
      heard.message = isEcho ? null : this.#decode(() => decodeBincode(SERVER, heard.bytes, this.#topics));
      heard.json = heard.message && written(heard.message);
      this.#tell(heard);
    };
    if (!isBlob) return read(data);
    this.#tell(heard);
    this.#reading = this.#reading.then(() => data.arrayBuffer()).then(read);
  }

  /** Also a message that cannot be understood is shown. */
  #decode(decode) {
    try {
      const message = decode();
      if (message) this.#learn(message);
      return message;
    } catch {
      return null;
    }
  }

  #learn(message) {
    const { known } = this;
    const isKnown = known !== null && (message.channel === known.channel || message.previous === known.channel);
    switch (message.type) {
      case 'welcome':
        this.#topics.enter(message.epoch);
        break;
      case 'subscribed': {
        const { channel, filter, mode, epoch, position, count } = message.results.find(({ code }) => code === undefined) ?? {};
        if (channel !== undefined) this.known = { channel, filter, mode, epoch, position, count };
        break;
      }
      case 'changed':
        if (isKnown) Object.assign(known, { channel: message.channel, mode: message.mode, position: message.position, count: message.count });
        break;
      case 'batch':
        if (isKnown && !message.snapshot) Object.assign(known, { position: message.to, count: known.count + message.updates.length });
        break;
      case 'gap':
        if (isKnown) Object.assign(known, { position: message.to, count: known.count + (message.lost ?? 0) });
        break;
      default:
    }
  }
}

function entry(kind, text, more = {}) {
  return { kind, text, at_ms: performance.timeOrigin + performance.now(), ...more };
}

/** A topic whose introduction was missed has no name to be written. */
function written(message) {
  try {
    return encodeJson(SERVER, message);
  } catch {
    return null;
  }
}
