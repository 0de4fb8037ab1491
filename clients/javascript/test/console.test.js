// The console at `/try` in Chromium, against the real server.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { EXAMPLES } from '../page/console/examples.js';
import { CLOSE_CODES, MESSAGE_MEANINGS } from '../page/console/explanations.js';
import { CLIENT, SERVER, decodeJson } from '../src/wire/messages.js';
import { TopicTable } from '../src/wire/topic-table.js';
import { PATIENCE, PHONE, onPage, tooSmall } from './support/on-page.js';

const QUIET = ['--feed', 'none'];
const FEW = ['--sim-instruments', '2', '--sim-sensors', '2', '--sim-rate', '50'];
const JSON_ONLY = 'tickcast.v1.json';
const BINCODE = 'tickcast.v1.bincode';

/** The newest line of a kind that contains the text. */
const line = (page, kind, text) => page.locator(`#log li[data-kind=${kind}]`, { hasText: text }).last();
const logged = (page, kind, text) => line(page, kind, text).waitFor(PATIENCE);
const state = (page, name) =>
  page.waitForFunction((wanted) => document.querySelector('#ready').textContent.endsWith(wanted), name, PATIENCE);

async function open(page, protocol = '') {
  await page.click(`#protocol button[value="${protocol}"]`);
  await page.click('#open');
  await logged(page, 'message', '"type":"welcome"');
  await state(page, '1 OPEN');
}

async function send(page, message) {
  await page.fill('#typed', typeof message === 'string' ? message : JSON.stringify(message));
  await page.click('#send');
}

onPage('the log shows every call and every event from open to close', { path: 'try', flags: FEW }, async ({ page, messages }) => {
  await page.click('#open');
  await logged(page, 'call', 'new WebSocket("ws://');
  await logged(page, 'open', 'protocol: "", extensions: ""');
  await logged(page, 'message', '"type":"welcome"');
  await page.click('#examples button:has-text("Latest values")');
  await page.click('#send');
  await logged(page, 'message', '"type":"subscribed"');
  await logged(page, 'message', '"snapshot":true');
  await logged(page, 'message', '"snapshot":false');
  await page.click('#examples button:has-text("Unsubscribe")');
  await page.click('#send');
  await logged(page, 'message', /"type":"unsubscribed","id":6,"channels":\[\d+\]/);
  await send(page, 'no message at all');
  await logged(page, 'message', '"code":100');
  await page.fill('#code', '4321');
  await page.fill('#reason', 'enough');
  await page.click('#close');
  await logged(page, 'call', 'socket.close(4321, "enough")');
  await logged(page, 'close', 'code: 4321, wasClean: true');
  await state(page, '3 CLOSED');
  assert.deepEqual(messages, []);
});

for (const binary of ['arraybuffer', 'blob']) {
  onPage(`the details of a binary message show bytes and JSON (${binary})`, { path: 'try', flags: FEW }, async ({ page, messages }) => {
    await page.click(`#binary button[value=${binary}]`);
    await open(page, BINCODE);
    await page.click('#examples button:has-text("Latest values")');
    await page.click('#send');
    await logged(page, 'message', '"snapshot":true');
    const batch = line(page, 'message', '"snapshot":true');
    await batch.locator('button').click();
    const [bytes, meaning] = await batch.locator('pre').allTextContents();
    // A batch, its channel (the chat may have the first one of the shard), and where it begins.
    assert.match(bytes, /^0000 {2}02 0[01] 00 /);
    assert.deepEqual(JSON.parse(meaning).type, 'batch');
    assert.match(await batch.locator('p').textContent(), binary === 'blob' ? /a Blob/ : /an ArrayBuffer/);
    assert.deepEqual(messages, []);
  });
}

onPage('typed bytes are sent as they are, and /echo returns them', { path: 'try', flags: QUIET }, async ({ page, messages }) => {
  await page.click('#path button[value=echo]');
  await page.click('#open');
  await state(page, '1 OPEN');
  await page.click('#form button[value=hex]');
  await send(page, '00 ff 2A');
  await logged(page, 'call', 'Uint8Array.fromHex("00ff2a")');
  await logged(page, 'message', '00 ff 2a');
  await send(page, '0');
  await logged(page, 'thrown', 'Nothing was sent');
  await page.click('#form button[value=text]');
  await send(page, 'plain');
  await logged(page, 'message', /plain/);
  assert.deepEqual(messages, []);
});

