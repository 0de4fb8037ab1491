// Candles and rows of the page with the real server: in Node, where every number can be compared,
// and in Chromium, where they are seen.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { ask } from '../page/candles/ask.js';
import { INTERVALS_S, nameOf } from '../page/candles/intervals.js';
import { Detail } from '../page/overview/detail.js';
import { Pasts } from '../page/overview/pasts.js';
import { CLIENT, SERVER, decodeBincode, encodeBincode } from '../src/wire/messages.js';
import { TopicTable } from '../src/wire/topic-table.js';
import { cuttable } from './support/faulty-wire.js';
import { PATIENCE, PHONE, TIMEOUT_MS, drawn, onPage, recordTexts, written } from './support/on-page.js';
import { Server } from './support/server-process.js';

const SIMULATED = ['--sim-instruments', '4', '--sim-sensors', '4', '--sim-rate', '400'];
const TRADE = 'market/BTC-USDT/trade';
const READING = 'plant/line-1/temperature';
const QUOTE = 'market/BTC-USDT/quote';
const NS_PER_S = 1_000_000_000n;
/** The first byte of a message in bincode. */
const QUESTION = 7;
const ANSWER = 14;

const now_s = (client) => Number(client.serverNow() / 1_000_000n) / 1_000;

/** What the page does for a chart with candles, without a document. */
function watching(client, topic, interval_s) {
  const pasts = new Pasts(() => {});
  pasts.begin(client);
  const past = pasts.of(topic);
  past.follow(interval_s);
  const detail = new Detail(client, topic, past, { now_ms: () => now_s(client) * 1_000, changed() {} });
  const look = (from_s) => {
    pasts.begin(client);
    const at_s = now_s(client);
    const isConnected = client.readyState === client.OPEN;
    const found = pasts.look(past, interval_s, { from_s, to_s: at_s + 1, now_s: at_s, isConnected }, true);
    if (past.isFed) pasts.ask(client, at_s);
    return found;
  };
  return { past, look, close: () => detail.close() };
}

const comparable = ({ start_s, open, high, low, close, prices, volume, count }) => ({ start_s, open, high, low, close, prices, volume: volume === null ? null : Number(volume), count });

/** Sums are added in another order here than in the server, so their last digits may differ. */
function assertSameSums(own, theirs, topic) {
  for (const [index, { start_s, sum }] of own.entries()) {
    const told = theirs[index].sum;
    const isSame = sum === null || told === null ? sum === told : Math.abs(sum - told) <= 1e-9 * Math.abs(told);
    assert.ok(isSame, `${topic} at ${start_s}: ${sum}, and the server has ${told}`);
  }
}

/** Compares what the page has of the intervals that are over with what the server says. */
async function compare(client, topic, interval_s, look, from_s) {
  const end_s = Math.floor(now_s(client) / interval_s) * interval_s;
  // All updates of these intervals have come.
  await pause(500);
  const { intervals, notes } = look(from_s);
  const told = await ask(client, topic, interval_s, { before_s: end_s, limit: 1_000, asked_s: end_s });
  const over = ({ start_s }) => start_s < end_s && start_s >= from_s;
  const [own, theirs] = [intervals, told.intervals].map((list) => list.filter(over));
  assert.ok(theirs.length > 0);
  assert.deepEqual(own.map(comparable), theirs.map(comparable), topic);
  assertSameSums(own, theirs, topic);
  assert.deepEqual(notes.filter(({ text }) => text === 'loading'), []);
  return own;
}

test('candles and rows that go on with live updates are those of the server, for every kind', { timeout: TIMEOUT_MS }, async () => {
  const server = await Server.start(SIMULATED);
  const client = new Client(server.url, { WebSocket });
  try {
    await client.ready;
    await pause(3_500);
    const from_s = Math.floor(now_s(client)) - 60;
    const all = [[TRADE, 1], [READING, 1], [QUOTE, 5], ['market/ETH-USDT/trade', 5]].map(([topic, interval_s]) => ({ topic, interval_s, ...watching(client, topic, interval_s) }));
    for (let turn = 0; turn < 80; turn++) {
      await pause(100);
      for (const { look } of all) look(from_s);
    }
    for (const { topic, interval_s, look, past } of all) {
      const own = await compare(client, topic, interval_s, look, from_s);
      assert.ok(own.length >= (interval_s === 1 ? 9 : 1), `${topic}: ${own.length}`);
      // Most of them have closed while the page looked on.
      assert.ok(own.at(-1).state === 'complete', `${topic} ${own.at(-1).state}`);
      assert.ok(past.isFed);
    }
  } finally {
    client.close();
    await server.kill();
  }
});

