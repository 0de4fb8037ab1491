// The official client of Socket.IO, without special settings, against the real server.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once as emitted } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { io } from 'socket.io-client';

import { cuttable } from './support/faulty-wire.js';
import { Identities } from './support/identities.js';
import { Server } from './support/server-process.js';

const TIMEOUT_MS = 60_000;
const FOLDER = fileURLToPath(new URL('..', import.meta.url));
/** With two shards the polls of a client and its WebSocket come to different threads. */
const QUIET = ['--feed', 'none', '--shards', '2'];
/** Reconnects at once, so that the tests are short. */
const FAST = { reconnectionDelay: 5, reconnectionDelayMax: 20, randomizationFactor: 0, forceNew: true };

function real(sentence, flags, run) {
  test(sentence, { timeout: TIMEOUT_MS }, async () => {
    const sockets = [];
    const ends = [];
    try {
      const server = await Server.start(flags);
      ends.push(() => server.kill());
      const connect = (options = {}, port = server.port) => {
        const socket = io(`http://127.0.0.1:${port}`, { ...FAST, ...options });
        sockets.push(socket);
        return socket;
      };
      await run({ server, connect, ends });
    } finally {
      for (const socket of sockets) socket.close();
      for (const end of ends) await end();
    }
  });
}

const once = (socket, name) => new Promise((resolve) => socket.once(name, (...args) => resolve(args)));
const reading = (topic, value) => ({ topic, value: { reading: value } });

