// The page at `/` in Chromium, against the real server.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { get } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { Server } from './support/server-process.js';
import { PATIENCE, PHONE, TIMEOUT_MS, drawn, onPage, recordTexts, tooSmall, written } from './support/on-page.js';

const topics = (page) => page.locator('.row:not([hidden]) span:first-child').allTextContents();
const state = (page, pattern) =>
  page.waitForFunction((source) => new RegExp(source).test(document.querySelector('#state').textContent), pattern.source, PATIENCE);
/** Waits until a value of the table changes. */
async function valuesChange(page) {
  const values = () => page.locator('.row:not([hidden]) span:nth-child(2)').allTextContents();
  const before = JSON.stringify(await values());
  await page.waitForFunction(
    (known) => JSON.stringify([...document.querySelectorAll('.row:not([hidden]) span:nth-child(2)')].map((cell) => cell.textContent)) !== known,
    before,
    PATIENCE,
  );
}
const SIMULATED = ['--sim-instruments', '4', '--sim-sensors', '4', '--sim-rate', '200'];

onPage('rows appear and change, a filter selects rows, and a click draws a chart', { flags: SIMULATED }, async ({ page, messages }) => {
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  await state(page, /^connected/);
  await valuesChange(page);
  // A topic appears with its first update: a trade and a quote of each market, and the sensors.
  await page.waitForFunction(() => document.querySelectorAll('.row:not([hidden])').length === 12, undefined, PATIENCE);

  const all = await topics(page);
  assert.ok(all.length >= 8, String(all));
  const filtered = async (text, isRight) => {
    await page.fill('#filter', text);
    await page.waitForFunction((count) => document.querySelectorAll('.row:not([hidden])').length < count, all.length, PATIENCE);
    const left = await topics(page);
    assert.ok(left.length > 0 && left.every(isRight), `${text}: ${left}`);
  };
  await filtered('market/+/trade', (topic) => /^market\/[^/]+\/trade$/.test(topic));
  await page.fill('#filter', '');
  await page.waitForFunction((count) => document.querySelectorAll('.row:not([hidden])').length === count, all.length, PATIENCE);
  await filtered('QUOTE', (topic) => topic.endsWith('/quote'));

  await page.fill('#filter', 'market/+/trade');
  const row = page.locator('.row:not([hidden])', { hasText: /\/trade/ }).first();
  const chosen = await row.locator('span').first().textContent();
  await row.click();
  await page.waitForFunction((topic) => document.querySelector('.chart.active .topic').textContent === topic, chosen, PATIENCE);
  await drawn(page);
  assert.deepEqual(messages, []);
});

onPage('another filter shows its first match, and floors are in their natural order', { flags: ['--feed', 'none'] }, async ({ page, messages, server }) => {
  const publisher = new Client(server().url, { WebSocket });
  await publisher.ready;
  for (let from = 1; from <= 300; from += 100) {
    await publisher.publish(Array.from({ length: 100 }, (_, at) => ({ topic: `tower/floor-${from + at}/lamp`, value: { text: 'on' } })));
  }
  publisher.close();
  const scrolled = (isFar) => page.waitForFunction((far) => far === document.querySelector('#scroll').scrollTop > 1_000, isFar, PATIENCE);
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  await page.locator('.row:not([hidden])').nth(5).hover();
  await page.mouse.wheel(0, 4_000);
  await scrolled(true);
  await page.keyboard.press('/');
  await page.keyboard.type('floor-1');
  await scrolled(false);
  await page.waitForFunction(() => document.querySelector('.row:not([hidden])').textContent.includes('floor-1/lamp'), undefined, PATIENCE);
  const [first, second, third] = await topics(page);
  assert.deepEqual([first, second, third], [1, 10, 11].map((floor) => `tower/floor-${floor}/lamp`));
  assert.deepEqual(messages, []);
});

