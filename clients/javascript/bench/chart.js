// What a repaint of one chart costs: the work of its script, and with the drawing of its pixels.
//
//     cargo build --release -p tickcast-server
//     npm run chart

import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

process.env.TICKCAST_SERVER ??= fileURLToPath(new URL('../../../target/release/tickcast-server', import.meta.url));
const { Server } = await import('../test/support/server-process.js');

/** Points in sight. */
const SIZES = [2_000, 7_200, 100_000];
const REPAINTS = 300;

/** Runs in the page: a chart of five minutes that follows, repainted 20 times a second. */
async function measure(count, repaints) {
  const [{ Chart }, { Points }] = await Promise.all(['chart', 'points'].map((name) => import(`/assets/page/chart/${name}.js`)));
  const SPAN_S = 300;
  const LEAD_S = 7.5;
  const STEP_S = 0.05;
  const PAUSE_MS = 4;
  const place = document.createElement('div');
  place.className = 'plot';
  const tooltip = document.createElement('div');
  document.body.replaceChildren(place, tooltip);
  const points = new Points();
  const series = {
    kind: 'line', points, isStepped: true, hasPair: false, number: 100, decimals: 2, isExact: true, unit: '', isOld: false, statuses: [], joins: [], notes: [], rows: [],
  };
  let state = 7;
  const next = () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
  let now_s = 1_610_064_000;
  const add = (s) => {
    series.number += next() - 0.5;
    points.append(s, series.number);
    if (points.length > count) points.dropOldest(1);
  };
  for (let at = 0; at < count; at++) add(now_s - ((count - at) * SPAN_S) / count);
  const chart = new Chart(place, tooltip, { change() {}, point() {} });
  const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  await pause(500);
  const context = place.querySelector('canvas').getContext('2d');
  const [script, all] = [[], []];
  for (let at = 0; at < repaints; at++) {
    now_s += STEP_S;
    const fresh = Math.max(Math.round((STEP_S * count) / SPAN_S), 1);
    for (let part = 1; part <= fresh; part++) add(now_s - STEP_S + (STEP_S * part) / fresh);
    const begin = performance.now();
    chart.paint({
      topic: 'a', series, gapList: { gaps: [], version: 0 }, time: { from_s: now_s + LEAD_S - SPAN_S, span_s: SPAN_S },
      range: null, now_s, isUtc: true, pointed_s: null, axisLength: 0,
    });
    script.push(performance.now() - begin);
    // Reading a pixel makes the browser draw.
    context.getImageData(0, 0, 1, 1);
    all.push(performance.now() - begin);
    await pause(PAUSE_MS);
  }
  return { script, all, work: chart.work };
}

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
const server = await Server.start(['--feed', 'none']);
try {
  console.log('points   script ms p50   p95   with pixels p50   p95   columns drawn   points looked at');
  for (const count of SIZES) {
    const page = await browser.newPage({ viewport: { width: 900, height: 800 } });
    await page.goto(`http://127.0.0.1:${server.port}/`);
    const { script, all, work } = await page.evaluate(`(${measure})(${count}, ${REPAINTS})`);
    await page.close();
    const at = (times, part) => times.toSorted((a, b) => a - b)[Math.floor(times.length * part)].toFixed(2).padStart(6);
    const perRepaint = (total) => (total / REPAINTS).toFixed(1).padStart(8);
    console.log(String(count).padStart(6), ' '.repeat(7), at(script, 0.5), at(script, 0.95), ' '.repeat(9), at(all, 0.5), at(all, 0.95), perRepaint(work.drawn), ' '.repeat(6), perRepaint(work.visited));
  }
} finally {
  await browser.close();
  await server.kill();
}
