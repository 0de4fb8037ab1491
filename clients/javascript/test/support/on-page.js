// Pages of the real server in Chromium.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium } from 'playwright-core';

import { Server } from './server-process.js';
import { cuttable } from './faulty-wire.js';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const TIMEOUT_MS = 120_000;
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'];
export const WIDE = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };
/** For every wait. No test depends on how long something takes. */
export const PATIENCE = { timeout: 60_000 };

/** Records the texts that canvases draw; `written` looks at them. */
export async function recordTexts(page) {
  await page.addInitScript(() => {
    globalThis.written = [];
    const { fillText } = CanvasRenderingContext2D.prototype;
    CanvasRenderingContext2D.prototype.fillText = function record(text, ...place) {
      globalThis.written.push([performance.now(), text]);
      if (globalThis.written.length > 5_000) globalThis.written.splice(0, 2_500);
      return fillText.call(this, text, ...place);
    };
  });
  await page.reload();
}
/** Waits until a text was drawn within the last second. */
export const written = (page, pattern) => page.waitForFunction((source) => globalThis.written.some(([ms, text]) => performance.now() - ms < 1_000 && new RegExp(source).test(text)), pattern.source, PATIENCE);

/** Controls that are too small for a finger: less than 44 px high (WCAG 2.2, section 2.5.5). */
export const tooSmall = (page) =>
  page.evaluate(() => [...document.querySelectorAll('button, input, textarea, a, summary, .row')]
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, { width, height }]) => width > 0 && height < 44)
    .map(([element, { height }]) => `${height} px: ${element.outerHTML.slice(0, 100)}`));

/**
 * Waits until the chart has a line: pixels in its colour, left of the value axis. The line of a new
 * server is near its right end.
 */
export const drawn = (page) =>
  page.waitForFunction(() => {
    const canvas = document.querySelector('#charts canvas');
    if (!canvas || canvas.width === 0) return false;
    const AXIS_PX = 76;
    const width = canvas.width - Math.ceil(AXIS_PX * devicePixelRatio);
    if (width <= 0) return false;
    const { data } = canvas.getContext('2d').getImageData(0, 0, width, canvas.height);
    const style = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(style.slice(at, at + 2), 16));
    const rows = new Set();
    for (let at = 0; at < data.length; at += 4) {
      const isLine = data[at + 3] > 200 && Math.abs(data[at] - red) < 40 && Math.abs(data[at + 1] - green) < 40 && Math.abs(data[at + 2] - blue) < 40;
      if (isLine) rows.add(Math.floor(at / 4 / width));
    }
    // The dotted line of the last value is one row of pixels; a moving line has more.
    return rows.size > 10;
  }, undefined, PATIENCE);

/**
 * A test with an open page of the server. It fails if the page requests anything from elsewhere.
 *
 * @param {string} sentence
 * @param {object} options
 * @param {string} [options.path] of the page
 * @param {string[]} [options.flags] of the server
 * @param {object} [options.viewport]
 * @param {boolean} [options.hasTouch] whether the screen reacts to fingers
 * @param {object} [options.context] further options of the browser's context
 * @param {boolean} [options.isCuttable] whether `cut()` can end the connections of the page
 * @param {(on: object) => Promise<void>} run gets the `page`, its `messages` on the console,
 * `another(path)` for a second window, `server()`, `restart()` and `cut()`
 */
export function onPage(sentence, { path = '', flags = [], viewport = WIDE, hasTouch = false, isCuttable = false, context = {} }, run) {
  test(sentence, { timeout: TIMEOUT_MS }, async () => {
    const servers = [await Server.start(flags)];
    const wire = isCuttable ? await cuttable(servers[0].port) : null;
    const { port } = wire ?? servers[0];
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
    try {
      const messages = [];
      const foreign = [];
      const another = async (at = path) => {
        const page = await browser.newPage({ viewport, hasTouch, ...context });
        page.on('console', (message) => {
          // It is about the test, which reads pixels.
          if (!message.text().startsWith('Canvas2D: Multiple readback')) messages.push(`${message.type()}: ${message.text()}`);
        });
        page.on('pageerror', (error) => messages.push(String(error)));
        page.on('request', (request) => {
          if (new URL(request.url()).port !== String(port)) foreign.push(request.url());
        });
        await page.goto(`http://127.0.0.1:${port}/${at}`);
        return page;
      };
      const restart = async (whileAway) => {
        await servers.at(-1).kill();
        await whileAway();
        servers.push(await Server.start(flags, servers[0].port));
      };
      await run({ page: await another(), another, messages, restart, server: () => servers.at(-1), cut: () => wire.cut() });
      assert.deepEqual(foreign, []);
    } finally {
      await browser.close();
      wire?.close();
      for (const server of servers) await server.kill();
    }
  });
}
