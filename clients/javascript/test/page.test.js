// What the page decides, without a document: views, charts, addresses, candles, messages, keys.

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { INTERVALS_S } from '../page/candles/intervals.js';
import { Undo } from '../page/chart/undo.js';
import { MAX_SPAN_S, MIN_SPAN_S, between, following, panned, paused, windowOf, zoomed } from '../page/chart/view.js';
import { difference } from '../page/inspector/difference.js';
import { Messages } from '../page/inspector/messages.js';
import { payloadOf, pictureType, prettyJson, sizeText } from '../page/inspector/payload.js';
import { readAddress, writeAddress } from '../page/overview/address.js';
import { emptyWords } from '../page/overview/empty-words.js';
import { actionOf } from '../page/overview/keys.js';
import { comparer } from '../page/overview/sort-order.js';
import { MAX_CHARTS, Workspace } from '../page/overview/workspace.js';
import { clock, clockFrom, zoneName } from '../page/shared/clock.js';
import { percent, span } from '../page/shared/format.js';

const NOW_S = 1_610_064_000;

/** The same numbers in each run (Park and Miller). */
function random(seed) {
  let state = seed;
  return () => (state = (state * 48_271) % 2_147_483_647) / 2_147_483_647;
}

test('a view that follows keeps following while it is zoomed, and moves with the clock', () => {
  const view = zoomed(following(300), 0.5, NOW_S - 200, NOW_S);
  assert.deepEqual(view, { span_s: 150, end_s: null });
  assert.equal(windowOf(view, NOW_S + 10).to_s - windowOf(view, NOW_S).to_s, 10);
  assert.ok(windowOf(view, NOW_S).to_s > NOW_S);
});

test('a view of the past keeps the time at the pointer while it is zoomed', () => {
  for (const factor of [0.2, 0.9, 1.5]) {
    const view = { span_s: 300, end_s: NOW_S - 5_000 };
    const anchor_s = NOW_S - 5_100;
    const now = zoomed(view, factor, anchor_s, NOW_S);
    const place = ({ span_s, end_s }) => (end_s - anchor_s) / span_s;
    assert.ok(Math.abs(place(now) - place(view)) < 1e-9);
  }
});

test('moving into the past pauses, and moving back to the live edge follows', () => {
  const past = panned(following(300), -100, NOW_S);
  assert.notEqual(past.end_s, null);
  assert.equal(panned(past, 99, NOW_S).end_s === null, false);
  assert.equal(panned(past, 101, NOW_S).end_s, null);
  assert.equal(paused(following(300), NOW_S).end_s, windowOf(following(300), NOW_S).to_s);
  assert.deepEqual(paused(past, NOW_S), past);
});

test('a view never leaves its limits, and never shows the future alone', () => {
  for (let seed = 1; seed <= 50; seed++) {
    const next = random(seed);
    let view = following(300);
    for (let step = 0; step < 100; step++) {
      const kind = next();
      if (kind < 0.5) view = zoomed(view, Math.exp((next() - 0.5) * 8), NOW_S - next() * 1_000, NOW_S);
      else if (kind < 0.9) view = panned(view, (next() - 0.5) * 10_000, NOW_S);
      else view = between(NOW_S - next() * 900, NOW_S + next() * 900, NOW_S);
      const { from_s, to_s } = windowOf(view, NOW_S);
      assert.ok(view.span_s >= MIN_SPAN_S && view.span_s <= MAX_SPAN_S);
      assert.ok(from_s < NOW_S && to_s <= NOW_S + view.span_s * 0.0251, JSON.stringify(view));
    }
  }
});

test('one gesture is one step to undo', () => {
  const undo = new Undo();
  assert.equal(undo.back(), null);
  undo.remember(1, 'wheel', 0);
  undo.remember(2, 'wheel', 300);
  undo.remember(3, 'wheel', 900);
  undo.remember(4, 'drag', 950);
  undo.remember(5, 'wheel', 2_000);
  assert.deepEqual([undo.back(), undo.back(), undo.back(), undo.back()], [5, 4, 1, null]);
});

test('one step back from a box restores the time and the values of the chart', () => {
  const workspace = new Workspace();
  workspace.choose('a');
  const [chart] = workspace.charts;
  workspace.box(chart, NOW_S - 100, NOW_S - 50, [1, 2], NOW_S);
  assert.deepEqual([workspace.view.span_s, chart.range], [50, [1, 2]]);
  assert.equal(workspace.undo(), true);
  assert.deepEqual([workspace.view, chart.range], [following(300), null]);
  assert.equal(workspace.undo(), false);
});

