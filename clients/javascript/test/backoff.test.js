import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Backoff, mayReconnect } from '../src/backoff.js';
import { Clock, now } from '../src/connection/clock.js';

test('the bound of the waits doubles from half a second to thirty seconds', () => {
  const backoff = new Backoff(() => 1);
  const waits = Array.from({ length: 9 }, () => backoff.next());
  assert.deepEqual(waits, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]);
  backoff.reset();
  assert.equal(backoff.next(), 500);
});

test('a wait is a random part of its bound', () => {
  const random = [0, 0.25, 0.999];
  const backoff = new Backoff(() => random.shift());
  assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [0, 250, 1_998]);
});

test('the close code decides whether to reconnect', () => {
  for (const code of [1001, 1005, 1006, 1011, 1012, 1013, 1014, 1015, 4000, 4001, 4499]) assert.ok(mayReconnect(code), code);
  for (const code of [1000, 1002, 1003, 1007, 1008, 1009, 1010, 1016, 3000, 3999, 4500, 4999]) {
    assert.ok(!mayReconnect(code), code);
  }
});

test('the clock uses the answer with the shortest round trip', () => {
  const clock = new Clock();
  assert.equal(clock.best, null);
  // The server is 1000 ahead. The first answer was slow on its way back, the second was fast.
  clock.add({ client_time_ns: 0n, receive_time_ns: 1_010n, send_time_ns: 1_020n }, 130n);
  assert.deepEqual(clock.best, { offset_ns: 950n, round_trip_ns: 120n });
  clock.add({ client_time_ns: 200n, receive_time_ns: 1_210n, send_time_ns: 1_220n }, 230n);
  assert.deepEqual(clock.best, { offset_ns: 1_000n, round_trip_ns: 20n });
  clock.add({ client_time_ns: 300n, receive_time_ns: 1_390n, send_time_ns: 1_390n }, 400n);
  assert.deepEqual(clock.best, { offset_ns: 1_000n, round_trip_ns: 20n });
});

test('the clock drops old answers, because clocks drift', () => {
  const clock = new Clock();
  clock.add({ client_time_ns: 0n, receive_time_ns: 0n, send_time_ns: 0n }, 0n);
  for (let i = 0; i < 8; i++) clock.add({ client_time_ns: 0n, receive_time_ns: 50n, send_time_ns: 50n }, 10n);
  assert.deepEqual(clock.best, { offset_ns: 45n, round_trip_ns: 10n });
});

test("this program's clock agrees with Date and never goes back", () => {
  const first = now();
  assert.ok(now() >= first);
  const difference_ms = Number(first / 1_000_000n) - Date.now();
  assert.ok(Math.abs(difference_ms) < 60_000, `${difference_ms} ms`);
});
