import assert from 'node:assert/strict';
import { test } from 'node:test';

import { MalformedError } from '../src/errors.js';
import { Reader, Writer } from '../src/wire/bincode.js';
import { formatDecimal, parseDecimal } from '../src/wire/decimal.js';
import { CLIENT, SERVER, decodeBincode, decodeJson, encodeBincode, encodeJson } from '../src/wire/messages.js';
import { TopicTable } from '../src/wire/topic-table.js';

function written(write) {
  const writer = new Writer();
  write(writer);
  return writer.finish();
}

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const fromHex = (text) => new Uint8Array(Buffer.from(text.replace(/\s/g, ''), 'hex'));

test('integers are written in their shortest form and read back', () => {
  const check = (value, bytes) => {
    assert.equal(hex(written((writer) => writer.unsigned(value))), bytes);
    assert.equal(new Reader(fromHex(bytes)).u64(), BigInt(value));
  };
  check(0, '00');
  check(250, 'fa');
  check(251, 'fbfb00');
  check(0xffff, 'fbffff');
  check(0x10000, 'fc00000100');
  check(0xffffffff, 'fcffffffff');
  check(0x100000000, 'fd0000000001000000');
  check(Number.MAX_SAFE_INTEGER, 'fdffffffffffff1f00');
  check(2n ** 64n - 1n, 'fdffffffffffffffff');
});

test('signed integers are zigzag at both ends of their range', () => {
  for (const value of [0n, -1n, 1n, -2n, 125n, -126n, 2n ** 52n, -(2n ** 52n) - 1n, 2n ** 63n - 1n, -(2n ** 63n)]) {
    const bytes = written((writer) => writer.i64(value));
    assert.equal(BigInt(new Reader(bytes).i64()), value);
  }
  assert.deepEqual([0n, -1n, 1n, -2n].map((value) => hex(written((writer) => writer.i64(value)))), ['00', '01', '02', '03']);
});

test('a buffer may grow in the middle of any field', () => {
  for (let before = 240; before <= 256; before++) {
    const bytes = written((writer) => {
      writer.bytes(new Uint8Array(before - 1));
      writer.u8(7);
      writer.unsigned(0x1234);
      writer.unsigned(0x12345678);
      writer.unsigned(2n ** 60n);
      writer.f64(0.1);
      writer.string('x'.repeat(1_000));
    });
    const reader = new Reader(bytes);
    assert.equal(reader.bytes().length, before - 1);
    assert.equal(reader.u8(), 7);
    assert.equal(reader.unsigned(0xffff), 0x1234);
    assert.equal(reader.unsigned(0xffffffff), 0x12345678);
    assert.equal(reader.u64(), 2n ** 60n);
    assert.equal(reader.f64(), 0.1);
    assert.equal(reader.string(), 'x'.repeat(1_000));
    reader.end();
  }
});

test('a byte order mark is part of the string', () => {
  assert.equal(new Reader(written((writer) => writer.string('\ufeffa'))).string(), '\ufeffa');
});

test('decimals stay exact, with their trailing zeros', () => {
  const check = (text, mantissa, scale) => {
    assert.deepEqual(parseDecimal(text), { mantissa, scale });
    assert.equal(formatDecimal(mantissa, scale), text);
  };
  check('0', 0n, 0);
  check('-0.50', -50n, 2);
  check('39432.480', 39432480n, 3);
  check('0.000000000000000001', 1n, 18);
  check('-9.223372036854775808', -(2n ** 63n), 18);
  check('9223372036854775807', 2n ** 63n - 1n, 0);
});

test('leading zeros of a decimal are dropped', () => {
  assert.deepEqual(parseDecimal('007'), { mantissa: 7n, scale: 0 });
  assert.deepEqual(parseDecimal('-00.50'), { mantissa: -50n, scale: 2 });
  assert.deepEqual(parseDecimal('-0'), { mantissa: 0n, scale: 0 });
});

test('text that is not a decimal is refused', () => {
  for (const text of ['', '-', '.5', '5.', '-.5', '--1', '+1', '1e3', '1,5', ' 1', 'NaN', '9223372036854775808', '0.1234567890123456789', 5]) {
    assert.throws(() => parseDecimal(text), RangeError, String(text));
  }
  assert.throws(() => formatDecimal(1, 19), RangeError);
});

