// The rules for the files of this folder.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const FOLDER = fileURLToPath(new URL('..', import.meta.url));
const MAX_LINES = 500;
const MAX_MEDIAN_LINES = 200;
const COMMENT_COLUMNS = 100;

const read = (path) => readFileSync(join(FOLDER, path), 'utf8');
const filesIn = (folder) =>
  readdirSync(join(FOLDER, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, path, name }) => join(parentPath ?? path, name).slice(FOLDER.length));

const sources = ['index.js', ...filesIn('src'), ...filesIn('page').filter((path) => path.endsWith('.js'))];
const importsOf = (path) =>
  [...read(path).matchAll(/^(?:import|export)\b[^;]*? from '(\.[^']+)';/gm)].map(([, target]) => join(dirname(path), target));

test('no imports form a circle', () => {
  const done = new Set();
  const visit = (path, trail) => {
    assert.ok(!trail.includes(path), [...trail, path].join(' > '));
    if (done.has(path)) return;
    for (const target of importsOf(path)) visit(target, [...trail, path]);
    done.add(path);
  };
  for (const path of sources) visit(path, []);
  assert.equal(done.size, sources.length);
});

test('the client does not import the pages, and the pages do not import each other', () => {
  const allowed = {
    src: ['src'],
    'page/shared': ['page/shared'],
    'page/chart': ['page/chart', 'page/shared'],
    'page/candles': ['page/candles', 'src/wire/decimal.js'],
    'page/inspector': ['page/inspector', 'page/shared'],
    'page/overview': ['page/overview', 'page/candles', 'page/chart', 'page/inspector', 'page/shared', 'index.js'],
    'page/console': ['page/console', 'page/shared', 'src', 'index.js'],
  };
  for (const [folder, targets] of Object.entries(allowed)) {
    for (const path of sources.filter((source) => source.startsWith(`${folder}/`))) {
      for (const target of importsOf(path)) assert.ok(targets.some((prefix) => target.startsWith(prefix)), `${path} imports ${target}`);
    }
  }
});

test('the overview loads its modules at once, not one after the other', () => {
  const needed = new Set();
  const visit = (path) => {
    if (needed.has(path)) return;
    needed.add(path);
    for (const target of importsOf(path)) visit(target);
  };
  visit('page/overview/main.js');
  const named = [...read('page/index.html').matchAll(/(?:href|src)="assets\/([^"]+\.js)"/g)].map(([, path]) => path);
  assert.deepEqual(named.toSorted(), [...needed].toSorted());
});

test('the list of the pages has every file once', () => {
  const rows = read('page/README.md').matchAll(/^\| (`[^|]+`) \|/gm);
  const named = [...rows].flatMap(([, cell]) => {
    let folder = '';
    return [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => {
      const path = name.includes('/') ? name : `${folder}${name}`;
      folder = path.slice(0, path.lastIndexOf('/') + 1);
      return path;
    });
  });
  const files = filesIn('page').map((path) => path.slice('page/'.length)).filter((path) => /\.(js|html)$/.test(path));
  assert.deepEqual(named.filter((path) => /\.(js|html)$/.test(path)).toSorted(), files.toSorted());
});

test('files are short, and comments fit their width', () => {
  const lines = sources.map((path) => read(path).split('\n').length - 1).toSorted((a, b) => a - b);
  assert.ok(lines.at(-1) <= MAX_LINES, `largest file: ${lines.at(-1)} lines`);
  assert.ok(lines[lines.length >> 1] <= MAX_MEDIAN_LINES, `median file: ${lines[lines.length >> 1]} lines`);
  for (const path of [...sources, ...filesIn('test'), ...filesIn('bench')]) {
    for (const line of read(path).split('\n')) {
      if (/^\s*(\/\/|\*|\/\*)/.test(line)) assert.ok(line.length <= COMMENT_COLUMNS, `${path}: ${line}`);
    }
  }
});

test('only the fonts come from other authors', () => {
  const endings = ['.css', '.html', '.js', '.md', '.svg'];
  const own = filesIn('page').filter((path) => !path.startsWith('page/fonts/'));
  for (const path of own) {
    assert.ok(endings.some((ending) => path.endsWith(ending)), path);
    assert.doesNotMatch(read(path), /copyright|licen[cs]e|sourceMappingURL|https?:\/\/(?!www\.w3\.org)/i, path);
  }
  const fonts = filesIn('page/fonts').filter((path) => path.endsWith('.woff2'));
  for (const path of fonts) {
    const family = /\/(\w+)-/.exec(path)[1];
    assert.match(read(`page/fonts/${family}-OFL.txt`), /SIL OPEN FONT LICENSE/i);
  }
});