test('after a connection that broke, and in another epoch, candles are those of the server again', { timeout: TIMEOUT_MS }, async () => {
  const servers = [await Server.start(SIMULATED)];
  const wire = await cuttable(servers[0].port);
  const client = new Client(`ws://127.0.0.1:${wire.port}/ws`, { WebSocket, random: () => 0.1 });
  try {
    await client.ready;
    const { look } = watching(client, TRADE, 1);
    const watch = async (turns) => {
      for (let turn = 0; turn < turns; turn++) {
        await pause(100);
        look(now_s(client) - 60);
      }
    };
    await watch(25);
    wire.cut();
    await watch(25);
    await compare(client, TRADE, 1, look, Math.floor(now_s(client)) - 20);
    const { epoch } = client.welcome;
    await servers[0].kill();
    await watch(5);
    servers.push(await Server.start(SIMULATED, servers[0].port));
    for (let tries = 0; client.readyState !== client.OPEN || client.welcome.epoch === epoch; tries++) {
      assert.ok(tries < 300);
      await pause(100);
    }
    const since_s = Math.floor(now_s(client));
    await watch(30);
    const own = await compare(client, TRADE, 1, look, since_s - 30);
    // Nothing of the other epoch is mixed in.
    assert.ok(own[0].start_s >= since_s - 5, String(own[0].start_s - since_s));
  } finally {
    client.close();
    wire.close();
    for (const server of servers) await server.kill();
  }
});

test('a server that keeps no candles has them made of its history, and says so', { timeout: TIMEOUT_MS }, async () => {
  const server = await Server.start([...SIMULATED, '--long-history-memory', '0']);
  const client = new Client(server.url, { WebSocket });
  try {
    await client.ready;
    await pause(3_000);
    const { look, past } = watching(client, TRADE, 1);
    for (let turn = 0; turn < 30; turn++) {
      await pause(100);
      look(now_s(client) - 60);
    }
    const { intervals, notes } = look(now_s(client) - 60);
    assert.ok(intervals.length >= 5, String(intervals.length));
    assert.equal(past.note, 'the server keeps no candles: made from its history');
    assert.ok(notes.some(({ text }) => text === past.note));
    const { updates } = await client.history(TRADE, { limit: 2_000 });
    for (const { start_s, count } of intervals.slice(1, -1)) {
      assert.equal(count, updates.filter(({ ingest_time_ns }) => Number(ingest_time_ns / NS_PER_S) === start_s).length);
    }
  } finally {
    client.close();
    await server.kill();
  }
});

const path = (topic, options = '') => `#chart=${encodeURIComponent(topic)}${options}`;

/** Records the texts on canvases, and counts questions about candles. */
async function recorded(page, change = null) {
  const questions = [];
  await page.routeWebSocket(/\/ws$/, (socket) => {
    const server = socket.connectToServer();
    socket.onMessage((data) => {
      if (data[0] === QUESTION) {
        const question = decodeBincode(CLIENT, new Uint8Array(data), new TopicTable());
        questions.push(question);
        const answer = change?.question?.(question);
        if (answer) return socket.send(Buffer.from(encodeBincode(SERVER, answer, new TopicTable())));
      }
      server.send(data);
    });
    server.onMessage(async (data) => {
      if (data[0] === ANSWER) await change?.answer?.();
      socket.send(data);
    });
  });
  await recordTexts(page);
  return questions;
}

/** Rows of a sensor: the temperature of a week, with intervals that lack readings. */
function rowsOf({ id, interval, limit, before_ns }, length_s, floor_s = 0) {
  const before_s = Number(before_ns / NS_PER_S);
  const first_s = Math.max(before_s - limit * length_s, Math.ceil(floor_s / length_s) * length_s);
  const rows = Array.from({ length: Math.max((before_s - first_s) / length_s, 0) }, (_, at) => {
    const start_s = first_s + at * length_s;
    const middle = 20 + 5 * Math.sin((start_s / 86_400) * 2 * Math.PI);
    return { start_ns: BigInt(start_s) * NS_PER_S, state: at % 97 === 0 ? 'incomplete' : 'complete', first: middle, max: middle + 1, min: middle - 1, last: middle, sum: middle * 10, count: 10 };
  });
  return { type: 'candles', id, topics: [], interval, position: 1, candles: [], rows, more: first_s - length_s >= floor_s };
}

