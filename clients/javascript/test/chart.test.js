// The arithmetic of the chart, without a canvas.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { indexAfter, reduceToColumns } from '../page/chart/reduce.js';
import { timeTicks, valueRange, valueTicks } from '../page/chart/scale.js';
import { composeScene } from '../page/chart/scene.js';

const NOW_S = 1_610_064_000;
const SIZE = { width: 800, height: 400, scale: 1 };

/** A row of the store with points at these seconds before now. */
function rowOf(points, fields = {}) {
  const times = points.map(([before_s]) => NOW_S - before_s);
  const values = points.map(([, value]) => value);
  return { kind: 'trade', times, values, number: values.at(-1), decimals: 2, isOld: false, ...fields };
}

const compose = (row, fields = {}) =>
  composeScene({ row, gaps: [], now_s: NOW_S, window_s: 60, size: SIZE, character_px: 7, labelLength: 0, pointer: null, ...fields });

/** `x, y, x, y, ...` as pairs. */
const pairs = (line) => Array.from({ length: line.length / 2 }, (_, at) => [line[2 * at], line[2 * at + 1]]);

test('a column keeps its first, lowest, highest and last point in their order', () => {
  const times = [0, 0.1, 0.2, 0.3, 0.4, 0.5, 1, 2, 2.5];
  const values = [5, 9, 7, 1, 6, 5, 3, 4, 4];
  assert.deepEqual(reduceToColumns(times, values, 0, times.length, Math.floor), [0, 1, 3, 5, 6, 7, 8]);
  assert.deepEqual(reduceToColumns(times, values, 4, 6, Math.floor), [4, 5]);
  assert.deepEqual(reduceToColumns([], [], 0, 0, Math.floor), []);
});

test('a reduced series has the same extremes in each column and at most four points', () => {
  const COUNT = 7_200;
  const COLUMNS = 500;
  const times = Array.from({ length: COUNT }, (_, at) => at);
  // Noise, the same in each run, over a slow wave.
  const values = times.map((at) => 100 * Math.sin(at / 900) + ((at * 7_919) % 101));
  const columnOf = (time) => Math.floor((time * COLUMNS) / COUNT);
  const kept = reduceToColumns(times, values, 0, COUNT, columnOf);
  const extremes = (indices) => {
    const columns = Array.from({ length: COLUMNS }, () => []);
    for (const at of indices) columns[columnOf(times[at])].push(values[at]);
    return columns.map((column) => [column[0], Math.min(...column), Math.max(...column), column.at(-1)]);
  };
  assert.deepEqual(extremes(kept), extremes(times));
  assert.ok(kept.length <= 4 * COLUMNS, String(kept.length));
  assert.ok(kept.every((at, place) => place === 0 || kept[place - 1] < at));
});

test('the index after a time is found by halving', () => {
  const times = [1, 2, 2, 3];
  assert.deepEqual([0, 1, 2, 2.5, 3, 9].map((time) => indexAfter(times, time)), [0, 1, 3, 3, 4, 4]);
});