onPage('small readings keep their digits in the list, in the title and on the axis', { flags: ['--feed', 'none'], path: '#chart=lab%2Fleak' }, async ({ page, messages, server }) => {
  await recordTexts(page);
  const publisher = new Client(server().url, { WebSocket });
  await publisher.ready;
  for (const reading of [1e-12, 1.5e-12, 1.2e-12]) await publisher.publish({ topic: 'lab/leak', value: { reading } });
  publisher.close();
  await page.waitForFunction(() => document.querySelector('.row:not([hidden])')?.textContent.includes('1.2e-12'), undefined, PATIENCE);
  await page.waitForFunction(() => document.querySelector('.chart.active .title').textContent.includes('1.2e-12'), undefined, PATIENCE);
  await written(page, /^1\.\de-12/);
  const texts = await page.evaluate(() => globalThis.written.map(([, text]) => text));
  assert.ok(!texts.includes('0.0000000'), texts.join(' '));
  assert.deepEqual(messages, []);
});

onPage('columns sort in both directions', { flags: SIMULATED }, async ({ page, messages }) => {
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  const sortedBy = (direction) =>
    page.waitForFunction((sign) => {
      const rows = [...document.querySelectorAll('.row:not([hidden])')];
      rows.sort((a, b) => a.getBoundingClientRect().top - b.getBoundingClientRect().top);
      const names = rows.map((row) => row.firstChild.textContent);
      return names.length > 4 && names.every((name, at) => at === 0 || (names[at - 1] < name) === sign > 0);
    }, direction, PATIENCE);
  await sortedBy(1);
  await page.click('#head button[value=topic]');
  await sortedBy(-1);
  assert.deepEqual(messages, []);
});

onPage('encoding and rate change while the page is connected', { flags: SIMULATED }, async ({ page, messages }) => {
  const granted = (text) => page.waitForFunction((part) => document.querySelector('#health').textContent.includes(part), text, PATIENCE);
  await granted('bincode, latest, 5 /s');
  await page.click('#encoding button[value=json]');
  await granted('json, latest, 5 /s');
  await valuesChange(page);
  await page.click('#rate button[value=every]');
  await granted('json, every');
  await valuesChange(page);
  assert.deepEqual(messages, []);
});

onPage('the page reconnects to a restarted server and shows its state meanwhile', { flags: SIMULATED }, async ({ page, messages, restart }) => {
  await state(page, /^connected/);
  await valuesChange(page);
  await restart(async () => {
    await state(page, /^not connected: /);
    await page.locator('#countdown', { hasText: /retry in \d/ }).waitFor(PATIENCE);
    // Old values must not look fresh.
    await page.waitForSelector('.away .row', PATIENCE);
  });
  await state(page, /^connected/);
  await valuesChange(page);
  // Chromium reports requests that failed, such as for a font that is first needed then. A request
  // just before the end of the server is reset, a later one is refused. No other message is
  // allowed.
  const failedRequest = /WebSocket connection to .* failed|net::ERR_CONNECTION_(REFUSED|RESET)/;
  assert.deepEqual(messages.filter((text) => !failedRequest.test(text)), []);
});

onPage('an empty list says whether it waits for a value, for the server, or hides topics', { flags: ['--feed', 'none'] }, async ({ page, server, restart }) => {
  const says = (pattern) => page.locator('#empty', { hasText: pattern }).waitFor(PATIENCE);
  await says(/^Connected\. No topic has a value yet/);
  await restart(() => says(/^Not connected: .*again by itself/));
  await says(/^Connected\. No topic has a value yet/);
  const publisher = new Client(server().url, { WebSocket });
  await publisher.ready;
  await publisher.publish({ topic: 'lab/scale', value: { reading: 1 } });
  publisher.close();
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  await page.fill('#filter', 'no such name');
  await says(/^The filter hides the only topic/);
  await page.fill('#filter', '');
  await page.waitForSelector('#empty', { state: 'hidden', ...PATIENCE });
});

onPage('a chart begins with the history of the server', { path: 'healthz', flags: ['--feed', 'none'] }, async ({ page, messages, server }) => {
  const publisher = new Client(server().url, { WebSocket });
  await publisher.ready;
  const POINTS = 300;
  const values = Array.from({ length: POINTS }, (_, at) => ({ topic: 'lab/scale', value: { reading: Math.sin(at / 10) } }));
  // One by one: points of the same time are one vertical line.
  for (const value of values) await publisher.publish(value);
  publisher.close();
  await page.goto(new URL('/', page.url()).href);
  await drawn(page);
  await page.locator('#kept', { hasText: `kept ${POINTS} points` }).waitFor(PATIENCE);
  assert.deepEqual(messages, []);
});

