// The client against the real server.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { Server } from './support/server-process.js';
import { cuttable, faulty } from './support/faulty-wire.js';

const TIMEOUT_MS = 60_000;

function real(sentence, flags, run) {
  for (const encoding of ['json', 'bincode']) {
    test(`${sentence} (${encoding})`, { timeout: TIMEOUT_MS }, async () => {
      const clients = [];
      const servers = [];
      try {
        const start = async (port) => {
          const server = await Server.start(flags, port);
          servers.push(server);
          return server;
        };
        const server = await start();
        const connect = (url = server.url, options = {}) => {
          const client = new Client(url, { WebSocket, encoding, random: () => 0.1, ...options });
          clients.push(client);
          return client;
        };
        await run({ server, connect, start });
      } finally {
        for (const client of clients) client.close();
        for (const server of servers) await server.kill();
      }
    });
  }
}

const QUIET = ['--feed', 'none'];
const event = (target, name) => new Promise((resolve) => target.addEventListener(name, ({ detail }) => resolve(detail), { once: true }));

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10));
}

const VALUES = [
  { reading: -0.25 },
  { reading: Infinity },
  { trade: { price: '39432.480', size: '0.000263', side: 'sell' } },
  { trade: { price: '-0.50', size: '9223372036.854775807' } },
  { quote: { bid: '39432.47', ask: '39432.49', bid_size: '1.5' } },
  { text: 'zu, ≤ 1 °C' },
  { bytes: new Uint8Array([0, 127, 251, 255]) },
];

real('published values come back exactly as they were', QUIET, async ({ connect }) => {
  const client = connect();
  const subscription = client.subscribe('lab/#', { mode: 'every' });
  await subscription.ready;
  const position = await client.publish(VALUES.map((value, i) => ({ topic: 'lab/all', value, source_time_ns: BigInt(i) })));
  const updates = [];
  for await (const { type, updates: some } of subscription) {
    assert.equal(type, 'batch');
    updates.push(...some);
    if (updates.length === VALUES.length) break;
  }
  assert.deepEqual(updates.map(({ value }) => value), VALUES);
  assert.deepEqual(updates.map(({ seq }) => seq), VALUES.map((_, i) => i + 1));
  assert.deepEqual(updates.map(({ source_time_ns }) => source_time_ns), VALUES.map((_, i) => BigInt(i)));
  assert.equal(updates.at(-1).position, position);
});

real('a later subscriber gets the latest values first', QUIET, async ({ connect }) => {
  const client = connect();
  await client.ready;
  await client.publish(['1', '2', '3'].map((text) => ({ topic: 'lab/note', value: { text } })));
  for (const mode of ['every', 'latest']) {
    const steps = client.subscribe('lab/+', { mode })[Symbol.asyncIterator]();
    const { value } = await steps.next();
    assert.equal(value.snapshot, true);
    assert.deepEqual(value.updates.map(({ value, seq }) => [value.text, seq]), [['3', 3]]);
    await steps.return();
  }
});

real('bad filters, topics and rates are refused with their codes', [...QUIET, '--subscribe-allow', 'open/#', '--publish-allow', 'open/#'], async ({ connect }) => {
  const client = connect();
  await assert.rejects(client.subscribe('open/#/x').ready, { name: 'ServerError', code: 200 });
  await assert.rejects(client.subscribe('secret/#').ready, { code: 201 });
  await assert.rejects(client.subscribe('open/#', { max_rate_hz: -1 }).ready, { code: 204 });
  await assert.rejects(client.publish({ topic: 'open/+', value: { text: '' } }), { code: 300 });
  await assert.rejects(client.publish({ topic: 'secret/a', value: { text: '' } }), { code: 301 });
  const good = client.subscribe('open/#');
  await good.ready;
  assert.equal(good.status, 'live');
});

real('list and change return the state of the subscription', QUIET, async ({ connect }) => {
  const client = connect();
  const subscription = client.subscribe('lab/#', { max_rate_hz: 5 });
  const { mode, max_rate_hz } = await subscription.ready;
  assert.equal(mode, 'latest');
  assert.ok(max_rate_hz > 0);
  await client.publish({ topic: 'lab/a', value: { reading: 1 } });
  const granted = await subscription.change({ mode: 'every' });
  assert.equal(granted.mode, 'every');
  const [listed] = await client.list();
  assert.equal(listed.filter, 'lab/#');
  assert.equal(listed.mode, 'every');
  assert.equal(listed.topics, 1);
  const steps = subscription[Symbol.asyncIterator]();
  for (const text of ['x', 'y', 'z']) await client.publish({ topic: 'lab/b', value: { text } });
  const texts = [];
  while (texts.length < 3) {
    const { value } = await steps.next();
    texts.push(...value.updates.map((update) => update.value.text).filter((text) => text !== undefined));
  }
  assert.deepEqual(texts, ['x', 'y', 'z']);
  assert.equal(client.stats.violations, 0);
});

