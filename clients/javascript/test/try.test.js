// The console at `/try` in Chromium, against the real server.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { test } from 'node:test';

import { CLOSE_CODES, EXAMPLES, MEANINGS } from '../page/words.js';
import { CLIENT, SERVER, decodeJson } from '../src/messages.js';
import { TopicTable } from '../src/topics.js';
import { PATIENCE, PHONE, onPage, tooSmall } from './chromium.js';

const QUIET = ['--feed', 'none'];
const FEW = ['--sim-instruments', '2', '--sim-sensors', '2', '--sim-rate', '50'];
const JSON_ONLY = 'tickcast.v1.json';
const BINCODE = 'tickcast.v1.bincode';

/** The newest line of a kind whose text fits. */
const line = (page, kind, text) => page.locator(`#log li[data-kind=${kind}]`, { hasText: text }).last();
const said = (page, kind, text) => line(page, kind, text).waitFor(PATIENCE);
const state = (page, name) =>
  page.waitForFunction((wanted) => document.querySelector('#ready').textContent.endsWith(wanted), name, PATIENCE);

async function open(page, protocol = '') {
  await page.click(`#protocol button[value="${protocol}"]`);
  await page.click('#open');
  await said(page, 'message', '"type":"welcome"');
  await state(page, '1 OPEN');
}

async function send(page, message) {
  await page.fill('#typed', typeof message === 'string' ? message : JSON.stringify(message));
  await page.click('#send');
}

onPage('what one types is sent, and what comes back is shown, from open to close', { path: 'try', flags: FEW }, async ({ page, complaints }) => {
  await page.click('#open');
  await said(page, 'call', 'new WebSocket("ws://');
  await said(page, 'open', 'protocol: "", extensions: ""');
  await said(page, 'message', '"type":"welcome"');
  await page.click('#examples button:has-text("Newest values")');
  await page.click('#send');
  await said(page, 'message', '"type":"subscribed"');
  await said(page, 'message', '"snapshot":true');
  await said(page, 'message', '"snapshot":false');
  await page.click('#examples button:has-text("Unsubscribe")');
  await page.click('#send');
  await said(page, 'message', /"type":"unsubscribed","id":6,"channels":\[\d+\]/);
  await send(page, 'no message at all');
  await said(page, 'message', '"code":100');
  await page.fill('#code', '4321');
  await page.fill('#reason', 'enough');
  await page.click('#close');
  await said(page, 'call', 'socket.close(4321, "enough")');
  await said(page, 'close', 'code: 4321, wasClean: true');
  await state(page, '3 CLOSED');
  assert.deepEqual(complaints, []);
});

for (const binary of ['arraybuffer', 'blob']) {
  onPage(`bytes are shown beside what they mean (${binary})`, { path: 'try', flags: FEW }, async ({ page, complaints }) => {
    await page.click(`#binary button[value=${binary}]`);
    await open(page, BINCODE);
    await page.click('#examples button:has-text("Newest values")');
    await page.click('#send');
    await said(page, 'message', '"snapshot":true');
    const batch = line(page, 'message', '"snapshot":true');
    await batch.locator('button').click();
    const [bytes, meaning] = await batch.locator('pre').allTextContents();
    // A batch, its channel (the chat may have the first one of the shard), and where it begins.
    assert.match(bytes, /^0000 {2}02 0[01] 00 /);
    assert.deepEqual(JSON.parse(meaning).type, 'batch');
    assert.match(await batch.locator('p').textContent(), binary === 'blob' ? /a Blob/ : /an ArrayBuffer/);
    assert.deepEqual(complaints, []);
  });
}

onPage('bytes are sent as they are typed, and come back from /echo', { path: 'try', flags: QUIET }, async ({ page, complaints }) => {
  await page.click('#path button[value=echo]');
  await page.click('#open');
  await state(page, '1 OPEN');
  await page.click('#form button[value=hex]');
  await send(page, '00 ff 2A');
  await said(page, 'call', 'Uint8Array.fromHex("00ff2a")');
  await said(page, 'message', '00 ff 2a');
  await send(page, '0');
  await said(page, 'thrown', 'Nothing was sent');
  await page.click('#form button[value=text]');
  await send(page, 'plain');
  await said(page, 'message', /plain/);
  assert.deepEqual(complaints, []);
});