onPage('the chart moves, and the time without a server is hatched', { flags: SIMULATED }, async ({ page, restart }) => {
  await page.click('#window button[value="60"]');
  await drawn(page);
  const picture = () => page.evaluate(() => document.querySelector('#charts canvas').toDataURL());
  const before = await picture();
  await page.waitForFunction((known) => document.querySelector('#charts canvas').toDataURL() !== known, before, PATIENCE);
  await restart(async () => {
    await state(page, /^not connected: /);
    // A shorter time would be a few pixels wide.
    await pause(2_000);
  });
  await state(page, /^connected/);
  // Only the hatching has this colour: at most 45 % of the colour for losses over the background.
  await page.waitForFunction((axis_px) => {
    const canvas = document.querySelector('#charts canvas');
    const plot_px = canvas.width - axis_px * devicePixelRatio;
    const color = (name) => {
      const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      return [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
    };
    const [background, bad] = [color('--background'), color('--bad')];
    const { data } = canvas.getContext('2d').getImageData(0, 40, Math.floor(plot_px), Math.floor(canvas.height * 0.7));
    let hatched = 0;
    for (let at = 0; at < data.length; at += 4) {
      const part = [0, 1, 2].map((part) => (data[at + part] - background[part]) / (bad[part] - background[part]));
      // Lines between two pixels are fainter.
      if (part.every((share) => share > 0.15 && share < 0.6) && Math.max(...part) - Math.min(...part) < 0.1) hatched += 1;
    }
    return hatched > 200;
  }, AXIS_PX, { timeout: TIMEOUT_MS });
});

const FOLDER = mkdtempSync(join(tmpdir(), 'tickcast-'));
after(() => rmSync(FOLDER, { recursive: true }));

onPage('a page that was not there yet hatches a time without a server, which goes on from its log', { flags: [...SIMULATED, '--data', FOLDER] }, async ({ page, restart, messages }) => {
  await page.click('#window button[value="60"]');
  await drawn(page);
  // Updates of several seconds before.
  await pause(4_000);
  await restart(() => pause(4_000));
  await state(page, /^connected/);
  await pause(4_000);
  await recordTexts(page);
  await page.click('#window button[value="60"]');
  await drawn(page);
  await written(page, /^source away$/);
  assert.deepEqual(messages.filter((message) => !message.includes('WebSocket')), []);
});

/** A point of the plot close to the newest value, in pixels of the page. */
async function pointOnChart(page) {
  const { x, y, width, height } = await page.locator('.plot').boundingBox();
  return [x + (width - AXIS_PX) * 0.97, y + height * 0.5];
}

/** The value axis is about this wide. */
const AXIS_PX = 75;
const tooltip = (page) => page.locator('.tooltip', { hasText: /s ago\s+Δ live/ });

onPage('the tooltip appears with the mouse and disappears with it', { flags: SIMULATED }, async ({ page, messages }) => {
  await drawn(page);
  await page.mouse.move(...(await pointOnChart(page)));
  await tooltip(page).waitFor(PATIENCE);
  await page.mouse.move(5, 5);
  await page.waitForSelector('.tooltip', { state: 'hidden', ...PATIENCE });
  assert.deepEqual(messages, []);
});

onPage('the tooltip stays after a tap, until the next tap elsewhere', { flags: SIMULATED, viewport: PHONE, hasTouch: true }, async ({ page, messages }) => {
  await page.locator('.row:not([hidden])', { hasText: /\/trade/ }).first().tap();
  await drawn(page);
  await page.touchscreen.tap(...(await pointOnChart(page)));
  await tooltip(page).waitFor(PATIENCE);
  await page.locator('.topic').tap();
  await page.waitForSelector('.tooltip', { state: 'hidden', ...PATIENCE });
  assert.deepEqual(messages, []);
});

onPage('the chart follows the size of the window and the colours of the system', { flags: SIMULATED }, async ({ page, messages }) => {
  await drawn(page);
  const fills = () => page.waitForFunction(() => {
    const [canvas, plot] = ['#charts canvas', '.plot'].map((selector) => document.querySelector(selector));
    const isNear = (canvasSize, plotSize) => Math.abs(canvasSize - plotSize * devicePixelRatio) <= 1;
    return isNear(canvas.width, plot.clientWidth) && isNear(canvas.height, plot.clientHeight);
  }, undefined, PATIENCE);
  await fills();
  await page.setViewportSize({ width: 1_000, height: 700 });
  await fills();
  await drawn(page);
  const background = (color) => page.waitForFunction((expected) => {
    const { data } = document.querySelector('#charts canvas').getContext('2d').getImageData(1, 1, 1, 1);
    return data.slice(0, 3).join() === expected;
  }, color, PATIENCE);
  await page.emulateMedia({ colorScheme: 'dark' });
  await background('13,16,20');
  await page.emulateMedia({ colorScheme: 'light' });
  await background('255,255,255');
  await drawn(page);
  assert.deepEqual(messages, []);
});

onPage('nothing moves with the setting for reduced motion', { flags: SIMULATED }, async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  const durations = await page.evaluate(() => [...document.querySelectorAll('*')].map((element) => getComputedStyle(element))
    .filter(({ transitionDuration, transitionProperty, animationName }) => animationName !== 'none' || (transitionProperty !== 'none' && transitionDuration !== '0s')).length);
  assert.equal(durations, 0);
});

