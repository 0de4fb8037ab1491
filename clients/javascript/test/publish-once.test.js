// Publishes that are sent again: whatever happens to their answers, they are on the tape once.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout } from 'node:timers/promises';
import WebSocket from 'ws';

import { Client, ServerError, UncertainError } from '../index.js';
import { PUBLISHER_WINDOW } from '../src/connection/once-publishes.js';
import { faulty } from './support/faulty-wire.js';
import { ScriptedServer } from './support/scripted-server.js';
import { Server } from './support/server-process.js';

const TIMEOUT_MS = 60_000;
const QUIET = ['--feed', 'none'];

const reading = (number) => ({ topic: 'lab/a', value: { reading: number } });

/** Connections that end in the middle of the answers, at other places each. */
function cuts() {
  const plan = [];
  for (let after = 250; after < 1_300; after += 13) plan.push({ how: plan.length % 2 ? 'cut' : 'end', after });
  return plan;
}

for (const encoding of ['json', 'bincode']) {
  test(`answers that are cut off do not double anything (${encoding})`, { timeout: TIMEOUT_MS }, async () => {
    const server = await Server.start(QUIET);
    const wire = await faulty(server.port, cuts());
    const observer = new Client(server.url, { WebSocket, encoding });
    const updates = [];
    await observer.subscribe('lab/a', { mode: 'every' }, (event) => updates.push(...event.updates)).ready;
    const client = new Client(wire.url, { WebSocket, encoding, random: () => 0 });
    try {
      const positions = await Promise.all(Array.from({ length: 200 }, (_, number) => client.publishOnce(reading(number))));
      while (wire.faultsLeft() > 0) positions.push(await client.publishOnce([reading(positions.length)]));
      assert.ok(client.stats.connections > 20, `${client.stats.connections} connections`);
      while (updates.length < positions.length) await setTimeout(10);
      assert.deepEqual(updates.map(({ position }) => position), positions);
      assert.deepEqual(updates.map(({ value }) => value.reading), positions.map((_, number) => number));
    } finally {
      client.close();
      observer.close();
      wire.close();
      await server.kill();
    }
  });
}

test('what another server cannot know is uncertain and not doubled', { timeout: TIMEOUT_MS }, async () => {
  const scripted = await ScriptedServer.start();
  const server = await Server.start(QUIET);
  const client = new Client([scripted.url, server.url], { WebSocket, random: () => 0 });
  try {
    const publish = client.publishOnce(reading(1));
    const peer = await scripted.welcome();
    const first = await peer.next();
    assert.deepEqual([first.type, first.number, first.updates], ['publish_once', 1, []]);
    peer.send({ type: 'published', id: first.id, position: 100 });
    assert.equal((await peer.next()).number, 2);
    peer.terminate();
    await assert.rejects(publish, (error) => error instanceof UncertainError && error.cause.code === 305);
    assert.equal(await client.publishOnce(reading(2)), 1);
  } finally {
    client.close();
    scripted.stop();
    await server.kill();
  }
});

/** A client of a server that a test controls. */
function scripted(sentence, run) {
  test(sentence, { timeout: TIMEOUT_MS }, async () => {
    const server = await ScriptedServer.start();
    const client = new Client(server.url, { WebSocket, random: () => 0 });
    try {
      await run({ server, client });
    } finally {
      client.close();
      server.stop();
    }
  });
}

/** The server gets to know the publisher. */
async function know(peer) {
  const { id, publisher, number, updates } = await peer.next();
  assert.deepEqual([number, updates], [1, []]);
  peer.send({ type: 'published', id, position: 100 });
  return publisher;
}

const refuse = (peer, { id }, code, temporary) => peer.send({ type: 'error', id, code, reason: 'no', temporary, retry_after_ms: temporary ? 1 : undefined });

scripted('a refusal for now is repeated under the same number', async ({ server, client }) => {
  const publish = client.publishOnce(reading(1));
  const peer = await server.welcome();
  const first = await peer.next();
  refuse(peer, first, 401, true);
  assert.equal(await know(peer), first.publisher);
  const second = await peer.next();
  refuse(peer, second, 102, true);
  const third = await peer.next();
  assert.deepEqual({ ...third, id: second.id }, second);
  peer.send({ type: 'published', id: third.id, position: 101 });
  assert.equal(await publish, 101);
});

scripted('a publish that was sent once to a server that has forgotten is sent under another number', async ({ server, client }) => {
  const publish = client.publishOnce(reading(1));
  const peer = await server.welcome();
  const publisher = await know(peer);
  refuse(peer, await peer.next(), 305, false);
  assert.notEqual(await know(peer), publisher);
  const { id, number, updates } = await peer.next();
  assert.deepEqual([number, updates], [2, [reading(1)]]);
  peer.send({ type: 'published', id, position: 101 });
  assert.equal(await publish, 101);
});

scripted('a publish that is refused for good rejects', async ({ server, client }) => {
  const publish = client.publishOnce(reading(1));
  const peer = await server.welcome();
  await know(peer);
  refuse(peer, await peer.next(), 300, false);
  await assert.rejects(publish, (error) => error instanceof ServerError && error.code === 300);
});

scripted('as many are under way as the server can tell apart, a bounded number waits, and all are told at the end', async ({ server, client }) => {
  const publishes = Array.from({ length: 1_025 }, (_, number) => client.publishOnce(reading(number)));
  const settled = Promise.allSettled(publishes);
  await assert.rejects(publishes.at(-1), /too many publishes wait/);
  assert.equal(client.stats.refused_publishes, 1);
  const peer = await server.welcome();
  await know(peer);
  for (let number = 2; number < PUBLISHER_WINDOW + 2; number++) assert.equal((await peer.next()).number, number);
  client.close();
  const uncertain = (await settled).filter(({ reason }) => reason instanceof UncertainError);
  assert.equal(uncertain.length, PUBLISHER_WINDOW);
});

scripted('what waits is as it was when it was published, whatever the program does with it', async ({ server, client }) => {
  const update = { topic: 'lab/a', value: { reading: 1 }, source_time_ns: 5n };
  const updates = [update];
  const first = client.publishOnce(updates);
  update.value.reading = 2;
  updates.push(reading(3));
  const second = client.publishOnce(update);
  update.topic = 'lab/b';
  await assert.rejects(client.publishOnce({ topic: 'lab/a', value: { reading: '1' } }), /expected a number, got 1/);
  const peer = await server.welcome();
  await know(peer);
  const sent = [await peer.next(), await peer.next()];
  assert.deepEqual(sent.map((message) => message.updates), [1, 2].map((number) => [{ ...reading(number), source_time_ns: 5n }]));
  sent.forEach(({ id }, index) => peer.send({ type: 'published', id, position: 101 + index }));
  assert.deepEqual(await Promise.all([first, second]), [101, 102]);
});
