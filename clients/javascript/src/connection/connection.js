// One WebSocket from its handshake to its end, and the messages on it.

import { MalformedError } from '../errors.js';
import { ENCODINGS, byteLength } from '../wire/encodings.js';
import { CLIENT, SERVER } from '../wire/messages.js';

/** After this many heartbeat intervals without any message the connection counts as dead. */
const SILENT_INTERVALS = 3;
/** The server's time to answer a close frame. */
const CLOSE_TIMEOUT_MS = 5_000;
/** Sent for a message that this client cannot decode. The client does not reconnect after it. */
const NOT_UNDERSTOOD = 4999;
/** The code of a connection that ends without a close frame. */
const ABNORMAL = 1006;
/** Bytes of a close frame's reason (RFC 6455, section 5.5). */
export const MAX_REASON_BYTES = 123;

export class Connection {
  #socket;
  #encoding;
  #topics;
  #env;
  #handlers;
  #welcomed = false;
  #ended = false;
  #timer = null;
  #heartbeat_ms = 0;
  #silentIntervals = 0;
  #isClosing = false;

  /**
   * @param {object} env `WebSocket`, `setTimeout`, `clearTimeout`, `connectTimeoutMs`
   * @param {object} handlers `welcome(message)`, `message(message)`, `unknown()` for a message of a
   * later version, and once `end({ code, reason, wasClean })`
   */
  constructor(url, encoding, topics, env, handlers) {
    const protocol = `tickcast.v1.${encoding}`;
    this.#encoding = ENCODINGS[encoding];
    this.#topics = topics;
    this.#env = env;
    this.#handlers = handlers;
    this.#socket = new env.WebSocket(url, [protocol]);
    this.#socket.binaryType = 'arraybuffer';
    this.#socket.onopen = () => {
      if (this.#socket.protocol !== protocol) this.#notUnderstood(`the server chose another subprotocol than ${protocol}`);
    };
    this.#socket.onmessage = (event) => this.#receive(event.data);
    this.#socket.onerror = () => {};
    this.#socket.onclose = ({ code, reason, wasClean }) => this.#end(code, reason, wasClean);
    this.#timer = env.setTimeout(() => this.#abandon('no welcome in time'), env.connectTimeoutMs);
  }

  get bufferedAmount() {
    return this.#socket.bufferedAmount ?? 0;
  }

  /** The payload of a frame with this message: a string or bytes. */
  encode(message) {
    return this.#encoding.encode(CLIENT, message, this.#topics);
  }

  /** @param {string | Uint8Array} payload from `encode` */
  send(payload) {
    this.#socket.send(payload);
  }

  /** Begins the closing handshake. `end` follows, even if the server does not answer. */
  close(code, reason) {
    if (this.#ended) return;
    this.#isClosing = true;
    this.#setTimer(() => this.#abandon('no answer to the close frame'), CLOSE_TIMEOUT_MS);
    this.#socket.close(code, reason);
  }

  #receive(data) {
    if (this.#ended) return;
    this.#silentIntervals = 0;
    let message;
    try {
      if (!this.#encoding.isFrame(data)) throw new MalformedError('a frame of the wrong kind for this encoding');
      message = this.#encoding.decode(SERVER, this.#encoding.payloadOf(data), this.#topics);
    } catch (error) {
      if (!(error instanceof MalformedError)) throw error;
      return this.#notUnderstood(error.message);
    }
    if (message === null) return this.#handlers.unknown();
    if ((message.type === 'welcome') === this.#welcomed) {
      return this.#notUnderstood(this.#welcomed ? 'a second welcome' : `${message.type} before welcome`);
    }
    if (this.#welcomed) return this.#handlers.message(message);
    this.#welcomed = true;
    this.#watch(message.heartbeat_ms);
    this.#handlers.welcome(message);
  }

  /**
   * Counts intervals instead of reading a clock. A computer that was asleep counts one interval,
   * not hours of silence.
   */
  #watch(heartbeat_ms) {
    if (this.#isClosing) return;
    this.#heartbeat_ms = heartbeat_ms;
    this.#setTimer(heartbeat_ms > 0 ? () => this.#interval() : null, heartbeat_ms);
  }

  #interval() {
    this.#silentIntervals += 1;
    if (this.#silentIntervals > SILENT_INTERVALS) return this.#abandon(`no message for ${SILENT_INTERVALS} heartbeat intervals`);
    this.#watch(this.#heartbeat_ms);
  }

  #notUnderstood(reason) {
    const socket = this.#detach();
    socket.close(NOT_UNDERSTOOD, fitReason(reason));
    this.#end(NOT_UNDERSTOOD, reason, false);
  }

  /** Ends the connection without waiting: a dead connection takes long to close. */
  #abandon(reason) {
    const socket = this.#detach();
    if (typeof socket.terminate === 'function') socket.terminate();
    else socket.close();
    this.#end(ABNORMAL, reason, false);
  }

  #detach() {
    const socket = this.#socket;
    socket.onopen = null;
    socket.onmessage = null;
    socket.onclose = null;
    return socket;
  }

  #end(code, reason, wasClean) {
    if (this.#ended) return;
    this.#ended = true;
    this.#setTimer(null);
    this.#handlers.end({ code, reason, wasClean });
  }

  #setTimer(action, delay_ms) {
    this.#env.clearTimeout(this.#timer);
    this.#timer = action ? this.#env.setTimeout(action, delay_ms) : null;
  }
}

/** Shortens a reason until a close frame can hold it. */
function fitReason(reason) {
  let fit = reason;
  while (byteLength(fit) > MAX_REASON_BYTES) fit = fit.slice(0, -1);
  return fit;
}