const SILENT = ['--feed', 'none', '--liveness', 'lab/#=1s,dead_after=6s'];

onPage('a silent source is shown in words and in colour', { flags: SILENT }, async ({ page, messages, server }) => {
  const publisher = new Client(server().url, { WebSocket });
  await publisher.ready;
  const publish = (number) => publisher.publish({ topic: 'lab/scale', value: { reading: number } });
  const freshness = (pattern, color) =>
    page.waitForFunction(
      ([source, name]) => {
        const cell = document.querySelector('.row:not([hidden]) span:nth-child(5)');
        return cell && new RegExp(source).test(cell.textContent) && cell.className === name;
      },
      [pattern.source, color],
      PATIENCE,
    );
  await publish(1);
  await freshness(/^\d\.\d s$/, '');
  await freshness(/^stale \d+ s$/, 'warning');
  await freshness(/^dead \d+ s$/, 'bad');
  assert.match(await page.textContent('#unhealthy'), /stale or dead 1/);
  await publish(2);
  await freshness(/^\d\.\d s$/, '');
  await page.waitForSelector('#unhealthy', { state: 'hidden', ...PATIENCE });
  publisher.close();
  assert.deepEqual(messages, []);
});

onPage('on a phone the list comes first, and the chart of a chosen topic above it', { flags: SIMULATED, viewport: PHONE }, async ({ page, messages }) => {
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  assert.equal(await page.isVisible('.plot'), false);
  await page.locator('.row:not([hidden])', { hasText: /\/trade/ }).first().click();
  await drawn(page);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'wider than the screen');
  assert.deepEqual(await tooSmall(page), []);
  await page.click('#back');
  assert.equal(await page.isVisible('.plot'), false);
  assert.deepEqual(messages, []);
});

test('a client that is not a browser gets plain text', { timeout: TIMEOUT_MS }, async () => {
  const server = await Server.start(['--feed', 'none']);
  try {
    const ask = (accept) =>
      new Promise((resolve, reject) => {
        get(`http://127.0.0.1:${server.port}/`, { headers: { accept }, agent: false }, async (answer) => {
          let body = '';
          for await (const part of answer) body += part;
          resolve({ headers: answer.headers, body });
        }).on('error', reject);
      });
    const plain = await ask('*/*');
    assert.match(plain.headers['content-type'], /^text\/plain/);
    assert.match(plain.body, /subscribe/);
    const page = await ask('text/html,*/*;q=0.8');
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.match(page.headers['content-security-policy'], /^default-src 'none'/);
    assert.match(page.body, /^<!doctype html>/);
  } finally {
    await server.kill();
  }
});
