// Tokens, and what they allow, with fake sockets and timers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client, ForbiddenError, ServerError } from '../index.js';
import { EPOCH, fakeTimers, fakeWebSocket, settled } from './support/fakes.js';

function fakeClient(token, options = {}) {
  const WebSocket = fakeWebSocket();
  const timers = fakeTimers();
  const { setTimeout, clearTimeout } = timers;
  const client = new Client('ws://test/ws', { WebSocket, setTimeout, clearTimeout, encoding: 'json', random: () => 1, token, ...options });
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
    await settled();
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

test('a token that is missing for the moment is fetched again, and an error tells it', async () => {
  const { client, WebSocket, timers } = fakeClient(() => Promise.reject(new Error('no network')));
  const errors = [];
  client.addEventListener('error', ({ detail }) => errors.push(detail.message));
  WebSocket.last.open();
  await settled();
  WebSocket.last.end(1000);
  assert.equal(client.readyState, Client.CONNECTING);
  assert.deepEqual(timers.delays, [500]);
  assert.deepEqual(errors, ['no network']);
});

test('a refused token is not shown again, and another one is', async () => {
  let token = 'old';
  const { client, WebSocket, timers } = fakeClient(() => token);
  const errors = [];
  const waits = [];
  client.addEventListener('error', ({ detail }) => errors.push(detail));
  client.addEventListener('status', ({ detail }) => detail.status === 'waiting' && waits.push(detail.reason));
  WebSocket.last.open();
  await settled();
  const [{ id }] = WebSocket.last.sent;
  WebSocket.last.receive({ type: 'error', id, code: 501, reason: 'the token has expired', temporary: false });
  await settled();
  assert.ok(errors[0] instanceof ServerError);
  WebSocket.last.end(4501, 'not authenticated');
  for (const delay_ms of [500, 1_000]) {
    timers.fire(delay_ms);
    await settled();
    assert.equal(WebSocket.sockets.length, 1);
  }
  assert.deepEqual(waits, ['not authenticated', ...Array(2).fill('the token has expired; no other token yet')]);
  token = 'new';
  timers.fire(2_000);
  await settled();
  WebSocket.last.open();
  await settled();
  assert.equal(WebSocket.sockets.length, 2);
  assert.deepEqual(WebSocket.last.sent.map((message) => message.token), ['new']);
});

test('after a minute a refused token is shown again, because an operator may have allowed it', async () => {
  let now = 0n;
  const { client, WebSocket, timers } = fakeClient(() => 'fixed', { now: () => now });
  WebSocket.last.open();
  await settled();
  WebSocket.last.receive(allowed(WebSocket.last.sent[0].id));
  await settled();
  WebSocket.last.end(4502, 'identity revoked');
  now = 59_999_999_999n;
  timers.fire(500);
  await settled();
  assert.equal(WebSocket.sockets.length, 1);
  now = 60_000_000_000n;
  timers.fire(1_000);
  await settled();
  assert.equal(WebSocket.sockets.length, 2);
  assert.equal(client.readyState, Client.CONNECTING);
});

test('without a source of tokens a refusal is the end', () => {
  const { client, WebSocket } = fakeClient(undefined);
  WebSocket.last.open();
  WebSocket.last.end(4501, 'not authenticated');
  assert.equal(client.readyState, Client.CLOSED);
});

test('a token that is not renewed is told once, and is asked for again until there is another one', async () => {
  let token = 'old';
  const { client, WebSocket, timers } = fakeClient(() => token);
  const errors = [];
  client.addEventListener('error', ({ detail }) => errors.push(detail.message));
  WebSocket.last.open();
  await settled();
  WebSocket.last.receive(allowed(WebSocket.last.sent[0].id, { expires_ns: 5n }));
  await settled();
  WebSocket.last.receive({ type: 'expiring', expires_ns: 5n });
  await settled();
  timers.fire(500);
  await settled();
  assert.deepEqual(errors, ['the token is about to expire, and there is no other one yet']);
  assert.equal(WebSocket.last.sent.length, 1);
  token = 'refused';
  // Beside it is the timer for the clock, of the same delay.
  const renew = async (delay_ms) => {
    const times = timers.delays.filter((delay) => delay === delay_ms).length;
    for (let time = 0; time < times; time += 1) timers.fire(delay_ms);
    await settled();
  };
  await renew(1_000);
  const { id } = WebSocket.last.sent.at(-1);
  WebSocket.last.receive({ type: 'error', id, code: 501, reason: 'of another identity', temporary: false });
  await settled();
  assert.equal(errors.at(-1), 'of another identity');
  token = 'new';
  await renew(2_000);
  assert.deepEqual(WebSocket.last.sent.map((message) => message.token), ['old', 'refused', 'new']);
});

test('a program with a callback learns why its subscription was ended', async () => {
  const { client, WebSocket } = fakeClient(undefined);
  WebSocket.last.open();
  const subscription = client.subscribe('a/#', { mode: 'every' }, () => {});
  let ended;
  subscription.addEventListener('status', ({ detail }) => {
    if (detail.status === 'closed') ended = detail.error;
  });
  await settled();
  WebSocket.last.receive(granted(WebSocket.last.sent[0].id));
  WebSocket.last.receive({ type: 'unsubscribed', channels: [1], position: 100, reason: 'not any more' });
  assert.ok(ended instanceof ForbiddenError);
  assert.equal(subscription.error, ended);
  assert.deepEqual([ended.message, ended.position], ['not any more', 100]);
});
