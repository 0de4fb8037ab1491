// The arithmetic of the chart, without a canvas.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { candleShapes, rangeOfCandles } from '../page/chart/candle-shapes.js';
import { Columns } from '../page/chart/columns.js';
import { drawScene } from '../page/chart/draw.js';
import { plotOf, valuesOf } from '../page/chart/geometry.js';
import { LINE, MOVE, extremesOf, linePath } from '../page/chart/line-path.js';
import { Points } from '../page/chart/points.js';
import { extremesOfRows, flawBoxes, rowShapes, withWords } from '../page/chart/row-shapes.js';
import { rulerLines } from '../page/chart/ruler.js';
import { timeTicks, valueRange, valueTicks } from '../page/chart/scale.js';
import { composeScene } from '../page/chart/scene.js';
import { StateList, legendOf, stateAt, stateBoxes } from '../page/chart/states.js';
import { ValueRange } from '../page/chart/value-range.js';

const NOW_S = 1_610_064_000;
const SIZE = { width: 800, height: 400, scale: 1 };
const NO_GAPS = { gaps: [], version: 0 };

/** The same numbers in each run (Park and Miller). */
function random(seed) {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

/** Points at these seconds before now. */
function pointsOf(list) {
  const points = new Points();
  for (const [before_s, value, other] of list) points.append(NOW_S - before_s, value, other);
  return points;
}

const seriesOf = (list, fields = {}) => ({
  kind: 'line', points: pointsOf(list), isStepped: true, hasPair: false, number: list.at(-1)[1], decimals: 2, isPrice: true, unit: '',
  isOld: false, statuses: [], joins: [], notes: [], rows: [], ...fields,
});

/** A plot of the last seconds, and the scene in it. */
function compose(series, { span_s = 60, gapList = NO_GAPS, pointed_s = null, isUtc = true, size = SIZE } = {}) {
  const plot = plotOf(size, 80, span_s, NOW_S - span_s);
  const columns = new Columns();
  columns.update(series.points, gapList, plot.step_s);
  const extremes = extremesOf(columns, plot.fromColumn, plot.fromColumn + plot.columns, series.isStepped) ?? [0, 0];
  const values = valuesOf(plot, valueRange(...extremes, series.decimals));
  return { plot, values, columns, ...composeScene({ series, gapList, now_s: NOW_S, isUtc, character_px: 7, pointed_s }, plot, values) };
}

/** Every column as one text, to compare them. */
const listOf = (columns) => Array.from({ length: columns.length }, (_, at) =>
  ['column', 'first', 'low', 'high', 'last', 'held'].map((field) => columns[field][at]).join(' '));

test('points grow, move and take older ones in front, in any order of these', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const next = random(seed);
    const points = new Points();
    let model = [];
    let [front, back] = [0, 0];
    for (let step = 0; step < 300; step++) {
      const kind = next();
      if (kind < 0.9) {
        points.append(++back, back * 2, -back);
        model.push(back);
      } else if (kind < 0.95) {
        const count = Math.floor(next() * 20);
        points.dropOldest(count);
        model = model.slice(count);
        front = model[0] ?? back;
      } else {
        const times = Array.from({ length: Math.floor(next() * 5) }, () => 0).map((_, at, all) => front - (all.length - at));
        points.prepend({ times, values: times.map((time) => time * 2), others: times.map((time) => -time) });
        model = [...times, ...model];
        front -= times.length;
      }
      assert.deepEqual([...points.times.subarray(points.start, points.end)], model);
      assert.ok(model.every((time, at) => points.values[points.start + at] === time * 2 && points.others[points.start + at] === -time));
      const sought = model.length === 0 ? 0 : model[Math.floor(next() * model.length)];
      assert.equal(points.indexAfter(sought) - points.start, model.findIndex((time) => time > sought) < 0 ? model.length : model.findIndex((time) => time > sought));
    }
  }
});

