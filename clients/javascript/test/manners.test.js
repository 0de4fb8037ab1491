// What a person does with mouse, fingers, wheel and keys on the page at `/`, in Chromium, against
// the real server. What is shown is in the page's address, and the texts on a canvas are recorded.

import assert from 'node:assert/strict';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { readAddress } from '../page/overview/address.js';
import { PATIENCE, PHONE, drawn, onPage, recordTexts, written } from './support/on-page.js';

const SIMULATED = ['--sim-instruments', '4', '--sim-sensors', '4', '--sim-rate', '200'];
const TRADE = 'market/BTC-USDT/trade';
const QUIET = ['--feed', 'none'];

const chartPath = (...topics) => `#${topics.map((topic) => `chart=${encodeURIComponent(topic)}`).join('&')}`;
/** What the address says, as soon as it is what is expected. */
async function shown(page, isExpected) {
  const until = Date.now() + PATIENCE.timeout;
  for (;;) {
    const address = readAddress(await page.evaluate(() => location.hash.slice(1)));
    if (isExpected(address)) return address;
    assert.ok(Date.now() < until, `the address is ${JSON.stringify(address)}`);
    await page.waitForTimeout(50);
  }
}

/** The address follows what is shown within this time. */
const ADDRESS_FOLLOWS_MS = 1_000;

/** The range of the first chart after a drag, during which the address may have had another one. */
async function rangeAfterDrag(page) {
  for (let before; ;) {
    const { charts: [{ range }] } = await shown(page, (address) => address.charts[0]?.range !== undefined);
    if (String(range) === before) return range;
    before = String(range);
    await page.waitForTimeout(ADDRESS_FOLLOWS_MS);
  }
}

/** The plot of a chart in pixels of the page, without the axes. */
async function plotOf(page, at = 0) {
  const { x, y, width, height } = await page.locator('.plot').nth(at).boundingBox();
  return { left: x, right: x + width - 75, top: y + 8, bottom: y + height - 28, axis: x + width - 20 };
}

async function drag(page, [fromX, fromY], [toX, toY], button = 'left') {
  await page.mouse.move(fromX, fromY);
  await page.mouse.down({ button });
  for (let step = 1; step <= 6; step++) await page.mouse.move(fromX + ((toX - fromX) * step) / 6, fromY + ((toY - fromY) * step) / 6);
  await page.mouse.up({ button });
}

/** Counts pixels near a colour of the style on a canvas, left of its value axis. */
const pixels = (page, name, at = 0) => page.evaluate(([variable, index]) => {
  const canvas = document.querySelectorAll('#charts canvas')[index];
  const { data } = canvas.getContext('2d').getImageData(0, 0, Math.floor(canvas.width * 0.88), canvas.height);
  const text = getComputedStyle(document.documentElement).getPropertyValue(variable).trim();
  const color = [1, 3, 5].map((part) => parseInt(text.slice(part, part + 2), 16));
  let count = 0;
  for (let pixel = 0; pixel < data.length; pixel += 4) if ([0, 1, 2].every((part) => Math.abs(data[pixel + part] - color[part]) < 24)) count += 1;
  return count;
}, [name, at]);

async function publisherOf(server) {
  const publisher = new Client(server.url, { WebSocket });
  await publisher.ready;
  return publisher;
}

onPage('the wheel zooms time at the live edge and keeps following', { flags: SIMULATED, path: chartPath(TRADE) }, async ({ page, messages }) => {
  await drawn(page);
  const { left, right, top } = await plotOf(page);
  await page.mouse.move((left + right) / 2, top + 50);
  await page.mouse.wheel(0, -300);
  const { span_s } = await shown(page, (address) => address.span_s < 200);
  assert.equal(await page.isVisible('#follow'), false);
  await page.mouse.wheel(0, 600);
  await shown(page, (address) => address.span_s > 2 * span_s && address.end_s === undefined);
  assert.deepEqual(messages, []);
});

