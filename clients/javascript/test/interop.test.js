// Other WebSocket clients against the real server.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import websocket from 'websocket';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { CLIENT, SERVER, decodeBincode, encodeBincode } from '../src/wire/messages.js';
import { TopicTable } from '../src/wire/topic-table.js';
import { Server } from './support/server-process.js';

const TIMEOUT_MS = 30_000;
let server;

before(async () => {
  server = await Server.start();
});
after(() => server.kill());

test('npm ws receives JSON without a subprotocol', { timeout: TIMEOUT_MS }, async () => {
  const socket = new WebSocket(server.url);
  const types = [];
  socket.on('open', () => socket.send('{"type":"subscribe","filters":["market/#"]}'));
  for await (const [data, isBinary] of messages(socket)) {
    assert.equal(isBinary, false);
    const message = JSON.parse(data);
    types.push(message.type);
    if (types.length < 4) continue;
    assert.deepEqual(types, ['welcome', 'subscribed', 'batch', 'batch']);
    const { trade, quote } = message.updates[0].value;
    assert.equal(typeof (trade ?? quote), 'object');
    break;
  }
  assert.equal(socket.protocol, '');
  socket.close(3001, 'seen enough');
  const [code] = await once(socket, 'close');
  assert.equal(code, 3001);
});

test('npm ws sends bincode in one frame or in fragments', { timeout: TIMEOUT_MS }, async () => {
  const socket = new WebSocket(server.url, 'tickcast.v1.bincode');
  const topics = new TopicTable();
  const request = (id, filter) =>
    encodeBincode(CLIENT, { type: 'subscribe', id, filters: [{ filter }], mode: 'latest' }, topics);
  socket.on('open', () => {
    socket.send(request(1, 'market/+/trade'));
    const bytes = request(2, 'market/+/quote');
    for (const [at, byte] of bytes.entries()) socket.send(Uint8Array.of(byte), { fin: at === bytes.length - 1 });
  });
  const granted = [];
  for await (const [data, isBinary] of messages(socket)) {
    assert.equal(isBinary, true);
    const message = decodeBincode(SERVER, new Uint8Array(data), topics);
    if (message.type === 'subscribed') granted.push([message.id, message.results[0].start]);
    if (granted.length === 2) break;
  }
  assert.deepEqual(granted, [[1, 'fresh'], [2, 'fresh']]);
  socket.terminate();
});

test('npm ws gets an answer to its pings', { timeout: TIMEOUT_MS }, async () => {
  const socket = new WebSocket(server.url);
  await once(socket, 'open');
  socket.ping('are you there?');
  const [payload] = await once(socket, 'pong');
  assert.equal(String(payload), 'are you there?');
  socket.terminate();
});

test('npm websocket subscribes with its own client', { timeout: TIMEOUT_MS }, async () => {
  const client = new websocket.client();
  client.connect(server.url, 'tickcast.v1.json');
  const [connection] = await once(client, 'connect');
  assert.equal(connection.protocol, 'tickcast.v1.json');
  connection.sendUTF('{"type":"subscribe","id":7,"filters":["building/#"],"mode":"every"}');
  const types = [];
  while (!types.includes('batch')) {
    const [message] = await once(connection, 'message');
    assert.equal(message.type, 'utf8');
    types.push(JSON.parse(message.utf8Data).type);
  }
  assert.ok(types.includes('subscribed'));
  connection.close(1000, 'done');
  const [code] = await once(connection, 'close');
  assert.equal(code, 1000);
});

for (const encoding of ['json', 'bincode']) {
  test(`this package runs on the W3C interface of npm websocket (${encoding})`, { timeout: TIMEOUT_MS }, async () => {
    const client = new Client(server.url, { WebSocket: websocket.w3cwebsocket, encoding });
    let live = 0;
    for await (const { type, snapshot, updates } of client.subscribe('market/#', { mode: 'every' })) {
      assert.equal(type, 'batch');
      if (!snapshot) live += updates.length;
      if (live > 100) break;
    }
    assert.equal(client.stats.violations, 0);
    const closed = once(client, 'close');
    client.close(4000, 'done');
    const [{ detail }] = await closed;
    assert.equal(detail.code, 4000);
  });
}

/** All messages, including those from before the first iteration. */
function messages(socket) {
  const queue = [];
  let wake = () => {};
  socket.on('message', (data, isBinary) => {
    queue.push([data, isBinary]);
    wake();
  });
  return {
    async *[Symbol.asyncIterator]() {
      for (;;) {
        while (queue.length > 0) yield queue.shift();
        await new Promise((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}
