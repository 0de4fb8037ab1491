// Subscriptions against a scripted server over real sockets, in both encodings.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { EPOCH } from './support/fakes.js';
import { ScriptedServer } from './support/scripted-server.js';

const OTHER_EPOCH = '18c504b200c0ffee';

function script(sentence, run, options = {}) {
  for (const encoding of ['json', 'bincode']) {
    test(`${sentence} (${encoding})`, async () => {
      const server = await ScriptedServer.start();
      const client = new Client(server.url, { WebSocket, encoding, random: () => 0, ...options });
      try {
        await run({ server, client, encoding });
      } finally {
        client.close();
        server.stop();
      }
    });
  }
}

/** Accepts the next subscribe request and returns it. */
async function grant(peer, fields = {}) {
  const request = await peer.next();
  assert.equal(request.type, 'subscribe');
  const results = request.filters.map(({ filter }, index) => ({
    filter, channel: index + 1, mode: request.mode, epoch: EPOCH, position: 100, count: 10, start: 'fresh', ...fields,
  }));
  peer.send({ type: 'subscribed', id: request.id, results });
  return request;
}

const update = (position, topic = 'a/b') => ({
  topic, position, seq: position, ingest_time_ns: 1_610_064_000_278_450_001n, quality: 'live', value: { reading: position },
});

const batch = (from, to, positions, fields = {}) => ({
  type: 'batch', channel: 1, from, to, snapshot: false, topics: [{ id: 5, topic: 'a/b' }],
  updates: positions.map((position) => update(position)),
  ...fields,
});

const event = (target, name) => new Promise((resolve) => target.addEventListener(name, ({ detail }) => resolve(detail), { once: true }));

const take = async (steps) => (await steps.next()).value;

/** A subscription that has a batch of these positions, and then no connection. */
async function cutAfter(server, client, ...positions) {
  const subscription = client.subscribe('a/#', { mode: 'every' });
  const steps = subscription[Symbol.asyncIterator]();
  const peer = await server.welcome();
  await grant(peer);
  peer.send(batch(100, positions.at(-1), positions));
  await take(steps);
  peer.terminate();
  return { subscription, steps };
}

/** The welcome of a server that has kept the first epoch up to 102. */
const TRUNCATED = { epoch: OTHER_EPOCH, continues: [{ epoch: EPOCH, last: 102 }] };

script('a snapshot and then live batches come in order, by callback', async ({ server, client }) => {
  const events = [];
  const subscription = client.subscribe('a/#', { mode: 'every' }, (event) => events.push(event));
  const peer = await server.welcome();
  await grant(peer, { snapshot: 0 });
  peer.send(batch(0, 50, [50], { snapshot: true }));
  peer.send(batch(50, 100, [], { snapshot: true }));
  peer.send(batch(100, 102, [101, 102]));
  peer.send({ type: 'published', id: 0, position: 0 });
  while (events.length < 3) await new Promise((resolve) => setTimeout(resolve, 5));
  const topics = [{ id: 5, topic: 'a/b' }];
  assert.deepEqual(events[0], { type: 'batch', snapshot: true, from: 0, to: 50, topics, updates: [update(50)] });
  assert.deepEqual(events[2], { type: 'batch', snapshot: false, from: 100, to: 102, topics, updates: [update(101), update(102)] });
  assert.deepEqual(subscription.token, { epoch: EPOCH, position: 102, count: 12 });
  assert.deepEqual(client.topics, { epoch: EPOCH, topics });
});