real("the client soon estimates the server's clock", QUIET, async ({ connect }) => {
  const client = connect();
  const { offset_ns, round_trip_ns } = await event(client, 'clock');
  assert.ok(round_trip_ns > 0n);
  // Both clocks are the same clock of this machine.
  assert.ok(offset_ns < 1_000_000_000n && offset_ns > -1_000_000_000n, String(offset_ns));
});

real('heartbeats keep a quiet connection alive', [...QUIET, '--heartbeat', '200ms'], async ({ connect }) => {
  const client = connect(undefined, { clockIntervalMs: 60_000 });
  const other = connect();
  await Promise.all([client.ready, other.ready]);
  client.subscribe('lab/quiet');
  const position = await other.publish({ topic: 'lab/loud', value: { text: '' } });
  await until(() => client.position === position);
  assert.equal(client.stats.connections, 1);
  assert.equal(client.stats.violations, 0);
});

/** Nothing was lost and nothing started again, according to the client. */
function assertNoLoss(client) {
  const { violations, gaps, resets, overflows } = client.stats;
  assert.deepEqual({ violations, gaps, resets, overflows }, { violations: 0, gaps: 0, resets: 0, overflows: 0 });
}

real('a connection that is cut 40 times loses nothing and repeats nothing', ['--sim-rate', '2000'], async ({ server, connect }) => {
  const wire = await cuttable(server.port);
  try {
    const client = connect(wire.url, { random: () => 0 });
    const seqs = new Map();
    let live = 0;
    const subscription = client.subscribe('market/#', { mode: 'every' }, ({ type, snapshot, updates }) => {
      assert.equal(type, 'batch');
      if (!snapshot) live += updates.length;
      for (const { topic, seq } of updates) {
        if (!snapshot && seqs.has(topic)) assert.equal(seq, seqs.get(topic) + 1, topic);
        seqs.set(topic, seq);
      }
    });
    await subscription.ready;
    const first = subscription.count - live;
    for (let cuts = 1; cuts <= 40; cuts++) {
      const before = live;
      await until(() => live > before + 50);
      wire.cut();
      await until(() => client.stats.connections > cuts);
    }
    const before = live;
    await until(() => live > before + 50);
    assert.equal(subscription.count - first, live);
    assertNoLoss(client);
  } finally {
    wire.close();
  }
});

/**
 * Faults at many offsets: in the handshake, the welcome, the answer, the snapshot and live batches.
 */
function allFaults() {
  const plan = [];
  for (let after = 0; after < 1_400; after += 61) {
    for (const how of ['cut', 'end', 'delay', 'slice']) plan.push({ how, after: after + plan.length % 4 });
    // Silence takes long to detect.
    if (plan.length % 20 === 0) plan.push({ how: 'stop', after });
  }
  return plan;
}

real('nothing is lost or repeated with any fault of the wire at any offset', [...QUIET, '--heartbeat', '300ms'], async ({ server, connect }) => {
  const plan = allFaults();
  const wire = await faulty(server.port, plan);
  const publisher = connect();
  await publisher.ready;
  // An update may be lost on its way to the server.
  const publish = () => void publisher.publish({ topic: 'n', value: { reading: 1 } }).catch(() => {});
  const publishing = setInterval(publish, 3);
  try {
    const client = connect(wire.url, { random: () => 0, connectTimeoutMs: 1_000 });
    let last;
    let live = 0;
    const subscription = client.subscribe('n', { mode: 'every' }, ({ type, snapshot, updates }) => {
      assert.equal(type, 'batch');
      for (const { seq } of updates) {
        if (snapshot) continue;
        live++;
        if (last !== undefined) assert.equal(seq, last + 1);
        last = seq;
      }
    });
    await subscription.ready;
    const first = subscription.count - live;
    await until(() => wire.faultsLeft() === 0);
    const before = live;
    await until(() => live > before + 50);
    assert.equal(subscription.count - first, live);
    assertNoLoss(client);
  } finally {
    clearInterval(publishing);
    wire.close();
  }
});