test('a range is not restored in the chart of another topic', () => {
  const workspace = new Workspace();
  workspace.choose('a');
  workspace.stretch(workspace.active, [1, 2], NOW_S);
  workspace.stretch(workspace.active, [1, 3], NOW_S + 5);
  workspace.choose('b');
  workspace.undo();
  assert.equal(workspace.active.topic, 'b');
  assert.equal(workspace.active.range, null);
});

test('a chart shows the next topic until it is kept, and a topic has one chart', () => {
  const workspace = new Workspace();
  const topics = () => workspace.charts.map(({ topic }) => topic).join();
  workspace.choose('a');
  workspace.choose('b');
  assert.equal(topics(), 'b');
  workspace.keep('b');
  workspace.choose('c');
  workspace.choose('d');
  assert.equal(topics(), 'b,d');
  workspace.choose('b');
  assert.equal(topics(), 'b,d');
  assert.equal(workspace.active.topic, 'b');
  workspace.activateNext(1);
  assert.equal(workspace.active.topic, 'd');
  workspace.activateNext(1);
  assert.equal(workspace.active.topic, 'b');
  workspace.remove(workspace.active);
  assert.equal(topics(), 'd');
  assert.equal(workspace.active.topic, 'd');
  for (let at = 0; at < 20; at++) workspace.keep(`t/${at}`);
  assert.equal(workspace.charts.length, MAX_CHARTS);
  assert.equal(workspace.active.topic, 't/19');
  workspace.removeAll();
  assert.equal(workspace.active, null);
});

test('choosing an interval shows 60 to 100 candles', () => {
  const workspace = new Workspace();
  workspace.choose('a');
  for (const interval_s of INTERVALS_S) {
    workspace.setCandles(workspace.active, interval_s, NOW_S);
    const count = workspace.view.span_s / interval_s;
    assert.ok(count >= 60 && count <= 100, String(count));
  }
});

test('"all" goes back to the oldest point, and on with it', () => {
  const workspace = new Workspace();
  workspace.choose('a');
  workspace.setSpan(null, NOW_S);
  workspace.showAll(NOW_S - 1_000, NOW_S);
  assert.ok(windowOf(workspace.view, NOW_S).from_s <= NOW_S - 1_000);
  const { view } = workspace;
  workspace.showAll(NOW_S - 1_000, NOW_S + 10);
  assert.equal(workspace.view, view);
  workspace.showAll(NOW_S - 1_000, NOW_S + 2_000);
  assert.ok(windowOf(workspace.view, NOW_S + 2_000).from_s <= NOW_S - 1_000);
  workspace.setSpan(60, NOW_S);
  assert.equal(workspace.isAll, false);
});

test('an address opens what it was made from', () => {
  const charts = [
    { topic: 'market/BTC-USDT/trade', isCandles: true, interval_s: 60, hasMessages: false, range: null },
    { topic: 'a b;c=d&e#f/ü', isCandles: false, interval_s: 15, hasMessages: true, range: [-1.5e-7, 2] },
  ];
  const text = writeAddress({ charts, view: { span_s: 123.5, end_s: NOW_S + 0.25 }, list: 'market/+/x & y', isUtc: true });
  assert.match(text, /^[\x21-\x7e]+$/);
  const read = readAddress(text);
  assert.deepEqual(read, {
    charts: [
      { topic: charts[0].topic, hasMessages: false, isCandles: true, interval_s: 60 },
      { topic: charts[1].topic, hasMessages: true, range: [-1.5e-7, 2] },
    ],
    span_s: 123.5, end_s: NOW_S + 0.25, list: 'market/+/x & y', isUtc: true,
  });
  const workspace = new Workspace();
  workspace.replace(read.charts, read);
  assert.equal(writeAddress({ ...workspace, charts: workspace.charts, view: workspace.view, list: read.list, isUtc: true }), text);
});

test('an address of another version, or a broken one, does no harm', () => {
  assert.deepEqual(readAddress(''), { charts: [] });
  assert.deepEqual(readAddress('zigbee2mqtt%2Fhall%2Ftemperature'), { charts: [{ topic: 'zigbee2mqtt/hall/temperature' }] });
  assert.deepEqual(readAddress('%E0%A4%A'), { charts: [] });
  assert.deepEqual(readAddress('chart=&chart=a;candles=7;low=2;high=1&span=-1&end=never&what=1'), { charts: [{ topic: 'a', hasMessages: false }] });
  assert.equal(writeAddress({ charts: [], view: following(300), list: '', isUtc: false }), '');
});

