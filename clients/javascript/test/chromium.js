// Pages of the real server in Chromium.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chromium } from 'playwright-core';

import { Server } from './binary.js';
import { cuttable } from './wire.js';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
export const TIMEOUT_MS = 120_000;
const ARGUMENTS = ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--disable-background-networking'];
export const WIDE = { width: 1280, height: 800 };
export const PHONE = { width: 390, height: 844 };
/** Repaints wait for these, so no test needs to know how long anything takes. */
export const PATIENCE = { timeout: 60_000 };

/** What is hard to hit with a finger: less than 44 px high, as in WCAG 2.2, section 2.5.5. */
export const tooSmall = (page) =>
  page.evaluate(() => [...document.querySelectorAll('button, input, textarea, a, summary, .row')]
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, { width, height }]) => width > 0 && height < 44)
    .map(([element, { height }]) => `${height} px: ${element.outerHTML.slice(0, 100)}`));

/**
 * A test with one of the pages open, and everything that it complains about.
 *
 * @param {{ path?: string, flags?: string[], viewport?: object, isWired?: boolean }} options `flags` are the server's;
 * wired, there is something between browser and server that can be cut
 * @param {(on: object) => Promise<void>} run gets the `page`, its `complaints`, `another()` for a second window, `server()`,
 * `restart()` and `cut()`
 */
export function onPage(sentence, { path = '', flags = [], viewport = WIDE, isWired = false }, run) {
  test(sentence, { timeout: TIMEOUT_MS }, async () => {
    const servers = [await Server.start(flags)];
    const wire = isWired ? await cuttable(servers[0].port) : null;
    const { port } = wire ?? servers[0];
    const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });
    try {
      const complaints = [];
      const foreign = [];
      const another = async () => {
        const page = await browser.newPage({ viewport });
        page.on('console', (message) => {
          // That is about the test itself, which looks at pixels.
          if (!message.text().startsWith('Canvas2D: Multiple readback')) complaints.push(`${message.type()}: ${message.text()}`);
        });
        page.on('pageerror', (error) => complaints.push(String(error)));
        page.on('request', (request) => {
          if (new URL(request.url()).port !== String(port)) foreign.push(request.url());
        });
        await page.goto(`http://127.0.0.1:${port}/${path}`);
        return page;
      };
      const restart = async (whileAway) => {
        await servers.at(-1).kill();
        await whileAway();
        servers.push(await Server.start(flags, servers[0].port));
      };
      await run({ page: await another(), another, complaints, restart, server: () => servers.at(-1), cut: () => wire.cut() });
      assert.deepEqual(foreign, []);
    } finally {
      await browser.close();
      wire?.close();
      for (const server of servers) await server.kill();
    }
  });
}