onPage('a drag moves in time and pauses, the chip tells what is new, and the way back follows', { flags: SIMULATED, path: chartPath(TRADE) }, async ({ page, messages }) => {
  await recordTexts(page);
  await drawn(page);
  const { left, right, top } = await plotOf(page);
  const y = top + 100;
  await drag(page, [left + 100, y], [left + 400, y]);
  // The address follows the drag, a little later.
  const part = 300 / (right - left);
  const isMoved = ({ end_s, span_s }) => Math.abs(Date.now() / 1000 - end_s - part * span_s) < 0.1 * span_s;
  const { end_s, span_s } = await shown(page, (address) => address.end_s !== undefined && isMoved(address));
  const expected_s = part * span_s;
  await page.locator('#follow', { hasText: /^Paused · \+[1-9].* new · .* behind$/ }).waitFor(PATIENCE);
  // The times on the axis stand still.
  const times = () => page.evaluate(() => {
    const labels = globalThis.written.filter(([ms, text]) => performance.now() - ms < 400 && /^\d\d:\d\d/.test(text)).map(([, text]) => text);
    return [...new Set(labels)].toSorted().join();
  });
  await page.waitForTimeout(500);
  const before = await times();
  assert.notEqual(before, '');
  await page.waitForTimeout(1_500);
  assert.equal(await times(), before);
  await drag(page, [left + 100, y], [left + 500, y]);
  await shown(page, (address) => address.end_s < end_s - expected_s);
  for (let drags = 0; drags < 3; drags++) await drag(page, [right - 20, y], [left + 20, y]);
  await shown(page, (address) => address.end_s === undefined);
  await page.waitForSelector('#follow', { state: 'hidden', ...PATIENCE });
  for (const resume of [() => page.keyboard.press('End'), () => page.click('#follow'), () => page.keyboard.press('Space')]) {
    await drag(page, [left + 100, y], [left + 300, y]);
    await shown(page, (address) => address.end_s !== undefined);
    await resume();
    await shown(page, (address) => address.end_s === undefined);
  }
  assert.deepEqual(messages, []);
});

onPage('a box zooms time and values, one step back restores both, and a double click follows', { flags: SIMULATED, path: chartPath(TRADE) }, async ({ page, messages }) => {
  await drawn(page);
  const { left, right, top, bottom } = await plotOf(page);
  const width = right - left;
  await drag(page, [left + width * 0.5, top + 50], [left + width * 0.75, bottom - 50], 'right');
  const { charts: [{ range }], span_s } = await shown(page, (address) => address.charts[0]?.range !== undefined);
  assert.ok(Math.abs(span_s - 75) < 3, String(span_s));
  assert.ok(range[0] < range[1]);
  await page.keyboard.press('Control+z');
  const restored = await shown(page, (address) => address.span_s === 300);
  assert.deepEqual([restored.charts[0].range, restored.end_s], [undefined, undefined]);
  await drag(page, [left + width * 0.5, top + 50], [left + width * 0.75, bottom - 50], 'right');
  await shown(page, (address) => address.charts[0]?.range !== undefined && address.end_s !== undefined);
  await page.mouse.dblclick(left + 200, top + 100);
  await shown(page, (address) => address.charts[0].range === undefined && address.end_s === undefined);
  assert.deepEqual(messages, []);
});

onPage('a drag on the value axis stretches the values, and a double click there fits them', { flags: SIMULATED, path: chartPath(TRADE) }, async ({ page, messages }) => {
  await drawn(page);
  const { axis, top, bottom } = await plotOf(page);
  await drag(page, [axis, top + 60], [axis, bottom - 60]);
  const [low, high] = await rangeAfterDrag(page);
  await drag(page, [axis, bottom - 60], [axis, top + 60]);
  await shown(page, ({ charts: [{ range }] }) => range[1] - range[0] < (high - low) * 0.8);
  await page.mouse.dblclick(axis, top + 100);
  const { end_s } = await shown(page, (address) => address.charts[0].range === undefined);
  assert.equal(end_s, undefined);
  assert.deepEqual(messages, []);
});