test('malformed bincode is refused', () => {
  const check = (bytes) => assert.throws(() => decodeBincode(SERVER, fromHex(bytes), new TopicTable()), MalformedError, bytes);
  check('');
  check('09'); // ends too early
  check('09fb8813 00'); // a trailing byte after the message
  check('09fe'); // no integer begins with fe
  check('09fd0000000001000000'); // 2^32 is not a u32
  check('0801086602c328000 0'); // not UTF-8
  check('08 02'); // neither none nor some
  check('0203fd00000000000020000000000000'); // a position of 2^53
  check('0203000000fdffffffffffffffff'); // a list longer than the message
  check('0203000100000107010100000000 09'); // an unknown kind of value
});

test('malformed JSON is refused', () => {
  const check = (text) => assert.throws(() => decodeJson(SERVER, text, new TopicTable()), MalformedError, text);
  check('{');
  check('null');
  check('[]');
  check('{"type":1}');
  check('{"type":"batch","channel":1,"from":0,"to":1,"snapshot":false,"updates":[{"topic":"a","position":1,"seq":1,"ingest_time_ns":"1","quality":"live","value":[1]}]}');
  check('{"type":"batch","channel":1,"from":0,"to":1,"snapshot":false,"updates":[{"topic":"a","position":1,"seq":1,"ingest_time_ns":"1","quality":"live","value":{"reading":{"toString":1}}}]}');
  check('{"type":"draining"}');
  check('{"type":"draining","reconnect_within_ms":-1}');
  check('{"type":"draining","reconnect_within_ms":1.5}');
  check('{"type":"draining","reconnect_within_ms":4294967296}');
  check('{"type":"draining","reconnect_within_ms":"5"}');
  check('{"type":"time","id":1,"client_time_ns":"1e3","receive_time_ns":"0","send_time_ns":"0"}');
  check('{"type":"time","id":1,"client_time_ns":9223372036854775808,"receive_time_ns":"0","send_time_ns":"0"}');
  check('{"type":"time","id":1,"client_time_ns":"9223372036854775808","receive_time_ns":"0","send_time_ns":"0"}');
});

test('messages, fields and names of later versions are skipped', () => {
  const topics = new TopicTable();
  assert.equal(decodeJson(SERVER, '{"type":"weather"}', topics), null);
  assert.equal(decodeBincode(SERVER, fromHex('630102'), topics), null);
  assert.deepEqual(decodeJson(SERVER, '{"later":1,"reconnect_within_ms":5,"type":"draining"}', topics), {
    type: 'draining', reconnect_within_ms: 5,
  });
  const update = { topic: 'a', position: 1, seq: 1, ingest_time_ns: '1', quality: 'guessed', value: { book: [1] } };
  const batch = { type: 'batch', channel: 1, from: 0, to: 1, snapshot: false, updates: [update] };
  const [decoded] = decodeJson(SERVER, JSON.stringify(batch), topics).updates;
  assert.equal(decoded.quality, 'guessed');
  assert.deepEqual(decoded.value, { book: [1] });
});

test('readings without a JSON number and all bytes survive JSON', () => {
  const values = [{ reading: NaN }, { reading: Infinity }, { reading: -Infinity }, { bytes: new Uint8Array(20_000).map((_, i) => i) }];
  const updates = values.map((value, index) => ({
    topic: 'a', position: index + 1, seq: index + 1, ingest_time_ns: -5n, quality: 'live', value,
  }));
  const batch = { type: 'batch', channel: 1, from: 0, to: 4, snapshot: false, topics: [], updates };
  assert.deepEqual(decodeJson(SERVER, encodeJson(SERVER, batch), new TopicTable()), batch);
});

test('what would be sent as something else is refused in both encodings', () => {
  const encode = { json: encodeJson, bincode: (side, message) => encodeBincode(side, message, new TopicTable()) };
  const publish = (topic, value) => ({ type: 'publish', id: 1, updates: [{ topic, value }] });
  for (const write of Object.values(encode)) {
    for (const bytes of ['ab', [1, 2], new Uint16Array([256]), new Int8Array([-1]), new ArrayBuffer(2), { length: 2 }, null]) {
      assert.throws(() => write(CLIENT, publish('a', { bytes })), { name: 'MalformedError', message: /expected a Uint8Array/ });
    }
    for (const half of ['\ud800', 'a\udc00b', '\udc00\ud800']) {
      assert.throws(() => write(CLIENT, publish(half, { reading: 1 })), { name: 'MalformedError', message: /surrogate/ });
      assert.throws(() => write(CLIENT, publish('a', { text: half })), { name: 'MalformedError', message: /surrogate/ });
    }
    write(CLIENT, publish('\u{1f600}', { bytes: Buffer.from('ab') }));
    write(CLIENT, publish('a', { text: '\ufeff\u202e\u{1f600}\0' }));
  }
});
