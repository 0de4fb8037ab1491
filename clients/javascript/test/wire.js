// Wires between client and server that can be cut, or do harm by themselves.

import { once } from 'node:events';
import { createConnection, createServer } from 'node:net';
import { setImmediate, setTimeout } from 'node:timers/promises';

export async function cuttable(port) {
  const sockets = new Set();
  const server = createServer((near) => {
    const far = createConnection(port, '127.0.0.1');
    for (const [from, to] of [[near, far], [far, near]]) {
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
      from.pipe(to);
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: nearPort } = server.address();
  return {
    port: nearPort,
    url: `ws://127.0.0.1:${nearPort}/ws`,
    cut: () => sockets.forEach((socket) => socket.destroy()),
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

/** How late bytes come, in milliseconds. */
const DELAY_MS = 50;
const CUT_LATER_BYTES = 600;

/**
 * A wire whose first connections come to harm, each in a way of its own, after so many bytes from the server
 * (`slice`: so many of them come one by one).
 *
 * @param {{ how: 'cut' | 'end' | 'stop' | 'slice' | 'delay', after: number }[]} plan one for each connection
 */
export async function harmful(port, plan) {
  const left = [...plan];
  const sockets = new Set();
  const server = createServer((near) => {
    const far = createConnection(port, '127.0.0.1');
    for (const [from, to] of [[near, far], [far, near]]) {
      from.setNoDelay(true);
      sockets.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        sockets.delete(from);
        to.destroy();
      });
    }
    near.pipe(far);
    void handOn(near, far, left.shift()).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: nearPort } = server.address();
  return {
    url: `ws://127.0.0.1:${nearPort}/ws`,
    /** Connections that have still to come to harm. */
    left: () => left.length,
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

async function handOn(near, far, harm) {
  let rest = harm?.after ?? Infinity;
  for await (const chunk of far.iterator({ destroyOnReturn: false })) {
    let bytes = chunk;
    while (bytes.length > 0) {
      const part = bytes.subarray(0, rest);
      bytes = bytes.subarray(part.length);
      rest -= part.length;
      if (harm?.how === 'slice') {
        for (const byte of part) {
          near.write(Uint8Array.of(byte));
          await setImmediate();
        }
      } else if (part.length > 0) {
        near.write(part);
      }
      if (rest > 0) continue;
      if (harm.how === 'stop') return;
      if (harm.how === 'end') return void near.end();
      if (harm.how === 'cut') return void near.resetAndDestroy();
      // What only came late or piecemeal is cut a little later.
      if (harm.how === 'delay') await setTimeout(DELAY_MS);
      harm = { how: 'cut' };
      rest = CUT_LATER_BYTES;
    }
  }
}