onPage('two fingers zoom, one finger moves, and a double tap follows', { flags: SIMULATED, path: chartPath(TRADE), viewport: PHONE, hasTouch: true }, async ({ page, messages }) => {
  await drawn(page);
  const session = await page.context().newCDPSession(page);
  const touch = (type, ...points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  const { left, right, top } = await plotOf(page);
  const [middle, y] = [(left + right) / 2, top + 60];
  await touch('touchStart', [middle - 40, y], [middle + 40, y]);
  for (let step = 1; step <= 6; step++) await touch('touchMove', [middle - 40 - 10 * step, y], [middle + 40 + 10 * step, y]);
  await touch('touchEnd');
  const { span_s, end_s } = await shown(page, (address) => address.span_s < 200);
  assert.ok(span_s > 60 && span_s < 180, String(span_s));
  assert.equal(end_s, undefined);
  await touch('touchStart', [left + 40, y]);
  for (let step = 1; step <= 8; step++) await touch('touchMove', [left + 40 + 20 * step, y]);
  await touch('touchEnd');
  await shown(page, (address) => address.end_s !== undefined);
  // A tap shows the value, and the page itself neither zooms nor scrolls.
  for (let tap = 0; tap < 2; tap++) await page.touchscreen.tap(left + 100, y);
  await shown(page, (address) => address.end_s === undefined);
  assert.deepEqual(await page.evaluate(() => [visualViewport.scale, scrollX, scrollY]), [1, 0, 0]);
  assert.deepEqual(messages, []);
});

onPage('trades become candles, and the interval can be chosen', { flags: SIMULATED, path: chartPath(TRADE) }, async ({ page, messages }) => {
  await drawn(page);
  await page.keyboard.press('c');
  await shown(page, ({ charts: [chart], span_s }) => chart.interval_s === 15 && span_s === 1_200);
  await page.click('.interval button[value="1"]');
  await shown(page, ({ charts: [chart], span_s }) => chart.interval_s === 1 && span_s === 80);
  for (const name of ['--up', '--down']) {
    for (let tries = 0; (await pixels(page, name)) < 60; tries++) {
      assert.ok(tries < 300, `no candle in ${name}`);
      await page.waitForTimeout(100);
    }
  }
  await page.keyboard.press('i');
  await shown(page, ({ charts: [chart] }) => chart.interval_s === 5);
  const { right, top } = await plotOf(page);
  await page.mouse.move(right - 20, top + 80);
  await page.locator('.tooltip', { hasText: /O [\d\s.]+ {2}C [^]*H [^]*L [^]*volume [^]* updates? *[^]*5 s/ }).waitFor(PATIENCE);
  // Too many candles are drawn with a longer interval, which is marked.
  assert.equal(await page.locator('.interval .drawn').count(), 0);
  await page.click('.interval button[value="1"]');
  await page.click('#window button[value="86400"]');
  await page.locator('.interval .drawn', { hasText: /^5 m$/ }).waitFor(PATIENCE);
  assert.equal(await page.getAttribute('.interval button[value="1"]', 'aria-pressed'), 'true');
  await page.click('.form button[value=line]');
  await shown(page, ({ charts: [chart] }) => chart.interval_s === undefined);
  assert.equal(await page.isVisible('.interval'), false);
  assert.deepEqual(messages, []);
});

onPage('a link opens the same view in another window', { flags: SIMULATED, path: chartPath(TRADE), context: { permissions: ['clipboard-read', 'clipboard-write'] } }, async ({ page, messages, another }) => {
  await drawn(page);
  await page.keyboard.press('Enter');
  await page.fill('#filter', 'quote');
  await page.keyboard.press('Enter');
  await page.waitForFunction(() => document.querySelectorAll('.chart').length === 2, undefined, PATIENCE);
  await page.keyboard.press('c');
  await page.keyboard.press('ArrowLeft');
  await page.keyboard.press('u');
  const view = await shown(page, (address) => address.charts.length === 2 && address.end_s !== undefined && address.isUtc);
  await page.keyboard.press('l');
  await page.locator('#link', { hasText: 'Copied' }).waitFor(PATIENCE);
  const link = await page.evaluate(() => navigator.clipboard.readText());
  const other = await another(new URL(link).hash);
  await other.waitForFunction(() => document.querySelectorAll('.chart').length === 2, undefined, PATIENCE);
  assert.deepEqual(await shown(other, (address) => address.charts.length === 2), view);
  assert.equal(await other.inputValue('#filter'), 'quote');
  assert.match(await other.textContent('#now'), /UTC$/);
  await other.locator('#follow', { hasText: 'Paused' }).waitFor(PATIENCE);
  assert.deepEqual(messages, []);
});

onPage('Enter keeps a chart, keys and buttons remove it, and the crosshair is one', { flags: SIMULATED }, async ({ page, messages }) => {
  await drawn(page);
  const charts = (count) => page.waitForFunction((expected) => document.querySelectorAll('.chart').length === expected, count, PATIENCE);
  const activeTopic = () => page.textContent('.chart.active .topic');
  await charts(1);
  const first = await activeTopic();
  // Without a single Tab.
  await page.keyboard.press('j');
  await page.waitForFunction((topic) => document.querySelector('.chart.active .topic').textContent !== topic, first, PATIENCE);
  await charts(1);
  await page.fill('#filter', 'trade');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.press('j');
  await charts(2);
  await page.keyboard.press('Enter');
  await page.keyboard.press('j');
  await charts(3);
  const { left, right, top } = await plotOf(page, 0);
  await page.keyboard.press('x');
  await charts(2);
  const shownPlot = await plotOf(page, 0);
  await page.mouse.move(shownPlot.left + (shownPlot.right - shownPlot.left) * 0.97, shownPlot.top + 40);
  await page.waitForFunction(() => [...document.querySelectorAll('.tooltip')].filter((tip) => !tip.hidden && /s ago/.test(tip.textContent)).length === 2, undefined, PATIENCE);
  assert.ok(right > left && top > 0);
  const last = await activeTopic();
  await page.keyboard.press('p');
  await page.waitForFunction((topic) => document.querySelector('.chart.active .topic').textContent !== topic, last, PATIENCE);
  await page.locator('.remove').first().click();
  await charts(1);
  await page.locator('.row:not([hidden])').nth(2).click({ modifiers: ['Control'] });
  await charts(2);
  assert.deepEqual(messages, []);
});

onPage('keys work without the Tab key, which has few stops, and the help lists them', { flags: SIMULATED }, async ({ page, messages }) => {
  await drawn(page);
  const focused = (selector) => page.waitForFunction((wanted) => document.activeElement?.matches(wanted), selector, PATIENCE);
  await page.keyboard.press('?');
  await page.locator('#help[open]').waitFor(PATIENCE);
  assert.ok((await page.locator('#keys dt').count()) >= 20);
  await page.keyboard.press('Escape');
  await page.waitForSelector('#help', { state: 'hidden', ...PATIENCE });
  await page.keyboard.press('/');
  await focused('#filter');
  await page.keyboard.type('trade');
  await page.waitForFunction(() => [...document.querySelectorAll('.row:not([hidden])')].every((row) => row.firstChild.textContent.endsWith('trade')), undefined, PATIENCE);
  await page.keyboard.press('Enter');
  await focused('#scroll');
  await page.waitForFunction(() => document.querySelectorAll('.row:not([hidden])').length === 4, undefined, PATIENCE);
  const chosen = (name) => page.waitForFunction((topic) => {
    const row = document.getElementById(document.querySelector('#scroll').getAttribute('aria-activedescendant'));
    return row?.getAttribute('aria-selected') === 'true' && row.firstChild.textContent === topic && document.querySelector('.chart.active .topic').textContent === topic;
  }, name, PATIENCE);
  const names = (await page.locator('.row:not([hidden]) span:first-child').allTextContents()).toSorted();
  await chosen(names[0]);
  await page.keyboard.press('End');
  await chosen(names.at(-1));
  await page.keyboard.press('k');
  await chosen(names.at(-2));
  await page.keyboard.press('Home');
  await chosen(names[0]);
  // The order of the list is one stop, and its buttons are reached with the arrows.
  await page.focus('#filter');
  await page.keyboard.press('Tab');
  await focused('#head button[value=topic]');
  assert.match(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), /solid/);
  assert.equal(await page.getAttribute('#head button[value=topic]', 'aria-label'), 'Topic, sorted ascending');
  await page.keyboard.press('ArrowRight');
  await focused('#head button[value=last]');
  await page.keyboard.press('Enter');
  assert.equal(await page.getAttribute('#head button[value=last]', 'aria-label'), 'Newest value, sorted descending');
  await page.keyboard.press('Tab');
  await focused('#scroll');
  const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, a, [tabindex]')]
    .filter((element) => !(element.ariaLabel || element.textContent.trim() || element.labels?.[0]?.textContent.trim() || element.hidden)).map((element) => element.outerHTML));
  assert.deepEqual(unnamed, []);
  assert.deepEqual(messages, []);
});

