// Tokens that are renewed, narrowed, refused and missing, with the real server.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import WebSocket from 'ws';

import { Client, ForbiddenError, ServerError } from '../index.js';
import { Identities } from './support/identities.js';
import { Server } from './support/server-process.js';

const ROLES = '[roles.trader]\nsubscribe = ["eu/#"]\nhistory = ["eu/#"]\npublish = ["eu/#"]\n';
/** For every wait. */
const PATIENCE_MS = 60_000;

/** The next event of a name that passes a check. */
function next(target, name, check = () => true) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no ${name} in ${PATIENCE_MS} ms`)), PATIENCE_MS);
    target.addEventListener(name, function listen({ detail }) {
      if (!check(detail)) return;
      clearTimeout(timer);
      target.removeEventListener(name, listen);
      resolve(detail);
    });
  });
}

/** The tests. They wait most of the time, each with a server of its own, so they run together. */
const cases = [];

/** A test in both encodings. The source returns `newest.token`, or throws `newest.error`. */
function withServer(sentence, run) {
  for (const encoding of ['json', 'bincode']) {
    cases.push([`${sentence} (${encoding})`, async () => {
      const identities = new Identities(ROLES);
      const server = await Server.start([...identities.flags, '--feed', 'none']);
      const newest = { token: null, error: null };
      const clients = [];
      const connect = (token) => {
        newest.token = token;
        const source = async () => {
          if (newest.error) throw newest.error;
          return newest.token;
        };
        const client = new Client(server.url, { WebSocket, encoding, token: source });
        clients.push(client);
        return client;
      };
      try {
        await run({ identities, server, newest, connect });
        // No token is printed.
        assert.doesNotMatch(server.printed, /eyJ/);
      } finally {
        for (const client of clients) client.close();
        await server.kill();
        identities.remove();
      }
    }]);
  }
}

/** Subscribes, and returns a function that publishes a number and waits for it. */
async function follow(client, filter) {
  const numbers = new EventTarget();
  const seen = [];
  const subscription = client.subscribe(filter, { mode: 'every' }, (event) => {
    seen.push(event.type);
    if (event.type !== 'batch') return;
    for (const { value, position } of event.updates) numbers.dispatchEvent(new CustomEvent('number', { detail: { number: value.reading, position } }));
  });
  await subscription.ready;
  const publish = async (topic, number) => {
    const arrived = next(numbers, 'number', (detail) => detail.number === number);
    await client.publish({ topic, value: { reading: number } });
    return (await arrived).position;
  };
  return { subscription, publish, seen };
}

withServer('a token that expires is renewed on the connection, and the subscriptions stay', async ({ identities, newest, connect }) => {
  const client = connect(identities.sign('alice', 'trader', 20));
  const { subscription, publish, seen } = await follow(client, 'eu/#');
  const before = await publish('eu/de', 1);
  const problem = next(client, 'error');
  await next(client, 'expiring');
  // Nothing new yet: that is told, and asked again.
  assert.match((await problem).message, /no other one yet/);
  newest.token = identities.sign('alice', 'trader', 600, { aud: 'another' });
  const refused = await next(client, 'error', (error) => error instanceof ServerError);
  assert.deepEqual([refused.code, refused.message], [501, 'the token is for another audience']);
  newest.token = identities.sign('alice', 'trader', 600);
  const identity = await next(client, 'identity');
  assert.ok(identity.expires_ns > BigInt(Date.now() + 60_000) * 1_000_000n);
  assert.ok(await publish('eu/fr', 2) > before);
  assert.deepEqual([client.stats.connections, client.stats.resets, subscription.status], [1, 0, 'live']);
  assert.ok(seen.every((type) => type === 'batch'), seen.join());
});

withServer('after a token has expired, a client waits for another one, and resumes', async ({ identities, newest, connect }) => {
  const client = connect(identities.sign('alice', 'trader', 3));
  const { publish, seen } = await follow(client, 'eu/#');
  const before = await publish('eu/de', 1);
  const end = await next(client, 'status', ({ status }) => status === 'waiting');
  assert.equal(end.code, 4002);
  const waiting = await next(client, 'status', ({ status }) => status === 'waiting');
  assert.match(waiting.reason, /no other token yet/);
  newest.error = new Error('the login service is away');
  const told = next(client, 'error', ({ message }) => message === 'the login service is away');
  await next(client, 'status', ({ reason }) => reason === 'the login service is away; no other token yet');
  await told;
  newest.error = null;
  newest.token = identities.sign('alice', 'trader', 600);
  await next(client, 'status', ({ status }) => status === 'open');
  assert.ok(await publish('eu/de', 2) > before);
  assert.deepEqual([client.stats.connections, client.stats.resets], [2, 0]);
  assert.ok(!seen.includes('reset'), seen.join());
});

withServer('a token that allows less ends what it does not allow, with reason and position', async ({ identities, newest, connect }) => {
  const client = connect(identities.sign('alice', 'trader', 15));
  const wide = await follow(client, 'eu/fr');
  const narrow = await follow(client, 'eu/de');
  const position = await wide.publish('eu/fr', 1);
  const ended = next(wide.subscription, 'status', ({ status }) => status === 'closed');
  await next(client, 'expiring');
  newest.token = identities.sign('alice', 'trader', 600, { subscribe: ['eu/de'] });
  const { error } = await ended;
  assert.ok(error instanceof ForbiddenError);
  assert.equal(error.message, 'subscribing to "eu/fr" is not allowed for "alice" (role "trader"); allowed: "eu/de"');
  assert.ok(error.position >= position);
  assert.deepEqual(client.identity.subscribe, ['eu/de']);
  await narrow.publish('eu/de', 2);
  assert.deepEqual([narrow.subscription.status, client.stats.connections], ['live', 1]);
});

withServer('a refused token is told, and another one is taken without a new client', async ({ identities, newest, connect }) => {
  const client = connect(`${identities.sign('alice', 'trader', 600)}x`);
  const refused = await next(client, 'error');
  assert.deepEqual([refused.code, refused.message], [501, 'the token\'s signature is wrong']);
  newest.token = identities.sign('alice', 'trader', 600);
  await client.ready;
  assert.equal(client.identity.subject, 'alice');
});

describe('tokens', { concurrency: 4 }, () => {
  for (const [sentence, run] of cases) test(sentence, run);
});