onPage('a subscription resumes on the next connection', { path: 'try', flags: FEW }, async ({ page, complaints }) => {
  await open(page, JSON_ONLY);
  await page.click('#examples button:has-text("Resume")');
  assert.match(await page.textContent('#hint'), /^Subscribe first/);
  await send(page, { type: 'subscribe', id: 1, filters: ['#'], mode: 'every' });
  await said(page, 'message', '"snapshot":false');
  await page.click('#close');
  await state(page, '3 CLOSED');
  await page.click('#clear');
  await open(page, JSON_ONLY);
  await page.click('#examples button:has-text("Resume")');
  await page.click('#send');
  await said(page, 'message', '"start":"resumed"');
  assert.deepEqual(complaints, []);
});

onPage("the server's close codes arrive as documented", { path: 'try', flags: [...QUIET, '--drain', '100ms'] }, async ({ page, server }) => {
  await open(page);
  await page.click('#breaks button:has-text("wrong kind")');
  await said(page, 'close', 'code: 1003, wasClean: true, reason: "this subprotocol has text messages only"');

  await open(page, BINCODE);
  await page.click('#breaks button:has-text("wrong kind")');
  await said(page, 'close', 'code: 1003, wasClean: true, reason: "this subprotocol has binary messages only"');

  await page.click('#clear');
  await open(page, JSON_ONLY);
  await page.click('#breaks button:has-text("too long")');
  await said(page, 'close', 'code: 1009, wasClean: true, reason: "');

  await open(page, JSON_ONLY);
  await page.click('#breaks button:has-text("Too many")');
  await said(page, 'close', 'code: 4500, wasClean: true, reason: "');

  await open(page, JSON_ONLY);
  await page.fill('#code', '1001');
  await page.click('#close');
  await said(page, 'thrown', 'InvalidAccessError');
  await page.fill('#code', '');
  await page.click('#close');
  await said(page, 'close', 'code: 1005, wasClean: true, reason: ""');

  await open(page, JSON_ONLY);
  await server().stop();
  await said(page, 'message', '"type":"draining"');
  await said(page, 'close', 'code: 1012, wasClean: true, reason: "service restart"');
  await line(page, 'close', '1012').locator('button').click();
  assert.match(await line(page, 'close', '1012').locator('p').textContent(), /^service restart: .* A client should come back\./);
});

onPage('a server that is killed is an error, and a close without a frame', { path: 'try', flags: QUIET }, async ({ page, server }) => {
  await open(page);
  await server().kill();
  await said(page, 'close', 'code: 1006, wasClean: false, reason: ""');
  await page.click('#open');
  await said(page, 'error', '');
});

onPage('two windows chat', { path: 'try', flags: QUIET }, async ({ page, another, complaints }) => {
  const other = await another();
  const talk = async (window, name, words) => {
    await window.fill('#name', name);
    await window.fill('#words', words);
    await window.press('#words', 'Enter');
  };
  const heard = (window, words) => window.locator('#talk li', { hasText: words }).waitFor(PATIENCE);
  await talk(page, 'Ann', 'is anybody there?');
  await Promise.all([heard(page, 'is anybody there?'), heard(other, 'is anybody there?')]);
  await talk(other, 'Bob', 'here: I am');
  await Promise.all([heard(page, 'here: I am'), heard(other, 'here: I am')]);
  assert.deepEqual(await page.locator('#talk b').allTextContents(), ['Ann', 'Bob']);
  await page.locator('#talk .own', { hasText: 'is anybody there?' }).waitFor(PATIENCE);
  assert.equal(await other.locator('#talk .own', { hasText: 'is anybody there?' }).count(), 0);
  assert.equal(await other.inputValue('#words'), '');

  await open(page);
  await page.click('#examples button:has-text("Publish")');
  await page.click('#send');
  await said(page, 'message', '"type":"published"');
  await heard(other, 'hello');

  // Another room is another topic.
  await other.fill('#room', 'kitchen');
  await talk(other, 'Bob', 'alone now');
  await heard(other, 'alone now');
  await talk(page, 'Ann', 'gone?');
  await heard(page, 'gone?');
  assert.equal(await other.locator('#talk li').count(), 1);
  assert.deepEqual(complaints, []);
});