const LONG = 'zigbee2mqtt/ground_floor/living_room/window_left/0x00158d000400000a/state';
const JSON_TEXT = JSON.stringify({ battery: 95, humidity: 40.81, linkquality: 87, devices: Array.from({ length: 30 }, (_, at) => `0x00158d0004${at}`) });

for (const width of [320, 390, 430, 900, 1280]) {
  onPage(`a long text never pushes a name away at ${width} px`, { flags: QUIET, viewport: { width, height: 800 }, hasTouch: width < 800 }, async ({ page, server, messages }) => {
    const publisher = await publisherOf(server());
    await publisher.publish([
      { topic: LONG, value: { text: JSON_TEXT } },
      { topic: 'home/hall/info', value: { text: JSON_TEXT } },
      { topic: 'home/hall/lamp', value: { text: 'on' } },
      { topic: 'home/hall/temperature', value: { reading: 21.5 } },
    ]);
    publisher.close();
    await page.waitForFunction(() => document.querySelectorAll('.row:not([hidden])').length === 4, undefined, PATIENCE);
    await page.evaluate(() => document.fonts.ready);
    const rows = await page.evaluate(() => [...document.querySelectorAll('.row:not([hidden])')].map((row) => {
      const cell = row.children[0];
      const name = cell.firstChild.getBoundingClientRect();
      const box = cell.getBoundingClientRect();
      const value = row.children[1].getBoundingClientRect();
      const overlaps = value.left < box.right && value.right > box.left && value.top < box.bottom - 3 && value.bottom > box.top + 3;
      return { topic: cell.textContent, isWhole: name.left >= box.left - 1, endIsSeen: name.right <= box.right + 1, width: box.width, overlaps, row: row.getBoundingClientRect().width };
    }));
    for (const { topic, isWhole, endIsSeen, overlaps, width: own, row } of rows) {
      assert.ok(endIsSeen && !overlaps, JSON.stringify(rows));
      assert.ok(isWhole || (topic === LONG && own > row * 0.35), `${topic}: ${own} of ${row} px`);
    }
    assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
    assert.deepEqual(messages, []);
  });
}

