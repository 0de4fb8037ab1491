// The examples of README.md run as they are, apart from the server's address.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';

import * as index from '../index.js';
import { Server } from './support/server-process.js';

const TIMEOUT_MS = 120_000;
const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const read = (file) => readFile(new URL(`../${file}`, import.meta.url), 'utf8');

/** Runs a program until its output matches. */
async function run(code, expected) {
  const program = spawn(process.execPath, ['--input-type=module', '--eval', code], { cwd: FOLDER });
  let output = '';
  let errors = '';
  program.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const exit = once(program, 'exit');
  for await (const chunk of program.stdout) {
    output += chunk;
    if (expected.test(output)) break;
  }
  program.kill();
  await exit;
  assert.match(output, expected, errors);
}

test('the examples of README.md run', { timeout: TIMEOUT_MS }, async () => {
  const server = await Server.start();
  const publisher = new index.Client(server.url, { WebSocket });
  try {
    const blocks = [...(await read('README.md')).matchAll(/```js\n([^]*?)```/g)].map(([, code]) => code.replace(/wss?:\/\/[^']+/g, server.url));
    assert.equal(blocks.length, 6);
    const [inBrowser, inNode, publish, publishOnce, history, candles] = blocks;
    const browser = "import Socket from 'ws';\nglobalThis.WebSocket = Socket;\n";
    const connect = `${browser}import { Client } from 'tickcast';\nconst client = new Client('${server.url}');\nawait client.ready;\n`;
    await run(browser + inBrowser, /^market\/\S+ \{ (trade|quote):/m);
    await publisher.ready;
    const home = setInterval(() => publisher.publish({ topic: 'home/door', value: { text: 'open' } }).catch(() => {}), 100);
    await run(inNode, /^home\/door \d+ \{ text: 'open' \}/m).finally(() => clearInterval(home));
    await run(`${connect}${publish}console.log(position > 0);`, /^true/m);
    await run(`${connect}${publishOnce}console.log(where > 0);`, /^true/m);
    await run(`${connect}${history}console.log(updates.at(-1).value);`, /^\{ reading: 0\.25 \}/m);
    await run(`${connect}${candles}console.log(rows.at(-1).max, candles.length, position > 0);`, /^0\.25 0 true/m);
  } finally {
    publisher.close();
    await server.kill();
  }
});

test('every export is declared', async () => {
  const declared = [...(await read('index.d.ts')).matchAll(/^export class (\w+)/gm)].map(([, name]) => name);
  assert.deepEqual(declared.toSorted(), Object.keys(index).toSorted());
});

test('every public property of a client, a subscription and an error is declared', async () => {
  const declarations = await read('index.d.ts');
  const client = new index.Client('ws://unused/ws', { WebSocket: class { close() {} } });
  const names = ({ prototype }) => Object.entries(Object.getOwnPropertyDescriptors(prototype)).map(([name]) => name);
  const bodyOf = (name) => new RegExp(`^export class ${name}\\b[^]*?^}`, 'm').exec(declarations)[0];
  const declares = (body, name) => new RegExp(`^  (static )?(readonly )?${name}\\b`, 'm').test(body);
  for (const name of [...names(index.Client), ...Object.keys(client)]) {
    assert.ok(declares(bodyOf('Client'), name), name);
  }
  client.close();
  // Its other methods are for the registry.
  const forPrograms = ['filter', 'mode', 'max_rate_hz', 'granted', 'status', 'ready', 'token', 'count', 'queued', 'stats', 'statusOf', 'change', 'close'];
  for (const name of forPrograms) assert.ok(declares(bodyOf('Subscription'), name), name);
});
