// The data of the overview page, without a document.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Store } from '../page/overview/store.js';

const NOW_MS = 1_610_064_000_000;
const at = (s) => BigInt(NOW_MS / 1000 + s) * 1_000_000_000n;
const update = (position, s, reading = position) => ({
  topic: 'a/b', position, seq: position, ingest_time_ns: at(s), quality: 'live', value: { reading },
});
const add = (store, ...updates) => store.addBatch({ updates }, NOW_MS);

test('history is put in front of the known points, without duplicates', () => {
  const store = new Store();
  add(store, update(50, 5), update(51, 6));
  const row = store.get('a/b');
  assert.equal(row.hasHistory, false);
  store.addHistory('a/b', [update(30, 3), update(40, 4), update(50, 5)]);
  assert.deepEqual(row.values, [30, 40, 50, 51]);
  assert.equal(row.times.length, 4);
  assert.ok(row.times.every((s, index) => index === 0 || row.times[index - 1] < s));
  assert.equal(row.oldest, 30);
  store.addHistory('a/b', [update(10, 1), update(20, 2)]);
  assert.deepEqual(row.values, [10, 20, 30, 40, 50, 51]);
  assert.equal(store.points, 6);
  store.addHistory('unknown/topic', [update(1, 1)]);
});

test('the status of a topic may arrive before its first value', () => {
  const store = new Store();
  store.setStatuses([{ topic: 'a/b', status: 'dead', since_ns: at(-60) }]);
  assert.equal(store.notLive, 1);
  add(store, update(1, 0));
  const row = store.get('a/b');
  assert.deepEqual([row.status, row.since_ms], ['dead', NOW_MS - 60_000]);
  store.setStatuses([{ topic: 'a/b', status: 'live' }]);
  assert.deepEqual([row.status, row.since_ms, store.notLive], ['live', null, 0]);
});