/** Coloured pixels of a part with a curve, at least: how many it has depends on the hour. */
const DRAWN = 60;
/** Those of a part without one, at most. */
const EMPTY = 40;

/** Pixels of a column of the canvas that are not those of the background. */
const colored = (page, part) => page.evaluate((share) => {
  const canvas = document.querySelector('#charts canvas');
  const x = Math.floor((canvas.width - 90) * share);
  const { data } = canvas.getContext('2d').getImageData(x, 12, 24, canvas.height - 60);
  const text = getComputedStyle(document.documentElement).getPropertyValue('--accent').trim();
  const [, , blue] = [1, 3, 5].map((at) => parseInt(text.slice(at, at + 2), 16));
  let count = 0;
  for (let at = 0; at < data.length; at += 4) if (data[at + 2] - data[at] > 30 && data[at + 2] <= blue + 60) count += 1;
  return count;
}, part);

onPage('a week of a sensor opens with two questions, as a band around its mean', { flags: SIMULATED, path: path(READING) }, async ({ page, messages }) => {
  const questions = await recorded(page, { question: (question) => (question.interval === '15m' ? rowsOf(question, 900) : null) });
  await drawn(page);
  const before = questions.length;
  await page.click('#window button[value="604800"]');
  await written(page, /^15 m rows before this$/);
  for (let tries = 0; (await colored(page, 0.05)) < DRAWN || (await colored(page, 0.5)) < DRAWN; tries++) {
    assert.ok(tries < 100, `${await colored(page, 0.05)} ${await colored(page, 0.5)}`);
    await page.waitForTimeout(100);
  }
  const asked = questions.slice(before);
  assert.ok(asked.length <= 2, String(asked.length));
  assert.equal(asked[0].topic, READING);
  const { x, y } = await page.locator('.plot').boundingBox();
  await page.mouse.move(x + 200, y + 100);
  await page.locator('.tooltip', { hasText: /mean [\d.]+ °C[^]*min [\d.]+ {2}max [\d.]+[^]*10 updates[^]*15 m/ }).waitFor(PATIENCE);
  // Further back is asked for only when it comes into sight, and what is known is not asked again.
  await page.waitForTimeout(1_000);
  assert.equal(questions.length, before + asked.length);
  await page.focus('#scroll');
  for (let step = 0; step < 4; step++) await page.keyboard.press('ArrowLeft');
  for (let tries = 0; questions.length === before + asked.length; tries++) {
    assert.ok(tries < 100);
    await page.waitForTimeout(100);
  }
  await page.waitForTimeout(500);
  const count = questions.length;
  await page.keyboard.press('End');
  await page.waitForTimeout(1_000);
  assert.equal(questions.length, count);
  assert.deepEqual(messages, []);
});

onPage('"All" goes back to the oldest row that the server keeps', { flags: SIMULATED, path: path(READING) }, async ({ page, messages }) => {
  const floor_s = Math.floor(Date.now() / 1_000) - 3 * 3_600;
  const questions = await recorded(page, { question: (question) => rowsOf(question, INTERVALS_S.find((s) => nameOf(s) === question.interval), floor_s) });
  await drawn(page);
  await page.click('#window button[value="0"]');
  await page.waitForFunction(() => globalThis.written.some(([ms, text]) => performance.now() - ms < 500 && text === '15 s rows before this'), undefined, PATIENCE);
  for (let tries = 0; (await colored(page, 0.12)) < DRAWN || (await colored(page, 0.01)) > EMPTY; tries++) {
    assert.ok(tries < 200, `${await colored(page, 0.12)} ${await colored(page, 0.01)}`);
    await page.waitForTimeout(100);
  }
  assert.ok(questions.length < 60, String(questions.length));
  assert.deepEqual(messages, []);
});

