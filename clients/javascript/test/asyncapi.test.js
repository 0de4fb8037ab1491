// docs/asyncapi.yaml against the golden messages and a running server.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { test } from 'node:test';
import Ajv from 'ajv';
import WebSocket from 'ws';

import { CLIENT, SERVER } from '../src/wire/messages.js';
import { asyncapi, at, problems, text } from './support/descriptions.js';
import { Server } from './support/server-process.js';

const TIMEOUT_MS = 60_000;

const nameOf = (side, type) => side + type.replace(/(?:^|_)(.)/g, (_, letter) => letter.toUpperCase());
const wrong = (side, message) => problems(`asyncapi.yaml#/components/messages/${nameOf(side, message.type)}/payload`, message);

test('the document is valid AsyncAPI 3.0', () => {
  const schema = createRequire(import.meta.url)('@asyncapi/specs/schemas/3.0.0-without-$id.json');
  const ajv = new Ajv({ strict: false, validateSchema: false, validateFormats: false });
  const validate = ajv.compile(schema);
  assert.ok(validate(asyncapi), ajv.errorsText(validate.errors));
});

test('each reference within the document leads to something', () => {
  JSON.stringify(asyncapi, (name, value) => {
    if (name === '$ref' && value.startsWith('#')) assert.ok(at(asyncapi, value), value);
    return value;
  });
});

test('the document has the messages of the protocol, and each one in its operation', () => {
  const names = [...CLIENT.names.map((type) => nameOf('client', type)), ...SERVER.names.map((type) => nameOf('server', type))];
  assert.deepEqual(Object.keys(asyncapi.components.messages).toSorted(), names.toSorted());
  assert.deepEqual(Object.keys(asyncapi.channels.ws.messages).toSorted(), names.toSorted());
  const sent = Object.values(asyncapi.operations).flatMap(({ messages }) => messages.map(({ $ref }) => $ref.split('/').at(-1)));
  assert.deepEqual(sent.toSorted(), names.toSorted());
});

test('each golden message is as the document says, and each type has one', () => {
  const seen = new Set();
  for (const file of readdirSync(new URL('../../../docs/golden/', import.meta.url))) {
    if (!file.endsWith('.json')) continue;
    const side = file.startsWith('client-') ? 'client' : 'server';
    const message = JSON.parse(text(`golden/${file}`));
    assert.equal(wrong(side, message), '', file);
    seen.add(nameOf(side, message.type));
    // The schemas are strict: an unknown member is an error.
    assert.notEqual(wrong(side, { ...message, other: 1 }), '', file);
  }
  assert.deepEqual([...seen].toSorted(), Object.keys(asyncapi.components.messages).toSorted());
});

test('what a server sends is as the document says', { timeout: TIMEOUT_MS }, async () => {
  const server = await Server.start(['--feed', 'simulated', '--heartbeat', '100ms', '--drain', '1s']);
  try {
    const socket = new WebSocket(server.url);
    const seen = new Set();
    let channels;
    let topic;
    const all = ['welcome', 'subscribed', 'batch', 'heartbeat', 'published', 'time', 'error', 'subscriptions', 'changed', 'history', 'candles', 'unsubscribed', 'draining'];
    await new Promise((resolve, reject) => {
      const ask = (message) => {
        assert.equal(wrong('client', message), '');
        socket.send(JSON.stringify(message));
      };
      socket.on('error', reject);
      socket.on('open', () => {
        ask({ type: 'subscribe', id: 1, filters: ['plant/#', { filter: 'market/#' }], mode: 'every' });
        ask({ type: 'publish', id: 2, updates: [{ topic: 'a', value: { reading: 1 } }] });
        ask({ type: 'publish', id: 3, updates: [{ topic: '+', value: { reading: 1 } }] });
        ask({ type: 'time', id: 4, client_time_ns: '1' });
      });
      socket.on('message', (data) => {
        try {
          const message = JSON.parse(data);
          assert.equal(wrong('server', message), '', String(data));
          seen.add(message.type);
          if (message.type === 'subscribed') {
            channels = message.results.map(({ channel }) => channel);
            ask({ type: 'list', id: 5 });
          }
          if (message.type === 'batch' && message.updates.length > 0 && !topic) {
            ({ topic } = message.updates[0]);
            ask({ type: 'history', id: 6, topic });
            ask({ type: 'candles', id: 7, topic, interval: '1s' });
            ask({ type: 'change', id: 8, channel: channels[0], mode: 'latest', max_rate_hz: 5 });
          }
          // Then it is quiet, and heartbeats come.
          if (message.type === 'changed') ask({ type: 'unsubscribe', id: 9, channels: [message.channel, channels[1]] });
          if (all.every((type) => type === 'draining' || seen.has(type)) && !seen.has('draining')) server.stop();
          if (seen.has('draining')) resolve();
        } catch (error) {
          reject(error);
        }
      });
    });
    socket.terminate();
  } finally {
    await server.kill();
  }
});