test('columns keep the first, lowest, highest and last value of each', () => {
  const COUNT = 7_200;
  const points = new Points();
  const values = Array.from({ length: COUNT }, (_, at) => 100 * Math.sin(at / 900) + ((at * 7_919) % 101));
  values.forEach((value, at) => points.append(at, value));
  const columns = new Columns();
  assert.equal(columns.update(points, NO_GAPS, 14.4), -Infinity);
  assert.equal(columns.length, 500);
  for (let at = 0; at < columns.length; at++) {
    const inside = values.filter((_, index) => Math.floor(index / 14.4) === columns.column[at]);
    assert.deepEqual([columns.first[at], columns.low[at], columns.high[at], columns.last[at]], [inside[0], Math.min(...inside), Math.max(...inside), inside.at(-1)]);
  }
});

test('columns that grow with the points are the same as columns made at once', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const next = random(seed);
    const points = new Points();
    const kept = new Columns();
    const gapList = { gaps: [], version: 0 };
    let time_s = 1_000;
    for (let step = 0; step < 60; step++) {
      for (let count = Math.floor(next() * 30); count > 0; count--) points.append(time_s += next(), next() < 0.05 ? NaN : next());
      if (next() < 0.05) {
        gapList.gaps.push({ from: time_s * 1000, to: (time_s += 5) * 1000 });
        gapList.version += 1;
      }
      if (next() < 0.03) points.prepend({ times: [points.first_s ?? time_s], values: [next()], others: [NaN] });
      const step_s = next() < 0.05 ? 0.5 : 0.9;
      const before = listOf(kept);
      const changed = kept.update(points, gapList, step_s);
      const fresh = new Columns();
      fresh.update(points, gapList, step_s);
      assert.deepEqual(listOf(kept), listOf(fresh), `seed ${seed}, step ${step}`);
      // What is before the first changed column is the same as before.
      if (changed !== -Infinity) {
        const same = kept.indexAfter(changed === Infinity ? Infinity : changed - 1);
        assert.deepEqual(listOf(kept).slice(0, same), before.slice(0, same));
      }
    }
  }
});

test('a repaint looks only at the points that are new', () => {
  const points = new Points();
  for (let at = 0; at < 50_000; at++) points.append(at, at);
  const columns = new Columns();
  columns.update(points, NO_GAPS, 60);
  assert.equal(columns.visited, 50_000);
  points.append(50_000, 1);
  points.append(50_001, 2);
  columns.update(points, NO_GAPS, 60);
  columns.update(points, NO_GAPS, 60);
  assert.equal(columns.visited, 50_002);
  points.dropOldest(10_000);
  points.append(50_002, 3);
  columns.update(points, NO_GAPS, 60);
  assert.equal(columns.visited, 50_003);
});

/** The lines of a path, each as `[[x, y], ...]`. */
function linesOf(path) {
  const lines = [];
  for (let at = 0; at < path.length; at += 3) {
    if (path[at] === MOVE) lines.push([]);
    lines.at(-1).push([path[at + 1], path[at + 2]]);
  }
  return lines;
}

function path(list, { isStepped = true, gaps = [], until = NOW_S, range } = {}) {
  const points = pointsOf(list);
  const gapList = { gaps, version: 1 };
  const columns = new Columns();
  columns.update(points, gapList, 1);
  const held = columns.heldAfterLast(gapList, NOW_S);
  const plot = { fromColumn: NOW_S - 100 };
  return linesOf(linePath(columns, plot, (value) => value, range ?? { from: NOW_S - 100, to: NOW_S }, { isStepped, until: held ?? until }));
}

test('a price has steps up to now, a reading has straight lines up to its last point', () => {
  const points = [[30, 1], [10, 2]];
  assert.deepEqual(path(points), [[[70.5, 1], [70.5, 1], [90.5, 1], [90.5, 2], [100.5, 2]]]);
  assert.deepEqual(path(points, { isStepped: false }), [[[70.5, 1], [70.5, 1], [90.5, 2]]]);
  assert.deepEqual(path(points, { until: null }), [[[70.5, 1], [70.5, 1], [90.5, 1], [90.5, 2]]]);
});

