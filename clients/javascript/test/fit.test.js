// Nothing that matters is cut on the page at `/`, in Chromium, against the real server.

import assert from 'node:assert/strict';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { PATIENCE, PHONE, drawn, onPage } from './support/on-page.js';

const LONG = 'zigbee2mqtt/ground_floor/living_room/window_left/temperature';
const STATE = 'tasmota/stat/plug-of-the-washing-machine/POWER';
const PRICE = 'market/BTC-USDT/trade';
const PATH = `#chart=${encodeURIComponent(PRICE)}&chart=${encodeURIComponent(LONG)}&chart=${encodeURIComponent(STATE)};messages`;

async function publish({ url }) {
  const publisher = new Client(url, { WebSocket });
  await publisher.ready;
  const send = (moment) => publisher.publish([
    { topic: PRICE, value: { trade: { price: `67232.${10 + moment}`, size: '0.5' } } },
    { topic: LONG, value: { reading: 21 + moment / 100 }, unit: '°C', name: 'Living room, left window' },
    { topic: STATE, value: { text: moment % 2 === 0 ? 'OFF' : 'ON' } },
  ]);
  for (let moment = 0; moment < 30; moment++) await send(moment);
  publisher.close();
}

/** Where each canvas has drawn the labels of its time axis, in CSS pixels. */
const recordPlaces = (page) => page.addInitScript(() => {
  globalThis.places = new Map();
  const { fillText } = CanvasRenderingContext2D.prototype;
  CanvasRenderingContext2D.prototype.fillText = function record(text, x, y) {
    if (/^\d\d:\d\d/.test(text)) {
      const { left } = this.canvas.getBoundingClientRect();
      if (!globalThis.places.has(this.canvas)) globalThis.places.set(this.canvas, new Map());
      globalThis.places.get(this.canvas).set(text, Math.round(left + x));
    }
    return fillText.call(this, text, x, y);
  };
});

onPage('no title cuts a short value, and charts below each other have their times at the same place', { flags: ['--feed', 'none'], path: PATH }, async ({ page, server, messages }) => {
  await recordPlaces(page);
  await page.reload();
  await publish(server());
  await page.waitForFunction(() => [...document.querySelectorAll('.last')].filter((last) => last.textContent !== '').length === 3, undefined, PATIENCE);
  for (const width of [320, 390, 430, 799, 800, 1_000, 1_280, 1_440]) {
    await page.setViewportSize({ width, height: 844 });
    // On a phone the charts are shown after one was chosen, as it was.
    const cut = await page.evaluate(() => [...document.querySelectorAll('.title')].flatMap((title) => {
      const [topic, last, facts] = ['.topic', '.last', '.facts'].map((name) => title.querySelector(name));
      const isCut = last.scrollWidth > last.clientWidth + 1 || last.getBoundingClientRect().right > facts.getBoundingClientRect().right + 1;
      return isCut || topic.clientWidth < 60 ? [`${title.textContent}: ${topic.clientWidth} px, ${last.scrollWidth} of ${last.clientWidth} px`] : [];
    }));
    assert.deepEqual(cut, [], `${width} px`);
  }
  // The first chart is above the second one here, and their values have other lengths.
  await page.setViewportSize({ width: 700, height: 844 });
  await page.evaluate(() => globalThis.places.clear());
  await page.waitForFunction(() => {
    const all = [...document.querySelectorAll('#charts canvas')].map((canvas) => globalThis.places.get(canvas));
    if (all.some((places) => places === undefined || places.size === 0)) return false;
    const [first, ...others] = all;
    const isSame = others.every((places) => [...places].every(([text, x]) => !first.has(text) || Math.abs(first.get(text) - x) <= 1));
    const isCommon = others.every((places) => [...places.keys()].some((text) => first.has(text)));
    globalThis.places.clear();
    return isSame && isCommon;
  }, undefined, PATIENCE);
  assert.deepEqual(messages, []);
});

onPage('on a phone the state of the connection is whole, and the help tells the gestures of fingers', { flags: ['--sim-instruments', '2', '--sim-sensors', '2'], viewport: PHONE, hasTouch: true }, async ({ page, messages }) => {
  await page.locator('#state', { hasText: /^connected · epoch/ }).waitFor(PATIENCE);
  await page.tap('.row:not([hidden])');
  await drawn(page);
  const isWhole = (selector) => page.evaluate((name) => [...document.querySelectorAll(name)].filter((each) => each.clientWidth > 0).every((each) => each.scrollWidth <= each.clientWidth), selector);
  assert.ok(await isWhole('#connection'));
  const narrow = await page.evaluate(() => [...document.querySelectorAll('header button, header a')]
    .map((each) => each.getBoundingClientRect()).filter(({ width }) => width > 0 && width < 44).length);
  assert.equal(narrow, 0);
  await page.tap('#open-help');
  await page.locator('#help[open]').waitFor(PATIENCE);
  const told = (await page.locator('#keys dt:visible').allTextContents()).map((text) => text.trim());
  assert.deepEqual(told, ['One finger', 'Two fingers', 'Tap', 'Double tap', 'Hold, drag']);
  assert.ok(await isWhole('#keys dt'));
  assert.deepEqual(messages, []);
});
