// The data of the overview page, without a document.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { GapList } from '../page/overview/gap-list.js';
import { Latencies } from '../page/overview/latencies.js';
import { Store } from '../page/overview/store.js';

const NOW_MS = 1_610_064_000_000;
const at = (s) => BigInt(Math.round(NOW_MS + s * 1000)) * 1_000_000n;
const update = (position, s, reading = position) => ({
  topic: 'a/b', position, seq: position, ingest_time_ns: at(s), quality: 'live', value: { reading },
});
const add = (store, ...updates) => store.addBatch({ updates }, NOW_MS);

const valuesOf = ({ points }) => [...points.values.subarray(points.start, points.end)];

test('history is put in front of the known points, without duplicates', () => {
  const store = new Store();
  add(store, update(50, 5), update(51, 6));
  const row = store.get('a/b');
  assert.equal(row.hasAll, false);
  store.addHistory('a/b', [update(30, 3), update(40, 4), update(50, 5)], '5 /s from here');
  assert.deepEqual(valuesOf(row), [30, 40, 50, 51]);
  assert.equal(row.points.length, 4);
  const times = row.points.times.subarray(row.points.start, row.points.end);
  assert.ok(times.every((s, index) => index === 0 || times[index - 1] < s));
  assert.equal(row.oldest, 30);
  // The join lies where the live updates begin, also when more history comes.
  assert.deepEqual(row.join, { s: NOW_MS / 1000 + 5, text: '5 /s from here' });
  store.addHistory('a/b', [update(10, 1), update(20, 2)], '5 /s from here');
  assert.deepEqual(valuesOf(row), [10, 20, 30, 40, 50, 51]);
  assert.deepEqual(row.join, { s: NOW_MS / 1000 + 5, text: '5 /s from here' });
  assert.equal(store.points, 6);
  store.addHistory('unknown/topic', [update(1, 1)]);
});

test('a historical value is counted, and replaces neither the newest value nor a point', () => {
  const store = new Store();
  add(store, update(1, 0, 10), { ...update(2, 1, 99), quality: 'historical' });
  const row = store.get('a/b');
  assert.deepEqual([row.number, row.seq, valuesOf(row), row.quality], [10, 2, [10], 'live']);
  add(store, update(3, 2, 11));
  assert.deepEqual([row.number, valuesOf(row)], [11, [10, 11]]);
  const past = [{ ...update(-1, -2, 98), quality: 'historical' }, update(0, -1, 9)];
  store.addHistory('a/b', past);
  assert.deepEqual(valuesOf(row), [9, 10, 11]);
});

test('a word between numbers is one break, and words alone are no points', () => {
  const store = new Store();
  const word = (position, s) => ({ ...update(position, s), value: { text: 'off' } });
  add(store, word(1, 1), word(2, 2));
  const row = store.get('a/b');
  assert.equal(row.points.length, 0);
  add(store, update(3, 3), word(4, 4), word(5, 5), update(6, 6));
  assert.deepEqual(valuesOf(row), [3, NaN, 6]);
});

test('a topic with a chart keeps more points, and never more than its limit', () => {
  const store = new Store();
  const COUNT = 20_000;
  add(store, update(1, 0));
  const row = store.get('a/b');
  const fill = (from) => {
    for (let at = 0; at < COUNT; at++) add(store, update(from + at, (from + at) / 100));
    return row.points.length;
  };
  assert.ok(fill(2) <= 7_200);
  store.setCharted(row, true);
  assert.ok(fill(2 + COUNT) > COUNT);
  store.setCharted(row, false);
  assert.ok(fill(2 + 2 * COUNT) <= 7_200);
  assert.equal(store.points, row.points.length);
});

test('changes count from another moment on request', () => {
  const store = new Store();
  add(store, update(1, 1, 100), update(2, 2, 110));
  const row = store.get('a/b');
  assert.equal(row.change, 10);
  store.setReference('now');
  assert.equal(row.change, 0);
  add(store, update(3, 3, 121));
  assert.equal(row.change, 10);
});

test('a value that began near zero has no percentage once it has moved, and a price has one', () => {
  const store = new Store();
  const change = (topic, ...values) => {
    values.forEach((value, at) => add(store, { ...update(at + 1, at + 1), topic, value }));
    const row = store.get(topic);
    return [row.change, row.isBaseSmall];
  };
  const readings = (...numbers) => numbers.map((reading) => ({ reading }));
  assert.deepEqual(change('a', ...readings(0.25, 0.5)), [100, false]);
  assert.deepEqual(change('b', ...readings(0.004, 18.4, -20)), [null, true]);
  // It stays so when the value comes back, and a zero is as small as can be.
  assert.deepEqual(change('b', ...readings(0.004, 18.4, -20, 0.005)), [null, true]);
  assert.deepEqual(change('c', ...readings(0, 5)), [null, true]);
  assert.deepEqual(change('d', ...readings(-10, -12, 8)), [180, false]);
  const trades = (...prices) => prices.map((price) => ({ trade: { price, size: '1', side: null } }));
  assert.deepEqual(change('e', ...trades('0.25', '25')), [9900, false]);
  store.setReference('now');
  assert.equal(store.get('b').change, null);
});

