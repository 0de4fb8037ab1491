// How responsive the page is at 20,000 updates a second. The browser runs on one core and the
// server on another. It needs Linux with two cores:
//
//     cargo build --release -p tickcast-server
//     npm run repaint

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

process.env.TICKCAST_SERVER ??= fileURLToPath(new URL('../../../target/release/tickcast-server', import.meta.url));
const { Server } = await import('../test/support/server-process.js');

const SERVER_CORE = 0;
const BROWSER_CORE = 1;
const UPDATES_PER_S = 20_000;
/** Two topics of each instrument, one of each sensor. */
const SIZES = [
  { topics: 1_000, flags: ['--sim-instruments', '350', '--sim-sensors', '300'] },
  { topics: 10_000, flags: ['--sim-instruments', '3500', '--sim-sensors', '3000'] },
];
/** The values of the page's buttons. */
const RATES = ['5', '20', 'every'];
const WARM_UP_MS = 5_000;
const MEASURED_MS = 20_000;
/** A key is pressed this often. */
const KEY_MS = 500;
/** The p95 from repaint to repaint must stay below this, except with every update. */
const MAX_P95_MS = 50;

/** Pins this process, and every process that it starts from now on. */
const pin = (core) => execFileSync('taskset', ['-pc', String(core), String(process.pid)], { stdio: 'ignore' });

/**
 * Runs in the page. All callbacks of one repaint start at the same time, so the interval between
 * two callbacks contains everything between two repaints.
 */
function observe() {
  const seen = { intervals: [], works: [], keys: [], longTasks: 0 };
  globalThis.seen = seen;
  const channel = new MessageChannel();
  let started = performance.now();
  // This message arrives after style, layout and paint.
  channel.port1.onmessage = () => seen.works.push(performance.now() - started);
  const each = () => {
    const now = performance.now();
    seen.intervals.push(now - started);
    started = now;
    channel.port2.postMessage(null);
    requestAnimationFrame(each);
  };
  requestAnimationFrame(each);
  new PerformanceObserver((list) => {
    seen.longTasks += list.getEntries().length;
  }).observe({ type: 'longtask' });
  new PerformanceObserver((list) => {
    for (const { name, duration } of list.getEntries()) if (name === 'keydown') seen.keys.push(duration);
  }).observe({ type: 'event', durationThreshold: 16 });
}

const at = (sorted, part) => sorted[Math.min(Math.floor(sorted.length * part), sorted.length - 1)];
const sort = (numbers) => numbers.toSorted((a, b) => a - b);

async function measure(browser, server, topics, rate) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  await page.addInitScript(observe);
  await page.goto(`http://127.0.0.1:${server.port}/`);
  await page.click(`#rate button[value="${rate}"]`);
  const received = () => page.locator('#health dd').first().textContent().then((text) => Number(text.replace(/\D/g, '')));
  await page.waitForTimeout(WARM_UP_MS);
  await page.focus('#scroll');
  const before = await received();
  await page.evaluate(() => Object.assign(globalThis.seen, { intervals: [], works: [], keys: [], longTasks: 0 }));
  const end = performance.now() + MEASURED_MS;
  // Each key chooses another topic, so the page draws another chart.
  while (performance.now() < end) {
    await page.keyboard.press('ArrowDown');
    await page.waitForTimeout(KEY_MS);
  }
  const { intervals, works, keys, longTasks } = await page.evaluate(() => globalThis.seen);
  const updates = (await received()) - before;
  await page.close();
  const [between, work, key] = [intervals, works, keys].map(sort);
  const ms = (number) => (number ?? 0).toFixed(1).padStart(6);
  const perS = (number) => String(Math.round((number * 1_000) / MEASURED_MS));
  const mode = rate === 'every' ? rate : `latest ${rate}`;
  console.log([
    String(topics).padStart(6), mode.padEnd(9), perS(updates).padStart(9), perS(between.length).padStart(10),
    ms(at(between, 0.5)), ms(at(between, 0.95)), ms(at(between, 0.99)), ms(at(between, 1)),
    ms(at(work, 0.95)), ms(at(key, 0.95)), String(longTasks).padStart(4),
  ].join('  '));
  return at(between, 0.95);
}

pin(BROWSER_CORE);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
pin(SERVER_CORE);
try {
  console.log('                                          repaint to repaint, ms          work     key  tasks');
  console.log('topics  mode       updates/s  repaints/s     p50     p95     p99     max   p95 ms  p95 ms  >50 ms');
  for (const { topics, flags } of SIZES) {
    const server = await Server.start([...flags, '--sim-rate', String(UPDATES_PER_S), '--shards', '1']);
    try {
      for (const rate of RATES) {
        const p95 = await measure(browser, server, topics, rate);
        if (p95 > MAX_P95_MS && rate !== 'every') process.exitCode = 1;
      }
    } finally {
      await server.kill();
    }
  }
} finally {
  await browser.close();
}