async function until(condition) {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** Checks that the batches of a subscription continue each other, and collects the updates. */
class Ledger {
  updates = [];
  gaps = [];
  #positions = new Map();
  #snapshots = new Map();

  constructor(socket) {
    socket.on('subscribed', ({ results }) => {
      // The numbers of channels are new on each connection.
      const before = new Map([...this.#positions.values()].map((one) => [one.filter, one]));
      for (const { filter } of results) this.#positions.delete(before.get(filter)?.channel);
      for (const { channel, filter, position, snapshot, start } of results) {
        if (start === 'resumed') assert.ok(position <= before.get(filter).position, `${filter} has a hole`);
        this.#positions.set(channel, { channel, filter, position });
        if (snapshot !== undefined && snapshot !== null) this.#snapshots.set(channel, snapshot);
      }
    });
    socket.on('batch', ({ channel, from, to, snapshot, updates }, offset) => {
      assert.equal(typeof offset, 'string');
      const at = this.#positions.get(channel);
      if (snapshot) {
        assert.equal(from, this.#snapshots.get(channel));
        if (to === at.position) this.#snapshots.delete(channel);
        else this.#snapshots.set(channel, to);
        return;
      }
      assert.equal(from, at.position, `${at.filter} has a hole`);
      at.position = to;
      this.updates.push(...updates);
    });
    socket.on('gap', (gap, offset) => {
      assert.equal(typeof offset, 'string');
      const at = this.#positions.get(gap.channel);
      assert.equal(gap.from, at.position);
      at.position = gap.to;
      this.#snapshots.set(gap.channel, gap.snapshot);
      this.gaps.push(gap);
    });
  }

  /** The sequence numbers of a topic, in the order in which they came. */
  seqs(topic) {
    return this.updates.filter((update) => update.topic === topic).map(({ seq }) => seq);
  }
}

for (const [name, transports] of [
  ['polls and an upgrade', undefined],
  ['a WebSocket alone', ['websocket']],
  ['polls alone', ['polling']],
]) {
  real(`a client subscribes and publishes over ${name}`, QUIET, async ({ connect }) => {
    const socket = connect(transports && { transports });
    const [welcome] = await once(socket, 'welcome');
    assert.equal(welcome.type, 'welcome');
    assert.equal(socket.recovered, false);
    if (!transports) await until(() => socket.io.engine.transport.name === 'websocket');
    assert.equal(socket.io.engine.transport.name, transports?.[0] ?? 'websocket');
    const ledger = new Ledger(socket);
    const subscribed = await socket.emitWithAck('subscribe', { filter: 'lab/#', mode: 'every' });
    assert.equal(subscribed.results[0].start, 'fresh');
    const text = 'é'.repeat(20_000);
    const published = await socket.emitWithAck('publish', [reading('lab/a', 1.5), { topic: 'lab/b', value: { text } }]);
    assert.equal(published.type, 'published');
    await until(() => ledger.updates.length === 2);
    assert.deepEqual(ledger.updates.map(({ topic }) => topic), ['lab/a', 'lab/b']);
    assert.deepEqual(ledger.updates.map(({ value }) => value), [{ reading: 1.5 }, { text }]);
    assert.equal(ledger.updates[1].position, published.position);
    const { updates } = await socket.emitWithAck('history', { topic: 'lab/a' });
    assert.equal(updates[0].value.reading, 1.5);
    const ended = await socket.emitWithAck('unsubscribe', 'lab/#');
    assert.deepEqual(ended.channels, [subscribed.results[0].channel]);
    const refused = await socket.emitWithAck('subscribe', { filter: 'a/#/b' });
    assert.equal(refused.results[0].code, 200);
    const unreadable = await socket.emitWithAck('subscribe', { filters: 7 });
    assert.equal(unreadable.type, 'error');
    const error = once(socket, 'error');
    socket.emit('dance', {});
    const [unknown] = await error;
    assert.equal(unknown.code, 101);
    assert.equal('id' in unknown, false, 'a request without an acknowledgement has no id');
  });
}

real('requests without an acknowledgement are answered by events', QUIET, async ({ connect }) => {
  const socket = connect();
  const answered = once(socket, 'subscribed');
  socket.emit('subscribe', ['a', 'b/#']);
  const [{ results }, offset] = await answered;
  assert.deepEqual(results.map(({ filter, mode }) => [filter, mode]), [['a', 'latest'], ['b/#', 'latest']]);
  assert.match(offset, /~l~a,.*~l~b\/#$/);
});

for (const transports of [['polling', 'websocket'], ['websocket'], ['polling']]) {
  real(`a client that is cut 20 times under load recovers 20 times (${transports})`, QUIET, async ({ server, connect, ends }) => {
    const wire = await cuttable(server.port);
    ends.push(() => wire.close());
    const publisher = connect({ transports: ['websocket'] });
    await once(publisher, 'welcome');
    const socket = connect({ transports }, wire.port);
    const ledger = new Ledger(socket);
    await once(socket, 'welcome');
    const { results } = await socket.emitWithAck('subscribe', { filters: ['load/+', 'other'], mode: 'every' });
    assert.equal(results.length, 2);
    let sent = 0;
    let isOver = false;
    const publishing = (async () => {
      while (!isOver) {
        sent += 1;
        const updates = ['load/a', 'load/b', 'other'].map((topic) => reading(topic, sent));
        await publisher.emitWithAck('publish', updates);
      }
    })();
    let recovered = 0;
    for (let cut = 1; cut <= 20; cut++) {
      const count = ledger.updates.length;
      await until(() => ledger.updates.length > count + 20);
      const again = once(socket, 'connect');
      // The library stops its polls before an upgrade is done. If the WebSocket is cut then, it
      // notices that only by the pings that do not come, after 45 s.
      if (transports.includes('websocket')) await until(() => socket.io.engine.transport.name === 'websocket');
      // Between two polls there may be nothing to cut.
      while (socket.connected) {
        wire.cut();
        await setImmediate();
      }
      await again;
      if (socket.recovered) recovered += 1;
    }
    isOver = true;
    await publishing;
    await until(() => ledger.updates.length >= 3 * sent);
    assert.equal(recovered, 20);
    assert.deepEqual(ledger.gaps, []);
    const all = Array.from({ length: sent }, (_, i) => i + 1);
    for (const topic of ['load/a', 'load/b', 'other']) assert.deepEqual(ledger.seqs(topic), all);
  });
}

const folder = mkdtempSync(join(tmpdir(), 'tickcast-socketio-'));
after(() => rmSync(folder, { recursive: true }));
const SMALL_TAPE = [...QUIET, '--tape', '1MiB'];

for (const [sentence, flags, isKept] of [
  ['is told how much it has lost', SMALL_TAPE, false],
  ['recovers from the log on disk', [...SMALL_TAPE, '--data', folder], true],
]) {
  real(`a client that was away for longer than the tape ${sentence}`, flags, async ({ server, connect, ends }) => {
    const wire = await cuttable(server.port);
    ends.push(() => wire.close());
    const publisher = connect({ transports: ['websocket'] });
    await once(publisher, 'welcome');
    const socket = connect({ reconnection: false, transports: ['websocket'] }, wire.port);
    const ledger = new Ledger(socket);
    await once(socket, 'welcome');
    await socket.emitWithAck('subscribe', { filter: 'a', mode: 'every' });
    let sent = 0;
    const publish = async (updates) => {
      await publisher.emitWithAck('publish', updates);
      sent += updates.length;
    };
    await publish([reading('a', 1)]);
    // Twice, because it is as good a recovery when the first one came from the disk.
    for (let away = 1; away <= 2; away++) {
      await until(() => ledger.updates.at(-1)?.seq === sent);
      const gone = once(socket, 'disconnect');
      wire.cut();
      await gone;
      const text = 'x'.repeat(2_000);
      for (let part = 0; part < 100; part++) {
        await publish(Array.from({ length: 20 }, () => ({ topic: 'a', value: { text } })));
      }
      const again = once(socket, 'connect');
      socket.connect();
      await again;
      assert.equal(socket.recovered, isKept);
    }
    await until(() => ledger.updates.at(-1).seq === sent);
    const lost = ledger.gaps.reduce((sum, gap) => sum + gap.lost, 0);
    assert.equal(lost + ledger.updates.length, sent);
    assert.equal(lost === 0, isKept);
    if (isKept) assert.deepEqual(ledger.seqs('a'), Array.from({ length: sent }, (_, i) => i + 1));
  });
}

real('an offset of another server is no recovery', QUIET, async ({ server, connect }) => {
  const socket = connect();
  await once(socket, 'welcome');
  await socket.emitWithAck('subscribe', 'a');
  await server.kill();
  const next = await Server.start(QUIET, server.port);
  try {
    const [welcome] = await once(socket, 'welcome');
    assert.equal(welcome.type, 'welcome');
    assert.equal(socket.recovered, false);
    const { subscriptions } = await socket.emitWithAck('list');
    assert.deepEqual(subscriptions, []);
  } finally {
    await next.kill();
  }
});

for (const transports of [['polling'], ['websocket']]) {
  const closes = async (server, code) => {
    const metrics = await (await fetch(`http://127.0.0.1:${server.port}/metrics`)).text();
    return Number(new RegExp(`tickcast_closes_total\\{code="${code}"\\} (\\d+)`).exec(metrics)?.[1] ?? 0);
  };

  real(`each end is counted by its code (${transports[0]})`, QUIET, async ({ server, connect }) => {
    const leaving = connect({ transports });
    await once(leaving, 'welcome');
    leaving.disconnect();
    while ((await closes(server, 1000)) === 0) await setImmediate();
    const violating = connect({ transports, reconnection: false });
    await once(violating, 'welcome');
    const ended = once(violating, 'disconnect');
    violating.io.engine.send('9');
    const [reason, details] = await ended;
    assert.match(reason, /^transport (close|error)$/);
    if (transports[0] === 'websocket') assert.equal(details.context.code, 1002);
    while ((await closes(server, 1002)) === 0) await setImmediate();
    const drained = connect({ transports, reconnection: false });
    await once(drained, 'welcome');
    const draining = once(drained, 'draining');
    const closed = once(drained, 'disconnect');
    await Promise.all([server.stop(), draining]);
    const [, why] = await closed;
    if (transports[0] === 'websocket') assert.equal(why.context.code, 1012);
  });
}

real('a namespace other than the main one is refused and says so', QUIET, async ({ connect }) => {
  const main = connect();
  const other = main.io.socket('/admin');
  other.connect();
  const [error] = await once(other, 'connect_error');
  assert.match(error.message, /there is no namespace "\/admin"/);
  assert.equal((await main.emitWithAck('time', { client_time_ns: '1' })).type, 'time');
  other.close();
});

for (const transports of [['polling'], ['websocket']]) {
  real(`a page of another origin is refused (${transports[0]})`, QUIET, async ({ connect }) => {
    const socket = connect({ transports, extraHeaders: { origin: 'http://evil.example' }, reconnection: false });
    const [error] = await once(socket, 'connect_error');
    assert.ok(error instanceof Error);
    assert.equal(socket.connected, false);
  });
}

test('a token in auth decides what a client may do', { timeout: TIMEOUT_MS }, async () => {
  const identities = new Identities('[roles.viewer]\nsubscribe = ["open/#"]\n');
  const server = await Server.start([...QUIET, ...identities.flags]);
  const sockets = [];
  const connect = (auth, transports) => {
    const socket = io(`http://127.0.0.1:${server.port}`, { ...FAST, auth, transports, reconnection: false });
    sockets.push(socket);
    return socket;
  };
  try {
    for (const transports of [['polling', 'websocket'], ['websocket']]) {
      const [missing] = await once(connect({}, transports), 'connect_error');
      assert.match(missing.message, /needs a token/);
      assert.equal(missing.data.code, 500);
      const wrong = connect({ token: 'wrong' }, transports);
      const [refused] = await once(wrong, 'connect_error');
      assert.equal(refused.data.code, 501);
      // The program may try again on the same connection.
      wrong.auth = { token: identities.sign('ann', 'viewer', 60) };
      wrong.connect();
      await once(wrong, 'welcome');
      const { results } = await wrong.emitWithAck('subscribe', ['open/#', 'closed']);
      assert.equal(results[0].start, 'fresh');
      assert.equal(results[1].code, 201);
    }
  } finally {
    for (const socket of sockets) socket.close();
    await server.kill();
    identities.remove();
  }
});

test('the examples of docs/socketio.md run', { timeout: TIMEOUT_MS }, async () => {
  const text = await readFile(new URL('../../../docs/socketio.md', import.meta.url), 'utf8');
  const [subscribe, publish, ...others] = [...text.matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code);
  assert.equal(others.length, 0);
  const server = await Server.start();
  const run = async (code, expected) => {
    const program = spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd: FOLDER });
    let output = '';
    program.stderr.on('data', (chunk) => {
      output += chunk;
    });
    program.stdout.on('data', (chunk) => {
      output += chunk;
    });
    const exit = emitted(program, 'exit');
    await Promise.race([exit, until(() => expected.test(output))]);
    program.kill();
    await exit;
    assert.match(output, expected);
  };
  try {
    const example = subscribe.replace('http://127.0.0.1:7400', `http://127.0.0.1:${server.port}`);
    await run(example, /^market\/\S+\/trade [\d.]+$/m);
    await run(`${example}${publish}console.log('position', position > 0);`, /^position true$/m);
  } finally {
    await server.kill();
  }
});