onPage('a subscription resumes on the next connection', { path: 'try', flags: FEW }, async ({ page, messages }) => {
  await open(page, JSON_ONLY);
  await page.click('#examples button:has-text("Resume")');
  assert.match(await page.textContent('#hint'), /^Subscribe first/);
  await send(page, { type: 'subscribe', id: 1, filters: ['#'], mode: 'every' });
  await logged(page, 'message', '"snapshot":false');
  await page.click('#close');
  await state(page, '3 CLOSED');
  await page.click('#clear');
  await open(page, JSON_ONLY);
  await page.click('#examples button:has-text("Resume")');
  await page.click('#send');
  await logged(page, 'message', '"start":"resumed"');
  assert.deepEqual(messages, []);
});

onPage("the server's close codes arrive as documented", { path: 'try', flags: [...QUIET, '--drain', '100ms'] }, async ({ page, server }) => {
  await open(page);
  await page.click('#violations button:has-text("wrong kind")');
  await logged(page, 'close', 'code: 1003, wasClean: true, reason: "this subprotocol has text messages only"');

  await open(page, BINCODE);
  await page.click('#violations button:has-text("wrong kind")');
  await logged(page, 'close', 'code: 1003, wasClean: true, reason: "this subprotocol has binary messages only"');

  await page.click('#clear');
  await open(page, JSON_ONLY);
  await page.click('#violations button:has-text("too long")');
  await logged(page, 'close', 'code: 1009, wasClean: true, reason: "');

  // The server reads on for a second. A browser that stands still for longer sees a broken
  // connection.
  for (let attempt = 1; attempt <= 3; attempt++) {
    await page.click('#clear');
    await open(page, JSON_ONLY);
    await page.click('#violations button:has-text("Too many")');
    await logged(page, 'close', 'code: ');
    if (await line(page, 'close', 'code: 1006').isHidden()) break;
  }
  await logged(page, 'close', 'code: 4500, wasClean: true, reason: "');

  await open(page, JSON_ONLY);
  await page.fill('#code', '1001');
  await page.click('#close');
  await logged(page, 'thrown', 'InvalidAccessError');
  await page.fill('#code', '');
  await page.click('#close');
  await logged(page, 'close', 'code: 1005, wasClean: true, reason: ""');

  await open(page, JSON_ONLY);
  await server().stop();
  await logged(page, 'message', '"type":"draining"');
  await logged(page, 'close', 'code: 1012, wasClean: true, reason: "service restart"');
  await line(page, 'close', '1012').locator('button').click();
  assert.match(await line(page, 'close', '1012').locator('p').textContent(), /^service restart: .* A client should reconnect\./);
});

onPage('a killed server causes a close without a frame, and the next attempt an error', { path: 'try', flags: QUIET }, async ({ page, server }) => {
  await open(page);
  await server().kill();
  await logged(page, 'close', 'code: 1006, wasClean: false, reason: ""');
  await page.click('#open');
  await logged(page, 'error', '');
});

onPage('two windows chat with each other', { path: 'try', flags: QUIET }, async ({ page, another, messages }) => {
  const other = await another();
  const say = async (window, name, text) => {
    await window.fill('#name', name);
    await window.fill('#said', text);
    await window.press('#said', 'Enter');
  };
  const shown = (window, text) => window.locator('#lines li', { hasText: text }).waitFor(PATIENCE);
  await say(page, 'Ann', 'are you there?');
  await Promise.all([shown(page, 'are you there?'), shown(other, 'are you there?')]);
  await say(other, 'Bob', 'here: I am');
  await Promise.all([shown(page, 'here: I am'), shown(other, 'here: I am')]);
  assert.deepEqual(await page.locator('#lines b').allTextContents(), ['Ann', 'Bob']);
  await page.locator('#lines .own', { hasText: 'are you there?' }).waitFor(PATIENCE);
  assert.equal(await other.locator('#lines .own', { hasText: 'are you there?' }).count(), 0);
  assert.equal(await other.inputValue('#said'), '');

  await open(page);
  await page.click('#examples button:has-text("Publish")');
  await page.click('#send');
  await logged(page, 'message', '"type":"published"');
  await shown(other, 'hello');

  // Another room is another topic.
  await other.fill('#room', 'kitchen');
  await say(other, 'Bob', 'alone now');
  await shown(other, 'alone now');
  await say(page, 'Ann', 'gone?');
  await shown(page, 'gone?');
  assert.equal(await other.locator('#lines li').count(), 1);
  assert.deepEqual(messages, []);
});

onPage('the keyboard alone opens, sends, reads and closes', { path: 'try', flags: QUIET }, async ({ page, messages }) => {
  const go = async (selector, key) => {
    for (let presses = 0; presses < 60; presses++) {
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return page.keyboard.press(key);
      await page.keyboard.press('Tab');
    }
    throw new Error(`the Tab key does not reach ${selector}`);
  };
  await go('#open', 'Enter');
  await logged(page, 'message', '"type":"welcome"');
  await go('#typed', 'Enter');
  await logged(page, 'message', '"type":"subscribed"');
  await go('#log li:last-child button', 'Enter');
  await page.locator('#log li.open pre', { hasText: 'subscribed' }).waitFor(PATIENCE);
  await page.focus('#reason');
  await page.keyboard.press('Enter');
  await logged(page, 'close', 'code: 1000, wasClean: true, reason: ""');
  assert.deepEqual(messages, []);
});