script('a token moves when its event is handled, not when it arrives', async ({ server, client }) => {
  let done;
  const seen = [];
  const subscription = client.subscribe('a/#', { mode: 'every' }, ({ to }) => {
    seen.push(to);
    return new Promise((resolve) => {
      done = resolve;
    });
  });
  const peer = await server.welcome();
  await grant(peer);
  peer.send(batch(100, 101, [101]));
  peer.send(batch(101, 102, [102]));
  while (subscription.queued < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual(seen, [101]);
  assert.equal(subscription.token.position, 100);
  done();
  while (seen.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(subscription.token.position, 101);
  done();
  while (subscription.queued > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(subscription.token.position, 102);
});

script('a lost connection is resumed where it ended, with the topics known before', async ({ server, client }) => {
  const steps = client.subscribe('a/#', { mode: 'every' })[Symbol.asyncIterator]();
  const first = await server.welcome();
  await grant(first);
  first.send(batch(100, 101, [101]));
  assert.equal((await take(steps)).to, 101);
  first.terminate();
  const second = await server.welcome();
  const { filters } = await grant(second, { position: 101, count: 11, start: 'resumed' });
  assert.deepEqual(filters, [{ filter: 'a/#', resume: { epoch: EPOCH, position: 101, count: 11 } }]);
  second.send(batch(101, 102, [102], { topics: [] }));
  assert.deepEqual(await take(steps), { type: 'batch', snapshot: false, from: 101, to: 102, updates: [update(102)] });
  assert.equal(client.stats.connections, 2);
  assert.equal(client.stats.resets, 0);
});

script('a snapshot that was cut off is resumed too', async ({ server, client }) => {
  const steps = client.subscribe('a/#', { mode: 'every' })[Symbol.asyncIterator]();
  const first = await server.welcome();
  await grant(first, { snapshot: 0 });
  first.send(batch(0, 50, [50], { snapshot: true }));
  assert.equal((await take(steps)).to, 50);
  first.terminate();
  const { filters } = await grant(await server.welcome(), { snapshot: 50, start: 'resumed' });
  assert.deepEqual(filters[0].resume, { epoch: EPOCH, position: 100, count: 10, snapshot: 50 });
});

script('another epoch is a reset event', async ({ server, client }) => {
  const steps = client.subscribe('a/#', { mode: 'every' })[Symbol.asyncIterator]();
  const first = await server.welcome();
  await grant(first);
  first.send(batch(100, 101, [101]));
  await take(steps);
  first.close(1012, 'restart');
  const second = await server.welcome({ epoch: OTHER_EPOCH });
  await grant(second, { epoch: OTHER_EPOCH, position: 7, count: 3, snapshot: 0, start: 'epoch_changed' });
  assert.deepEqual(await take(steps), { type: 'reset', reason: 'epoch_changed' });
  second.send(batch(0, 7, [7], { snapshot: true, topics: [{ id: 5, topic: 'other' }], updates: [update(7, 'other')] }));
  assert.deepEqual((await take(steps)).updates, [update(7, 'other')]);
  assert.deepEqual(client.topics, { epoch: OTHER_EPOCH, topics: [{ id: 5, topic: 'other' }] });
});

script('an epoch that continues the last one is resumed with its topics', async ({ server, client }) => {
  const { subscription, steps } = await cutAfter(server, client, 101);
  const second = await server.welcome({ epoch: OTHER_EPOCH, continues: [{ epoch: EPOCH, last: 101 }] });
  const { filters } = await grant(second, { epoch: OTHER_EPOCH, position: 101, count: 11, snapshot: 0, start: 'resumed' });
  assert.deepEqual(filters[0].resume, { epoch: EPOCH, position: 101, count: 11 });
  second.send(batch(0, 101, [101], { snapshot: true, topics: [] }));
  second.send(batch(101, 102, [102], { topics: [] }));
  assert.deepEqual((await take(steps)).updates, [update(101)]);
  assert.deepEqual(subscription.token, { epoch: OTHER_EPOCH, position: 101, count: 11, snapshot: 0 });
  assert.deepEqual((await take(steps)).updates, [update(102)]);
  assert.equal(client.stats.resets + client.stats.violations, 0);
});

script('updates that the server has lost are told once', async ({ server, client }) => {
  const { steps } = await cutAfter(server, client, 101, 102, 105);
  const second = await server.welcome(TRUNCATED);
  const { filters } = await grant(second, { epoch: OTHER_EPOCH, position: 102, count: 12, snapshot: 0, start: 'truncated', lost: 1 });
  assert.deepEqual(filters[0].resume, { epoch: EPOCH, position: 105, count: 13 });
  assert.deepEqual(await take(steps), { type: 'truncated', kept: 102, position: 105, lost: 1 });
  second.send(batch(0, 102, [102], { snapshot: true }));
  await take(steps);
  second.terminate();
  const third = await server.welcome(TRUNCATED);
  const again = await grant(third, { epoch: OTHER_EPOCH, position: 102, count: 12, start: 'resumed' });
  assert.deepEqual(again.filters[0].resume, { epoch: OTHER_EPOCH, position: 102, count: 12 });
  third.send(batch(102, 103, [103], { topics: [] }));
  assert.deepEqual((await take(steps)).updates, [update(103)]);
  const { truncations, resets, lost, violations } = client.stats;
  assert.deepEqual({ truncations, resets, lost, violations }, { truncations: 1, resets: 0, lost: 0, violations: 0 });
});

for (const wrong of [
  { position: 103, count: 12, snapshot: 0, start: 'truncated' },
  { position: 102, count: 12, snapshot: 5, start: 'truncated' },
  { position: 102, count: 12, start: 'truncated' },
  { position: 102, count: 12, snapshot: 0, start: 'truncated', lost: 2 },
  { position: 105, count: 13, snapshot: 0, start: 'resumed' },
]) {
  script(`a server that says something else about an earlier epoch is not believed: ${JSON.stringify(wrong)}`, async ({ server, client }) => {
    const { steps } = await cutAfter(server, client, 101, 102, 105);
    const second = await server.welcome(TRUNCATED);
    await grant(second, { epoch: OTHER_EPOCH, ...wrong });
    assert.equal((await second.next()).type, 'unsubscribe');
    const { filters } = await grant(second, { channel: 2, epoch: OTHER_EPOCH, position: 1, count: 1 });
    assert.deepEqual(filters, [{ filter: 'a/#' }]);
    assert.deepEqual(await take(steps), { type: 'reset', reason: 'not_resumable' });
    assert.equal(client.stats.violations, 1);
  });
}

script('a gap is an event and is counted', async ({ server, client }) => {
  const subscription = client.subscribe('a/#', { mode: 'every' });
  const steps = subscription[Symbol.asyncIterator]();
  const peer = await server.welcome();
  await grant(peer);
  peer.send({ type: 'gap', channel: 1, from: 100, to: 900, lost: 33, snapshot: 100 });
  assert.deepEqual(await take(steps), { type: 'gap', from: 100, to: 900, lost: 33 });
  peer.send(batch(100, 900, [800], { snapshot: true }));
  assert.equal((await take(steps)).snapshot, true);
  assert.equal(subscription.stats.lost, 33);
  assert.equal(subscription.count, 43);
});

for (const [what, broken] of [
  ['a batch that skips updates', batch(105, 106, [106])],
  ['a heartbeat at another position', { type: 'heartbeat', server_time_ns: 0n, position: 105, channels: [{ channel: 1, position: 105 }] }],
]) {
  script(`${what} is a violation, and the missing updates are requested again`, async ({ server, client }) => {
    const subscription = client.subscribe('a/#', { mode: 'every' });
    const steps = subscription[Symbol.asyncIterator]();
    const peer = await server.welcome();
    await grant(peer);
    const noticed = event(subscription, 'violation');
    peer.send(broken);
    assert.match((await noticed).reason, /at the position 100/);
    assert.deepEqual((await peer.next()).channels, [1]);
    // From the old channel, so it must be ignored.
    peer.send(batch(106, 107, [107]));
    const { filters } = await grant(peer, { channel: 2, start: 'resumed' });
    assert.deepEqual(filters[0].resume, { epoch: EPOCH, position: 100, count: 10 });
    peer.send(batch(100, 107, [106, 107], { channel: 2 }));
    assert.deepEqual((await take(steps)).updates, [update(106), update(107)]);
    assert.equal(client.stats.violations, 1);
    assert.equal(client.stats.ignored_batches, 1);
    assert.equal(client.stats.ignored_updates, 1);
  });
}

script('a server that resumes with another count causes a reset', async ({ server, client }) => {
  const { steps } = await cutAfter(server, client, 101);
  const second = await server.welcome();
  await grant(second, { position: 101, count: 12, start: 'resumed' });
  assert.equal((await second.next()).type, 'unsubscribe');
  const { filters } = await grant(second, { channel: 2, snapshot: 0 });
  assert.deepEqual(filters, [{ filter: 'a/#' }]);
  assert.deepEqual(await take(steps), { type: 'reset', reason: 'not_resumable' });
});

script('updates that do not fit into the queue of a slow program are requested again later', async ({ server, client }) => {
  const subscription = client.subscribe('a/#', { mode: 'every', maxQueuedUpdates: 4 });
  const peer = await server.welcome();
  await grant(peer);
  peer.send(batch(100, 102, [101, 102]));
  peer.send(batch(102, 104, [103, 104]));
  peer.send(batch(104, 105, [105]));
  assert.deepEqual((await peer.next()).channels, [1]);
  assert.equal(subscription.status, 'paused');
  assert.equal(subscription.queued, 4);
  assert.equal(client.stats.overflows, 1);
  assert.equal(client.stats.discarded, 1);
  const steps = subscription[Symbol.asyncIterator]();
  assert.equal((await take(steps)).to, 102);
  assert.equal((await take(steps)).to, 104);
  const { filters } = await grant(peer, { channel: 2, position: 104, count: 14, start: 'resumed' });
  assert.deepEqual(filters[0].resume, { epoch: EPOCH, position: 104, count: 14 });
  peer.send(batch(104, 105, [105], { channel: 2 }));
  assert.equal((await take(steps)).to, 105);
  assert.equal(client.stats.violations, 0);
});

script('filters are requested together and answered one by one', async ({ server, client }) => {
  const good = client.subscribe('good', { max_rate_hz: 2 });
  const bad = client.subscribe('bad', { max_rate_hz: 2 });
  const other = client.subscribe('good', { mode: 'every' });
  assert.throws(() => client.subscribe('good', { max_rate_hz: 2 }), /subscribed already/);
  const peer = await server.welcome();
  const request = await peer.next();
  assert.deepEqual(request.filters, [{ filter: 'good' }, { filter: 'bad' }]);
  assert.equal(request.max_rate_hz, 2);
  const granted = { filter: 'good', channel: 1, mode: 'latest', max_rate_hz: 1.5, epoch: EPOCH, position: 0, count: 0, start: 'fresh' };
  peer.send({ type: 'subscribed', id: request.id, results: [granted, { filter: 'bad', code: 201, reason: 'not allowed' }] });
  await grant(peer, { channel: 2 });
  assert.deepEqual(await good.ready, { mode: 'latest', max_rate_hz: 1.5 });
  await assert.rejects(bad.ready, { name: 'ServerError', code: 201, temporary: false, message: 'not allowed' });
  await assert.rejects(bad[Symbol.asyncIterator]().next(), { code: 201 });
  await other.ready;
  await assert.rejects(other.change({ mode: 'latest', max_rate_hz: 2 }), /subscribed already/);
});

script('a subscription changes its mode without losing its position', async ({ server, client }) => {
  const subscription = client.subscribe('a/#');
  const steps = subscription[Symbol.asyncIterator]();
  const peer = await server.welcome();
  await grant(peer);
  await subscription.ready;
  const changing = subscription.change({ mode: 'every' });
  const { id, channel } = await peer.next();
  assert.equal(channel, 1);
  peer.send(batch(100, 103, [103]));
  peer.send({ type: 'changed', id, previous: 1, channel: 9, mode: 'every', position: 102, count: 77 });
  peer.send(batch(102, 104, [104], { channel: 9 }));
  assert.deepEqual(await changing, { mode: 'every', max_rate_hz: undefined });
  assert.equal((await take(steps)).to, 103);
  assert.equal((await take(steps)).to, 104);
  assert.equal(subscription.count, 78);
  assert.equal(subscription.mode, 'every');
});

script('leaving a loop ends the subscription', async ({ server, client }) => {
  const subscription = client.subscribe('a/#');
  const peer = await server.welcome();
  await grant(peer);
  peer.send(batch(100, 101, [101]));
  for await (const { to } of subscription) {
    assert.equal(to, 101);
    break;
  }
  assert.deepEqual((await peer.next()).channels, [1]);
  assert.equal(subscription.status, 'closed');
});

script('a subscription that is closed before its answer is unsubscribed after the answer', async ({ server, client }) => {
  const subscription = client.subscribe('a/#');
  const peer = await server.welcome();
  const request = await peer.next();
  subscription.close();
  const granted = { filter: 'a/#', channel: 4, mode: 'latest', epoch: EPOCH, position: 0, count: 0, start: 'fresh' };
  peer.send({ type: 'subscribed', id: request.id, results: [granted] });
  const { type, channels } = await peer.next();
  assert.deepEqual({ type, channels }, { type: 'unsubscribe', channels: [4] });
});

script('publishing resolves with a position or rejects with a reason', async ({ server, client }) => {
  await assert.rejects(client.publish({ topic: 'a', value: { text: 'too early' } }), /not connected/);
  const peer = await server.welcome();
  await client.ready;
  const publishing = client.publish([
    { topic: 'a', value: { trade: { price: '39432.480', size: '0.000263', side: 'sell' } }, source_time_ns: 5n },
    { topic: 'b', value: { bytes: new Uint8Array([0, 255]) } },
  ]);
  const { id, updates } = await peer.next();
  assert.equal(updates[0].value.trade.price, '39432.480');
  assert.equal(updates[0].source_time_ns, 5n);
  assert.deepEqual(updates[1].value.bytes, new Uint8Array([0, 255]));
  peer.send({ type: 'published', id, position: 4711 });
  assert.equal(await publishing, 4711);

  const refused = client.publish({ topic: 'a/+', value: { text: '' } });
  peer.send({ type: 'error', id: (await peer.next()).id, code: 300, reason: 'bad topic', temporary: false });
  await assert.rejects(refused, { name: 'ServerError', code: 300 });

  const refusal = event(client, 'error');
  await client.publish({ topic: 'a', value: { text: '' } }, { ack: false });
  assert.equal((await peer.next()).id, undefined);
  peer.send({ type: 'error', code: 301, reason: 'not allowed', temporary: false });
  assert.equal((await refusal).code, 301);

  await assert.rejects(client.publish({ topic: 'a', value: { trade: { price: 1.5, size: '1' } } }), /not a decimal/);
  const lost = client.publish({ topic: 'a', value: { text: '' } });
  await peer.next();
  peer.terminate();
  await assert.rejects(lost, /connection ended/);
});

script('frames of the wrong kind and malformed messages close the client', async ({ server, client, encoding }) => {
  const closed = event(client, 'close');
  const peer = await server.welcome();
  peer.sendRaw(encoding === 'json' ? new Uint8Array([9]) : '{"type":"draining","reconnect_within_ms":1}');
  assert.equal((await closed).code, 4999);
  assert.equal((await peer.closed).code, 4999);
});

script('statuses arrive in order with the batches, and all topics are live on a new connection', async ({ server, client }) => {
  const subscription = client.subscribe('a/#', { mode: 'every' });
  const steps = subscription[Symbol.asyncIterator]();
  const peer = await server.welcome();
  await grant(peer);
  const since_ns = 1_610_064_000_278_450_001n;
  const status = (topic, id, status) => ({ type: 'status', channel: 1, topics: [{ id, topic }], statuses: [{ topic, status, since_ns }] });
  peer.send(batch(100, 101, [101]));
  peer.send(status('a/b', 5, 'stale'));
  peer.send(status('a/c', 6, 'dead'));
  peer.send(status('a/b', 5, 'live'));
  assert.equal((await take(steps)).type, 'batch');
  assert.deepEqual(await take(steps), { type: 'status', topics: [{ id: 5, topic: 'a/b' }], statuses: [{ topic: 'a/b', status: 'stale', since_ns }] });
  assert.deepEqual(await take(steps), { type: 'status', topics: [{ id: 6, topic: 'a/c' }], statuses: [{ topic: 'a/c', status: 'dead', since_ns }] });
  assert.equal((await take(steps)).statuses[0].status, 'live');
  assert.equal(subscription.statusOf('a/b'), 'live');
  assert.equal(subscription.statusOf('a/c'), 'dead');
  assert.equal(subscription.token.position, 101);

  peer.terminate();
  const again = await server.welcome();
  await grant(again, { position: 101, count: 11, start: 'resumed' });
  assert.deepEqual(await take(steps), { type: 'status', statuses: [{ topic: 'a/c', status: 'live' }] });
  assert.equal(subscription.statusOf('a/c'), 'live');
  assert.equal(client.stats.violations, 0);
});

script('history resolves with the updates that the server holds or rejects', async ({ server, client }) => {
  const peer = await server.welcome();
  await client.ready;
  const answer = client.history('a/b', { limit: 2, before: 50 });
  const request = await peer.next();
  assert.deepEqual(request, { type: 'history', id: request.id, topic: 'a/b', limit: 2, before: 50 });
  const updates = [update(30), update(40)];
  peer.send({ type: 'history', id: request.id, topics: [{ id: 5, topic: 'a/b', unit: 'V' }], updates, more: true });
  assert.deepEqual(await answer, { updates, more: true, unit: 'V' });

  const refused = client.history('a/b');
  const { id } = await peer.next();
  peer.send({ type: 'error', id, code: 304, reason: 'no history kept', temporary: false });
  await assert.rejects(refused, { code: 304 });
});

script('candles and rows resolve with what the server holds, and reject', async ({ server, client }) => {
  const peer = await server.welcome();
  await client.ready;
  const answer = client.candles('a/b', '5m', { limit: 2, from_ns: 300n, before_ns: 900n });
  const request = await peer.next();
  const { id } = request;
  assert.deepEqual(request, { type: 'candles', id, topic: 'a/b', interval: '5m', limit: 2, from_ns: 300n, before_ns: 900n });
  const row = { start_ns: 600n, state: 'open', first: 1, max: 2, min: 0.5, last: 1.5, sum: 5, count: 4 };
  const topics = [{ id: 5, topic: 'a/b', unit: 'V' }];
  peer.send({ type: 'candles', id, topics, interval: '5m', position: 70, candles: [], rows: [row], more: true });
  assert.deepEqual(await answer, { position: 70, candles: [], rows: [row], more: true, unit: 'V' });

  const refused = client.candles('a/b', '1d');
  const { id: other } = await peer.next();
  peer.send({ type: 'error', id: other, code: 304, reason: 'no history kept', temporary: false });
  await assert.rejects(refused, { code: 304 });
  await assert.rejects(client.candles('a/b', '2m'), { name: /Error/ });
});

test('a topic id without an introduction causes a reset', async () => {
  const server = await ScriptedServer.start();
  const client = new Client(server.url, { WebSocket, random: () => 0 });
  try {
    const steps = client.subscribe('a/#', { mode: 'every' })[Symbol.asyncIterator]();
    const peer = await server.welcome();
    await grant(peer);
    // Channel 1, from 100 to 101, live, no topics, one update of topic 6 at 101 with seq 1: a
    // reading.
    peer.sendRaw(new Uint8Array([2, 1, 100, 101, 0, 0, 1, 6, 101, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]));
    assert.equal((await peer.next()).type, 'unsubscribe');
    const { filters } = await grant(peer, { channel: 2, snapshot: 0 });
    assert.deepEqual(filters, [{ filter: 'a/#' }]);
    assert.deepEqual(await take(steps), { type: 'reset', reason: 'unknown_topic' });
  } finally {
    client.close();
    server.stop();
  }
});

test('in bincode a token is used only together with the topics of its epoch', async () => {
  const server = await ScriptedServer.start();
  const resume = { epoch: EPOCH, position: 100, count: 10 };
  const check = async (options, expected) => {
    const client = new Client(server.url, { WebSocket, ...options });
    client.subscribe('a/#', { mode: 'every', resume });
    const { filters } = await (await server.welcome()).next();
    assert.deepEqual(filters[0].resume, expected);
    client.close();
  };
  try {
    await check({ encoding: 'json' }, resume);
    await check({ encoding: 'bincode' }, undefined);
    await check({ encoding: 'bincode', topics: { epoch: OTHER_EPOCH, topics: [] } }, undefined);
    await check({ encoding: 'bincode', topics: { epoch: EPOCH, topics: [{ id: 5, topic: 'a/b' }] } }, resume);
  } finally {
    server.stop();
  }
});
