import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';

import { CLIENT, SERVER, decodeBincode, decodeJson, encodeBincode, encodeJson } from '../src/messages.js';
import { TopicTable } from '../src/topics.js';

const FOLDER = new URL('../../../docs/golden/', import.meta.url);
const files = readdirSync(FOLDER);
const names = files.filter((file) => file.endsWith('.json')).map((file) => file.slice(0, -'.json'.length));

/** The one topic that golden batches use without introducing it. */
const introduced = () => {
  const topics = new TopicTable();
  topics.learn({ id: 7, topic: 'market/BTC-USDT/trade' });
  return topics;
};

const read = (file) => readFileSync(new URL(file, FOLDER), 'utf8');
const readHex = (file) => new Uint8Array(Buffer.from(read(file).replace(/\s/g, ''), 'hex'));

/** Missing is the same as null. */
const withoutNulls = (text) => JSON.parse(text, (_, value) => (value === null ? undefined : value));

test('every golden file is one of a pair', () => {
  assert.ok(names.length > 0);
  assert.deepEqual(files.toSorted(), names.flatMap((name) => [`${name}.hex`, `${name}.json`]).toSorted());
});

test('there is a golden file for each message that this client knows', () => {
  const seen = { client: new Set(), server: new Set() };
  for (const name of names) seen[name.split('-')[0]].add(JSON.parse(read(`${name}.json`)).type);
  assert.deepEqual([...seen.client].toSorted(), CLIENT.names.toSorted());
  assert.deepEqual([...seen.server].toSorted(), SERVER.names.toSorted());
});

for (const name of names) {
  const side = name.startsWith('client-') ? CLIENT : SERVER;
  test(`${name} means the same in both encodings, in both directions`, () => {
    const text = read(`${name}.json`);
    const bytes = readHex(`${name}.hex`);

    const message = decodeJson(side, text, introduced());
    assert.deepEqual(decodeBincode(side, bytes, introduced()), message);

    assert.deepEqual(Buffer.from(encodeBincode(side, message, introduced())), Buffer.from(bytes));
    assert.deepEqual(JSON.parse(encodeJson(side, message)), withoutNulls(text));
  });
}

test('the transcripts of the document are understood and survive both encodings', () => {
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
