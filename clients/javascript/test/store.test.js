// The data of the overview page, without a document.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GapList } from '../page/overview/gap-list.js';
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

test('a historical value is counted, and replaces neither the newest value nor a point', () => {
  const store = new Store();
  add(store, update(1, 0, 10), { ...update(2, 1, 99), quality: 'historical' });
  const row = store.get('a/b');
  assert.deepEqual([row.number, row.seq, row.values, row.quality], [10, 2, [10], 'live']);
  add(store, update(3, 2, 11));
  assert.deepEqual([row.number, row.values], [11, [10, 11]]);
  const past = [{ ...update(-1, -2, 98), quality: 'historical' }, update(0, -1, 9)];
  store.addHistory('a/b', past);
  assert.deepEqual(row.values, [9, 10, 11]);
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

const batch = (snapshot, ...times_ms) => ({ snapshot, updates: times_ms.map((ms) => ({ ingest_time_ns: BigInt(ms) * 1_000_000n })) });

test('a gap of lost updates lies between the live updates before and after it', () => {
  const list = new GapList();
  list.batchArrived(batch(false, 800, 900), 1_000);
  // The page was busy: it learns of the gap long after the last update.
  list.open(9_000, 'gap · 7 lost', 7);
  assert.deepEqual(list.gaps, [{ from: 900, to: null, text: 'gap · 7 lost', lost: 7 }]);
  list.batchArrived(batch(true, 400), 9_001);
  list.batchArrived(batch(true), 9_002);
  list.batchArrived(batch(false, 8_500, 8_600), 9_003);
  list.batchArrived(batch(false, 8_700), 9_004);
  assert.equal(list.gaps[0].to, 8_500);
  // Without a live update the gap ends when the page learned of it.
  list.open(20_000, 'gap · 7 lost', 7);
  list.batchArrived(batch(true, 8_700), 20_001);
  assert.deepEqual([list.gaps[1].from, list.gaps[1].to], [8_700, 20_000]);
  list.batchArrived(batch(false, 60_000), 60_001);
  assert.equal(list.gaps[1].to, 20_000);
});

test('a gap without a connection lasts until a batch arrives, and lost updates add their number', () => {
  const list = new GapList();
  list.batchArrived(batch(false, 900), 1_000);
  list.open(2_000, 'not connected');
  list.open(2_500, 'not connected');
  list.batchArrived(batch(false, 1_900), 5_000);
  list.open(6_000, 'not connected');
  list.open(7_000, 'gap · some lost', null);
  list.batchArrived(batch(true), 7_001);
  assert.deepEqual(list.gaps, [
    { from: 2_000, to: 5_000, text: 'not connected', lost: undefined },
    { from: 6_000, to: 7_000, text: 'gap · some lost', lost: null },
  ]);
});
