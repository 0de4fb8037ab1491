// A real server of NATS as a process, for a node of a cluster.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const TIMEOUT_MS = 60_000;

async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

const listens = (port) =>
  new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.on('connect', () => resolve(true) || socket.destroy());
    socket.on('error', () => resolve(false));
  });

export class Nats {
  #process;
  #folder;

  /** Starts it with nothing kept. */
  static async start() {
    const nats = new Nats();
    const port = await freePort();
    nats.url = `nats://127.0.0.1:${port}`;
    nats.#folder = mkdtempSync(join(tmpdir(), 'nats-'));
    // Debian installs it in a folder that is not on every user's path.
    const env = { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/usr/local/sbin` };
    const flags = ['--addr', '127.0.0.1', '--port', String(port), '--jetstream', '--store_dir', nats.#folder];
    nats.#process = spawn('nats-server', flags, { env, stdio: 'ignore' });
    nats.#process.on('error', (error) => {
      throw new Error(`nats-server does not start; is it installed? ${error.message}`);
    });
    const limit = Date.now() + TIMEOUT_MS;
    while (!(await listens(port))) {
      if (Date.now() > limit) throw new Error('nats-server does not listen');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return nats;
  }

  async kill() {
    const ended = once(this.#process, 'exit');
    this.#process.kill('SIGKILL');
    await ended;
    rmSync(this.#folder, { recursive: true });
  }
}
