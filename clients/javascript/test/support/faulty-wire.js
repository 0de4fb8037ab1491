// Wires between client and server: one that a test can cut, and one that has faults.

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

/** The delay of a delayed chunk. */
const DELAY_MS = 50;
const CUT_LATER_BYTES = 600;

/**
 * A wire whose first connections have a fault each, after a number of bytes from the server. With
 * `slice` that number of bytes arrives one by one.
 *
 * @param {{ how: 'cut' | 'end' | 'stop' | 'slice' | 'delay', after: number }[]} plan one fault for
 * each connection
 */
export async function faulty(port, plan) {
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
    void forward(near, far, left.shift()).catch(() => {});
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: nearPort } = server.address();
  return {
    url: `ws://127.0.0.1:${nearPort}/ws`,
    /** Connections that will still have a fault. */
    faultsLeft: () => left.length,
    close: () => {
      server.close();
      sockets.forEach((socket) => socket.destroy());
    },
  };
}

async function forward(near, far, fault) {
  let rest = fault?.after ?? Infinity;
  for await (const chunk of far.iterator({ destroyOnReturn: false })) {
    let bytes = chunk;
    while (bytes.length > 0) {
      const part = bytes.subarray(0, rest);
      bytes = bytes.subarray(part.length);
      rest -= part.length;
      if (fault?.how === 'slice') {
        for (const byte of part) {
          near.write(Uint8Array.of(byte));
          await setImmediate();
        }
      } else if (part.length > 0) {
        near.write(part);
      }
      if (rest > 0) continue;
      if (fault.how === 'stop') return;
      if (fault.how === 'end') return void near.end();
      if (fault.how === 'cut') return void near.resetAndDestroy();
      // A connection that was only slow is cut a little later.
      if (fault.how === 'delay') await setTimeout(DELAY_MS);
      fault = { how: 'cut' };
      rest = CUT_LATER_BYTES;
    }
  }
}
