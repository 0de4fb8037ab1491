// Tokens, and what they allow, with fake sockets and timers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, ForbiddenError, ServerError } from '../index.js';
import { EPOCH, fakeTimers, fakeWebSocket, settled } from './support/fakes.js';

function fakeClient(token) {
  const WebSocket = fakeWebSocket();
  const timers = fakeTimers();
  const { setTimeout, clearTimeout } = timers;
  const client = new Client('ws://test/ws', { WebSocket, setTimeout, clearTimeout, encoding: 'json', random: () => 1, token });
  return { client, WebSocket, timers };
}

const allowed = (id, fields = {}) => ({
  type: 'authenticated', id, subject: 'alice', role: 'reader', subscribe: ['a/#'], history: [], publish: [], ...fields,
});

const granted = (id) => ({
  type: 'subscribed', id,
  results: [{ filter: 'a/#', channel: 1, mode: 'every', epoch: EPOCH, position: 100, count: 10, start: 'fresh' }],
});

test('a client shows a token before its first request, and a new one on each connection', async () => {
  let number = 0;
  const { client, WebSocket, timers } = fakeClient(async () => `token-${(number += 1)}`);
  client.subscribe('a/#', { mode: 'every' });
  for (const expected of ['token-1', 'token-2']) {
    WebSocket.last.open();
    await settled();
    const [{ type, id, token }, ...early] = WebSocket.last.sent;
    assert.deepEqual([type, token, early], ['authenticate', expected, []]);
    WebSocket.last.receive(allowed(id));
    await settled();
    assert.equal(client.identity.subject, 'alice');
    assert.deepEqual(WebSocket.last.sent[1].filters, [{ filter: 'a/#' }]);
    // The token has expired: a new connection has a new one.
    WebSocket.last.end(4002);
    timers.fire(timers.delays[0]);
  }
});

test('a client renews its identity when the server says that it expires', async () => {
  let number = 0;
  const { client, WebSocket } = fakeClient(() => `token-${(number += 1)}`);
  let expiring;
  client.addEventListener('expiring', ({ detail }) => {
    expiring = detail.expires_ns;
  });
  WebSocket.last.open();
  await settled();
  WebSocket.last.receive(allowed(WebSocket.last.sent[0].id, { expires_ns: 5n }));
  WebSocket.last.receive({ type: 'expiring', expires_ns: 5n });
  await settled();
  assert.equal(expiring, 5n);
  assert.deepEqual(WebSocket.last.sent.map(({ token }) => token), ['token-1', 'token-2']);
});

test('a subscription that is no longer allowed ends with the reason and its position', async () => {
  const { client, WebSocket } = fakeClient(undefined);
  WebSocket.last.open();
  const subscription = client.subscribe('a/#', { mode: 'every' });
  const other = client.subscribe('b', { mode: 'latest' });
  await settled();
  WebSocket.last.receive(granted(WebSocket.last.sent.find(({ mode }) => mode === 'every').id));
  WebSocket.last.receive(allowed(undefined, { subscribe: [] }));
  WebSocket.last.receive({ type: 'unsubscribed', channels: [1], position: 100, reason: 'not any more' });
  assert.equal(subscription.status, 'closed');
  const error = await subscription[Symbol.asyncIterator]().next().then(assert.fail, (error) => error);
  assert.ok(error instanceof ForbiddenError);
  assert.deepEqual([error.message, error.position], ['not any more', 100]);
  assert.notEqual(other.status, 'closed');
  assert.deepEqual(client.identity.subscribe, []);
});

test('a refused token closes the client, and a token that is missing for the moment does not', async () => {
  const refused = fakeClient(() => 'old');
  const errors = [];
  refused.client.addEventListener('error', ({ detail }) => errors.push(detail));
  refused.WebSocket.last.open();
  await settled();
  const [{ id }] = refused.WebSocket.last.sent;
  refused.WebSocket.last.receive({ type: 'error', id, code: 501, reason: 'expired', temporary: false });
  await settled();
  assert.ok(errors[0] instanceof ServerError);
  refused.WebSocket.last.end(1000);
  assert.equal(refused.client.readyState, Client.CLOSED);

  const missing = fakeClient(() => Promise.reject(new Error('no network')));
  missing.WebSocket.last.open();
  await settled();
  missing.WebSocket.last.end(1000);
  assert.equal(missing.client.readyState, Client.CONNECTING);
  assert.deepEqual(missing.timers.delays, [500]);
});