onPage('a time in which the source was away is hatched, also if that was before the page', { flags: SIMULATED, path: path(READING, '&span=1200') }, async ({ page, messages }) => {
  const away = ({ start_ns }) => {
    const ago_s = Date.now() / 1_000 - Number(start_ns / NS_PER_S);
    return ago_s > 400 && ago_s < 700;
  };
  const holed = (answer, interval_s) => {
    const rows = answer.rows.filter((row) => !away(row));
    const distance_s = (one, other) => Math.abs(Number((other.start_ns - one.start_ns) / NS_PER_S));
    const isEdge = (row, at) => [rows[at - 1], rows[at + 1]].some((other) => other && distance_s(row, other) > interval_s);
    return { ...answer, rows: rows.map((row, at) => ({ ...row, state: isEdge(row, at) ? 'incomplete' : 'complete' })) };
  };
  const question = (asked) => {
    const interval_s = INTERVALS_S.find((s) => nameOf(s) === asked.interval);
    return holed(rowsOf(asked, interval_s), interval_s);
  };
  await recorded(page, { question });
  await written(page, /^source away$/);
  const { x, y, width } = await page.locator('.plot').boundingBox();
  await page.mouse.move(x + (width - 80) * (1 - 550 / 1_200 - 0.025), y + 100);
  await page.locator('.tooltip', { hasText: /^source away/ }).waitFor(PATIENCE);
  assert.deepEqual(messages, []);
});

onPage('candles from before the page are there at once, and the page says what is loading and what is not kept', { flags: SIMULATED, path: path(TRADE, ';candles=1') }, async ({ page, messages }) => {
  await page.waitForTimeout(5_000);
  let goOn = null;
  const held = new Promise((resolve) => (goOn = resolve));
  const questions = await recorded(page, { answer: () => held });
  await written(page, /^loading$/);
  goOn();
  await written(page, /^the server keeps none before this$/);
  // They reach to before the reload, with a volume.
  const { x, y, width } = await page.locator('.plot').boundingBox();
  const span_s = 80;
  const ago_s = (await page.evaluate(() => performance.now())) / 1_000 + 2;
  await page.mouse.move(x + (width - 90) * (1 - 0.025 - ago_s / span_s), y + 100);
  await page.locator('.tooltip', { hasText: /O [\d\s.]+ {2}C [^]*volume [\d.]+ · \d+ updates?[^]*1 s/ }).waitFor(PATIENCE);
  assert.ok(questions.length >= 1 && questions.length <= 8, String(questions.length));
  assert.deepEqual(messages, []);
});

onPage('candles come again from another server in its place', { flags: SIMULATED, path: path(TRADE, ';candles=1') }, async ({ page, restart }) => {
  const isUp = () => page.evaluate(() => {
    const canvas = document.querySelector('#charts canvas');
    const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width - 90, canvas.height);
    const color = (name) => [1, 3, 5].map((at) => parseInt(getComputedStyle(document.documentElement).getPropertyValue(name).trim().slice(at, at + 2), 16));
    return ['--up', '--down'].map(color).map((wanted) => {
      let count = 0;
      for (let at = 0; at < data.length; at += 4) if (wanted.every((part, index) => Math.abs(data[at + index] - part) < 12)) count += 1;
      return count;
    }).reduce((a, b) => a + b);
  });
  const hasCandles = async () => {
    for (let tries = 0; (await isUp()) < 100; tries++) {
      assert.ok(tries < 300);
      await page.waitForTimeout(100);
    }
  };
  await hasCandles();
  await restart(() => page.locator('#state', { hasText: 'not connected' }).waitFor(PATIENCE));
  await page.locator('#state', { hasText: 'connected · epoch' }).waitFor(PATIENCE);
  await page.waitForTimeout(2_500);
  await hasCandles();
});

onPage('the files of the page come compressed', { flags: ['--feed', 'none'] }, async ({ page }) => {
  const responses = [];
  const session = await page.context().newCDPSession(page);
  await session.send('Network.setCacheDisabled', { cacheDisabled: true });
  page.on('response', (response) => responses.push(response));
  await page.reload();
  await page.locator('#state', { hasText: 'connected' }).waitFor(PATIENCE);
  let [sent, shown] = [0, 0];
  for (const response of responses.filter((each) => /\.(js|css)$|\/$/.test(each.url()))) {
    const headers = response.headers();
    const body = await response.body();
    if (body.length > 500) assert.equal(headers['content-encoding'], 'gzip', response.url());
    sent += Number(headers['content-length'] ?? 0);
    shown += body.length;
  }
  assert.ok(shown > 200_000, String(shown));
  assert.ok(sent < shown / 2, `${sent} of ${shown}`);
});

