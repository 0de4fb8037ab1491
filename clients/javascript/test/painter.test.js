// The canvas of the lines in Chromium: what is kept between repaints equals what is drawn anew.

import assert from 'node:assert/strict';

import { PATIENCE, onPage } from './support/on-page.js';

/** Of 255. */
const VISIBLE = 64;
/** Where two parts of a path meet, the smoothing of its edge may differ. A line has far more. */
const MAX_PIXELS = 6;

/** Runs in the page: a history of repaints, each compared with a new canvas, pixel by pixel. */
async function compare([seed, visible]) {
  const from = (name) => import(`/assets/page/chart/${name}.js`);
  const [{ LineLayer }, { Columns }, { Points }, { plotOf, valuesOf }] = await Promise.all(['line-layer', 'columns', 'points', 'geometry'].map(from));
  let state = seed;
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  const points = new Points();
  const gapList = { gaps: [], version: 0 };
  const kept = { layer: new LineLayer(), columns: new Columns(), until: -Infinity };
  const isStepped = next() < 0.5;
  const size = { width: 300, height: 160, scale: [1, 1.5, 2][Math.floor(next() * 3)] };
  let now_s = 1_610_064_000;
  let value = 50;
  let span_s = 60;
  let end_s = null;
  let range = [0, 100];
  const add = (count) => {
    for (; count > 0; count--) points.append(now_s += next() * 0.1, next() < 0.02 ? NaN : (value = Math.min(Math.max(value + (next() - 0.5) * 20, 0), 100)));
  };
  add(900);
  const differences = [];
  for (let step = 0; step < 60; step++) {
    const kind = next();
    if (kind < 0.6) add(Math.floor(next() * 12));
    else if (kind < 0.65) now_s += next() * 2;
    else if (kind < 0.75) end_s = (end_s ?? now_s) + (next() - 0.6) * 20;
    else if (kind < 0.85) end_s = null;
    else if (kind < 0.9) span_s = 30 + next() * 60;
    else if (kind < 0.94) range = [-next() * 20, 100 + next() * 20];
    else {
      gapList.gaps.push({ from: now_s * 1000, to: (now_s += 2) * 1000 });
      gapList.version += 1;
    }
    const plot = plotOf(size, 40, span_s, (end_s ?? now_s + 1) - span_s);
    const values = valuesOf(plot, range);
    const paint = ({ layer, columns, until: before }) => {
      const changed = Math.min(columns.update(points, gapList, plot.step_s), before);
      const until = isStepped ? columns.heldAfterLast(gapList, now_s) ?? Math.floor(now_s / plot.step_s) : null;
      layer.paint(plot, values, [{ columns, color: '#5aa9ff', isStepped, until, changed }]);
      return until ?? Infinity;
    };
    kept.until = paint(kept);
    const anew = { layer: new LineLayer(), columns: new Columns(), until: -Infinity };
    paint(anew);
    const [a, b] = [kept, anew].map(({ layer: { canvas } }) => canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data);
    let count = Math.abs(a.length - b.length);
    // The colour of a pixel counts by its opacity.
    const shown = (data, at) => (data[at] * data[at | 3]) / 255;
    for (let at = 0; at < a.length; at += 4) {
      const parts = [Math.abs(a[at + 3] - b[at + 3]), ...[0, 1, 2].map((part) => Math.abs(shown(a, at + part) - shown(b, at + part)))];
      if (Math.max(...parts) > visible) count += 1;
    }
    differences.push(count);
  }
  return { differences, drawn: kept.layer.drawn };
}

onPage('a picture that moves and grows is the same as one drawn anew', { flags: ['--feed', 'none'] }, async ({ page, messages }) => {
  for (let seed = 1; seed <= 12; seed++) {
    const { differences } = await page.evaluate(compare, [seed, VISIBLE]);
    assert.ok(differences.every((pixels) => pixels <= MAX_PIXELS), `seed ${seed}: ${differences}`);
  }
  assert.deepEqual(messages, []);
});

onPage('a repaint of a chart that follows draws only the newest columns', { flags: ['--sim-instruments', '4', '--sim-sensors', '4', '--sim-rate', '200'], path: '#market%2FBTC-USDT%2Ftrade' }, async ({ page, messages }) => {
  await page.addInitScript(() => {
    globalThis.cleared = [];
    const { clearRect } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.clearRect = function record(x, y, width, height) {
      globalThis.cleared.push(width);
      return clearRect.call(this, x, y, width, height);
    };
  });
  await page.reload();
  await page.waitForFunction(() => globalThis.cleared.length > 80, undefined, PATIENCE);
  const widths = (await page.evaluate(() => globalThis.cleared.slice(-60))).toSorted((a, b) => a - b);
  assert.ok(widths[30] <= 24, `the median repaint draws ${widths[30]} columns`);
  assert.deepEqual(messages, []);
});
