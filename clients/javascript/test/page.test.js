// The server's page in Chromium, against the real server.

import assert from 'node:assert/strict';
import { get } from 'node:http';
import { test } from 'node:test';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { Server } from './binary.js';
import { PATIENCE, PHONE, TIMEOUT_MS, onPage, tooSmall } from './chromium.js';

const topics = (page) => page.locator('.row:not([hidden]) span:first-child').allTextContents();
const words = (page, pattern) =>
  page.waitForFunction((source) => new RegExp(source).test(document.querySelector('#words').textContent), pattern.source, PATIENCE);
/** Some value of the table becomes another one. */
async function moves(page) {
  const values = () => page.locator('.row:not([hidden]) span:nth-child(2)').allTextContents();
  const before = JSON.stringify(await values());
  await page.waitForFunction(
    (known) => JSON.stringify([...document.querySelectorAll('.row:not([hidden]) span:nth-child(2)')].map((cell) => cell.textContent)) !== known,
    before,
    PATIENCE,
  );
}
/** The line has its colour somewhere left of the last value's label. */
const drawn = (page) =>
  page.waitForFunction(() => {
    const canvas = document.querySelector('#plot canvas');
    if (!canvas || canvas.width === 0) return false;
    const { data } = canvas.getContext('2d').getImageData(0, 0, Math.floor(canvas.width * 0.7), canvas.height);
    const style = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
    const [red, green, blue] = [1, 3, 5].map((at) => parseInt(style.slice(at, at + 2), 16));
    const rows = new Set();
    for (let at = 0; at < data.length; at += 4) {
      const isLine = data[at + 3] > 200 && Math.abs(data[at] - red) < 40 && Math.abs(data[at + 1] - green) < 40 && Math.abs(data[at + 2] - blue) < 40;
      if (isLine) rows.add(Math.floor(at / 4 / canvas.width));
    }
    // The dotted line of the last value is one row of pixels; a line that moves has more.
    return rows.size > 10;
  }, undefined, PATIENCE);

const SIMULATED = ['--sim-instruments', '4', '--sim-sensors', '4', '--sim-rate', '200'];

onPage('rows appear and change, a filter narrows them, a click draws a chart', { flags: SIMULATED }, async ({ page, complaints }) => {
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  await words(page, /^connected/);
  await moves(page);

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
  await page.waitForFunction((topic) => document.querySelector('#topic').textContent === topic, chosen, PATIENCE);
  await drawn(page);
  assert.deepEqual(complaints, []);
});

onPage('columns sort in both directions', { flags: SIMULATED }, async ({ page, complaints }) => {
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
  assert.deepEqual(complaints, []);
});

onPage('encoding and rate are switched while it runs', { flags: SIMULATED }, async ({ page, complaints }) => {
  const granted = (text) => page.waitForFunction((part) => document.querySelector('#health').textContent.includes(part), text, PATIENCE);
  await granted('bincode, latest, 5 /s');
  await page.click('#encoding button[value=json]');
  await granted('json, latest, 5 /s');
  await moves(page);
  await page.click('#rate button[value=every]');
  await granted('json, every');
  await moves(page);
  assert.deepEqual(complaints, []);
});

onPage('a server that ends and comes back is found again, and the page says so meanwhile', { flags: SIMULATED }, async ({ page, complaints, restart }) => {
  await words(page, /^connected/);
  await moves(page);
  await restart(async () => {
    await words(page, /^not connected: /);
    await page.locator('#countdown', { hasText: /again in \d/ }).waitFor(PATIENCE);
    // What is old must not look fresh.
    await page.waitForSelector('.away .row', PATIENCE);
  });
  await words(page, /^connected/);
  await moves(page);
  // Chromium reports what it asked for in vain, such as a font that is first needed then; nothing else may be there.
  // It was refused, or reset if it came just before the end.
  const inVain = /WebSocket connection to .* failed|net::ERR_CONNECTION_(REFUSED|RESET)/;
  assert.deepEqual(complaints.filter((text) => !inVain.test(text)), []);
});

onPage('a chart begins with what the server holds from before the page came', { path: 'healthz', flags: ['--feed', 'none'] }, async ({ page, complaints, server }) => {
  const publisher = new Client(server().url, { WebSocket });
  await publisher.ready;
  const POINTS = 300;
  const values = Array.from({ length: POINTS }, (_, at) => ({ topic: 'lab/scale', value: { reading: Math.sin(at / 10) } }));
  // One by one, for points of one moment are one line upwards.
  for (const value of values) await publisher.publish(value);
  publisher.close();
  await page.goto(new URL('/', page.url()).href);
  await drawn(page);
  await page.locator('#kept', { hasText: `kept ${POINTS} points` }).waitFor(PATIENCE);
  assert.deepEqual(complaints, []);
});

