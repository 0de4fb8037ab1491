// A page of the package in Chromium.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const CHROMIUM = process.env.CHROMIUM ?? 'chromium';
const FOLDER = fileURLToPath(new URL('../..', import.meta.url));
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-port=0'];

/** Serves the files of the package. `result` resolves with the result of the page. */
export async function serve() {
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
  const close = () => {
    http.closeAllConnections();
    http.close();
  };
  return { result, origin: `http://127.0.0.1:${http.address().port}`, close };
}

/** Opens a page until `result` resolves. `prepare` gets the browser's home folder before. */
export async function open(page, result, prepare = async () => {}) {
  const home = await mkdtemp(join(tmpdir(), 'tickcast-chromium-'));
  await prepare(home);
  const env = { ...process.env, HOME: home };
  const chromium = spawn(CHROMIUM, [...FLAGS, `--user-data-dir=${join(home, 'profile')}`, page], { stdio: 'ignore', env });
  const ended = new Promise((_, reject) => {
    chromium.once('error', reject);
    chromium.once('exit', (code) => reject(new Error(`Chromium ended with ${code}`)));
  });
  const gone = once(chromium, 'close').catch(() => {});
  try {
    return await Promise.race([result, ended]);
  } finally {
    ended.catch(() => {});
    chromium.kill();
    await gone;
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
}