real('a gap counts exactly the updates that a client missed while it was away for too long', [...QUIET, '--tape', '1MiB'], async ({ server, connect }) => {
  const wire = await cuttable(server.port);
  try {
    const publisher = connect();
    await publisher.ready;
    const away = connect(wire.url, { random: () => 0 });
    let delivered = 0;
    const count = ({ type, snapshot, updates }) => {
      if (type === 'batch' && !snapshot) delivered += updates.length;
    };
    const subscription = away.subscribe('lab/#', { mode: 'every' }, count);
    await subscription.ready;
    await publisher.publish({ topic: 'lab/a', value: { text: 'first' } });
    await until(() => delivered === 1);
    wire.close();
    const text = 'x'.repeat(2_000);
    const ROUNDS = 60;
    const PER_ROUND = 25;
    for (let i = 0; i < ROUNDS; i++) {
      await publisher.publish(Array.from({ length: PER_ROUND }, () => ({ topic: 'lab/a', value: { text } })));
    }
    const token = subscription.token;
    away.close();

    const back = connect(undefined, { topics: away.topics });
    const resumed = back.subscribe('lab/#', { mode: 'every', resume: token }, count);
    await publisher.publish({ topic: 'lab/a', value: { text: 'last' } });
    await until(() => resumed.count === ROUNDS * PER_ROUND + 2);
    assert.equal(delivered + resumed.stats.lost, ROUNDS * PER_ROUND + 2);
    assert.ok(resumed.stats.lost > 0);
    assert.equal(resumed.stats.resets, 0);
    assert.equal(resumed.stats.violations, 0);
  } finally {
    wire.close();
  }
});

real('a restarted server causes a reset, and the subscription continues', QUIET, async ({ server, connect, start }) => {
  const client = connect();
  const subscription = client.subscribe('lab/#', { mode: 'every' });
  const steps = subscription[Symbol.asyncIterator]();
  await subscription.ready;
  await client.publish({ topic: 'lab/a', value: { text: 'before' } });
  assert.equal((await steps.next()).value.updates[0].value.text, 'before');
  const { epoch } = client.welcome;
  const waiting = event(client, 'status');
  await server.kill();
  assert.equal((await waiting).code, 1006);
  await start(server.port);
  assert.deepEqual((await steps.next()).value, { type: 'reset', reason: 'epoch_changed' });
  assert.notEqual(client.welcome.epoch, epoch);
  await client.publish({ topic: 'lab/b', value: { text: 'after' } });
  assert.equal((await steps.next()).value.updates[0].value.text, 'after');
  assert.equal(subscription.status, 'live');
});

real('a server announces its end, and the client reconnects to the next one', QUIET, async ({ server, connect, start }) => {
  const client = connect();
  await client.ready;
  const draining = event(client, 'draining');
  await server.stop();
  assert.ok((await draining).reconnect_within_ms >= 0);
  await start(server.port);
  await until(() => client.stats.connections === 2);
});

real('the server answers a close code', QUIET, async ({ connect }) => {
  const client = connect();
  await client.ready;
  const closed = event(client, 'close');
  client.close(4321, 'enough');
  const { code, wasClean } = await closed;
  assert.equal(code, 4321);
  assert.ok(wasClean);
});

real('a slow program gets every update', ['--sim-rate', '5000'], async ({ connect }) => {
  const client = connect();
  const subscription = client.subscribe('market/#', { mode: 'every', maxQueuedUpdates: 500 });
  const seqs = new Map();
  let live = 0;
  for await (const { type, snapshot, updates } of subscription) {
    assert.equal(type, 'batch');
    for (const { topic, seq } of updates) {
      if (!snapshot && seqs.has(topic)) assert.equal(seq, seqs.get(topic) + 1, topic);
      seqs.set(topic, seq);
    }
    if (!snapshot) live += updates.length;
    // From time to time so slow that the queue fills.
    if (subscription.queued < 250 && live < 5_000) await until(() => subscription.status === 'paused');
    if (live >= 5_000) break;
  }
  assert.ok(subscription.stats.overflows > 0);
  assert.equal(subscription.stats.violations, 0);
  assert.equal(subscription.stats.gaps, 0);
});
