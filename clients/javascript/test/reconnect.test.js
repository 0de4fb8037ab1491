// Connections that start and end, with fake sockets and timers.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Client } from '../index.js';
import { EPOCH, fakeTimers, fakeWebSocket, settled } from './support/fakes.js';

/** The waits between attempts are the upper bounds: 500, 1000 and so on. */
function fakeClient(options = {}) {
  const WebSocket = fakeWebSocket();
  const timers = fakeTimers();
  const { setTimeout, clearTimeout } = timers;
  const client = new Client('ws://test/ws', { WebSocket, setTimeout, clearTimeout, encoding: 'json', random: () => 1, ...options });
  return { client, WebSocket, timers };
}

const granted = (id, fields = {}) => ({
  type: 'subscribed', id,
  results: [{ filter: 'a/#', channel: 1, mode: 'every', epoch: EPOCH, position: 100, count: 10, start: 'fresh', ...fields }],
});

test('each failed attempt makes the next wait longer', () => {
  const { client, WebSocket, timers } = fakeClient();
  for (const delay of [500, 1_000, 2_000]) {
    WebSocket.last.end(1006);
    assert.equal(client.readyState, Client.CONNECTING);
    assert.deepEqual(timers.delays, [delay]);
    timers.fire(delay);
  }
  assert.equal(WebSocket.sockets.length, 4);
});

test('with several URLs it begins with the first and goes on at another one each time', () => {
  const WebSocket = fakeWebSocket();
  const timers = fakeTimers();
  const { setTimeout, clearTimeout } = timers;
  const urls = ['ws://a/ws', new URL('ws://b/ws'), 'ws://c/ws'];
  let random = 0;
  const client = new Client(urls, { WebSocket, setTimeout, clearTimeout, random: () => random });
  for (const [next, url] of [[0.1, 'ws://b/ws'], [0.9, 'ws://a/ws'], [0.9, 'ws://c/ws'], [1, 'ws://b/ws']]) {
    const before = client.url;
    random = next;
    WebSocket.last.end(1006);
    timers.fire(timers.delays[0]);
    assert.equal(String(WebSocket.last.url), url);
    assert.equal(client.url, url);
    assert.notEqual(url, before);
  }
  assert.throws(() => new Client([], { WebSocket }), /there is no URL/);
});

test('options that can never work are refused at once', () => {
  class WebSocket {
    constructor() {
      assert.fail('it connects');
    }
  }
  const refuses = (url, options, error) => assert.throws(() => new Client(url, { WebSocket, ...options }), error);
  const url = 'ws://a/ws';
  for (const wrong of ['', 'a', 'ws://', 'ws://a:99999/ws', 'ftp://a/ws', 'ws://a/ws#b', null, 5]) {
    refuses(wrong, {}, { name: 'SyntaxError', message: /is no URL|has the scheme|has a fragment/ });
    refuses([url, wrong], {}, { name: 'SyntaxError' });
  }
  for (const maxQueuedUpdates of [0, -1, NaN]) refuses(url, { maxQueuedUpdates }, { name: 'RangeError', message: /at least 1/ });
  const { setTimeout, clearTimeout } = fakeTimers();
  const client = new Client(url, { WebSocket: fakeWebSocket(), setTimeout, clearTimeout });
  assert.throws(() => client.subscribe('a', { maxQueuedUpdates: NaN }), { name: 'RangeError', message: /at least 1/ });
  refuses(url, { token: 'secret' }, (error) => error instanceof TypeError && !error.message.includes('secret'));
});

test('the waits get short again after five seconds of connection, not after a welcome', () => {
  const { WebSocket, timers } = fakeClient();
  WebSocket.last.open();
  WebSocket.last.end(1011);
  timers.fire(500);
  WebSocket.last.open();
  WebSocket.last.end(1011);
  timers.fire(1_000);
  WebSocket.last.open({ heartbeat_ms: 60_000 });
  timers.fire(5_000);
  WebSocket.last.end(1011);
  assert.deepEqual(timers.delays, [500]);
});

