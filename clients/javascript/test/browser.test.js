// The package without a build step in Chromium, against the real server.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

import { Server } from './support/server-process.js';

const CHROMIUM = process.env.CHROMIUM ?? 'chromium';
const TIMEOUT_MS = 90_000;
const FOLDER = fileURLToPath(new URL('..', import.meta.url));

/** Serves the files of the package. `result` resolves with the result of the page. */
async function serve() {
  let resolveResult;
  const result = new Promise((resolve) => {
    resolveResult = resolve;
  });
  const http = createServer(async (request, response) => {
    const path = normalize(new URL(request.url, 'http://localhost').pathname);
    if (path === '/result') {
      let body = '';
      for await (const chunk of request) body += chunk;
      response.end();
      return resolveResult(JSON.parse(body));
    }
    try {
      const content = await readFile(join(FOLDER, path));
      response.setHeader('content-type', path.endsWith('.html') ? 'text/html; charset=utf-8' : 'text/javascript');
      response.end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  http.listen(0, '127.0.0.1');
  await once(http, 'listening');
  return { http, result, origin: `http://127.0.0.1:${http.address().port}` };
}

test('Chromium runs the client in both encodings', { timeout: TIMEOUT_MS }, async () => {
  const { http, result, origin } = await serve();
  const server = await Server.start(['--origins', origin]);
  const profile = await mkdtemp(join(tmpdir(), 'tickcast-chromium-'));
  const page = `${origin}/test/support/browser.html?server=${encodeURIComponent(server.url)}`;
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-port=0', `--user-data-dir=${profile}`];
  const chromium = spawn(CHROMIUM, [...flags, page], { stdio: 'ignore' });
  const ended = new Promise((_, reject) => {
    chromium.once('error', reject);
    chromium.once('exit', (code) => reject(new Error(`Chromium ended with ${code}`)));
  });
  const gone = once(chromium, 'close').catch(() => {});
  try {
    const expected = { bytes: '1,2,255', readyState: 1, violations: 0, code: 4321, wasClean: true, closedState: 3 };
    assert.deepEqual(await Promise.race([result, ended]), { json: expected, bincode: expected });
  } finally {
    ended.catch(() => {});
    chromium.kill();
    await gone;
    await server.kill();
    http.closeAllConnections();
    http.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});