onPage('the chart moves, and the time without a server is hatched', { flags: SIMULATED }, async ({ page, restart }) => {
  await page.click('#window button[value="60"]');
  await drawn(page);
  const picture = () => page.evaluate(() => document.querySelector('#plot canvas').toDataURL());
  const before = await picture();
  await page.waitForFunction((known) => document.querySelector('#plot canvas').toDataURL() !== known, before, PATIENCE);
  await restart(() => words(page, /^not connected: /));
  await words(page, /^connected/);
  // Nothing else has this colour inside the plot: half of it over the background.
  await page.waitForFunction(() => {
    const canvas = document.querySelector('#plot canvas');
    const color = (name) => {
      const value = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
      return [1, 3, 5].map((at) => parseInt(value.slice(at, at + 2), 16));
    };
    const [background, muted] = [color('--background'), color('--muted')];
    const { data } = canvas.getContext('2d').getImageData(0, 40, Math.floor(canvas.width * 0.8), Math.floor(canvas.height * 0.7));
    let hatched = 0;
    for (let at = 0; at < data.length; at += 4) {
      const part = [0, 1, 2].map((part) => (data[at + part] - background[part]) / (muted[part] - background[part]));
      if (part.every((share) => share > 0.3 && share < 0.6)) hatched += 1;
    }
    return hatched > 200;
  }, undefined, PATIENCE);
});

onPage('everything can be done with the keyboard, and is named', { flags: SIMULATED }, async ({ page, complaints }) => {
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  const focused = (selector) => page.waitForFunction((wanted) => document.activeElement?.matches(wanted), selector, PATIENCE);
  const chosen = (name) => page.waitForFunction((topic) => {
    const row = document.getElementById(document.querySelector('#scroll').getAttribute('aria-activedescendant'));
    return row?.getAttribute('aria-selected') === 'true' && row.firstChild.textContent === topic && document.querySelector('#topic').textContent === topic;
  }, name, PATIENCE);
  await page.keyboard.press('/');
  await focused('#filter');
  await page.keyboard.type('trade');
  await page.waitForFunction(() => [...document.querySelectorAll('.row:not([hidden])')].every((row) => row.firstChild.textContent.endsWith('trade')), undefined, PATIENCE);
  await page.keyboard.press('Tab');
  await focused('#head button[value=topic]');
  assert.equal(await page.getAttribute('#head button[value=topic]', 'aria-label'), 'Topic, sorted ascending');
  assert.match(await page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle), /solid/);
  await page.keyboard.press('Enter');
  assert.equal(await page.getAttribute('#head button[value=topic]', 'aria-label'), 'Topic, sorted descending');
  for (let presses = 0; presses < 5; presses++) await page.keyboard.press('Tab');
  await focused('#scroll');
  await page.waitForFunction(() => document.querySelectorAll('.row:not([hidden])').length === 4, undefined, PATIENCE);
  const names = (await topics(page)).toSorted().toReversed();
  await page.keyboard.press('End');
  await chosen(names.at(-1));
  await page.keyboard.press('ArrowUp');
  await chosen(names.at(-2));
  await page.keyboard.press('Home');
  await chosen(names[0]);
  const unnamed = await page.evaluate(() => [...document.querySelectorAll('button, input, a, [tabindex]')]
    .filter((element) => !(element.ariaLabel || element.textContent.trim())).map((element) => element.outerHTML));
  assert.deepEqual(unnamed, []);
  assert.deepEqual(complaints, []);
});

onPage('who wants less motion sees none', { flags: SIMULATED }, async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  const durations = await page.evaluate(() => [...document.querySelectorAll('*')].map((element) => getComputedStyle(element))
    .filter(({ transitionDuration, transitionProperty, animationName }) => animationName !== 'none' || (transitionProperty !== 'none' && transitionDuration !== '0s')).length);
  assert.equal(durations, 0);
});

const SILENT = ['--feed', 'none', '--liveness', 'lab/#=1s,dead_after=6s'];

onPage('a source that falls silent is told in words and in colour', { flags: SILENT }, async ({ page, complaints, server }) => {
  const publisher = new Client(server().url, { WebSocket });
  await publisher.ready;
  const speak = (number) => publisher.publish({ topic: 'lab/scale', value: { reading: number } });
  const standing = (pattern, color) =>
    page.waitForFunction(
      ([source, name]) => {
        const cell = document.querySelector('.row:not([hidden]) span:nth-child(5)');
        return cell && new RegExp(source).test(cell.textContent) && cell.className === name;
      },
      [pattern.source, color],
      PATIENCE,
    );
  await speak(1);
  await standing(/^\d\.\d s$/, '');
  await standing(/^stale \d+ s$/, 'warning');
  await standing(/^dead \d+ s$/, 'bad');
  assert.match(await page.textContent('#ailing'), /stale or dead 1/);
  await speak(2);
  await standing(/^\d\.\d s$/, '');
  await page.waitForSelector('#ailing', { state: 'hidden', ...PATIENCE });
  publisher.close();
  assert.deepEqual(complaints, []);
});

onPage('on a phone the list comes first, and a chart on top of it when a topic is chosen', { flags: SIMULATED, viewport: PHONE }, async ({ page, complaints }) => {
  await page.waitForSelector('.row:not([hidden])', PATIENCE);
  assert.equal(await page.isVisible('#plot'), false);
  await page.locator('.row:not([hidden])', { hasText: /\/trade/ }).first().click();
  await drawn(page);
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'wider than the screen');
  assert.deepEqual(await tooSmall(page), []);
  await page.click('#leave');
  assert.equal(await page.isVisible('#plot'), false);
  assert.deepEqual(complaints, []);
});

test('who is no browser gets words', { timeout: TIMEOUT_MS }, async () => {
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
