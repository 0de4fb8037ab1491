// docs/openapi.yaml against a running server: each path, and each status that it names.

import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import WebSocket from 'ws';

import { at, openapi, problems, text } from './support/descriptions.js';
import { Identities } from './support/identities.js';
import { Nats } from './support/nats.js';
import { Server } from './support/server-process.js';

const TIMEOUT_MS = 120_000;

/** Statuses that no test here brings about, and the test of the server that does. */
const ELSEWHERE = new Map([
  ['get /healthz 503', 'a task must fail: server/tests/programs/task_failures.rs'],
  ['get /socket.io/ 429', 'requests from this machine are not counted: server/tests/programs/limits.rs'],
  ['post /socket.io/ 429', 'requests from this machine are not counted: server/tests/programs/limits.rs'],
  ['get /v1/history 503', 'sixteen clients must read slowly: server/tests/programs/history_lines.rs'],
]);

const operations = Object.entries(openapi.paths).flatMap(([path, { parameters, ...methods }]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation, name: `${method} ${path}` })),
);
/** Requests of Socket.IO depend on each other, and have a test of their own. */
const isUsual = ({ path }) => path !== '/socket.io/';
const isShared = (path) => path.startsWith('/v1/') && path !== '/v1/cluster';
const isSocket = (path) => path === '/ws' || path === '/echo';

/** What makes a request of an operation right. */
const RIGHT = {
  '/ws': { headers: handshake() },
  '/echo': { headers: handshake() },
  '/socket.io/': { query: '?EIO=4&transport=polling' },
  '/v1/candles': { query: '?topic=market/BTC-USDT/trade&interval=1s' },
  '/v1/history': { query: '?topic=market/BTC-USDT/trade&limit=5' },
  '/v1/publish': { headers: { 'content-type': 'application/json' }, body: JSON.stringify({ topic: 'a', value: { reading: 1 } }) },
};

