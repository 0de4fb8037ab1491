// A server that a test controls, over real sockets.

import { once } from 'node:events';
import { WebSocketServer } from 'ws';

import { CLIENT, SERVER, decodeBincode, decodeJson, encodeBincode, encodeJson } from '../../src/wire/messages.js';
import { TopicTable } from '../../src/wire/topic-table.js';
import { welcome } from './fakes.js';

class Peer {
  #socket;
  #json;
  #topics;
  #received = [];
  #waiting = [];

  constructor(socket, topics) {
    this.#socket = socket;
    this.#topics = topics;
    this.#json = socket.protocol === 'tickcast.v1.json';
    this.closed = once(socket, 'close').then(([code, reason]) => ({ code, reason: String(reason) }));
    socket.on('message', (data) => {
      const message = this.#json
        ? decodeJson(CLIENT, String(data), this.#topics)
        : decodeBincode(CLIENT, new Uint8Array(data), this.#topics);
      if (message.type === 'time') return;
      const waiting = this.#waiting.shift();
      if (waiting) waiting(message);
      else this.#received.push(message);
    });
  }

  /** The next message of the client, except `time`. */
  next() {
    if (this.#received.length > 0) return Promise.resolve(this.#received.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  send(message) {
    const encode = this.#json ? encodeJson : encodeBincode;
    this.#socket.send(encode(SERVER, message, this.#topics));
  }

  /** Sends a payload as it is. */
  sendRaw(data) {
    this.#socket.send(data);
  }

  close(code, reason) {
    this.#socket.close(code, reason);
  }

  terminate() {
    this.#socket.terminate();
  }
}

export class ScriptedServer {
  #server;
  #peers = [];
  #waiting = [];

  static async start() {
    const server = new ScriptedServer();
    server.#server = new WebSocketServer({ host: '127.0.0.1', port: 0 });
    // All connections have one epoch, so they share their topics.
    const topics = new TopicTable();
    server.#server.on('connection', (socket) => {
      const peer = new Peer(socket, topics);
      const waiting = server.#waiting.shift();
      if (waiting) waiting(peer);
      else server.#peers.push(peer);
    });
    await once(server.#server, 'listening');
    return server;
  }

  get url() {
    return `ws://127.0.0.1:${this.#server.address().port}/ws`;
  }

  /** The next connection, before its welcome. */
  accept() {
    if (this.#peers.length > 0) return Promise.resolve(this.#peers.shift());
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** The next connection, after its welcome. */
  async welcome(fields) {
    const peer = await this.accept();
    peer.send(welcome(fields));
    return peer;
  }

  stop() {
    for (const socket of this.#server.clients) socket.terminate();
    this.#server.close();
  }
}