test('the lines of the value axis are round and no finer than the decimals of the source', () => {
  assert.deepEqual(valueTicks(0, 10, 660, 2), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  assert.deepEqual(valueTicks(67_224, 67_262, 700, 2), [67_225, 67_230, 67_235, 67_240, 67_245, 67_250, 67_255, 67_260]);
  assert.deepEqual(valueTicks(0.98, 1.02, 700, 2).map((value) => value.toFixed(2)), ['0.98', '0.99', '1.00', '1.01', '1.02']);
  assert.deepEqual(valueTicks(3.2, 4.8, 700, 0), [4]);
});

test('values that a chart cannot show have no lines and do no harm', () => {
  for (const [low, high] of [[-Infinity, Infinity], [NaN, NaN], [-1.7e308, 1.7e308]]) assert.deepEqual(valueTicks(low, high, 400, 2), []);
  const [low, high] = valueRange(1e300, 1e300, 2);
  assert.ok(low < high);
  compose(rowOf([[20, -1.7e308], [10, 1.7e308]], { kind: 'reading' }));
});

test('the times on the axis are round, in UTC, and have seconds only where they differ', () => {
  const labels = (span_s, width_px = 800) => timeTicks(NOW_S - span_s, NOW_S, width_px).map(({ label }) => label);
  assert.deepEqual(labels(60), ['23:59:00', '23:59:10', '23:59:20', '23:59:30', '23:59:40', '23:59:50', '00:00:00']);
  assert.deepEqual(labels(300), ['23:55', '23:56', '23:57', '23:58', '23:59', '01-08']);
  assert.deepEqual(labels(4 * 86_400).slice(-3), ['01-07', '12:00', '01-08']);
  assert.deepEqual(labels(8 * 86_400).slice(-3), ['01-06', '01-07', '01-08']);
  assert.ok(labels(400 * 86_400).length <= 9);
});

test('a price has steps up to now, a reading has straight lines up to its last point', () => {
  const points = [[30, 1], [10, 2]];
  const price = pairs(compose(rowOf(points)).line);
  assert.equal(price.length, 4);
  assert.equal(price[1][1], price[0][1]);
  assert.equal(price[1][0], price[2][0]);
  assert.equal(price[3][1], price[2][1]);
  assert.ok(price[3][0] > price[2][0]);
  assert.equal(pairs(compose(rowOf(points, { kind: 'reading' })).line).length, 2);
  assert.equal(pairs(compose(rowOf(points, { isOld: true })).line).length, 3);
});

test('the line enters from the left and fills the plot', () => {
  const { plot, line, times } = compose(rowOf([[500, 5], [100, 1], [30, 3], [10, 2]]));
  const shown = pairs(line);
  assert.ok(shown[0][0] < plot.left);
  assert.ok(shown.every(([, y]) => y >= plot.top && y <= plot.bottom));
  assert.ok(times.every(({ x }) => x >= plot.left && x <= plot.right));
});

test('the window is 60 seconds, or everything, and never less than ten seconds', () => {
  const width = (fields, points = [[500, 1], [0, 2]]) => {
    const { plot, line } = compose(rowOf(points, { kind: 'reading' }), fields);
    const [[first], [last]] = [pairs(line)[0], pairs(line).at(-1)];
    return (last - first) / (plot.right - plot.left);
  };
  assert.ok(width({ window_s: 0 }) > 0.95 && width({ window_s: 0 }) < 1);
  assert.ok(width({ window_s: 60 }) > 7);
  assert.ok(width({ window_s: 60 }, [[1, 1], [0, 2]]) < 0.11);
});

test('the label of the last value replaces the labels near it, and the axis never gets narrower', () => {
  const { values, last, labelLength, plot } = compose(rowOf([[30, 67_224], [10, 67_250]]));
  assert.equal(last.label, '67\u00a0250.00');
  assert.ok(values.every(({ y, label }) => (label === '') === Math.abs(y - last.y) < 18));
  assert.equal(labelLength, 9);
  const wider = compose(rowOf([[30, 1], [10, 2]]), { labelLength });
  assert.equal(wider.plot.right, plot.right);
});

test('a topic that changed from numbers to text keeps its line and has no last value', () => {
  const { last, line } = compose(rowOf([[30, 1], [10, 2]], { number: null }));
  assert.equal(last, null);
  assert.ok(line.length > 0);
});

test('gaps are boxes with a label, and a label without space is left out', () => {
  const gap = (fromBefore_s, toBefore_s, lost) => ({
    from: (NOW_S - fromBefore_s) * 1000, to: toBefore_s === null ? null : (NOW_S - toBefore_s) * 1000, text: 'gap · 7 lost', lost,
  });
  const row = rowOf([[100, 1], [1, 2]]);
  const { gaps, plot } = compose(row, { gaps: [gap(1_000, 900, 7), gap(40, 30, 7), gap(4, 3.9, 7), gap(2, null, undefined)] });
  assert.deepEqual(gaps.map(({ isLoss }) => isLoss), [false, true, true]);
  assert.ok(gaps.every(({ left, width }) => left >= plot.left && width >= 2));
  assert.deepEqual(gaps.map(({ label }) => label?.text), ['gap · 7 lost', undefined, 'gap · 7 lost']);
  // Right of the middle a label ends where its gap ends.
  assert.ok(Math.abs(gaps[0].label.x + gaps[0].label.width - gaps[0].left - gaps[0].width) < 1e-9);
});

test('the pointer finds the price of a time, the nearest reading, and the gap', () => {
  const points = [[50, 1], [30, 2], [10, 3]];
  const at = (fraction, fields = {}, view = {}) => {
    const row = rowOf(points, fields);
    const { plot } = compose(row, view);
    return compose(row, { ...view, pointer: { x: plot.left + fraction * (plot.right - plot.left) } }).pointed;
  };
  assert.deepEqual(at(0.75).lines, ['2.00', '23:59:30.000', 'Δ live +1.00 · 30.0 s ago']);
  assert.deepEqual(at(0.75, { kind: 'reading' }).lines, ['3.00', '23:59:50.000', 'Δ live 0.00 · 10.0 s ago']);
  assert.ok(at(0.75).x < at(0.75, { kind: 'reading' }).x);
  assert.equal(at(1.5), null);
  const gaps = [{ from: (NOW_S - 20) * 1000, to: null, text: 'not connected' }];
  assert.deepEqual(at(0.75, {}, { gaps }), { x: at(0.75).x, y: null, lines: ['not connected', 'from 23:59:40.000', 'to   now'] });
});