onPage('words have a timeline, and a message can be read as a whole and copied', { flags: QUIET, path: chartPath('home/hall/info'), context: { permissions: ['clipboard-read', 'clipboard-write'] } }, async ({ page, server, messages }) => {
  const publisher = await publisherOf(server());
  const text = (state) => JSON.stringify({ state, serial: 'x'.repeat(300), tail: 'the end' });
  for (const state of ['on', 'off', 'on']) await publisher.publish({ topic: 'home/hall/info', value: { text: text(state) } });
  await page.locator('.payload', { hasText: '"tail": "the end"' }).waitFor(PATIENCE);
  assert.match(await page.textContent('.about'), /\d\d:\d\d:\d\d\.\d{3} · 3\d\d bytes · seq 3/);
  await page.waitForFunction(() => [...document.querySelectorAll('.messages button:not([hidden])')].length === 3, undefined, PATIENCE);
  await page.click('.copy');
  await page.locator('.copy', { hasText: 'Copied' }).waitFor(PATIENCE);
  assert.deepEqual(JSON.parse(await page.evaluate(() => navigator.clipboard.readText())), JSON.parse(text('on')));
  await page.click('.forms button[value=changes]');
  await page.locator('.payload .added', { hasText: '"state": "on"' }).waitFor(PATIENCE);
  await page.locator('.payload .removed', { hasText: '"state": "off"' }).waitFor(PATIENCE);
  // A message that a person chose stays while others come.
  await page.locator('.messages button').nth(2).click();
  await page.click('.forms button[value=raw]');
  await page.locator('.about', { hasText: 'seq 1' }).waitFor(PATIENCE);
  await publisher.publish({ topic: 'home/hall/info', value: { text: 'plain words' } });
  await page.locator('.newest', { hasText: 'Newest, +3' }).waitFor(PATIENCE);
  assert.match(await page.textContent('.about'), /seq 1/);
  await page.click('.newest');
  await page.locator('.payload', { hasText: /^plain words$/ }).waitFor(PATIENCE);
  publisher.close();
  assert.ok((await page.locator('.plot canvas').boundingBox()).height > 60);
  assert.deepEqual(messages, []);
});