test('no line crosses a gap, and a price ends where the gap begins', () => {
  const points = [[60, 1], [50, 2], [20, 3], [10, 4]];
  const gaps = [{ from: (NOW_S - 40) * 1000, to: (NOW_S - 30) * 1000 }];
  for (const isStepped of [true, false]) {
    const lines = path(points, { isStepped, gaps });
    assert.equal(lines.length, 2);
    assert.ok(Math.max(...lines[0].map(([x]) => x)) <= 60.5, String(lines[0]));
    assert.ok(Math.min(...lines[1].map(([x]) => x)) >= 80.5);
  }
  assert.equal(path(points, { gaps })[0].at(-1)[0], 60.5);
  // An open gap ends the line too.
  const open = path(points, { gaps: [{ from: (NOW_S - 5) * 1000, to: null }] });
  assert.deepEqual(open.at(-1).at(-1), [95.5, 4]);
});

test('a word between numbers is a break, and a single point is still drawn', () => {
  const lines = path([[60, 1], [50, NaN], [40, 2], [30, NaN], [20, 3]], { isStepped: false });
  assert.deepEqual(lines.map((line) => line[0]), [[40.5, 1], [60.5, 2], [80.5, 3]]);
  assert.deepEqual(path([[60, 1], [50, NaN]])[0].at(-1), [50.5, 1]);
});

test('a part of a path has all that is visible in its range', () => {
  const next = random(7);
  const list = Array.from({ length: 400 }, (_, at) => [100 - at / 4, next()]);
  for (const isStepped of [true, false]) {
    const whole = path(list, { isStepped })[0].map(String);
    const part = path(list, { isStepped, range: { from: NOW_S - 40, to: NOW_S - 20 } })[0].map(String);
    const inside = (point) => Number(point.split(',')[0]) > 60 && Number(point.split(',')[0]) < 80;
    assert.deepEqual(part.filter(inside), whole.filter(inside));
    assert.ok(part.length < whole.length / 3);
    assert.ok(Number(part[0].split(',')[0]) < 60 && Number(part.at(-1).split(',')[0]) > 80);
  }
});

