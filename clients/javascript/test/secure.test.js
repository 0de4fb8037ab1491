// Clients over TLS with an authority of one's own, against the real server.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { otherServer, secureListener, trustInBrowser } from './support/certificates.js';
import { open, serve } from './support/chromium.js';
import { Server } from './support/server-process.js';

const TIMEOUT_MS = 90_000;
const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('support/secure-client.js', import.meta.url));

let folder;
let ca;
let site;
let server;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tickcast-secure-'));
  const listener = await secureListener(folder);
  ca = listener.ca;
  site = await serve();
  server = await Server.start(['--config', listener.config, '--origins', site.origin]);
});
after(async () => {
  await server?.kill();
  site?.close();
  await rm(folder, { recursive: true, force: true });
});

/** Subscribes and publishes with a class of WebSocket. */
async function exchange(WebSocket, encoding) {
  const client = new Client(server.secureUrl, { WebSocket, encoding });
  try {
    await client.ready;
    await client.publish({ topic: 'lab/secure', value: { text: 'x'.repeat(40_000) } });
    for await (const { updates } of client.subscribe('#', { mode: 'every' })) {
      const found = updates.find(({ topic }) => topic === 'lab/secure');
      if (found) return found.value.text.length;
    }
  } finally {
    client.close();
  }
}

for (const encoding of ['json', 'bincode']) {
  test(`a class hands the authority to npm ws for one client (${encoding})`, { timeout: TIMEOUT_MS }, async () => {
    const authority = await readFile(ca);
    const Trusting = class extends WebSocket {
      constructor(url, protocols) {
        super(url, protocols, { ca: authority });
      }
    };
    assert.equal(await exchange(Trusting, encoding), 40_000);
  });
}

test('Node trusts the authority in NODE_EXTRA_CA_CERTS, and no unknown one', { timeout: TIMEOUT_MS }, async () => {
  const env = { ...process.env };
  delete env.NODE_EXTRA_CA_CERTS;
  const words = [PROGRAM, server.secureUrl];
  const { stdout } = await run(process.execPath, words, { env: { ...env, NODE_EXTRA_CA_CERTS: ca } });
  assert.equal(stdout, 'ready\n');
  const { stdout: refused } = await run(process.execPath, words, { env });
  assert.match(refused, /unable to verify|self.signed|unable to get/);
});

test('Node refuses a certificate of another name and one that has expired', { timeout: TIMEOUT_MS }, async () => {
  const env = { ...process.env, NODE_EXTRA_CA_CERTS: ca };
  for (const [name, days, expected] of [
    ['localhost', 2, /Unexpected server response|Parse Error/],
    ['other.example', 2, /does not match certificate's altnames/],
    ['localhost', -1, /certificate has expired/],
  ]) {
    const other = await otherServer(folder, name, days);
    try {
      const { stdout } = await run(process.execPath, [PROGRAM, other.url], { env });
      assert.match(stdout, expected);
    } finally {
      other.stop();
    }
  }
});

test('Chromium trusts the authority that its user has added', { timeout: TIMEOUT_MS }, async () => {
  const page = `${site.origin}/test/support/browser.html?server=${encodeURIComponent(server.secureUrl)}`;
  const expected = { bytes: '1,2,255', readyState: 1, violations: 0, code: 4321, wasClean: true, closedState: 3 };
  const result = await open(page, site.result, (home) => trustInBrowser(home, ca));
  assert.deepEqual(result, { json: expected, bincode: expected });
});

test('Chromium does not connect without the authority', { timeout: TIMEOUT_MS }, async () => {
  const refused = 'tickcast_handshakes_failed_total{reason="refused"}';
  const count = async () => {
    const metrics = await (await fetch(server.url.replace('ws:', 'http:').replace('/ws', '/metrics'))).text();
    const line = metrics.split('\n').find((text) => text.startsWith(refused));
    return Number(line?.split(' ').at(-1) ?? 0);
  };
  const before = await count();
  const seen = (async () => {
    while ((await count()) === before) await new Promise((resolve) => setTimeout(resolve, 100));
    return 'refused';
  })();
  assert.equal(await open(`https://localhost:${server.securePort}/`, seen), 'refused');
});
