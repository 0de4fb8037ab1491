// How long the page needs for a repaint while 20,000 updates a second come in: browser on one core, server on
// another one. `npm run repaint`; needs Linux with two cores, and `cargo build --release -p tickcast-server`.

import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

process.env.TICKCAST_SERVER ??= fileURLToPath(new URL('../../../target/release/tickcast-server', import.meta.url));
const { Server } = await import('../test/binary.js');

const SERVER_CORE = 0;
const BROWSER_CORE = 1;
const UPDATES_PER_S = 20_000;
/** 1,000 topics, so that at 20 batches a second nearly every update is the newest one of its topic. */
const FLAGS = ['--sim-instruments', '350', '--sim-sensors', '300', '--sim-rate', String(UPDATES_PER_S), '--shards', '1'];
const WARM_UP_MS = 5_000;
const MEASURED_MS = 30_000;

/** What is started after this runs there. */
const pin = (core) => execFileSync('taskset', ['-pc', String(core), String(process.pid)], { stdio: 'ignore' });

/** In the page: from the first callback of a repaint until the browser is done with it. */
function observe() {
  const seen = { repaints: [], late: 0 };
  globalThis.seen = seen;
  const channel = new MessageChannel();
  let started = 0;
  channel.port1.onmessage = () => seen.repaints.push(performance.now() - started);
  const each = () => {
    started = performance.now();
    channel.port2.postMessage(null);
    requestAnimationFrame(each);
  };
  requestAnimationFrame(each);
  new PerformanceObserver((list) => {
    seen.late += list.getEntries().length;
  }).observe({ type: 'long-animation-frame' });
}

pin(SERVER_CORE);
const server = await Server.start(FLAGS);
pin(BROWSER_CORE);
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
});
try {
  console.log('wish      updates/s  repaints/s  p50 ms  p95 ms  p99 ms  max ms  above 50 ms');
  for (const rate of ['5', '20', 'every']) {
    const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
    await page.addInitScript(observe);
    await page.goto(`http://127.0.0.1:${server.port}/`);
    await page.click(`#rate button[value="${rate}"]`);
    const received = () => page.locator('#health dd').first().textContent().then((text) => Number(text.replace(/\D/g, '')));
    await page.waitForTimeout(WARM_UP_MS);
    const before = await received();
    await page.evaluate(() => Object.assign(globalThis.seen, { repaints: [], late: 0 }));
    await page.waitForTimeout(MEASURED_MS);
    const { repaints, late } = await page.evaluate(() => globalThis.seen);
    const updates = (await received()) - before;
    repaints.sort((a, b) => a - b);
    const at = (part) => repaints[Math.min(Math.floor(repaints.length * part), repaints.length - 1)].toFixed(1).padStart(6);
    const perS = (number) => String(Math.round((number * 1_000) / MEASURED_MS));
    const wish = rate === 'every' ? rate : `latest ${rate}`;
    console.log(`${wish.padEnd(9)} ${perS(updates).padStart(9)}  ${perS(repaints.length).padStart(10)}  ${at(0.5)}  ${at(0.95)}  ${at(0.99)}  ${at(1)}  ${late}`);
    await page.close();
  }
} finally {
  await browser.close();
  await server.kill();
}
