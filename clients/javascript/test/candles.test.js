// Candles and rows of the page, in random histories against a model of the server.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { intervalsOf } from '../page/candles/ask.js';
import { CANDLES_SHOWN, INTERVALS_S, candleInterval, longerThan, nameOf, rowInterval } from '../page/candles/intervals.js';
import { PastLoader } from '../page/candles/loader.js';
import { outageInterval, outagesOf } from '../page/candles/outages.js';
import { Past } from '../page/candles/past.js';
import { IntervalSeries } from '../page/candles/series.js';
import { added, ofCandle, ofRow, ofSample, sampleOf } from '../page/candles/sums.js';
import { Points } from '../page/chart/points.js';
import { awayOf, withOutages } from '../page/overview/told-gaps.js';

const START_S = 1_610_064_000;
const NS = 1_000_000_000n;

/** The same numbers in each run (Park and Miller). */
function random(seed) {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Hundredths as a decimal, with a digit more than it needs now and then. */
const decimal = (hundredths) => `${hundredths / 100n}.${String(hundredths % 100n).padStart(2, '0')}${hundredths % 3n === 0n ? '0' : ''}`;
const hundredths = (text) => BigInt(text.replace('.', '').padEnd(text.indexOf('.') + 3, '0').slice(0, text.indexOf('.') + 2));

/** A server that counts with integers. Its times are whole microseconds. */
class Model {
  updates = [];
  position = 0;
  now_us = BigInt(START_S) * 1_000_000n;
  /** By the interval: older ones are forgotten. */
  forgotten_s = {};
  #areTrades;

  constructor(areTrades) {
    this.#areTrades = areTrades;
  }

  get now_s() {
    return Number(this.now_us) / 1e6;
  }

  publish(next) {
    this.now_us += BigInt(Math.ceil(next() * 900_000));
    this.position += 1 + Math.floor(next() * 3);
    const [price, size] = [BigInt(Math.floor(next() * 400) + 100), BigInt(Math.floor(next() * 1_000))];
    const isText = next() < 0.05;
    const value = isText ? { text: 'x' } : this.#areTrades ? { trade: { price: decimal(price), size: decimal(size) } } : { reading: Number(price) / 4 };
    const quality = next() < 0.05 ? 'historical' : 'live';
    const update = { position: this.position, seq: this.updates.length + 1, ingest_time_ns: this.now_us * 1_000n, quality, value };
    const isCounted = !isText && quality === 'live';
    this.updates.push({ update, price, size, isCounted, s: Number(this.now_us) / 1e6 });
    return update;
  }

  /** The intervals as in a message, oldest first. */
  intervals(interval_s, before_s = Infinity) {
    const byStart = new Map();
    for (const each of this.updates) {
      const start_s = Math.floor(each.s / interval_s) * interval_s;
      if (!each.isCounted || start_s >= before_s || start_s < (this.forgotten_s[interval_s] ?? 0)) continue;
      if (!byStart.has(start_s)) byStart.set(start_s, []);
      byStart.get(start_s).push(each);
    }
    return [...byStart].map(([start_s, all]) => {
      const prices = all.map(({ price }) => price);
      const [high, low] = [prices.reduce((a, b) => (b > a ? b : a)), prices.reduce((a, b) => (b < a ? b : a))];
      const state = start_s + interval_s > this.now_s ? 'open' : 'complete';
      const common = { start_ns: BigInt(start_s) * NS, state, count: all.length };
      const [first, last] = [prices[0], prices.at(-1)];
      if (this.#areTrades) return { ...common, open: decimal(first), high: decimal(high), low: decimal(low), close: decimal(last), volume: decimal(all.reduce((sum, { size }) => sum + size, 0n)) };
      const quarter = (number) => Number(number) / 4;
      return { ...common, first: quarter(first), max: quarter(high), min: quarter(low), last: quarter(last), sum: quarter(prices.reduce((a, b) => a + b)) };
    });
  }

  /** The server may send fewer than are wanted. */
  answer(interval_s, { before_s, limit }, next) {
    const all = this.intervals(interval_s, before_s ?? Infinity);
    const count = next() < 0.2 ? Math.ceil(limit / 3) : limit;
    const list = all.slice(-count);
    return { position: this.position, intervals: list.map((each) => (this.#areTrades ? ofCandle : ofRow)(each, interval_s)), more: all.length > list.length };
  }
}

/** What must be equal, whatever digits a sum of decimals is written with. */
const comparable = ({ start_s, interval_s, open, high, low, close, volume, sum, count, prices }) => ({
  start_s, interval_s, open, high, low, close, sum, count, volume: volume === null ? null : hundredths(volume),
  prices: prices && Object.values(prices).map(hundredths),
});

test('in random histories no update is counted twice, and none is missing in the end', () => {
  let checked = 0;
  for (let seed = 1; seed <= 150; seed++) {
    const next = random(seed);
    const areTrades = seed % 2 === 0;
    let model = new Model(areTrades);
    let past = new Past('t');
    /** Live updates on their way, and the answer on its way. */
    let coming = [];
    let flying = null;
    let view = { interval_s: 1, from_s: START_S, to_s: START_S + 60 };
    for (let count = Math.floor(next() * 200); count > 0; count--) model.publish(next);
    past.follow(view.interval_s);
    past.begin();
    const look = () => past.look(view.interval_s, view.from_s, Math.max(view.to_s, view.from_s + 1), model.now_s);
    const deliver = (count) => coming.splice(0, count).forEach((update) => past.add(update));
    const act = [
      () => coming.push(model.publish(next)),
      () => deliver(Math.ceil(next() * 5)),
      () => {
        const { question } = look();
        if (question && !flying) flying = { question: { ...question, asked_s: model.now_s }, answer: null };
      },
      () => {
        if (flying) flying.answer ??= model.answer(flying.question.series.interval_s, flying.question, next);
      },
      () => {
        if (!flying?.answer) return;
        flying.question.series.take(flying.question, flying.answer);
        flying = null;
      },
      () => {
        const from_s = START_S - 30 + Math.floor(next() * (model.now_s - START_S + 60));
        view = { ...view, from_s, to_s: next() < 0.5 ? model.now_s + 5 : from_s + Math.ceil(next() * 100) };
      },
      () => {
        if (next() > 0.2) return;
        view.interval_s = [1, 5, 15, 60][Math.floor(next() * 4)];
        past.follow(view.interval_s);
      },
      () => {
        if (next() > 0.1) return;
        // A gap: what was on its way is lost.
        coming = [];
        past.begin();
      },
      () => {
        if (next() > 0.1) return;
        const forgotten_s = Math.floor(START_S + next() * (model.now_s - START_S));
        model.forgotten_s[1] = Math.max(forgotten_s, model.forgotten_s[1] ?? 0);
        model.forgotten_s[5] = Math.floor(model.forgotten_s[1] / 5) * 5 - 20;
      },
      () => {
        if (next() > 0.02) return;
        // Another epoch: nothing of before is known, and answers on their way are not for it.
        const now_us = model.now_us;
        model = Object.assign(new Model(areTrades), { now_us });
        coming = [];
        flying = null;
        past.clear();
        past.begin();
      },
      () => {
        // The page shows other topics for a while.
        if (next() > 0.05) return;
        past.end();
        coming = [];
        past.begin();
      },
    ];
    for (let step = 0; step < 400; step++) {
      act[Math.floor(next() * act.length)]();
      const { intervals } = look();
      intervals.forEach((each, at) => {
        const before = intervals[at - 1];
        assert.ok(!before || before.start_s + before.interval_s <= each.start_s, `seed ${seed}, step ${step}: ${before?.start_s} ${each.start_s}`);
      });
      if (step % 40 !== 39) continue;
      // Everything arrives, and what is in sight is asked for.
      deliver(Infinity);
      for (let asked = 0; ; asked++) {
        if (flying) {
          flying.question.series.take(flying.question, flying.answer ?? model.answer(flying.question.series.interval_s, flying.question, next));
          flying = null;
        }
        const { question } = look();
        if (!question) break;
        assert.ok(asked < 100, `seed ${seed}: it asks for ever ${JSON.stringify({ ...question, series: question.series.interval_s })}`);
        flying = { question: { ...question, asked_s: model.now_s }, answer: null };
      }
      const done = look();
      assert.deepEqual(done.missing.filter(({ from_s, to_s }) => to_s - from_s >= view.interval_s), [], `seed ${seed}`);
      for (const each of done.intervals) {
        const truth = model.intervals(each.interval_s).find(({ start_ns }) => Number(start_ns / NS) === each.start_s);
        // What is forgotten since the page has it is still right.
        if (!truth) continue;
        assert.deepEqual(comparable(each), comparable((areTrades ? ofCandle : ofRow)(truth, each.interval_s)), `seed ${seed}, step ${step}`);
        assert.notEqual(each.state, 'incomplete');
        checked += 1;
      }
      // From the first one in sight on, all updates are in one of them.
      const first_s = done.intervals[0]?.start_s ?? Infinity;
      const last = done.intervals.at(-1);
      const counted = done.intervals.reduce((sum, { count }) => sum + count, 0);
      const expected = model.updates.filter(({ s, isCounted }) => isCounted && s >= first_s && s < last.start_s + last.interval_s).length;
      assert.equal(counted, done.intervals.length === 0 ? 0 : expected, `seed ${seed}, step ${step}`);
    }
  }
  assert.ok(checked > 1_500, String(checked));
});

test('seconds add up to the minute, exactly', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const next = random(seed);
    const model = new Model(true);
    for (let count = 0; count < 400; count++) model.publish(next);
    const updates = model.updates.map(({ update }) => update);
    const seconds = intervalsOf(updates, 1);
    for (const minute of intervalsOf(updates, 60)) {
      const own = seconds.filter(({ start_s }) => start_s >= minute.start_s && start_s < minute.start_s + 60);
      const sum = own.reduce((total, { volume }) => total + hundredths(volume), 0n);
      assert.deepEqual([minute.open, minute.high, minute.low, minute.close, hundredths(minute.volume), minute.count], [
        own[0].open, Math.max(...own.map(({ high }) => high)), Math.min(...own.map(({ low }) => low)), own.at(-1).close, sum, own.reduce((total, { count }) => total + count, 0),
      ]);
    }
  }
});

test('a sum has every digit, and what no decimal holds is incomplete', () => {
  const trade = (price, size) => sampleOf({ value: { trade: { price, size } } });
  let sum = ofSample(0, 60, trade('0.1', '0.1'), 'open');
  for (let count = 0; count < 9; count++) sum = added(sum, trade('0.10000000000000001', '0.1'));
  assert.deepEqual([sum.volume, sum.count, sum.prices.high, sum.prices.low, sum.state], ['1.0', 10, '0.10000000000000001', '0.1', 'open']);
  sum = added(sum, trade('1', '900000000000000000'));
  sum = added(sum, trade('1', '0.01'));
  assert.deepEqual([sum.volume, sum.state, sum.count], [null, 'incomplete', 12]);
  for (const value of [{ text: '5' }, { absent: 'off' }, { reading: NaN }, { quote: { bid: '1' } }, { bytes: new Uint8Array(1) }]) assert.equal(sampleOf({ value }), null);
  assert.equal(sampleOf({ value: { reading: 1 }, quality: 'retained' }), null);
  assert.deepEqual(sampleOf({ value: { quote: { bid: '1.0', ask: '2.0' } } }), { number: 1.5 });
});

/** An answer of intervals that all have the same number. */
const answer = (starts_s, interval_s, { more = false, position = 0, state = 'complete' } = {}) => ({
  position, more, intervals: starts_s.map((start_s) => ofSample(start_s, interval_s, { number: 1 }, state)),
});
const range = (from, to, step = 1) => Array.from({ length: Math.max(Math.ceil((to - from) / step), 0) }, (_, at) => from + at * step);
const reading = (position, s, number = 1) => ({ position, seq: position, ingest_time_ns: BigInt(Math.round(s * 1e6)) * 1_000n, quality: 'live', value: { reading: number } });

test('the page keeps no more intervals than its limit, those in sight and the newest ones', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = random(seed);
    const series = new IntervalSeries(1, 1_000);
    const ask = (from_s, to_s, now_s) => {
      for (let asked = 0; ; asked++) {
        assert.ok(asked < 50);
        const question = series.question(from_s, to_s, now_s);
        if (!question) return;
        const before_s = question.before_s ?? now_s + 1;
        series.take({ ...question, generation: series.generation, asked_s: now_s }, answer(range(before_s - question.limit, before_s), 1, { more: true, position: now_s }));
      }
    };
    series.begin();
    let now_s = START_S;
    for (let step = 0; step < 60; step++) {
      now_s += 1;
      series.add(reading(now_s, now_s));
      const to_s = next() < 0.3 ? now_s : now_s - Math.floor(next() * 20_000);
      ask(to_s - 100, to_s, now_s);
      series.keepNear(to_s - 50);
      const kept = series.between(-Infinity, Infinity).length;
      assert.ok(kept <= 1_000, String(kept));
      assert.deepEqual(series.missing(to_s - 100, to_s), []);
      assert.deepEqual(series.between(to_s - 100, to_s).map(({ start_s }) => start_s), range(to_s - 100, to_s));
      assert.equal(series.isLive, true);
      assert.equal(series.between(now_s, now_s + 1).length, 1);
    }
  }
});

test('intervals are open until they are over, and incomplete after a gap or while the source is silent', () => {
  const series = new IntervalSeries(10);
  series.begin();
  const question = { ...series.question(START_S, START_S + 10, START_S + 5), generation: series.generation, asked_s: START_S + 5 };
  series.add(reading(7, START_S + 6));
  assert.equal(series.take(question, answer([START_S], 10, { position: 6, state: 'open' })), true);
  series.add(reading(8, START_S + 11));
  const states = () => series.between(-Infinity, Infinity).map(({ state, count }) => `${state} ${count}`);
  assert.deepEqual(states(), ['complete 2', 'open 1']);
  series.setStatus('stale', START_S + 15);
  assert.deepEqual(states(), ['complete 2', 'incomplete 1']);
  series.add(reading(9, START_S + 23));
  series.setStatus('live', START_S + 24);
  series.add(reading(10, START_S + 25));
  series.add(reading(11, START_S + 31));
  series.setStatus('dead', START_S + 55);
  assert.deepEqual(states(), ['complete 2', 'incomplete 1', 'incomplete 2', 'open 1']);
  // A clock that was set back changes nothing that is over.
  series.add(reading(12, START_S + 2));
  assert.deepEqual(states(), ['complete 2', 'incomplete 1', 'incomplete 2', 'open 2']);
  // An answer from before a gap is of no use.
  const late = { ...question, generation: series.generation };
  series.lost();
  assert.equal(series.take(late, answer([START_S], 10)), false);
  assert.equal(series.question(START_S, START_S + 60, START_S + 60).before_s, null);
});

test('an interval that was open when it was asked for is asked for again later', () => {
  const series = new IntervalSeries(60);
  const ask = (now_s, state) => {
    const question = { ...series.question(START_S - 120, START_S + 600, now_s), generation: series.generation, asked_s: now_s };
    series.take(question, answer(range(question.before_s - 60 * question.limit, question.before_s, 60), 60, { more: true, state }));
    return question;
  };
  assert.equal(ask(START_S + 30, 'open').before_s, START_S + 60);
  assert.equal(series.question(START_S - 120, START_S + 600, START_S + 80), null);
  assert.equal(ask(START_S + 200, 'complete').before_s, START_S + 240);
  assert.deepEqual(series.between(START_S - 60, START_S + 180).map(({ start_s, state }) => [start_s - START_S, state]), [[-60, 'complete'], [0, 'complete'], [60, 'complete'], [120, 'complete']]);
});

test('where an interval is kept too short, a longer one goes on, and the join is known', () => {
  const past = new Past('t');
  const now_s = START_S + 7_200;
  const keeps = { 1: START_S + 3_599, 60: START_S - 36_000, 900: START_S - 36_000, 14_400: START_S - 36_000, 86_400: START_S - 36_000 };
  let questions = 0;
  const look = (interval_s, from_s, to_s) => {
    for (;;) {
      const found = past.look(interval_s, from_s, to_s, now_s);
      if (!found.question) return found;
      questions += 1;
      assert.ok(questions < 40);
      const { series, before_s, limit } = found.question;
      const all = range(Math.floor(keeps[series.interval_s] / series.interval_s) * series.interval_s, before_s, series.interval_s);
      series.take({ ...found.question, asked_s: now_s }, answer(all.slice(-limit), series.interval_s, { more: all.length > limit }));
    }
  };
  const found = look(1, START_S + 3_000, START_S + 4_200);
  assert.deepEqual(found.joins, [{ s: START_S + 3_600, interval_s: 60 }]);
  assert.deepEqual(found.missing, []);
  assert.equal(found.oldest_s, null);
  const lengths = found.intervals.map(({ interval_s }) => interval_s);
  assert.deepEqual([lengths.filter((s) => s === 60).length, lengths.filter((s) => s === 1).length], [10, 600]);
  found.intervals.reduce((before, each) => (assert.equal(before.start_s + before.interval_s, each.start_s), each));
  // Nothing is older than the oldest of all, and that is known after a few questions.
  questions = 0;
  const oldest = look(60, START_S - 40_000, START_S - 20_000);
  assert.equal(oldest.oldest_s, START_S - 36_000);
  assert.deepEqual(oldest.joins, []);
  assert.ok(questions <= 4, String(questions));
});

test('the first interval of all is no loss, one that others come before is', () => {
  const past = new Past('a');
  const look = () => past.look(60, START_S, START_S + 600, START_S + 600);
  const { question } = look();
  const asked = { ...question, asked_s: START_S + 600 };
  const intervals = [120, 180, 300].map((at) => ofSample(START_S + at, 60, { number: 1 }, at === 180 ? 'complete' : 'incomplete'));
  question.series.take(asked, { position: 1, intervals, more: true });
  const states = () => look().intervals.map(({ state, isFirst }) => (isFirst ? 'first' : state));
  assert.deepEqual(states(), ['incomplete', 'complete', 'incomplete']);
  question.series.take({ ...asked, before_s: START_S + 120 }, { position: 1, intervals: [], more: false });
  assert.deepEqual(states(), ['first', 'complete', 'incomplete']);
});

test('a few questions are in flight, and what is out of sight is not asked any more', async () => {
  const asked = [];
  const changes = [];
  const loader = new PastLoader((client, topic, interval_s, question) => new Promise((resolve, reject) => asked.push({ topic, question, resolve, reject })), () => changes.push(1));
  const pasts = Array.from({ length: 6 }, (_, at) => new Past(`t/${at}`));
  const want = (shown, now_s) => loader.want({}, shown.map((past) => ({ past, question: past.look(60, START_S, START_S + 600, now_s).question })).filter(({ question }) => question), now_s);
  const now_s = START_S + 900;
  want(pasts, now_s);
  want(pasts, now_s);
  assert.deepEqual(asked.map(({ topic }) => topic), ['t/0', 't/1', 't/2']);
  // The view has moved on: of those that wait, only the last one is still wanted.
  const settle = async () => {
    for (let turn = 0; turn < 5; turn++) await null;
  };
  asked[0].resolve({ ...answer(range(START_S, START_S + 600, 60), 60), note: '' });
  await settle();
  want([pasts[5]], now_s);
  assert.equal(asked.at(-1).topic, 't/5');
  assert.equal(asked.length, 4);
  assert.equal(changes.length, 1);
  // An answer to what is out of sight is kept all the same.
  asked[1].resolve({ ...answer(range(START_S, START_S + 600, 60), 60), note: '' });
  await settle();
  assert.equal(pasts[1].look(60, START_S, START_S + 600, now_s).question, null);
  // A refusal is told, and asked again later.
  asked[3].reject(Object.assign(new Error('not allowed'), { code: 301 }));
  await settle();
  assert.match(pasts[5].note, /refuses candles: not allowed/);
  want([pasts[5]], now_s + 1);
  assert.equal(asked.length, 4);
  want([pasts[5]], now_s + 6);
  assert.equal(asked.length, 5);
  // Another client begins from nothing: an answer of the one before is of no use.
  loader.clear();
  asked[2].resolve({ ...answer([START_S], 60), note: '' });
  await settle();
  assert.notEqual(pasts[2].look(60, START_S, START_S + 600, now_s).question, null);
});

test('a view gets an interval that fits it', () => {
  assert.equal(candleInterval(60, 60 * CANDLES_SHOWN), 60);
  assert.equal(candleInterval(1, 86_400), 300);
  assert.equal(rowInterval(7 * 86_400), 900);
  assert.equal(rowInterval(300), 1);
  assert.deepEqual(INTERVALS_S.map(nameOf), ['1s', '5s', '15s', '1m', '5m', '15m', '1h', '4h', '1d']);
  assert.deepEqual([1, 15, 60, 3_600, 14_400, 86_400].map(longerThan), [60, 60, 900, 14_400, 86_400, null]);
});

test('a time without updates between two incomplete intervals is a gap, up to the nearest points', () => {
  const minute = (at, state) => ofSample(START_S + 60 * at, 60, { number: 1 }, state);
  const outages = outagesOf([minute(0, 'complete'), minute(1, 'incomplete'), minute(4, 'incomplete'), minute(5, 'complete'), minute(9, 'incomplete'), minute(10, 'incomplete'), minute(12, 'complete')]);
  assert.deepEqual(outages, [{ from_s: START_S + 120, to_s: START_S + 240 }]);
  // Where updates are frequent, one that lacks some is enough.
  const dense = [minute(0, 'complete'), minute(4, 'incomplete'), minute(6, 'complete'), minute(9, 'complete')].map((each) => ({ ...each, count: 20 }));
  assert.deepEqual(outagesOf(dense), [{ from_s: START_S + 60, to_s: START_S + 240 }, { from_s: START_S + 300, to_s: START_S + 360 }]);
  assert.deepEqual([outageInterval(1, null), outageInterval(900, null)], [60, 900]);
  assert.deepEqual([outageInterval(1, 0.1), outageInterval(1, 1), outageInterval(5, 100), outageInterval(1, 1e6)], [1, 15, 900, 86_400]);
  const own = { gaps: [{ from: (START_S + 500) * 1_000, to: (START_S + 510) * 1_000, text: 'not connected', lost: undefined }], version: 3 };
  const points = new Points();
  const edges = () => withOutages(own, outages, points).gaps.map(({ from, to, text }) => [from / 1_000 - START_S, to / 1_000 - START_S, text]);
  assert.deepEqual(edges()[0], [120, 240, 'source away']);
  assert.equal(points.distance_s(START_S, START_S + 500), null);
  for (const s of [70, 100, 250, 500]) points.append(START_S + s, 1);
  assert.equal(points.distance_s(START_S, START_S + 300), 90);
  assert.deepEqual(edges(), [[100, 250, 'source away'], [500, 510, 'not connected']]);
  const { version } = withOutages(own, outages, points);
  assert.equal(withOutages(own, outages, points).version, version);
  assert.notEqual(withOutages({ ...own, version: 4 }, outages, points).version, version);
  assert.equal(withOutages(own, [], points), own);
  // What the page has seen itself it does not get told.
  own.gaps.unshift({ from: (START_S + 90) * 1_000, to: (START_S + 130) * 1_000, text: 'gap', lost: 7 });
  assert.equal(edges().length, 2);
});

test('an outage while the page looks on is a gap, as statuses tell, and one between rare updates is short', () => {
  const own = { gaps: [], version: 0 };
  const points = new Points();
  const row = { points, statuses: [] };
  const told = (s, status) => row.statuses.push({ s: START_S + s, status });
  const gaps = () => withOutages(own, awayOf(row), points).gaps.map(({ from, to, text }) => [from / 1_000 - START_S, to && to / 1_000 - START_S, text]);
  told(1, 'stale');
  assert.deepEqual(gaps(), [], 'nothing had come');
  told(2, 'live');
  for (const s of [2, 3, 4]) points.append(START_S + s, s);
  told(5, 'stale');
  assert.deepEqual(gaps(), [[5, null, 'source away']], 'it lasts');
  const { version } = withOutages(own, awayOf(row), points);
  told(6, 'dead');
  assert.equal(withOutages(own, awayOf(row), points).version, version, 'nothing is drawn anew meanwhile');
  told(8, 'live');
  // The update of that moment has the same time.
  points.append(START_S + 8, 8);
  assert.deepEqual(gaps(), [[4, 8, 'source away']]);
  points.append(START_S + 9, 9);
  told(20, 'stale');
  told(22, 'live');
  points.append(START_S + 60, 60);
  assert.deepEqual(gaps(), [[4, 8, 'source away'], [20, 22, 'source away']]);
});