test('JSON becomes readable without losing a digit', () => {
  const text = '{"id":12345678901234567890,"a":[1.0,true,{}],"t":"x: {\\"y\\"}, [z]","e":[],"n":{"deep":null}}';
  const pretty = prettyJson(text);
  assert.equal(pretty, [
    '{', '  "id": 12345678901234567890,', '  "a": [', '    1.0,', '    true,', '    {}', '  ],', '  "t": "x: {\\"y\\"}, [z]",', '  "e": [],',
    '  "n": {', '    "deep": null', '  }', '}',
  ].join('\n'));
  assert.deepEqual(JSON.parse(pretty), JSON.parse(text));
  for (const other of ['', 'on', '12', '{"a":', '"text"']) assert.equal(prettyJson(other), null);
});

test('random JSON stays the same when it becomes readable', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const next = random(seed);
    const make = (depth) => {
      const kind = next();
      if (depth > 3 || kind < 0.3) return [next() * 1e6, 'a "b" \\ {c}, [d]: \n', null, true, ''][Math.floor(next() * 5)];
      const parts = Array.from({ length: Math.floor(next() * 4) }, (_, at) => [`k${at} "`, make(depth + 1)]);
      return kind < 0.65 ? Object.fromEntries(parts) : parts.map(([, part]) => part);
    };
    const text = JSON.stringify([make(0)]);
    const pretty = prettyJson(text);
    assert.equal(JSON.stringify(JSON.parse(pretty)), text);
    assert.equal(prettyJson(pretty), pretty);
  }
});

test('a payload is its text and its bytes, and bytes may be text or a picture', () => {
  assert.deepEqual(payloadOf({ text: 'on' }), { text: 'on', bytes: new TextEncoder().encode('on') });
  assert.equal(payloadOf({ reading: 1.5 }).text, '1.5');
  assert.equal(payloadOf({ trade: { price: '1.50', size: '2' } }).text, '{"price":"1.50","size":"2"}');
  assert.equal(payloadOf({ bytes: new TextEncoder().encode('grün') }).text, 'grün');
  assert.equal(payloadOf({ bytes: Uint8Array.of(0, 1, 2) }).text, null);
  const png = new Uint8Array(40);
  png.set([0x89, 0x50, 0x4e, 0x47]);
  assert.equal(pictureType(png), 'image/png');
  assert.equal(pictureType(new TextEncoder().encode('BM')), null);
  assert.deepEqual([sizeText(1), sizeText(345), sizeText(2_150), sizeText(3 << 20)], ['1 byte', '345 bytes', '2.1 KiB', '3.0 MiB']);
});

test('a difference has every line of both texts, in order', () => {
  const lines = difference('a\nb\nc', 'a\nx\nc\nd').map(({ sign, text }) => sign + text);
  assert.deepEqual(lines, [' a', '-b', '+x', ' c', '+d']);
  for (let seed = 1; seed <= 100; seed++) {
    const next = random(seed);
    const text = () => Array.from({ length: Math.ceil(next() * 12) }, () => 'abc'[Math.floor(next() * 3)]).join('\n');
    const [before, after] = [text(), text()];
    const all = difference(before, after);
    const side = (other) => all.filter(({ sign }) => sign !== other).map((line) => line.text).join('\n');
    assert.deepEqual([side('+'), side('-')], [before, after]);
  }
});

test('messages stay within their number and their bytes, and the newest one always stays', () => {
  const messages = new Messages();
  const message = (seq, text) => ({ seq, ingest_time_ns: 1_000_000_000n * BigInt(seq), quality: 'live', value: { text } });
  for (let seq = 1; seq <= 2_000; seq++) messages.add(message(seq, 'x'));
  assert.equal(messages.list.length, 500);
  assert.equal(messages.list.at(-1).seq, 2_000);
  messages.prepend([message(1_000, 'old')]);
  assert.equal(messages.list.length, 500);
  for (let seq = 2_001; seq <= 2_020; seq++) messages.add(message(seq, 'x'.repeat(1 << 20)));
  assert.ok(messages.list.length <= 8, String(messages.list.length));
  messages.add(message(3_000, 'x'.repeat(20 << 20)));
  assert.deepEqual(messages.list.map(({ seq }) => seq), [3_000]);
});

