import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { MalformedError } from '../src/errors.js';
import { CLIENT, SERVER, decodeBincode, decodeJson, encodeBincode, encodeJson } from '../src/wire/messages.js';
import { TopicTable } from '../src/wire/topic-table.js';

const FOLDER = new URL('../../../docs/golden/', import.meta.url);
const files = readdirSync(FOLDER);
const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));

/** The one topic that golden batches use without an introduction. */
const introduced = () => {
  const topics = new TopicTable();
  topics.learn({ id: 7, topic: 'market/BTC-USDT/trade' });
  return topics;
};

const read = (file) => readFileSync(new URL(file, FOLDER), 'utf8');
const readHex = (file) => new Uint8Array(Buffer.from(read(file).replace(/\s/g, ''), 'hex'));

/** A null field is a missing field. */
const withoutNulls = (text) => JSON.parse(text, (_, value) => (value === null ? undefined : value));

test('every golden file belongs to a pair of JSON and hex', () => {
  assert.ok(names.length > 0);
  assert.deepEqual(files.toSorted(), names.flatMap((name) => [`${name}.hex`, `${name}.json`]).toSorted());
});

test('every message of this client has a golden file', () => {
  const seen = { client: new Set(), server: new Set() };
  for (const name of names) seen[name.split('-')[0]].add(JSON.parse(read(`${name}.json`)).type);
  assert.deepEqual([...seen.client].toSorted(), CLIENT.names.toSorted());
  assert.deepEqual([...seen.server].toSorted(), SERVER.names.toSorted());
});

for (const name of names) {
  const side = name.startsWith('client-') ? CLIENT : SERVER;
  test(`${name} is the same message in both encodings and both directions`, () => {
    const text = read(`${name}.json`);
    const bytes = readHex(`${name}.hex`);

    const message = decodeJson(side, text, introduced());
    assert.deepEqual(decodeBincode(side, bytes, introduced()), message);

    assert.deepEqual(Buffer.from(encodeBincode(side, message, introduced())), Buffer.from(bytes));
    assert.deepEqual(JSON.parse(encodeJson(side, message)), withoutNulls(text));
  });
}

test('the transcripts of docs/protocol.md decode and survive both encodings', () => {
  const document = readFileSync(new URL('../../../docs/protocol.md', import.meta.url), 'utf8');
  const lines = document.split('\n').filter((line) => /^[<>] \{/.test(line));
  assert.ok(lines.length > 20);
  const topics = new TopicTable();
  for (const line of lines) {
    const side = line.startsWith('>') ? CLIENT : SERVER;
    const message = decodeJson(side, line.slice(2), topics);
    assert.deepEqual(decodeJson(side, encodeJson(side, message), topics), message);
    assert.deepEqual(decodeBincode(side, encodeBincode(side, message, topics), topics), message);
  }
});

/** Pseudo-random numbers, the same in each run (mulberry32). */
function seeded(seed) {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

const MUTATIONS_PER_FILE = 2_000;

for (const [encoding, decode, load] of [
  ['JSON', (side, bytes) => decodeJson(side, Buffer.from(bytes).toString(), introduced()), (name) => Buffer.from(read(`${name}.json`))],
  ['bincode', (side, bytes) => decodeBincode(side, bytes, introduced()), (name) => readHex(`${name}.hex`)],
]) {
  test(`damaged ${encoding} is decoded or refused, without any other error`, () => {
    const random = seeded(1);
    let refused = 0;
    for (const name of names) {
      const side = name.startsWith('client-') ? CLIENT : SERVER;
      const original = load(name);
      for (let i = 0; i < MUTATIONS_PER_FILE; i++) {
        let bytes = Uint8Array.from(original);
        for (let changes = 1 + random(3); changes > 0; changes--) bytes[random(bytes.length)] = random(256);
        if (random(4) === 0) bytes = bytes.slice(0, random(bytes.length));
        try {
          decode(side, bytes);
        } catch (error) {
          if (!(error instanceof MalformedError)) throw error;
          refused += 1;
        }
      }
    }
    assert.ok(refused > names.length);
  });
}
