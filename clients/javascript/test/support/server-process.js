// The real server as a process. Build it with `cargo build -p tickcast-server`.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const BINARY = process.env.TICKCAST_SERVER ?? fileURLToPath(new URL('../../../../target/debug/tickcast-server', import.meta.url));

export class Server {
  #process;
  #printed = [];

  /**
   * @param {string[]} flags besides `--listen`; with `--config` the file has a listener with TLS
   * @param {number} port 0 for any
   */
  static async start(flags = [], port = 0) {
    if (!existsSync(BINARY)) throw new Error(`${BINARY} does not exist: run cargo build -p tickcast-server`);
    const server = new Server();
    server.#process = spawn(BINARY, ['--listen', `127.0.0.1:${port}`, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] });
    const output = server.#printed;
    // A listener with TLS is in a file of settings.
    const hasSecure = flags.includes('--config');
    let url;
    const listening = new Promise((resolve, reject) => {
      const look = (line) => {
        output.push(line);
        const secure = /wss:\/\/[\d.]+:(\d+)\/ws/.exec(line);
        if (secure) {
          server.securePort = Number(secure[1]);
          server.secureUrl = `wss://localhost:${secure[1]}/ws`;
        }
        const plain = /\bws:\/\/[\d.]+:(\d+)\/ws/.exec(line);
        if (plain) url = plain;
        if (url && (server.securePort || !hasSecure)) resolve(url);
      };
      for (const stream of [server.#process.stdout, server.#process.stderr]) createInterface(stream).on('line', look);
      server.#process.once('error', reject);
      server.#process.once('exit', (code) => reject(new Error(`the server ended with ${code}:\n${output.join('\n')}`)));
    });
    const [plainUrl, listeningPort] = await listening;
    server.url = plainUrl;
    server.port = Number(listeningPort);
    return server;
  }

  /** Stops it without ending its connections. */
  pause() {
    this.#process.kill('SIGSTOP');
  }

  /** Makes it read its identities again. */
  reload() {
    this.#process.kill('SIGHUP');
  }

  /** What it has printed. */
  get printed() {
    return this.#printed.join('\n');
  }

  resume() {
    this.#process.kill('SIGCONT');
  }

  /** Ends it like a crash. */
  kill() {
    return this.#end('SIGKILL');
  }

  /** Ends it as a supervisor would. */
  stop() {
    return this.#end('SIGTERM');
  }

  async #end(signal) {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const exit = once(this.#process, 'exit');
    this.#process.kill(signal);
    await exit;
  }
}
