// Chromium's EventSource on `/v1/stream` and its bare WebSocket, without this package.

import assert from 'node:assert/strict';
import WebSocket from 'ws';

import { Client } from '../index.js';
import { PATIENCE, onPage } from './support/on-page.js';

const QUIET = ['--feed', 'none'];
const FEW = ['--sim-instruments', '2', '--sim-sensors', '2', '--sim-rate', '50'];
/** A page of the server without scripts. */
const PLAIN_PAGE = 'healthz';

onPage('EventSource gets a snapshot and then live batches', { path: PLAIN_PAGE, flags: FEW }, async ({ page, messages }) => {
  const seen = await page.evaluate(
    () =>
      new Promise((resolve, reject) => {
        const source = new EventSource('/v1/stream?filter=market/%23');
        const types = [];
        source.onerror = () => reject(new Error(`readyState ${source.readyState}`));
        source.onmessage = ({ data, lastEventId }) => {
          const message = JSON.parse(data);
          types.push(message.type === 'batch' && message.snapshot ? 'snapshot' : message.type);
          if (types.length < 6) return;
          source.close();
          resolve({ types, lastEventId, position: message.to, topic: message.updates[0].topic });
        };
      }),
  );
  assert.deepEqual(seen.types, ['welcome', 'subscribed', 'snapshot', 'batch', 'batch', 'batch']);
  assert.equal(seen.lastEventId.split(':')[1], String(seen.position));
  assert.match(seen.topic, /^market\//);
  assert.deepEqual(messages, []);
});

onPage('EventSource resumes after its connection is cut', { path: PLAIN_PAGE, flags: QUIET, isCuttable: true }, async ({ page, server, cut }) => {
  await page.evaluate(() => {
    globalThis.seqs = [];
    globalThis.starts = [];
    globalThis.source = new EventSource('/v1/stream?filter=lab/%23&mode=every');
    globalThis.source.onmessage = ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'subscribed') globalThis.starts.push(message.results[0].start);
      if (message.type === 'batch' && !message.snapshot) globalThis.seqs.push(...message.updates.map(({ seq }) => seq));
    };
  });
  await page.waitForFunction(() => globalThis.starts.length === 1, undefined, PATIENCE);
  const publisher = new Client(server().url, { WebSocket });
  await publisher.ready;
  const publish = async () => {
    for (let at = 0; at < EACH; at++) await publisher.publish({ topic: 'lab/a', value: { reading: at } });
  };
  const CUTS = 3;
  const EACH = 20;
  for (let cuts = 1; cuts <= CUTS; cuts++) {
    await publish();
    cut();
    // The page is not connected now.
    await publish();
    await page.waitForFunction((count) => globalThis.seqs.length >= count, cuts * 2 * EACH, PATIENCE);
  }
  publisher.close();
  const { seqs, starts } = await page.evaluate(() => ({ seqs: globalThis.seqs, starts: globalThis.starts }));
  assert.deepEqual(seqs, Array.from({ length: CUTS * 2 * EACH }, (_, at) => at + 1));
  assert.deepEqual(starts, ['fresh', ...Array(CUTS).fill('resumed')]);
});

onPage('EventSource does not reconnect after a refusal', { path: PLAIN_PAGE, flags: [...QUIET, '--subscribe-allow', 'plant/#'] }, async ({ page }) => {
  const readyState = await page.evaluate(
    () =>
      new Promise((resolve) => {
        const source = new EventSource('/v1/stream?filter=market/%23');
        source.onerror = () => resolve(source.readyState);
      }),
  );
  assert.equal(readyState, 2);
});

for (const binaryType of ['arraybuffer', 'blob']) {
  onPage(`bare WebSockets get text, and binary as ${binaryType}`, { path: PLAIN_PAGE, flags: FEW }, async ({ page, messages }) => {
    const seen = await page.evaluate(async (binaryType) => {
      const run = (protocol, request) =>
        new Promise((resolve, reject) => {
          const url = `ws://${location.host}/ws`;
          const socket = protocol ? new WebSocket(url, protocol) : new WebSocket(url);
          socket.binaryType = binaryType;
          const heard = [];
          socket.onerror = () => reject(new Error('error'));
          socket.onopen = () => socket.send(request);
          socket.onmessage = ({ data }) => {
            heard.push(data);
            if (heard.length === 4) socket.close(3210, 'enough');
          };
          socket.onclose = ({ code, wasClean }) => resolve({ protocol: socket.protocol, heard, code, wasClean });
        });
      const text = await run('', '{"type":"subscribe","filters":["market/#"]}');
      // Variant 0, id 1, one filter of 8 bytes without a token, mode latest, no rate.
      const filter = [...new TextEncoder().encode('market/#')];
      const binary = await run('tickcast.v1.bincode', Uint8Array.of(0, 1, 1, filter.length, ...filter, 0, 1, 0));
      const variants = [];
      for (const data of binary.heard) {
        const buffer = data instanceof Blob ? await data.arrayBuffer() : data;
        variants.push(new Uint8Array(buffer)[0]);
      }
      return {
        text: { ...text, heard: text.heard.map((data) => JSON.parse(data).type) },
        binary: { ...binary, heard: variants },
        kinds: binary.heard.map((data) => data.constructor.name),
      };
    }, binaryType);
    assert.deepEqual(seen.text, { protocol: '', heard: ['welcome', 'subscribed', 'batch', 'batch'], code: 3210, wasClean: true });
    assert.deepEqual(seen.binary, { protocol: 'tickcast.v1.bincode', heard: [0, 1, 2, 2], code: 3210, wasClean: true });
    assert.deepEqual(seen.kinds, Array(4).fill(binaryType === 'blob' ? 'Blob' : 'ArrayBuffer'));
    assert.deepEqual(messages, []);
  });
}
