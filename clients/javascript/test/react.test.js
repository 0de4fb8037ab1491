// The hook of examples/react, with React itself and a server that the test plays.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as React from 'react';
// It is deprecated, and the one way to render without a browser.
import { create } from 'react-test-renderer';
import ts from 'typescript';

import { Client } from '../index.js';
import { useValues } from '../examples/react/use-values.js';
import { EPOCH, fakeTimers, fakeWebSocket, settled } from './support/fakes.js';

const { StrictMode, act, createElement } = React;

globalThis.IS_REACT_ACT_ENVIRONMENT = true;

const accepted = (filter, channel) => ({ filter, channel, mode: 'latest', max_rate_hz: 5, epoch: EPOCH, position: 100, count: 0, start: 'fresh' });
const batch = (channel, from, topic, reading) => batchOf(channel, from, topic, { reading });
const batchOf = (channel, from, topic, value) => ({
  type: 'batch', channel, from, to: from + 1, snapshot: false,
  updates: [{ topic, position: from + 1, seq: 1, ingest_time_ns: 0n, quality: 'live', value }],
});

function setUp() {
  const WebSocket = fakeWebSocket();
  const { setTimeout, clearTimeout } = fakeTimers();
  const client = new Client('ws://test/ws', { WebSocket, setTimeout, clearTimeout, encoding: 'json' });
  WebSocket.last.open();
  const socket = WebSocket.last;
  let renders = 0;
  const Values = ({ filter }) => {
    renders += 1;
    const { status, updates, error } = useValues(client, filter);
    const texts = [...updates.values()].map(({ topic, value }) => `${topic}=${value.reading}`);
    return createElement('p', null, error ? error.message : `${status} ${texts.join(' ')}`);
  };
  /** Answers the newest request to subscribe. */
  const answer = async (channel, result) => {
    const { id, filters } = socket.sent.findLast(({ type }) => type === 'subscribe');
    await act(async () => {
      socket.receive({ type: 'subscribed', id, results: [result ?? accepted(filters[0].filter, channel)] });
      await settled();
    });
  };
  const receive = (message) => act(async () => socket.receive(message));
  return { client, socket, Values, answer, receive, renders: () => renders };
}

const shown = (root) => root.toJSON().children.join('');

test('a component shows the newest value of each topic, and ends its subscription', async () => {
  const { client, socket, Values, answer, receive } = setUp();
  let root;
  await act(async () => {
    root = create(createElement(Values, { filter: 'a/#' }));
  });
  assert.equal(shown(root), 'pending ');
  await answer(3);
  assert.equal(shown(root), 'live ');
  await receive(batch(3, 100, 'a/x', 1));
  await receive(batch(3, 101, 'a/y', 2));
  await receive(batch(3, 102, 'a/x', 3));
  assert.equal(shown(root), 'live a/x=3 a/y=2');
  await act(async () => root.unmount());
  assert.deepEqual(socket.sent.at(-1).channels, [3]);
  client.close();
});

test('another filter is another subscription, and nothing of the first one is shown', async () => {
  const { client, socket, Values, answer, receive } = setUp();
  let root;
  await act(async () => {
    root = create(createElement(Values, { filter: 'a/#' }));
  });
  await answer(3);
  await receive(batch(3, 100, 'a/x', 1));
  await act(async () => root.update(createElement(Values, { filter: 'b/#' })));
  assert.equal(shown(root), 'pending ');
  await answer(4);
  await receive(batch(4, 100, 'b/x', 7));
  assert.equal(shown(root), 'live b/x=7');
  assert.ok(socket.sent.some(({ type, channels }) => type === 'unsubscribe' && channels[0] === 3));
  await act(async () => root.unmount());
  client.close();
});

test('a refusal is shown, and strict mode leaves no subscription behind', async () => {
  const { client, socket, Values, answer, renders } = setUp();
  let root;
  await act(async () => {
    root = create(createElement(StrictMode, null, createElement(Values, { filter: 'secret' })));
  });
  assert.ok(renders() > 1);
  const reason = 'subscribing to "secret" is not allowed';
  await answer(0, { filter: 'secret', code: 201, reason });
  assert.ok(shown(root).includes(reason), shown(root));
  await act(async () => root.unmount());
  assert.equal(socket.closed, null);
  client.close();
});

test('the component of README.md shows trades', async () => {
  const { client, answer, receive } = setUp();
  const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const [, block] = /```jsx\n(.*?)```/s.exec(readme);
  const { outputText } = ts.transpileModule(block, { compilerOptions: { jsx: ts.JsxEmit.React, target: ts.ScriptTarget.ES2022 } });
  const Trades = new Function('React', 'useValues', 'client', `${outputText}; return Trades;`)(React, useValues, client);
  let root;
  await act(async () => {
    root = create(createElement(Trades));
  });
  await answer(3);
  await receive(batchOf(3, 100, 'market/BTC-USDT/trade', { trade: { price: '39432.48', size: '1' } }));
  assert.deepEqual(root.toJSON().children, ['market/BTC-USDT/trade', ' ', '39432.48']);
  await act(async () => root.unmount());
  client.close();
});