test('small readings keep their digits, and rounding errors do not show', () => {
  const store = new Store();
  const text = (...readings) => {
    const topic = `lab/${readings}`;
    readings.forEach((reading, at) => add(store, { ...update(at + 1, at + 1, reading), topic }));
    return store.get(topic).text;
  };
  assert.equal(text(1.2e-7), '1.2e-7');
  assert.equal(text(1e-12), '1e-12');
  assert.equal(text(1e-12, 1.25e-12, 2e-12), '2.00e-12');
  assert.equal(text(0.1 + 0.2), '0.3');
  assert.equal(text(0.0005), '0.0005');
  assert.equal(text(20.1, 20.125, 20), '20.000');
  assert.equal(text(1234567.25), '1\u00a0234\u00a0567.25');
  assert.equal(text(0, 1e-9), '1e-9');
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

test('on a new connection a topic is live, unless the server says that it never was again', () => {
  const store = new Store();
  add(store, update(1, 0));
  const row = store.get('a/b');
  const stale = () => store.setStatuses([{ topic: 'a/b', status: 'stale', since_ns: at(-60) }]);
  const told = () => row.statuses.map(({ status }) => status);
  stale();
  store.connected(NOW_MS);
  assert.deepEqual([row.status, store.notLive, told()], ['live', 0, ['stale', 'live']]);
  stale();
  assert.deepEqual([row.status, store.notLive, told()], ['stale', 1, ['stale']]);
  store.setStatuses([{ topic: 'a/b', status: 'live', since_ns: at(0) }]);
  assert.deepEqual(told(), ['stale', 'live']);
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

test('a gap whose updates came after all is withdrawn, one of lost updates is not', () => {
  const list = new GapList();
  list.batchArrived(batch(false, 900), 1_000);
  list.open(2_000, 'not connected');
  const { version } = list;
  list.withdraw();
  assert.deepEqual(list.gaps, []);
  assert.notEqual(list.version, version);
  list.open(3_000, 'gap · 7 lost', 7);
  list.withdraw();
  assert.equal(list.gaps.length, 1);
});

test('a silent server is a gap from its last message to its next one', () => {
  const list = new GapList();
  list.openSilence(10_000);
  list.openSilence(10_000);
  assert.deepEqual(list.gaps, [{ from: 10_000, to: null, text: 'server silent', lost: undefined }]);
  list.closeSilence(17_000);
  assert.equal(list.gaps[0].to, 17_000);
  // The connection may end while the server is silent: that is the same gap.
  list.openSilence(30_000);
  list.open(41_000, 'not connected');
  assert.equal(list.gaps.length, 2);
});

const CLOCK = { offset_ns: 5_000_000_000n, round_trip_ns: 2_000_000n };
const ns = (ms) => BigInt(Math.round(ms * 1_000)) * 1_000n;

test('the latency leaves out the time for which the rate held a batch back', () => {
  const latencies = new Latencies();
  // The server's clock is 5 s ahead, the way takes 1 ms, and batches leave every 200 ms.
  const arrive = (left_ms, made_ms) => latencies.add(left_ms - 5_000 + 1, ns(made_ms), 200, CLOCK);
  arrive(10_000, 10_000);
  for (let at = 1; at <= 20; at++) arrive(10_000 + 200 * at, 10_000 + 200 * at - 150);
  const { p50, p99 } = latencies.quantiles(CLOCK);
  assert.ok(Math.abs(p50 - 1) < 0.01 && Math.abs(p99 - 1) < 0.01, `${p50} ${p99}`);
  // What is late for another reason counts.
  latencies.clear();
  arrive(10_000, 10_000);
  arrive(10_230, 10_100);
  assert.ok(Math.abs(latencies.quantiles(CLOCK).p99 - 31) < 0.01);
});

test('without a rate the latency is the age of the newest update', () => {
  const latencies = new Latencies();
  latencies.add(1_000, ns(6_000), 0, CLOCK);
  latencies.add(1_100, ns(6_060), 0, CLOCK);
  assert.ok(Math.abs(latencies.quantiles(CLOCK).p99 - 40) < 0.01);
});