onPage('a ruler tells differences and statistics, stays while the chart moves, and goes with a click', { flags: SIMULATED, path: path(READING) }, async ({ page, messages }) => {
  await recorded(page);
  await drawn(page);
  await page.waitForTimeout(3_000);
  await page.click('#window button[value="60"]');
  const { x, y, width } = await page.locator('.plot').boundingBox();
  await page.keyboard.down('Shift');
  await page.mouse.move(x + 40, y + 100);
  await page.mouse.down();
  await page.mouse.move(x + 100, y + 120, { steps: 3 });
  await page.mouse.move(x + width - 85, y + 120, { steps: 3 });
  await page.mouse.up();
  await page.keyboard.up('Shift');
  await written(page, /^Δt \d+\.\d s$/);
  await written(page, /^Δ [+-]?[\d.]+ °C \([+-]?[\d.]+ %\)$/);
  await written(page, /^min [\d.]+ {2}max [\d.]+$/);
  await written(page, /^mean [\d.]+ · n \d+$/);
  // The view has not moved.
  assert.equal(await page.isVisible('#follow'), false);
  await page.waitForTimeout(1_500);
  await written(page, /^Δt /);
  await page.mouse.click(x + 300, y + 60);
  await page.waitForFunction(() => !globalThis.written.some(([ms, text]) => performance.now() - ms < 700 && text.startsWith('Δt')), undefined, PATIENCE);
  assert.deepEqual(messages, []);
});

onPage('a finger that rests measures', { flags: SIMULATED, path: path(READING), viewport: PHONE, hasTouch: true }, async ({ page, messages }) => {
  await recorded(page);
  await drawn(page);
  const session = await page.context().newCDPSession(page);
  const touch = (type, ...points) => session.send('Input.dispatchTouchEvent', { type, touchPoints: points.map(([x, y], id) => ({ x, y, id })) });
  await page.waitForTimeout(3_000);
  await page.click('#window button[value="60"]');
  const { x, y } = await page.locator('.plot').boundingBox();
  await touch('touchStart', [x + 60, y + 60]);
  await page.waitForTimeout(800);
  for (let step = 1; step <= 5; step++) await touch('touchMove', [x + 60 + 48 * step, y + 60]);
  await touch('touchEnd');
  await written(page, /^Δt \d+\.\d s$/);
  await written(page, /^mean [\d.]+ · n \d+$/);
  assert.equal(await page.isVisible('#follow'), false);
  assert.deepEqual(messages, []);
});

onPage('changes count from 24 hours ago, from midnight or from now, as the column says', { flags: SIMULATED, path: path(TRADE) }, async ({ page, messages }) => {
  const sum = (question, number) => ({ type: 'candles', id: question.id, topics: [], interval: question.interval, position: 1, rows: [], more: false, candles: [{ start_ns: question.before_ns - 60n * NS_PER_S, state: 'complete', open: '1', high: '1', low: '1', close: number, volume: '1', count: 1 }] });
  const questions = await recorded(page, { question: (question) => (question.interval === '1m' && question.limit === 1 ? sum(question, '33610.00') : null) });
  await drawn(page);
  const choose = async (value) => {
    await page.click('#open-settings');
    await page.click(`#reference button[value=${value}]`);
    await page.click('#settings form > .tool');
  };
  const heading = (text) => page.locator('#head button[value=change]', { hasText: text }).waitFor(PATIENCE);
  await choose('day');
  await heading(/^% 24 h$/);
  // The price is about twice that of the day before.
  await page.locator('.chart .change', { hasText: /^\+\d{2,3}\.\d\d %$/ }).waitFor(PATIENCE);
  const { before_ns } = questions.findLast(({ limit }) => limit === 1);
  assert.ok(Math.abs(Number(before_ns / NS_PER_S) + 86_400 - Date.now() / 1_000) < 120);
  await choose('midnight');
  await heading(/^% 00:00$/);
  await choose('now');
  await heading(/^% \d\d:\d\d$/);
  await page.locator('.chart .change', { hasText: /^[+-]?0\.\d\d %$/ }).waitFor(PATIENCE);
  await choose('seen');
  await heading(/^%$/);
  assert.deepEqual(messages, []);
});