/** One green pixel, as large as a picture must be to be one. */
const PNG = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');

onPage('bytes are a picture or digits, within the content security policy', { flags: QUIET, path: chartPath('cam/hall') }, async ({ page, server, messages }) => {
  const publisher = await publisherOf(server());
  await publisher.publish({ topic: 'cam/hall', value: { bytes: new Uint8Array(PNG) } });
  await page.locator('.payload canvas').waitFor(PATIENCE);
  assert.equal(await page.getAttribute('.payload canvas', 'aria-label'), 'Picture of 1 × 1 pixels');
  await page.click('.forms button[value=hex]');
  await page.locator('.payload', { hasText: /^0000 {2}89 50 4e 47/ }).waitFor(PATIENCE);
  publisher.close();
  assert.deepEqual(messages, []);
});

onPage('the axis has the unit, times are local or UTC, and the join of history and live updates is marked', {
  flags: SIMULATED, path: chartPath('plant/line-1/temperature'), context: { timezoneId: 'Asia/Kolkata' },
}, async ({ page, messages }) => {
  await recordTexts(page);
  await written(page, /^\d+\.\d+ °C$/);
  await written(page, /^5 \/s from here$/);
  await page.locator('#now', { hasText: /UTC\+05:30$/ }).waitFor(PATIENCE);
  const minutesOf = async () => {
    const labels = await page.evaluate(() => globalThis.written.filter(([ms]) => performance.now() - ms < 500).map(([, text]) => text));
    return labels.map((text) => /^(\d\d):(\d\d)/.exec(text)).filter(Boolean).map(([, hours, minutes]) => Number(hours) * 60 + Number(minutes));
  };
  const local = (await minutesOf())[0];
  await page.keyboard.press('u');
  await page.locator('#now', { hasText: /\d UTC$/ }).waitFor(PATIENCE);
  await page.waitForTimeout(700);
  const utc = (await minutesOf())[0];
  assert.ok([330, 331, 332, 329, 328].includes((local - utc + 1_440) % 1_440), `${local} ${utc}`);
  await page.click('#rate button[value="20"]');
  await written(page, /^20 \/s from here$/);
  assert.deepEqual(messages, []);
});

onPage('a chosen palette colours page and chart, and stays', { flags: SIMULATED, path: chartPath(TRADE) }, async ({ page, messages }) => {
  await drawn(page);
  const colors = new Set();
  for (const theme of ['dark', 'light', 'dark-safe', 'light-safe']) {
    await page.click('#open-settings');
    await page.click(`#theme button[value=${theme}]`);
    await page.click('#settings form > .tool');
    await drawn(page);
    colors.add(await page.evaluate(() => ['--background', '--accent', '--up'].map((name) => getComputedStyle(document.documentElement).getPropertyValue(name)).join()));
    assert.ok((await pixels(page, '--background')) > 10_000);
  }
  assert.equal(colors.size, 4);
  await page.reload();
  await drawn(page);
  assert.equal(await page.getAttribute('html', 'data-theme'), 'light-safe');
  assert.deepEqual(messages, []);
});

onPage('a screen with small pixels gets a sharp chart', { flags: SIMULATED, path: chartPath(TRADE), context: { deviceScaleFactor: 2.5 } }, async ({ page }) => {
  await drawn(page);
  const [width, place] = await page.evaluate(() => [document.querySelector('#charts canvas').width, document.querySelector('.plot').clientWidth]);
  assert.ok(Math.abs(width - place * 2.5) <= 1, `${width} ${place}`);
});