test('a permanent close code closes the client with this code', async () => {
  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 4500]) {
    const { client, WebSocket, timers } = fakeClient();
    const subscription = client.subscribe('a/#');
    let close;
    client.addEventListener('close', ({ detail }) => {
      close = detail;
    });
    WebSocket.last.open();
    WebSocket.last.end(code, 'because');
    assert.deepEqual(close, { code, reason: 'because', wasClean: true });
    assert.equal(client.readyState, Client.CLOSED);
    assert.deepEqual(timers.delays, []);
    await assert.rejects(subscription[Symbol.asyncIterator]().next(), new RegExp(code));
  }
});

test('a connection without a welcome in time is abandoned', () => {
  const { WebSocket, timers } = fakeClient();
  const [first] = WebSocket.sockets;
  timers.fire(10_000);
  assert.ok(first.closed);
  timers.fire(500);
  assert.equal(WebSocket.sockets.length, 2);
  first.open();
  assert.equal(WebSocket.sockets.length, 2);
});

test('a connection is dead after several heartbeat intervals without a message', () => {
  const { client, WebSocket, timers } = fakeClient();
  WebSocket.last.open({ heartbeat_ms: 700 });
  for (let i = 0; i < 3; i++) timers.fire(700);
  WebSocket.last.receive({ type: 'heartbeat', server_time_ns: 0n, position: 123, channels: [] });
  assert.equal(client.position, 123);
  for (let i = 0; i < 3; i++) timers.fire(700);
  assert.equal(client.readyState, Client.OPEN);
  timers.fire(700);
  assert.equal(client.readyState, Client.CONNECTING);
  timers.fire(500);
  assert.equal(WebSocket.sockets.length, 2);
});

test('the client leaves a draining server at a random time within the window and reconnects', () => {
  const { client, WebSocket, timers } = fakeClient({ random: () => 0.5 });
  WebSocket.last.open();
  WebSocket.last.receive({ type: 'draining', reconnect_within_ms: 3_000 });
  assert.equal(WebSocket.last.closed, null);
  timers.fire(1_500);
  assert.deepEqual(WebSocket.last.closed, { code: 1000, reason: 'draining' });
  WebSocket.last.end(1000);
  assert.equal(client.readyState, Client.CONNECTING);
  timers.fire(250);
  assert.equal(WebSocket.sockets.length, 2);
});

test('a message that the client cannot decode closes the client', () => {
  const check = (...messages) => {
    const { client, WebSocket } = fakeClient();
    for (const message of messages) WebSocket.last.receive(message);
    assert.equal(WebSocket.last.closed.code, 4999);
    assert.equal(client.readyState, Client.CLOSED);
  };
  const welcome = '{"type":"welcome","server":"","epoch":"0000000000000001","position":0,"server_time_ns":"0","heartbeat_ms":0,'
    + '"limits":{"message_bytes":0,"topic_bytes":0,"subscriptions":0,"requests_per_s":0,"request_burst":0,"write_timeout_ms":0,"tape_bytes":"0",'
    + '"rate_min_hz":0,"rate_max_hz":0,"publish_updates_per_s":0,"publish_bytes_per_s":0,"new_topics_per_s":0,"new_topics_burst":0}}';
  check('{');
  check('{"type":"draining","reconnect_within_ms":1}');
  check(welcome, welcome);
});

test('another subprotocol than the requested one closes the client', () => {
  const { client, WebSocket } = fakeClient();
  WebSocket.last.protocol = '';
  WebSocket.last.open();
  assert.equal(client.readyState, Client.CLOSED);
});

test('close has the rules of a WebSocket', async () => {
  const { client, WebSocket } = fakeClient();
  assert.throws(() => client.close(1001), { name: 'InvalidAccessError' });
  assert.throws(() => client.close(2999), { name: 'InvalidAccessError' });
  assert.throws(() => client.close(5000), { name: 'InvalidAccessError' });
  assert.throws(() => client.close(1000, 'é'.repeat(62)), { name: 'SyntaxError' });
  WebSocket.last.open();
  const steps = client.subscribe('a/#')[Symbol.asyncIterator]();
  client.close(4321, 'enough');
  client.close(1000);
  assert.equal(client.readyState, Client.CLOSING);
  assert.deepEqual(WebSocket.last.closed, { code: 4321, reason: 'enough' });
  WebSocket.last.end(4321, 'enough');
  assert.equal(client.readyState, Client.CLOSED);
  assert.deepEqual(await steps.next(), { done: true, value: undefined });
  assert.throws(() => client.subscribe('b'), /closed/);
  await assert.rejects(client.publish({ topic: 'a', value: { text: '' } }), /not connected/);
});