test('the lines of the value axis are round and no finer than the decimals of the source', () => {
  assert.deepEqual(valueTicks(0, 10, 660, 2), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(valueTicks(67_224, 67_262, 700, 2), [67_225, 67_230, 67_235, 67_240, 67_245, 67_250, 67_255, 67_260]);
  assert.deepEqual(valueTicks(0.98, 1.02, 700, 2).map((value) => value.toFixed(2)), ['0.98', '0.99', '1.00', '1.01', '1.02']);
  assert.deepEqual(valueTicks(3.2, 4.8, 700, 0), [4]);
  assert.ok(valueTicks(67_224, 67_262, 90, 2).length >= 2);
});

test('values that a chart cannot show have no lines and do no harm', () => {
  for (const [low, high] of [[-Infinity, Infinity], [NaN, NaN], [-1.7e308, 1.7e308]]) assert.deepEqual(valueTicks(low, high, 400, 2), []);
  const [low, high] = valueRange(1e300, 1e300, 2);
  assert.ok(low < high);
  compose(seriesOf([[20, -1.7e308], [10, 1.7e308]], { isStepped: false }));
});

test('a ruler has no percentage of a reading next to zero, and one of a price', () => {
  const change = (list, fields) => rulerLines(seriesOf(list, fields), [], NOW_S - 60, NOW_S)[1];
  const moved = [[30, 0.5], [20, 50], [10, 0.75]];
  assert.equal(change(moved), 'Δ +0.25 (+50.000 %)');
  assert.equal(change(moved, { isPrice: false }), 'Δ +0.25');
  assert.equal(change([[30, 20], [10, 25]], { isPrice: false }), 'Δ +5.00 (+25.000 %)');
});

test('the labels of a reading have the decimals of the step, those of a price of the source, with the unit', () => {
  const labels = (list, fields) => compose(seriesOf(list, fields)).values.map(({ label }) => label).filter(Boolean);
  assert.ok(labels([[30, 20.125], [10, 29.5]], { decimals: 3, isPrice: false, unit: '°C' }).every((label) => /^\d\d °C$/.test(label)));
  assert.ok(labels([[30, 20], [10, 29.5]]).every((label) => /^\d\d\.00$/.test(label)));
  assert.ok(labels([[30, 1.2e-7], [10, 2.4e-7]], { decimals: 8, isPrice: false }).every((label) => /^\d(\.\d)?e-7$/.test(label)));
  assert.equal(compose(seriesOf([[30, 1], [10, 2]], { unit: 'm³/h·K' })).unit, 'm³/h·K');
});

test('the times on the axis are round, and have seconds only where they differ', () => {
  const labels = (span_s, width_px = 800) => timeTicks(NOW_S - span_s, NOW_S, width_px, true).map(({ label }) => label);
  assert.deepEqual(labels(60), ['23:59:00', '23:59:10', '23:59:20', '23:59:30', '23:59:40', '23:59:50', '00:00:00']);
  assert.deepEqual(labels(300), ['23:55', '23:56', '23:57', '23:58', '23:59', '01-08']);
  assert.deepEqual(labels(4 * 86_400).slice(-3), ['01-07', '12:00', '01-08']);
  assert.deepEqual(labels(8 * 86_400).slice(-3), ['01-06', '01-07', '01-08']);
  assert.ok(labels(400 * 86_400).length <= 9);
  assert.deepEqual(labels(0.5).slice(-2), ['59.900', '00.000']);
});

test('local times are round by the local clock, also when summer time begins', () => {
  const before = process.env.TZ;
  process.env.TZ = 'Asia/Kolkata';
  try {
    const labels = timeTicks(NOW_S - 6 * 3_600, NOW_S, 800, false).map(({ label }) => label);
    assert.ok(labels.every((label) => label.endsWith(':00') || label === '01-08'), String(labels));
    process.env.TZ = 'Europe/Berlin';
    // 2026-03-29, 01:00 UTC: the clock goes from 02:00 to 03:00.
    const change_s = Date.UTC(2026, 2, 29, 1) / 1000;
    const ticks = timeTicks(change_s - 12 * 3_600, change_s + 12 * 3_600, 800, false);
    assert.ok(ticks.every(({ label }) => /^(\d\d:00|03-29)$/.test(label)), JSON.stringify(ticks));
    assert.ok(ticks.every(({ s }, at) => at === 0 || s > ticks[at - 1].s));
    assert.ok(ticks.every(({ label }) => label === '03-29' || Number(label.slice(0, 2)) % 4 === 0), JSON.stringify(ticks.map(({ label }) => label)));
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
});

test('the plot moves by whole columns, so a time keeps its place within them', () => {
  for (const scale of [1, 1.25, 2, 3]) {
    const size = { width: 390, height: 300, scale };
    const a = plotOf(size, 60, 300, NOW_S);
    const b = plotOf(size, 60, 300, NOW_S + 17.3);
    assert.equal(a.step_s, b.step_s);
    const moved = (a.x(NOW_S + 100) - b.x(NOW_S + 100)) * scale;
    assert.ok(Math.abs(moved - Math.round(moved)) < 1e-3, String(moved));
    assert.ok(Math.abs(a.s(a.x(NOW_S + 33)) - NOW_S - 33) < 1e-3);
    assert.ok(Math.abs(a.right * scale - Math.round(a.right * scale)) < 1e-9);
  }
});

test('the value axis grows at once and shrinks after a second', () => {
  const range = new ValueRange();
  const fit = (low, high, ms) => range.fit([low - 1, high + 1], [low, high], ms);
  assert.deepEqual(fit(0, 10, 0), [-1, 11]);
  assert.deepEqual(fit(0, 10.5, 10), [-1, 11]);
  assert.deepEqual(fit(0, 20, 20), [-1, 21]);
  assert.deepEqual(fit(0, 10, 30), [-1, 21]);
  assert.deepEqual(fit(0, 10, 1_020), [-1, 21]);
  assert.deepEqual(fit(0, 10, 1_031), [-1, 11]);
});

test('the label of the last value replaces the labels near it', () => {
  const { values, last } = compose(seriesOf([[30, 67_224], [10, 67_250]]));
  assert.equal(last.label, '67\u00a0250.00');
  assert.ok(values.every(({ y, label }) => (label === '') === Math.abs(y - last.y) < 18));
});

test('a topic that changed from numbers to text keeps its line and has no last value', () => {
  const { last, columns } = compose(seriesOf([[30, 1], [10, 2]], { number: null }));
  assert.equal(last, null);
  assert.ok(columns.length > 0);
});

test('gaps are boxes with a label, and a label without space is left out', () => {
  const gap = (fromBefore_s, toBefore_s, lost) => ({
    from: (NOW_S - fromBefore_s) * 1000, to: toBefore_s === null ? null : (NOW_S - toBefore_s) * 1000, text: 'gap · 7 lost', lost,
  });
  const gapList = { gaps: [gap(1_000, 900, 7), gap(40, 30, 7), gap(4, 3.9, 7), gap(2, null, undefined)], version: 1 };
  const { gaps, plot } = compose(seriesOf([[100, 1], [1, 2]]), { gapList });
  assert.equal(gaps.length, 3);
  assert.ok(gaps.every(({ left, width }) => left >= plot.left && width >= 2));
  assert.deepEqual(gaps.map(({ label }) => label?.text), ['gap · 7 lost', undefined, 'gap · 7 lost']);
  // Right of the middle a label ends where its gap ends.
  assert.ok(Math.abs(gaps[0].label.x + gaps[0].label.width - gaps[0].left - gaps[0].width) < 1e-9);
});

test('the pointer finds the price of a time, the nearest reading, a quote, and the gap', () => {
  const points = [[50, 1], [30, 2], [10, 3]];
  const at = (before_s, fields = {}, view = {}) => compose(seriesOf(points, fields), { pointed_s: NOW_S - before_s, ...view }).pointed;
  assert.deepEqual(at(15).lines, ['2.00', '01-07 23:59:30.000 · 30.0 s ago', 'Δ live +1.00']);
  assert.deepEqual(at(15, { isStepped: false, unit: 'V' }).lines, ['3.00 V', '01-07 23:59:50.000 · 10.0 s ago', 'Δ live 0.00']);
  assert.ok(at(15).x < at(15, { isStepped: false }).x);
  assert.equal(at(-15), null);
  assert.equal(compose(seriesOf([[30, 1, 1.5]], { hasPair: true }), { pointed_s: NOW_S - 5 }).pointed.lines[0], '1.00 / 1.50');
  const gapList = { gaps: [{ from: (NOW_S - 20) * 1000, to: null, text: 'not connected' }], version: 1 };
  const gap = at(15, {}, { gapList });
  assert.deepEqual([gap.y, gap.lines], [null, ['not connected', 'from 23:59:40.000', 'to   now']]);
});

test('a change of the rate is marked, and stale and dead times too', () => {
  const series = seriesOf([[50, 1], [10, 2]], {
    joins: [{ s: NOW_S - 30, text: '5 /s from here' }, { s: NOW_S - 500, text: 'out of sight' }],
    statuses: [{ s: NOW_S - 40, status: 'stale' }, { s: NOW_S - 20, status: 'dead' }, { s: NOW_S - 10, status: 'live' }],
  });
  const { joins, troubles, plot } = compose(series);
  assert.deepEqual(joins.map(({ label }) => label.text), ['5 /s from here']);
  assert.ok(Math.abs(joins[0].x - plot.x(NOW_S - 30)) < 1e-9);
  assert.deepEqual(troubles.map(({ isDead }) => isDead), [false, true]);
});

test('words are boxes until the next word, each word with one colour', () => {
  const list = new StateList(10);
  for (const [before_s, text] of [[50, 'open'], [45, 'open'], [40, 'closed'], [20, 'open']]) list.add(NOW_S - before_s, text);
  list.prepend([{ s: NOW_S - 55, text: 'closed' }, { s: NOW_S - 52, text: 'open' }]);
  const plot = plotOf(SIZE, 0, 60, NOW_S - 60);
  const boxes = stateBoxes(list, plot, NOW_S);
  assert.deepEqual(boxes.map(({ text }) => text), ['closed', 'open', 'closed', 'open']);
  assert.equal(boxes[1].color, boxes[3].color);
  assert.notEqual(boxes[0].color, boxes[1].color);
  const color = (text) => list.colorOf({ text, isWord: true });
  assert.deepEqual([color('ON'), color('off'), color('error'), color('unavailable')], [6, 7, 8, 9], 'as in the monitor');
  assert.ok(boxes.every(({ left, right }, at) => right > left && (at === 0 || Math.abs(boxes[at - 1].right - left) < 1e-9)));
  assert.deepEqual(stateAt(list, NOW_S - 30), { s: NOW_S - 40, text: 'closed', isWord: true, until_s: NOW_S - 20 });
  assert.equal(stateAt(list, NOW_S - 58), null);
});

test('sentences and pictures are events without a colour of their own, states are not', () => {
  const list = new StateList(10);
  list.add(NOW_S - 50, 'open');
  assert.equal(list.hasOnlyWords, true);
  for (const before_s of [40, 30]) list.add(NOW_S - before_s, '12067 bytes', false);
  for (const before_s of [20, 10]) list.add(NOW_S - before_s, 'pressure 6.21 bar above 6.2 bar');
  assert.equal(list.hasOnlyWords, false);
  const boxes = stateBoxes(list, plotOf(SIZE, 0, 60, NOW_S - 60), NOW_S);
  assert.deepEqual(boxes.map(({ isWord, color }) => [isWord, color]), [[true, 6], ...Array(4).fill([false, 0])]);
  assert.deepEqual(legendOf(list, boxes), [{ text: 'open', color: 6 }]);
});

test('no label of a time is cut, with a value axis or without one', () => {
  const states = new StateList(10);
  states.add(NOW_S - 50, 'open');
  const series = { ...seriesOf([[50, 1]]), kind: 'states', states };
  for (let shift = 0; shift < 20; shift++) {
    const plot = plotOf(SIZE, 0, 300, NOW_S - 300 + shift * 5);
    const { times } = composeScene({ series, gapList: NO_GAPS, now_s: NOW_S, isUtc: true, character_px: 7, pointed_s: null }, plot, null);
    assert.ok(times.every(({ x, label }) => label === '' || (x - label.length * 3.5 >= 0 && x + label.length * 3.5 <= plot.right)));
    assert.ok(times.some(({ label }) => label !== ''));
  }
});

test('words that change faster than pixels are merged', () => {
  const list = new StateList(5_000);
  for (let at = 0; at < 5_000; at++) list.add(NOW_S - 50 + at / 1_000, String(at % 2));
  const boxes = stateBoxes(list, plotOf(SIZE, 0, 60, NOW_S - 60), NOW_S);
  assert.ok(boxes.length < 100, String(boxes.length));
});

test('a body fills its interval, and one that is not over is hollow', () => {
  const candle = (before_s, open, close) => ({ start_s: NOW_S - before_s, interval_s: 10, open, close, low: 1, high: 9, volume: '3', count: 2, state: 'complete' });
  const candles = [candle(20, 2, 4), candle(10, 4, 3), candle(0, 3, 3)];
  const plot = plotOf(SIZE, 80, 60, NOW_S - 50);
  const values = valuesOf(plot, [0, 10]);
  const shapes = candleShapes(candles, plot, values, NOW_S + 5);
  const wide = (10 / 60) * (plot.right - plot.left);
  assert.ok(shapes.every(({ width }) => width > 0.75 * wide && width < wide));
  assert.deepEqual(shapes.map(({ isUp, isHollow }) => [isUp, isHollow]), [[true, false], [false, false], [true, true]]);
  const lacking = candleShapes([{ ...candles[0], state: 'incomplete' }], plot, values, NOW_S + 5);
  assert.ok(lacking[0].isHollow, 'so is one that lacks updates');
  assert.ok(rangeOfCandles(candles)[0] < 1);
  assert.equal(LINE, 1);
});

/** Rows of ten seconds, each from 1 to 9 with a mean of 4. */
const row = (before_s, fields = {}) => ({ start_s: NOW_S - before_s, interval_s: 10, open: 2, close: 3, low: 1, high: 9, sum: 8, count: 2, volume: null, prices: null, state: 'complete', ...fields });

test('rows are a band and the line of their means, up to the first single update', () => {
  const plot = plotOf(SIZE, 80, 60, NOW_S - 60);
  const values = valuesOf(plot, [0, 10]);
  const rows = [row(90), row(50), row(40), row(20, { high: 30 }), row(-10)];
  const shapes = rowShapes(rows, NOW_S - 12, plot, values);
  assert.equal(shapes.length, 3);
  const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-6, `${a} ${b}`);
  near(shapes[0].left, plot.x(NOW_S - 50));
  near(shapes[0].right, shapes[1].left);
  near(shapes[2].right, plot.x(NOW_S - 12));
  near(values.value(shapes[0].y), 4);
  near(values.value(shapes[0].bottom), 1);
  assert.deepEqual(extremesOfRows(rows, plot), [1, 30]);
  assert.equal(extremesOfRows([row(90)], plot), null);
  // Of trades the last price counts.
  near(values.value(rowShapes([row(50, { sum: null })], null, plot, values)[0].y), 3);
});

test('incomplete intervals are hatched, and no line leads over what may be missing', () => {
  const plot = plotOf(SIZE, 80, 60, NOW_S - 60);
  const values = valuesOf(plot, [0, 10]);
  const flawed = { state: 'incomplete' };
  const rows = [row(60, flawed), row(50), row(40, flawed), row(20, flawed), row(10)];
  assert.deepEqual(rowShapes(rows, null, plot, values).map(({ isBreak }) => isBreak), [false, false, false, true, false]);
  const boxes = flawBoxes(rows, plot).map(({ left, width }) => [left, left + width].map((x) => Math.round(plot.s(x)) - NOW_S));
  assert.deepEqual(boxes, [[-60, -50], [-40, -10]]);
  // The word stands where there is room for it beside the words of gaps.
  const words = (gaps, character_px) => withWords(flawBoxes(rows, plot), gaps, character_px).map(({ label }) => label?.text);
  assert.deepEqual(words([], 7), ['incomplete', 'incomplete']);
  assert.deepEqual(words([], 14), [undefined, 'incomplete']);
  const label = { x: plot.x(NOW_S - 30), width: 40 };
  assert.deepEqual(words([{ label }, { label: null }], 7), ['incomplete', undefined]);
});

test('where all that is known begins nothing is hatched, and the pointer says so', () => {
  const plot = plotOf(SIZE, 80, 60, NOW_S - 60);
  const boxesOf = (rows) => flawBoxes(rows, plot).map(({ left, width }) => [left, left + width].map((x) => Math.round(plot.s(x)) - NOW_S));
  const first = row(50, { state: 'incomplete', isFirst: true });
  assert.deepEqual(boxesOf([first, row(40)]), []);
  // What came after it may be missing.
  assert.deepEqual(boxesOf([first, row(20, { state: 'incomplete' })]), [[-40, -10]]);
  const { pointed } = compose(seriesOf([[1, 1]], { rows: [first, row(40)] }), { pointed_s: NOW_S - 45 });
  assert.match(pointed.lines.at(-1), /10 s · history begins in it$/);
});

test('what is not drawn is said where there is space, and at the pointer', () => {
  const note = { from_s: NOW_S - 60, to_s: NOW_S - 30, text: 'the server keeps none' };
  const { notes, pointed } = compose(seriesOf([[20, 1], [10, 2]], { notes: [note] }), { pointed_s: NOW_S - 40 });
  assert.deepEqual(notes.map(({ label }) => label.text), [note.text]);
  assert.ok(notes[0].label.x >= notes[0].left && notes[0].label.x + notes[0].label.width <= notes[0].right);
  assert.equal(pointed.lines[0], note.text);
  assert.equal(pointed.y, null);
  const narrow = compose(seriesOf([[20, 1], [10, 2]], { notes: [{ ...note, from_s: NOW_S - 33 }] }));
  assert.deepEqual(narrow.notes.map(({ label }) => label), [null]);
});

test('the words of two joins never lie on each other', () => {
  const joins = [{ s: NOW_S - 12, text: '5 /s from here' }, { s: NOW_S - 10, text: '1 s rows before this' }, { s: NOW_S - 50, text: '1 m before this' }];
  const labels = compose(seriesOf([[55, 1], [1, 2]], { joins })).joins.map(({ label }) => `${label.text} ${label.level}`);
  assert.deepEqual(labels, ['1 s rows before this 0', '5 /s from here 1', '1 m before this 0']);
});

test('the pointer tells of a candle and of a row', () => {
  const prices = { open: '39432.480', high: '39440.0', low: '39420.5', close: '39432.48' };
  const candle = row(20, { ...Object.fromEntries(Object.entries(prices).map(([name, text]) => [name, Number(text)])), prices, volume: '12.500263', sum: null, state: 'incomplete', count: 1_812 });
  const plot = plotOf(SIZE, 80, 60, NOW_S - 60);
  const values = valuesOf(plot, [39_000, 40_000]);
  const view = (series) => composeScene({ series: { ...seriesOf([[1, 1]]), ...series }, gapList: NO_GAPS, now_s: NOW_S, isUtc: true, character_px: 7, pointed_s: NOW_S - 15 }, plot, values).pointed;
  assert.deepEqual(view({ kind: 'candles', candles: [candle] }).lines.map((line) => line.replaceAll('\u00a0', ' ')), [
    'O 39 432.480  C 39 432.48', 'H 39 440.0  L 39 420.5', 'volume 12.500263 · 1 812 updates', '01-07 23:59:40 · 10 s · incomplete',
  ]);
  assert.deepEqual(view({ rows: [row(20)], unit: '°C', decimals: 1 }).lines, ['mean 4.00 °C', 'min 1.0  max 9.0', '2 updates', '01-07 23:59:40 · 10 s']);
});

test('no line crosses out the words on a chart', () => {
  const series = seriesOf([[50, 10], [30, 12], [5, 11]], {
    notes: [{ from_s: NOW_S - 60, to_s: NOW_S - 30, text: 'not kept' }],
    joins: [{ s: NOW_S - 12, text: '5 /s from here', isBefore: false }],
  });
  const gapList = { gaps: [{ from: (NOW_S - 20) * 1000, to: (NOW_S - 10) * 1000, text: 'not connected' }], version: 1 };
  const scene = compose(series, { gapList });
  const done = [];
  const record = (name) => (...given) => done.push([name, ...given]);
  const methods = ['setTransform', 'beginPath', 'moveTo', 'lineTo', 'stroke', 'setLineDash', 'fill', 'arc', 'rect', 'clip', 'save', 'restore', 'roundRect', 'fillRect', 'fillText', 'strokeRect', 'drawImage'];
  const context = { ...Object.fromEntries(methods.map((name) => [name, record(name)])), measureText: (text) => ({ width: text.length * 7 }) };
  drawScene(context, scene, null, {}, SIZE);
  const words = done.flatMap(([name, text], at) => (name === 'fillText' && /not kept|not connected|from here/.test(text) ? [at] : []));
  assert.equal(words.length, 3);
  // Dotted lines: of the newest value, and where history meets live values.
  const lines = done.flatMap(([name, dash], at) => (name === 'setLineDash' && dash.length > 0 ? [at] : []));
  assert.equal(lines.length, 2);
  assert.ok(Math.max(...lines) < Math.min(...words));
});