onPage('nothing prints over anything else at any width', { flags: SIMULATED, path: chartPath(TRADE, 'market/ETH-USDT/quote') }, async ({ page }) => {
  await drawn(page);
  for (const width of [320, 360, 390, 430, 600, 720, 799, 800, 1_000, 1_100, 1_280, 1_440]) {
    await page.setViewportSize({ width, height: width < 800 ? 844 : 700 });
    await page.waitForTimeout(100);
    const problems = await page.evaluate(() => {
      const found = [];
      if (document.documentElement.scrollWidth > innerWidth) found.push('wider than the screen');
      for (const bar of document.querySelectorAll('header, footer, .time, .title, .facts')) {
        const items = [...bar.children].map((item) => [item, item.getBoundingClientRect()]).filter(([, { width: wide }]) => wide > 0);
        for (const [item, box] of items) {
          const outer = bar.getBoundingClientRect();
          if (box.right > outer.right + 1 && !bar.matches('footer, .facts')) found.push(`outside: ${item.outerHTML.slice(0, 60)}`);
          for (const [other, place] of items) {
            if (item !== other && box.left < place.right - 1 && box.right > place.left + 1 && box.top < place.bottom - 1 && box.bottom > place.top + 1) found.push(`overlap: ${item.outerHTML.slice(0, 40)} ${other.outerHTML.slice(0, 40)}`);
          }
        }
      }
      return found;
    });
    assert.deepEqual(problems, [], `${width} px`);
  }
});

onPage('many charts keep a readable height, and the active one is in sight', { flags: SIMULATED, path: `${chartPath(TRADE, 'market/ETH-USDT/quote', 'market/SOL-USDT/trade', 'plant/line-1/power', 'plant/line-1/pressure', 'nothing/here')};messages&chart=${encodeURIComponent('market/EUR-USD/trade')};messages` }, async ({ page, messages }) => {
  await drawn(page);
  await page.waitForFunction(() => document.querySelectorAll('.inspector:not([hidden])').length === 1, undefined, PATIENCE);
  for (const [width, height] of [[1_440, 900], [900, 600], [390, 844], [320, 600]]) {
    await page.setViewportSize({ width, height });
    await page.waitForTimeout(200);
    const problems = await page.evaluate(() => {
      const found = [];
      const boxes = [...document.querySelectorAll('.chart')].map((chart) => [chart, chart.getBoundingClientRect()]);
      boxes.forEach(([chart, box], at) => {
        if (box.height < 180) found.push(`chart ${at} is ${box.height} px high`);
        for (const part of chart.children) {
          const place = part.getBoundingClientRect();
          if (place.height > 0 && (place.bottom > box.bottom + 1 || place.top < box.top - 1)) found.push(`${part.className} leaves chart ${at}`);
        }
        for (const [, other] of boxes.slice(0, at)) {
          if (box.left < other.right - 1 && box.right > other.left + 1 && box.top < other.bottom - 1 && box.bottom > other.top + 1) found.push(`chart ${at} covers another`);
        }
      });
      return found;
    });
    assert.deepEqual(problems, [], `${width} px`);
    for (let at = 0; at < 7; at++) {
      await page.keyboard.press('n');
      await page.waitForFunction(() => {
        const [active, place] = ['.chart.active .title', '#charts'].map((name) => document.querySelector(name).getBoundingClientRect());
        return active.top >= place.top - 1 && active.top < place.bottom;
      }, undefined, PATIENCE);
    }
  }
  assert.deepEqual(messages, []);
});

onPage('a stopped server is told as silent after its heartbeat, and hatched', { flags: SIMULATED, path: chartPath(TRADE) }, async ({ page, server }) => {
  await drawn(page);
  await recordTexts(page);
  await drawn(page);
  server().pause();
  try {
    await page.locator('#state', { hasText: /^connected · silent for \d+ s$/ }).waitFor(PATIENCE);
    await written(page, /^server silent$/);
  } finally {
    server().resume();
  }
  await page.locator('#state', { hasText: /^connected · epoch/ }).waitFor(PATIENCE);
  await written(page, /^server silent$/);
});