onPage('a refused line of the chat stays in its field and is explained', { path: 'try', flags: [...QUIET, '--publish-from', 'nobody'] }, async ({ page, messages }) => {
  await page.fill('#said', 'may I?');
  await page.press('#said', 'Enter');
  await page.waitForFunction(() => /not allowed .*\(error 301\)/.test(document.querySelector('#trouble').textContent), undefined, PATIENCE);
  assert.equal(await page.inputValue('#said'), 'may I?');
  assert.deepEqual(messages, []);
});

onPage('a refused room of the chat is explained', { path: 'try', flags: [...QUIET, '--subscribe-allow', 'plant/#'] }, async ({ page, messages }) => {
  await page.waitForFunction(() => /not allowed .*\(error 201\)/.test(document.querySelector('#trouble').textContent), undefined, PATIENCE);
  assert.deepEqual(messages, []);
});

onPage('the log keeps the newest lines of a flood and stops while a person reads', { path: 'try', flags: ['--sim-rate', '5000'] }, async ({ page, messages }) => {
  await open(page);
  await send(page, { type: 'subscribe', filters: ['#'], mode: 'every' });
  await page.waitForFunction(() => document.querySelectorAll('#log li').length === 300, undefined, PATIENCE);
  await page.locator('#log li').last().locator('button').click();
  await page.locator('#newer', { hasText: 'newer' }).waitFor(PATIENCE);
  const last = () => page.locator('#log li').last().textContent();
  const before = await last();
  const waiting = await page.textContent('#newer');
  await page.waitForFunction((text) => document.querySelector('#newer').textContent !== text, waiting, PATIENCE);
  assert.equal(await last(), before);
  await page.click('#newer');
  await page.waitForFunction((text) => document.querySelector('#log').lastElementChild.textContent !== text, before, PATIENCE);
  assert.deepEqual(messages, []);
});

onPage('on a phone everything fits the width, and the log scrolls into sight', { path: 'try', flags: FEW, viewport: PHONE }, async ({ page, messages }) => {
  await open(page, BINCODE);
  await send(page, { type: 'subscribe', filters: ['#'], max_rate_hz: 1 });
  await logged(page, 'message', '"snapshot":true');
  await page.waitForFunction(() => {
    const { top, height } = document.querySelector('#log').getBoundingClientRect();
    return top >= 0 && top + height <= innerHeight;
  }, undefined, PATIENCE);
  await line(page, 'message', '"snapshot":true').locator('button').click();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'wider than the screen');
  for (const summary of await page.locator('summary').all()) await summary.click();
  assert.deepEqual(await tooSmall(page), []);
  assert.deepEqual(messages, []);
});

onPage('the two pages link to each other', { flags: FEW }, async ({ page, messages }) => {
  await page.click('#try');
  await page.waitForSelector('#log', PATIENCE);
  await page.click('header a');
  await page.waitForSelector('#sheet .row:not([hidden])', PATIENCE);
  assert.deepEqual(messages, []);
});

test('the examples cover every message of a client, and every message of the server has a meaning', () => {
  const subscription = { channel: 3, filter: '#', mode: 'every', epoch: '18c504b1f00d0001', position: 5, count: 2 };
  const types = new Set();
  for (const { name, description, message: create } of EXAMPLES) {
    const message = create(subscription);
    assert.ok(description.length > 10, name);
    if (typeof message === 'string') continue;
    types.add(decodeJson(CLIENT, JSON.stringify(message), new TopicTable()).type);
  }
  assert.deepEqual([...types].toSorted(), [...CLIENT.names].toSorted());
  assert.deepEqual(Object.keys(MESSAGE_MEANINGS).toSorted(), [...SERVER.names].toSorted());
});

test('the close codes are those of docs/protocol.md', async () => {
  const document = await readFile(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
  const [, section] = /\n## Close codes\n([^]*?)\n## /.exec(document);
  const rows = [...section.matchAll(/^\| (\d{4}) \| (.+?) \| (yes|no) \|.*$/gm)];
  assert.ok(rows.length > 10);
  const documented = rows.map(([, code, meaning, reconnect]) => [code, meaning, reconnect === 'yes']);
  assert.deepEqual(Object.entries(CLOSE_CODES).map(([code, [meaning, reconnect]]) => [code, meaning, reconnect]), documented);
});
