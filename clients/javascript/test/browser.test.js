// The package without a build step in Chromium, against the real server.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { open, serve } from './support/chromium.js';
import { Server } from './support/server-process.js';

const TIMEOUT_MS = 90_000;

test('Chromium runs the client in both encodings', { timeout: TIMEOUT_MS }, async () => {
  const site = await serve();
  const server = await Server.start(['--origins', site.origin]);
  const page = `${site.origin}/test/support/browser.html?server=${encodeURIComponent(server.url)}`;
  try {
    const expected = { bytes: '1,2,255', readyState: 1, violations: 0, code: 4321, wasClean: true, closedState: 3 };
    assert.deepEqual(await open(page, site.result), { json: expected, bincode: expected });
  } finally {
    await server.kill();
    site.close();
  }
});
