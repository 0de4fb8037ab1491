import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Chain } from '../src/subscription/chain.js';
import { Lineage } from '../src/wire/lineage.js';
import { EPOCH } from './support/fakes.js';

const LINEAGE = new Lineage({ epoch: EPOCH });

const accepted = (fields = {}) => ({
  channel: 1, mode: 'every', epoch: EPOCH, position: 100, count: 10, start: 'fresh', ...fields,
});
const update = (position) => ({ topic: 'a', position });
const live = (from, to, ...positions) => ({ from, to, snapshot: false, updates: positions.map(update) });
const snapshot = (from, to, ...positions) => ({ from, to, snapshot: true, updates: positions.map(update) });

/** A chain after these steps. Each step must be allowed. */
function chain(result, ...steps) {
  const chain = new Chain();
  chain.accepted(result);
  for (const step of steps) {
    const kind = 'updates' in step ? 'Batch' : 'lost' in step ? 'Gap' : 'Changed';
    assert.equal(chain[`check${kind}`](step), null);
    chain[kind.toLowerCase()](step);
  }
  return chain;
}

test('a live batch continues at the end of the batch before and is counted', () => {
  const it = chain(accepted(), live(100, 104, 101, 104), live(104, 104), live(104, 110, 110));
  assert.deepEqual(it.token, { epoch: EPOCH, position: 110, count: 13 });
  assert.equal(it.checkHeartbeat(110), null);
});

test('a message that does not continue there proves a loss', () => {
  const it = chain(accepted(), live(100, 104, 101));
  const check = (batch) => assert.equal(typeof it.checkBatch(batch), 'string', JSON.stringify(batch));
  check(live(105, 106, 106));
  check(live(103, 106, 106));
  check(live(104, 103));
  check(live(104, 106, 104));
  check(live(104, 106, 107));
  check(live(104, 106, 106, 105));
  check(live(104, 106, 105, 105));
  check(snapshot(100, 104));
  // An empty snapshot is none.
  assert.equal(it.checkBatch(snapshot(104, 104)), null);
  assert.equal(typeof it.checkHeartbeat(105), 'string');
  assert.equal(typeof it.checkHeartbeat(103), 'string');
});

test('a snapshot has a chain of its own up to the position and counts nothing', () => {
  const it = chain(accepted({ snapshot: 0 }), snapshot(0, 40, 3, 40), snapshot(40, 100, 77));
  assert.deepEqual(it.token, { epoch: EPOCH, position: 100, count: 10 });
  assert.equal(it.checkBatch(live(100, 101, 101)), null);
});

test('a broken or incomplete snapshot proves a loss', () => {
  const it = chain(accepted({ snapshot: 0 }), snapshot(0, 40, 3));
  assert.deepEqual(it.token, { epoch: EPOCH, position: 100, count: 10, snapshot: 40 });
  assert.match(it.checkBatch(snapshot(50, 60)), /jumps/);
  assert.match(it.checkBatch(snapshot(40, 101)), /after the position/);
  assert.match(it.checkBatch(live(100, 101, 101)), /before the end of the snapshot/);
});

test('an announced snapshot comes before the first live batch, and an empty one needs no batch', () => {
  const it = chain(accepted({ position: 0, count: 0, snapshot: 0 }));
  assert.deepEqual(it.token, { epoch: EPOCH, position: 0, count: 0 });
  it.batch(snapshot(0, 0));
  assert.equal(it.checkBatch(live(0, 1, 1)), null);
  assert.match(chain(accepted({ snapshot: 0 })).checkBatch(live(100, 101, 101)), /before the end of the snapshot/);
});

test('after a change the snapshot ends at the new position', () => {
  const back = { mode: 'every', position: 90, count: 9 };
  const it = chain(accepted({ snapshot: 0 }), snapshot(0, 40, 3), back);
  assert.equal(typeof it.checkBatch(snapshot(40, 100)), 'string');
  it.batch(snapshot(40, 90, 50));
  assert.equal(it.checkBatch(live(90, 91, 91)), null);
  const short = chain(accepted({ snapshot: 0 }), snapshot(0, 95, 3), back);
  assert.deepEqual(short.token, { epoch: EPOCH, position: 90, count: 9 });
  assert.equal(short.checkBatch(live(90, 91, 91)), null);
});

test('a gap moves the position, counts the lost updates and announces a snapshot', () => {
  const gap = { from: 100, to: 900, lost: 7, snapshot: 100 };
  const it = chain(accepted(), gap);
  assert.deepEqual(it.token, { epoch: EPOCH, position: 900, count: 17, snapshot: 100 });
  it.batch(snapshot(100, 900, 800));
  assert.deepEqual(it.token, { epoch: EPOCH, position: 900, count: 17 });
});

test('a gap may interrupt a snapshot but not skip a part of it', () => {
  const it = chain(accepted({ snapshot: 0 }), snapshot(0, 40, 3));
  assert.equal(typeof it.checkGap({ from: 100, to: 900, lost: 7, snapshot: 100 }), 'string');
  assert.equal(typeof it.checkGap({ from: 99, to: 900, lost: 7, snapshot: 40 }), 'string');
  it.gap({ from: 100, to: 900, lost: 7, snapshot: 40 });
  assert.equal(it.checkBatch(snapshot(40, 900, 800)), null);
});

test('after a gap without a count the count is unknown', () => {
  const it = chain(accepted(), { from: 100, to: 900, lost: undefined, snapshot: 100 });
  assert.deepEqual(it.token, { epoch: EPOCH, position: 900, snapshot: 100 });
  it.batch(snapshot(100, 900));
  it.batch(live(900, 901, 901));
  assert.equal(it.count, undefined);
});

test('mode latest has neither count nor gap', () => {
  const it = chain(accepted({ mode: 'latest' }), live(100, 120, 119));
  assert.deepEqual(it.token, { epoch: EPOCH, position: 120 });
  assert.equal(typeof it.checkGap({ from: 120, to: 900, lost: 1, snapshot: 120 }), 'string');
});

test('a change sets position and count and never skips updates', () => {
  const it = chain(accepted({ mode: 'latest' }), live(100, 120, 119));
  assert.equal(typeof it.checkChanged({ mode: 'every', position: 121, count: 30 }), 'string');
  it.changed({ mode: 'every', position: 118, count: 30 });
  assert.deepEqual(it.token, { epoch: EPOCH, position: 118, count: 30 });
});

test('a resumed subscription must continue at its token', () => {
  const token = { epoch: EPOCH, position: 100, count: 10 };
  const check = (fields, allowed, of = token) => {
    assert.equal(Chain.checkResumed(accepted({ start: 'resumed', ...fields }), of, LINEAGE) === null, allowed, JSON.stringify(fields));
  };
  check({}, true);
  check({ position: 90 }, true);
  check({ position: 90, count: 8 }, true);
  check({ position: 101 }, false);
  check({ count: 11 }, false);
  check({ count: 11 }, true, { epoch: EPOCH, position: 100 });
  check({ mode: 'latest', count: 11 }, true);
  check({ epoch: '0000000000000001' }, false);
  check({ snapshot: 40 }, true, { ...token, snapshot: 40 });
  check({ snapshot: 41 }, false, { ...token, snapshot: 40 });
  check({ position: 40, count: 4 }, true, { ...token, snapshot: 40 });
  // The rest of the snapshot would be missing.
  check({}, false, { ...token, snapshot: 40 });
});