test('people count: floor-2 comes before floor-10', () => {
  const rows = ['floor-10', 'floor-2', 'floor-1', 'Floor-3'].map((topic) => ({ topic }));
  assert.deepEqual(rows.toSorted(comparer('topic', 1)).map(({ topic }) => topic), ['floor-1', 'floor-2', 'Floor-3', 'floor-10']);
  assert.deepEqual(rows.toSorted(comparer('topic', -1)).map(({ topic }) => topic), ['floor-10', 'Floor-3', 'floor-2', 'floor-1']);
});

test('a key means one thing, unless a field or a button needs it', () => {
  const free = { isWriting: false, isControl: false, isScrollable: false };
  const key = (name, modifiers = {}) => ({ key: name, ctrlKey: false, metaKey: false, altKey: false, ...modifiers });
  assert.equal(actionOf(key('j'), free), 'next');
  assert.equal(actionOf(key('j'), { ...free, isWriting: true }), null);
  assert.equal(actionOf(key('Enter'), free), 'keep');
  assert.equal(actionOf(key('Enter'), { ...free, isControl: true }), null);
  assert.equal(actionOf(key('Enter'), { ...free, isWriting: true }), 'leaveFilter');
  assert.equal(actionOf(key('z', { ctrlKey: true }), free), 'undo');
  assert.equal(actionOf(key('z', { ctrlKey: true }), { ...free, isWriting: true }), null);
  assert.equal(actionOf(key('l', { ctrlKey: true }), free), null);
  assert.equal(actionOf(key('ArrowDown'), { ...free, isScrollable: true }), null);
  assert.equal(actionOf(key('toString'), free), null);
});

test('times are local or UTC, and have a date if it is another day', () => {
  const before = process.env.TZ;
  process.env.TZ = 'Asia/Kolkata';
  try {
    assert.deepEqual([clock(NOW_S * 1000, true), clock(NOW_S * 1000, false), clock(NOW_S * 1000 + 5, true, true)], ['00:00:00', '05:30:00', '00:00:00.005']);
    assert.deepEqual([zoneName(NOW_S * 1000, true), zoneName(NOW_S * 1000, false)], ['UTC', 'UTC+05:30']);
    assert.equal(clockFrom((NOW_S - 3_600) * 1000, NOW_S * 1000, true), '01-07 23:00:00.000');
    assert.equal(clockFrom((NOW_S - 3_600) * 1000, NOW_S * 1000, false), '04:30:00.000');
  } finally {
    if (before === undefined) delete process.env.TZ;
    else process.env.TZ = before;
  }
  assert.deepEqual([1.25, 36, 60, 90, 300, 5_400, 172_800].map(span), ['1.3 s', '36 s', '1 m', '1.5 m', '5 m', '1.5 h', '2 d']);
});

test('an empty list says what is the case, and what to do', () => {
  const usual = { hidden: 0, problem: '', state: 'live', text: 'connected', address: 'plant:7400', filter: '#' };
  for (const [shown, expected] of [
    [{}, /^Connected\. No topic has a value yet\. Topics appear here as soon as/],
    [{ filter: 'market/#' }, /No topic of market\/# has a value yet/],
    [{ state: 'trying', text: 'connecting' }, /^Connecting to plant:7400\. .* when the server answers\.$/],
    [{ state: 'trying', text: 'not connected: no answer' }, /^Not connected: no answer\. The page connects to plant:7400 again by itself\.$/],
    [{ state: 'trying', text: 'connected · silent for 4 s' }, /^Connected · silent for 4 s\. plant:7400 is stopped, or the network is down\.$/],
    [{ state: 'ended', text: 'filter x refused: too many' }, /^Filter x refused: too many\. Reconnect at the top\.$/],
    [{ state: 'ended', text: 'not logged in', problem: 'This server wants a token.' }, /^This server wants a token\.$/],
    [{ hidden: 1_200 }, /^The filter hides all 1.200 topics\. Clear it to see them\.$/],
    [{ hidden: 1, state: 'ended' }, /^The filter hides the only topic\./],
  ]) {
    assert.match(emptyWords({ ...usual, ...shown }), expected);
  }
});

test('a change in percent fits its column, whatever it is', () => {
  for (const [change, expected] of [[null, ''], [0, '0.00'], [-1.234, '-1.23'], [379.69, '+380'], [-99_999.4, '-99 999'], [460_900, '+461 k'], [-1.5e9, '-1 500 M'], [1e30, '+99 999 G'], [Infinity, '']]) {
    assert.equal(percent(change).replaceAll('\u00a0', ' '), expected);
    assert.ok(Math.abs(change) > 1e8 || percent(change).length <= 7, 'characters of the column');
  }
});