onPage('with the keyboard alone one opens, sends, reads and closes', { path: 'try', flags: QUIET }, async ({ page, complaints }) => {
  const go = async (selector, key) => {
    for (let presses = 0; presses < 60; presses++) {
      if (await page.evaluate((wanted) => document.activeElement.matches(wanted), selector)) return page.keyboard.press(key);
      await page.keyboard.press('Tab');
    }
    throw new Error(`${selector} is not reached`);
  };
  await go('#open', 'Enter');
  await said(page, 'message', '"type":"welcome"');
  await go('#typed', 'Enter');
  await said(page, 'message', '"type":"subscribed"');
  await go('#log li:last-child button', 'Enter');
  await page.locator('#log li.open pre', { hasText: 'subscribed' }).waitFor(PATIENCE);
  await page.focus('#reason');
  await page.keyboard.press('Enter');
  await said(page, 'close', 'code: 1000, wasClean: true, reason: ""');
  assert.deepEqual(complaints, []);
});

onPage('who may not publish is told so, and keeps the words', { path: 'try', flags: [...QUIET, '--publish-from', 'nobody'] }, async ({ page, complaints }) => {
  await page.fill('#words', 'may I?');
  await page.press('#words', 'Enter');
  await page.waitForFunction(() => /not allowed .*\(error 301\)/.test(document.querySelector('#trouble').textContent), undefined, PATIENCE);
  assert.equal(await page.inputValue('#words'), 'may I?');
  assert.deepEqual(complaints, []);
});

onPage('who may not listen is told so', { path: 'try', flags: [...QUIET, '--subscribe-allow', 'plant/#'] }, async ({ page, complaints }) => {
  await page.waitForFunction(() => /not allowed .*\(error 201\)/.test(document.querySelector('#trouble').textContent), undefined, PATIENCE);
  assert.deepEqual(complaints, []);
});

onPage('a flood is shown as far as it can be, and stops while one reads', { path: 'try', flags: ['--sim-rate', '5000'] }, async ({ page, complaints }) => {
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
  assert.deepEqual(complaints, []);
});

onPage('on a phone nothing is wider than the screen, and the events come into sight', { path: 'try', flags: FEW, viewport: PHONE }, async ({ page, complaints }) => {
  await open(page, BINCODE);
  await send(page, { type: 'subscribe', filters: ['#'], max_rate_hz: 1 });
  await said(page, 'message', '"snapshot":true');
  await page.waitForFunction(() => {
    const { top, height } = document.querySelector('#log').getBoundingClientRect();
    return top >= 0 && top + height <= innerHeight;
  }, undefined, PATIENCE);
  await line(page, 'message', '"snapshot":true').locator('button').click();
  assert.ok(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth), 'wider than the screen');
  for (const summary of await page.locator('summary').all()) await summary.click();
  assert.deepEqual(await tooSmall(page), []);
  assert.deepEqual(complaints, []);
});

onPage('the two pages lead to each other', { flags: FEW }, async ({ page, complaints }) => {
  await page.click('#try');
  await page.waitForSelector('#log', PATIENCE);
  await page.click('header a');
  await page.waitForSelector('#sheet .row:not([hidden])', PATIENCE);
  assert.deepEqual(complaints, []);
});

test('examples are messages, and every message of the server has its sentence', () => {
  const known = { channel: 3, filter: '#', mode: 'every', epoch: '18c504b1f00d0001', position: 5, count: 2 };
  const types = new Set();
  for (const { name, says, fill } of EXAMPLES) {
    const message = fill(known);
    assert.ok(says.length > 10, name);
    if (typeof message === 'string') continue;
    types.add(decodeJson(CLIENT, JSON.stringify(message), new TopicTable()).type);
  }
  assert.deepEqual([...types].toSorted(), [...CLIENT.names].toSorted());
  assert.deepEqual(Object.keys(MEANINGS).toSorted(), [...SERVER.names].toSorted());
});

test('close codes are told as the document has them', async () => {
  const document = await readFile(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
  const [, section] = /\n## Close codes\n([^]*?)\n## /.exec(document);
  const rows = [...section.matchAll(/^\| (\d{4}) \| (.+?) \| (yes|no) \|.*$/gm)];
  assert.ok(rows.length > 10);
  const documented = rows.map(([, code, meaning, again]) => [code, meaning, again === 'yes']);
  assert.deepEqual(Object.entries(CLOSE_CODES).map(([code, [meaning, again]]) => [code, meaning, again]), documented);
});
