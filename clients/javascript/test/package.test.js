// The package as npm would publish it.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';

const ROOT = new URL('../', import.meta.url);

/** Largest size of the sources of the client together, compressed: what a page loads. */
const SOURCES_MAX_BYTES = 27 * 1024;

const read = (path) => readFileSync(new URL(path, ROOT), 'utf8');
const npm = (...args) => promisify(execFile)('npm', args, { cwd: fileURLToPath(ROOT) });

const sources = ['index.js', ...readdirSync(new URL('src/', ROOT), { recursive: true }).map((path) => `src/${path}`)].filter((path) => path.endsWith('.js'));

test('the package has the client, its types, its licences and nothing else', async () => {
  const { stdout } = await npm('pack', '--dry-run', '--json', '--offline');
  const [{ files }] = Object.values(JSON.parse(stdout));
  const expected = [...sources, 'LICENSE-APACHE', 'LICENSE-MIT', 'README.md', 'index.d.ts', 'package.json'];
  assert.deepEqual(files.map(({ path }) => path).toSorted(), expected.toSorted());
});

test('the licences are those of the project', () => {
  for (const name of ['LICENSE-APACHE', 'LICENSE-MIT']) assert.equal(read(name), read(`../../${name}`));
});

test('the package cannot be published by accident', () => {
  // npm refuses to publish a private package. Its dry run does not check that.
  assert.equal(JSON.parse(read('package.json')).private, true);
});

test('the client stays small', () => {
  const size = gzipSync(sources.map(read).join('\n'), { level: 9 }).length;
  assert.ok(size <= SOURCES_MAX_BYTES, `${size} bytes`);
});

test('the client imports nothing but itself', () => {
  for (const path of sources) {
    for (const [, from] of read(path).matchAll(/\bfrom '([^']+)'/g)) assert.match(from, /^\.\.?\//, path);
  }
});