test('the program can close between two attempts', async () => {
  const { client, WebSocket, timers } = fakeClient();
  WebSocket.last.end(1006);
  client.close();
  await settled();
  assert.equal(client.readyState, Client.CLOSED);
  assert.deepEqual(timers.delays, []);
  await assert.rejects(client.ready, /closed/);
});

test('a close frame without an answer ends after five seconds', () => {
  const { client, WebSocket, timers } = fakeClient();
  WebSocket.last.open({ heartbeat_ms: 60_000 });
  timers.fire(5_000); // stable
  client.close();
  timers.fire(5_000);
  assert.equal(client.readyState, Client.CLOSED);
});

test('a temporary refusal is retried at the time that the server names', async () => {
  const { client, WebSocket, timers } = fakeClient();
  WebSocket.last.open();
  const subscription = client.subscribe('a/#', { mode: 'every' });
  await settled();
  const [{ id }] = WebSocket.last.sent;
  WebSocket.last.receive({ type: 'error', id, code: 102, reason: 'slower', temporary: true, retry_after_ms: 777 });
  assert.equal(subscription.status, 'pending');
  timers.fire(777);
  await settled();
  const [, again] = WebSocket.last.sent;
  assert.deepEqual(again.filters, [{ filter: 'a/#' }]);
  WebSocket.last.receive(granted(again.id));
  assert.equal(subscription.status, 'live');
});

test('filters that do not fit into one message become several messages', async () => {
  const { client, WebSocket } = fakeClient();
  WebSocket.last.open({ limits: { message_bytes: 200 } });
  const filters = Array.from({ length: 20 }, (_, i) => `topic/number/${i}`);
  for (const filter of filters) client.subscribe(filter);
  const long = client.subscribe('x'.repeat(200));
  await settled();
  const { sent } = WebSocket.last;
  assert.ok(sent.length > 1 && sent.length < 20);
  assert.deepEqual(sent.flatMap((message) => message.filters.map(({ filter }) => filter)), filters);
  await assert.rejects(long.ready, /limit of the server/);
});

test('publishing is refused and counted while too many bytes wait for the network', async () => {
  const { client, WebSocket } = fakeClient({ maxBufferedBytes: 1_000 });
  WebSocket.last.open();
  WebSocket.last.bufferedAmount = 1_001;
  assert.equal(client.bufferedAmount, 1_001);
  await assert.rejects(client.publish({ topic: 'a', value: { text: '' } }), /wait for the network/);
  assert.equal(client.stats.refused_publishes, 1);
});

test('the client needs a WebSocket and a known encoding', () => {
  assert.throws(() => new Client('ws://test/ws', { WebSocket: undefined }), TypeError);
  assert.throws(() => new Client('ws://test/ws', { WebSocket: fakeWebSocket(), encoding: 'xml' }), TypeError);
});

test('a client knows when it heard from the server last, by the clock of the server', () => {
  let here_ns = 1_000n;
  const { client, WebSocket } = fakeClient({ now: () => here_ns });
  here_ns = 2_000n;
  WebSocket.last.open();
  assert.equal(client.heard_ns, 2_000n);
  here_ns = 9_000n;
  assert.equal(client.heard_ns, 2_000n);
  WebSocket.last.receive({ type: 'heartbeat', server_time_ns: 0n, position: 100, channels: [] });
  assert.equal(client.heard_ns, 9_000n);
  // The server's clock is 50,000 ns ahead, as the answer to the first request for the time tells.
  WebSocket.last.receive({ type: 'time', id: 1, client_time_ns: 2_000n, receive_time_ns: 55_500n, send_time_ns: 55_500n });
  assert.equal(client.heard_ns - here_ns, client.clock.offset_ns);
  assert.notEqual(client.clock.offset_ns, 0n);
});
