// One bare WebSocket, as any page could make it, and everything that happens to it.

import { byteLength } from '../../src/wire/encodings.js';
import { CLIENT, SERVER, decodeBincode, decodeJson, encodeBincode, encodeJson } from '../../src/wire/messages.js';
import { TopicTable } from '../../src/wire/topic-table.js';
import { fromHex, toHex } from '../shared/hex.js';
import { SubscriptionState } from './subscription-state.js';

/** The subprotocol whose frames are binary. */
export const BINCODE = 'tickcast.v1.bincode';
const STATES = ['CONNECTING', 'OPEN', 'CLOSING', 'CLOSED'];
/** Characters of a sent message in the line that shows the call. */
const CALL_LENGTH = 2_000;

const quoted = (text) => JSON.stringify(text);

export class BareSocket {
  #log;
  #socket = null;
  #topics = new TopicTable();
  #subscription = new SubscriptionState();
  /** Blobs are read one after the other: a batch may need the topics of the batch before. */
  #reading = Promise.resolve();

  /**
   * @param {(entry: object) => void} log called for each event and each call; called again with the
   * same entry when its blob has been read
   */
  constructor(log) {
    this.#log = log;
  }

  /** As the browser has it, or -1 before the first socket. */
  get readyState() {
    return this.#socket?.readyState ?? -1;
  }

  get stateText() {
    return STATES[this.readyState] ?? 'no socket yet';
  }

  get bufferedAmount() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** The newest subscription, for the examples; null before the first. */
  get subscription() {
    return this.#subscription.current;
  }

  /** @param {string} protocol empty: none is requested */
  open(url, protocol, binaryType) {
    const protocolArgument = protocol === '' ? '' : `, ${quoted(protocol)}`;
    const binaryLine = protocol === BINCODE ? `; socket.binaryType = ${quoted(binaryType)}` : '';
    this.#call(`socket = new WebSocket(${quoted(String(url))}${protocolArgument})${binaryLine}`, () => {
      const socket = protocol === '' ? new WebSocket(url) : new WebSocket(url, protocol);
      socket.binaryType = binaryType;
      this.#socket = socket;
      // For use in the browser's own console.
      globalThis.socket = socket;
      const isEcho = new URL(url).pathname.endsWith('/echo');
      socket.addEventListener('open', () => {
        this.#log(entry('open', `protocol: ${quoted(socket.protocol)}, extensions: ${quoted(socket.extensions)}`));
      });
      socket.addEventListener('message', ({ data }) => this.#receive(data, isEcho));
      socket.addEventListener('error', () => this.#log(entry('error', 'the browser gives no reason', { code: null })));
      socket.addEventListener('close', ({ code, reason, wasClean }) => {
        this.#log(entry('close', `code: ${code}, wasClean: ${wasClean}, reason: ${quoted(reason)}`, { code, wasClean }));
      });
    });
  }

  /**
   * Sends the text that a person typed.
   *
   * @param {'text' | 'bincode' | 'hex'} form `text` as it is; `bincode` JSON that is encoded as
   * bincode; `hex` bytes in hexadecimal digits
   */
  send(typed, form) {
    if (form === 'text') return this.#sendText(typed);
    let bytes;
    let message = null;
    try {
      if (form === 'hex') {
        bytes = fromHex(typed);
      } else {
        message = decodeJson(CLIENT, typed, this.#topics);
        if (message === null) throw new TypeError('a client has no message of this type');
        bytes = encodeBincode(CLIENT, message, this.#topics);
      }
    } catch (error) {
      return this.#log(entry('thrown', `${error.message}. Nothing was sent.`));
    }
    const json = message && encodeJson(CLIENT, message);
    if (message?.type === 'authenticate') return this.#sendSecret(bytes, withoutToken(json));
    return this.sendBytes(bytes, json);
  }

  #sendText(text) {
    const shown = withoutToken(text);
    this.#call(`socket.send(${quoted(shown).slice(0, CALL_LENGTH)})`, () => this.#socket.send(text), byteLength(text), { json: shown });
  }

  /** The bytes hold a token, which no log shows. */
  #sendSecret(bytes, json) {
    this.#call('socket.send(…)', () => this.#socket.send(bytes), bytes.length, { json });
  }

  /** @param {string | null} json the same message as JSON, for the log */
  sendBytes(bytes, json = null) {
    const digits = toHex(bytes, CALL_LENGTH).replaceAll(' ', '');
    this.#call(`socket.send(Uint8Array.fromHex("${digits}"))`, () => this.#socket.send(bytes), bytes.length, { bytes, json });
  }

  /** @param {number | undefined} code passed on unchecked: the browser judges it */
  close(code, reason) {
    const codeArgument = code === undefined ? '' : String(code);
    const given = codeArgument !== '' && reason !== '' ? `${codeArgument}, ${quoted(reason)}` : codeArgument;
    this.#call(`socket.close(${given})`, () => {
      if (code === undefined) this.#socket.close();
      else this.#socket.close(code, reason);
    });
  }

  /** Logs a line of a program and runs it. An exception is logged as well. */
  #call(line, run, size, more) {
    this.#log(entry('call', line, { size, ...more }));
    try {
      run();
    } catch (error) {
      this.#log(entry('thrown', `${error.name}: ${error.message}`));
    }
  }

  #receive(data, isEcho) {
    if (typeof data === 'string') {
      const message = isEcho ? null : this.#decode(() => decodeJson(SERVER, data, this.#topics));
      return this.#log(entry('message', data, { size: byteLength(data), json: data, message }));
    }
    const isBlob = data instanceof Blob;
    const received = entry('message', '', { size: isBlob ? data.size : data.byteLength, container: isBlob ? 'a Blob' : 'an ArrayBuffer' });
    const read = (buffer) => {
      received.bytes = new Uint8Array(buffer);
      received.message = isEcho ? null : this.#decode(() => decodeBincode(SERVER, received.bytes, this.#topics));
      received.json = received.message && asJson(received.message);
      this.#log(received);
    };
    if (!isBlob) return read(data);
    this.#log(received);
    this.#reading = this.#reading.then(() => data.arrayBuffer()).then(read);
  }

  /** A message that cannot be decoded is shown as well, so it is no error. */
  #decode(decode) {
    try {
      const message = decode();
      if (message?.type === 'welcome') this.#topics.enter(message);
      if (message) this.#subscription.follow(message);
      return message;
    } catch {
      return null;
    }
  }
}

function entry(kind, text, more = {}) {
  return { kind, text, at_ms: performance.timeOrigin + performance.now(), ...more };
}

/** A message of a client without its token. */
const withoutToken = (text) => text.replace(/("token"\s*:\s*)"(?:[^"\\]|\\.)*"/g, '$1"…"');

/** Null for a topic without a name: its introduction was missed. */
function asJson(message) {
  try {
    return encodeJson(SERVER, message);
  } catch {
    return null;
  }
}