function handshake() {
  return {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
}

const seen = new Set();
const servers = {};
let nats;
const ROLES = '[roles.trader]\nsubscribe = ["#"]\npublish = ["#"]\n\n[roles.slow]\nsubscribe = ["#"]\npublish = ["#"]\nrequests_per_s = 1\n';
const identities = new Identities(ROLES);
const tokens = {
  trader: identities.list('tct_trader_trader_trader_trader', 'alice', 'trader'),
  slow: identities.list('tct_slow_slow_slow_slow_slow_slow', 'bob', 'slow'),
};
identities.write(ROLES);

before(async () => {
  const start = async (name, flags) => {
    servers[name] = await Server.start(flags);
  };
  nats = await Nats.start();
  await Promise.all([
    start('plain', ['--feed', 'simulated']),
    start('narrow', ['--feed', 'none', '--topics-max', '1', '--message-timeout', '300ms', '--subscribe-allow', 'a', '--publish-allow', 'a', '--publish-allow', 'b']),
    start('known', ['--feed', 'none', ...identities.flags]),
    start('node', ['--feed', 'none', '--cluster-servers', nats.url]),
    start('draining', ['--feed', 'none', '--drain', '60s']),
  ]);
});

after(async () => {
  for (const server of Object.values(servers)) await server.kill();
  await nats.kill();
  identities.remove();
});

/** Sends a request, and reads the answer, of a stream only the beginning. */
function send(server, path, { method = 'get', query = '', headers = {}, body, unfinished = false } = {}) {
  return new Promise((resolve, reject) => {
    const request = http.request({ host: '127.0.0.1', port: server.port, path: path + query, method: method.toUpperCase(), headers: { host: 'localhost', ...headers }, agent: false });
    request.on('error', reject);
    request.on('upgrade', (response, socket) => {
      socket.destroy();
      resolve({ status: response.statusCode, headers: response.headers, body: '' });
    });
    request.on('response', (response) => {
      const isStream = response.headers['content-type'] === 'text/event-stream';
      let read = '';
      const done = () => resolve({ status: response.statusCode, headers: response.headers, body: read });
      response.on('error', reject);
      response.on('end', done);
      response.on('data', (part) => {
        read += part;
        if (isStream) {
          done();
          request.destroy();
        }
      });
    });
    if (unfinished) request.write('{');
    else request.end(body);
  });
}

/** Sends the right request of an operation, changed, and compares the answer with the document. */
async function ask(server, { path, method, operation, name }, change = {}) {
  const right = RIGHT[path] ?? {};
  const answer = await send(servers[server], path, { method, ...right, ...change, headers: { ...right.headers, ...change.headers } });
  const { status } = answer;
  const named = operation.responses[status];
  assert.ok(named, `${name}: ${status} is not documented: ${answer.body}`);
  const response = named.$ref ? at(openapi, named.$ref) : named;
  for (const [header, { schema }] of Object.entries(response.headers ?? {})) {
    const value = answer.headers[header.toLowerCase()];
    if (value !== undefined && schema.$ref?.endsWith('/Position')) assert.match(value, /^\d+$/);
  }
  if (status === 401) assert.ok(answer.headers['www-authenticate'], name);
  if (status === 429) assert.match(answer.headers['retry-after'], /^\d+$/, name);
  if (response.content) {
    const [type] = answer.headers['content-type'].split(';');
    assert.ok(response.content[type], `${name}: ${type} is not documented`);
    const { schema } = response.content[type];
    if (type === 'application/json') {
      assert.equal(problems(`openapi.yaml${schema.$ref}`, JSON.parse(answer.body)), '', `${name}: ${answer.body}`);
    }
    assert.ok(answer.body.length > 0, `${name} ${status}`);
  }
  seen.add(`${name} ${status}`);
  return answer;
}

const bearer = (token) => ({ authorization: `Bearer ${token}` });

async function until(condition) {
  const limit = Date.now() + 60_000;
  while (!(await condition())) {
    assert.ok(Date.now() < limit, 'it takes too long');
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

test('the document is valid OpenAPI 3.1', async () => {
  const { valid, errors } = await new Validator().validate(structuredClone(openapi));
  assert.ok(valid, JSON.stringify(errors));
});

test('each path answers as the document says', { timeout: TIMEOUT_MS }, async () => {
  const trades = async () => (await send(servers.plain, '/v1/latest', { query: '?filter=market/BTC-USDT/trade' })).body.includes('"trade"');
  await until(trades);
  for (const each of operations.filter(isUsual)) {
    const server = { '/v1/ticket': 'known', '/v1/cluster': 'node' }[each.path] ?? 'plain';
    const answer = await ask(server, each, server === 'known' ? { headers: bearer(tokens.trader) } : {});
    assert.equal(answer.status, isSocket(each.path) ? 101 : 200, each.name);
    const other = await send(servers.plain, each.path, { method: each.method === 'get' ? 'post' : 'get' });
    assert.equal(other.status, 405, each.name);
    const options = await send(servers.plain, each.path, { method: 'options' });
    assert.ok(options.headers.allow.includes(each.method.toUpperCase()), each.name);
  }
  const [page] = operations;
  const html = await ask('plain', page, { headers: { accept: 'text/html' } });
  assert.match(html.headers['content-type'], /^text\/html/);
});

test('what is served at the paths of the descriptions are the files of docs', { timeout: TIMEOUT_MS }, async () => {
  for (const name of ['openapi.yaml', 'asyncapi.yaml']) {
    assert.equal((await send(servers.plain, `/${name}`)).body, text(name));
  }
});

test('each line of a history, and of each kind of value, is as the document says', { timeout: TIMEOUT_MS }, async () => {
  const [history, latest, publish, candles] = ['history', 'latest', 'publish', 'candles'].map((id) => operations.find(({ operation }) => operation.operationId === id));
  const answer = await ask('plain', history);
  const lines = answer.body.trim().split('\n').map((line) => JSON.parse(line));
  assert.equal(lines.length, 6);
  for (const line of lines) assert.equal(problems('openapi.yaml#/components/schemas/HistoryLine', line), '');
  assert.match((await ask('plain', history, { query: '?topic=market/BTC-USDT/trade&format=csv' })).headers['content-type'], /^text\/csv/);
  const values = [
    { reading: 'NaN' },
    { trade: { price: '39432.480', size: '-1' } },
    { quote: { ask: '25.3652', ask_size: '40.66' } },
    { text: 'zu, ≤ 1 °C' },
    { bytes: 'AH/7/w==' },
    { absent: 'unavailable' },
  ];
  const updates = values.map((value, index) => ({ topic: `kinds/${index}`, value, source_time_ns: '-1' }));
  const message = { id: 7, updates };
  assert.equal(problems('openapi.yaml#/components/schemas/Publish', message), '');
  assert.equal(JSON.parse((await ask('plain', publish, { body: JSON.stringify(message) })).body).count, values.length);
  const once = (number, updates) => ({ type: 'publish_once', publisher: '0dd504b1f00d0002', number, updates });
  for (const body of [once(1, []), once(2, updates), once(2, updates)]) {
    assert.equal(problems('openapi.yaml#/components/schemas/PublishOnce', body), '');
    assert.equal((await ask('plain', publish, { body: JSON.stringify(body) })).status, 200);
  }
  const back = JSON.parse((await ask('plain', latest, { query: '?filter=kinds/%23&filter=plant/%23' })).body);
  const kinds = back.updates.filter(({ topic }) => topic.startsWith('kinds/'));
  assert.deepEqual(kinds.map(({ value }) => value), values);
  const topic = back.updates.find(({ value, topic: name }) => value.reading !== undefined && name.startsWith('plant/')).topic;
  assert.ok(JSON.parse((await ask('plain', candles, { query: `?topic=${topic}&interval=1m` })).body).rows.length > 0);
});

test('each refusal is as the document says', { timeout: TIMEOUT_MS }, async () => {
  const foreign = { origin: 'https://evil.example' };
  for (const each of operations.filter(isUsual)) {
    const { path, name } = each;
    assert.equal((await ask('plain', each, { headers: { host: 'evil.example' } })).status, 421, name);
    if (!isShared(path) && !isSocket(path)) continue;
    assert.equal((await ask('plain', each, { headers: foreign })).status, 403, name);
    if (path !== '/echo') assert.equal((await ask('known', each, { headers: bearer('tct_wrong') })).status, 401, name);
    if (isSocket(path)) {
      assert.equal((await ask('plain', each, { headers: { 'sec-websocket-version': '12' } })).status, 400, name);
      assert.equal((await ask('plain', each, { headers: { connection: 'close', upgrade: 'no' } })).status, 426, name);
    } else if (path !== '/v1/ticket') {
      assert.equal((await ask('plain', each, { query: '?wrong=1' })).status, 400, name);
    }
    if (path === '/echo') continue;
    // The second request of a second is one too many.
    await until(async () => {
      const headers = bearer(tokens.slow);
      const both = [ask('known', each, { headers, query: RIGHT[path]?.query }), ask('known', each, { headers, query: RIGHT[path]?.query })];
      return (await Promise.all(both)).some(({ status }) => status === 429);
    });
  }
  const [publish, ticket, stream, cluster] = ['publish', 'ticket', 'stream', 'cluster'].map((id) => operations.find(({ operation }) => operation.operationId === id));
  assert.equal((await ask('plain', ticket)).status, 404);
  assert.equal((await ask('plain', cluster)).status, 404);
  assert.equal((await ask('narrow', stream, { query: '?filter=b' })).status, 403);
  const topic = (name) => JSON.stringify({ topic: name, value: { reading: 1 } });
  for (const [change, status] of [
    [{ body: topic('a') }, 200],
    [{ body: topic('b') }, 507],
    [{ body: topic('c') }, 403],
    [{ body: '{' }, 400],
    [{ body: JSON.stringify({ type: 'publish_once', publisher: '0dd504b1f00d0002', number: 2, updates: [] }) }, 409],
    [{ body: JSON.stringify({ topic: 'a', value: { text: 'x'.repeat(65_536) } }) }, 413],
    [{ headers: { 'content-type': 'text/plain' } }, 415],
    [{ unfinished: true }, 408],
  ]) {
    assert.equal((await ask('narrow', publish, change)).status, status);
  }
});

test('polls, packets and upgrades of Socket.IO are answered as the document says', { timeout: TIMEOUT_MS }, async () => {
  const [get, post] = operations.filter((each) => !isUsual(each));
  const polls = '?EIO=4&transport=polling';
  const sockets = '?EIO=4&transport=websocket';
  const begin = async () => {
    const { status, body } = await ask('plain', get);
    assert.equal(status, 200);
    const { sid } = JSON.parse(/^0(\{.*\})$/.exec(body)[1]);
    assert.equal(problems('openapi.yaml#/components/schemas/Session', sid), '');
    return `&sid=${sid}`;
  };
  const session = await begin();
  assert.equal((await ask('plain', post, { query: polls + session, body: '40' })).body, 'ok');
  assert.match((await ask('plain', get, { query: polls + session })).body, /^40\{"sid":/);
  for (const query of [sockets, sockets + session]) assert.equal((await ask('plain', get, { query, headers: handshake() })).status, 101);

  const code = async (operation, query) => {
    const { status, body } = await ask('plain', operation, { query });
    assert.equal(status, 400, query);
    return JSON.parse(body).code;
  };
  assert.equal(await code(get, ''), 0);
  assert.equal(await code(get, `${polls}&sid=${'0'.repeat(32)}`), 1);
  assert.equal(await code(post, polls), 2);
  assert.equal(await code(get, '?EIO=3&transport=polling'), 5);
  const packets = await begin();
  const many = { query: polls + packets, body: Array(513).fill('3').join('\u001e') };
  assert.equal(JSON.parse((await ask('plain', post, many)).body).code, 3);
  assert.equal((await ask('plain', post, { query: polls + packets, body: '4'.repeat(65_537) })).status, 413);
  const wrong = await ask('plain', get, { query: sockets, headers: { ...handshake(), 'sec-websocket-version': '12' } });
  assert.deepEqual([wrong.status, wrong.headers['content-type'].split(';')[0]], [400, 'text/plain']);
  assert.equal((await ask('plain', get, { query: sockets })).status, 426);
  for (const operation of [get, post]) {
    assert.equal((await ask('plain', operation, { headers: { host: 'evil.example' } })).status, 421);
    assert.equal((await ask('plain', operation, { headers: { origin: 'https://evil.example' } })).status, 403);
  }
  assert.equal((await send(servers.plain, '/socket.io/', { method: 'put', query: polls + packets })).status, 405);
  const options = await send(servers.plain, '/socket.io/', { method: 'options', query: polls });
  assert.equal(options.headers.allow, 'GET, POST, OPTIONS');
});

test('a server that drains answers as the document says', { timeout: TIMEOUT_MS }, async () => {
  const { draining } = servers;
  // They are closed one after the other, and the server answers until the last one is.
  const sockets = Array.from({ length: 8 }, () => new WebSocket(draining.url));
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.addEventListener('open', resolve, { once: true }))));
  const stopped = draining.stop();
  await until(async () => (await send(draining, '/readyz')).status === 503);
  for (const path of ['/readyz', '/ws', '/echo', '/socket.io/', '/v1/publish']) {
    const each = operations.find((operation) => operation.path === path);
    assert.equal((await ask('draining', each)).status, 503, path);
  }
  await draining.kill();
  await stopped;
});

test('each status that the document names has been seen', () => {
  const documented = operations.flatMap(({ name, operation }) => Object.keys(operation.responses).map((status) => `${name} ${status}`));
  const here = documented.filter((each) => !ELSEWHERE.has(each));
  assert.deepEqual(here.filter((each) => !seen.has(each)), []);
  for (const each of ELSEWHERE.keys()) assert.ok(documented.includes(each), each);
});
