// How responsive the page is while 20,000 updates a second come in: browser on one core, server on
// another one. `npm run repaint`; needs Linux with two cores, and `cargo build --release -p
// tickcast-server`.

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
/** As the buttons of the page name them. */
const RATES = ['5', '20', 'every'];
const WARM_UP_MS = 5_000;
const MEASURED_MS = 20_000;
/** So often somebody presses a key meanwhile. */
const KEY_MS = 500;
const BOUND_MS = 50;

/** What is started after this runs there. */
const pin = (core) => execFileSync('taskset', ['-pc', String(core), String(process.pid)], { stdio: 'ignore' });

/**
 * In the page. A repaint's callbacks begin at the same time in each, so the interval holds whatever
 * came between.
 */
function observe() {
  const seen = { intervals: [], works: [], keys: [], longTasks: 0 };
  globalThis.seen = seen;
  const channel = new MessageChannel();
  let started = performance.now();
  // It arrives when the browser is done with style, layout and paint.
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
  // Another topic, another chart.
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
  const wish = rate === 'every' ? rate : `latest ${rate}`;
  console.log([
    String(topics).padStart(6), wish.padEnd(9), perS(updates).padStart(9), perS(between.length).padStart(10),
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
  console.log('topics  wish       updates/s  repaints/s     p50     p95     p99     max   p95 ms  p95 ms  >50 ms');
  for (const { topics, flags } of SIZES) {
    const server = await Server.start([...flags, '--sim-rate', String(UPDATES_PER_S), '--shards', '1']);
    try {
      for (const rate of RATES) {
        const p95 = await measure(browser, server, topics, rate);
        if (p95 > BOUND_MS && rate !== 'every') process.exitCode = 1;
      }
    } finally {
      await server.kill();
    }
  }
} finally {
  await browser.close();
}
