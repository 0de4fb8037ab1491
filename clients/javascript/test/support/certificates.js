// An authority of one's own, and a certificate for a server on this machine.

import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const EXTENSIONS = `[server]
subjectAltName = DNS:localhost, IP:127.0.0.1
basicConstraints = CA:FALSE
extendedKeyUsage = serverAuth
`;

/** Writes an authority, a certificate, and the settings of a listener. Returns their paths. */
export async function secureListener(folder) {
  const at = (name) => join(folder, name);
  const openssl = (...words) => run('openssl', words);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  await openssl('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '2',
    '-subj', '/CN=Tickcast test authority', '-addext', 'basicConstraints=critical,CA:TRUE');
  await openssl('req', ...key, '-keyout', at('server.key'), '-out', at('server.csr'), '-subj', '/CN=localhost');
  await writeFile(at('extensions'), EXTENSIONS);
  await openssl('x509', '-req', '-in', at('server.csr'), '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-days', '2',
    '-extfile', at('extensions'), '-extensions', 'server', '-out', at('server.pem'));
  const quoted = (name) => JSON.stringify(at(name));
  const settings = `[[listen]]
address = "127.0.0.1:0"
tls_cert = ${quoted('server.pem')}
tls_key = ${quoted('server.key')}
`;
  await writeFile(at('tickcast.toml'), settings);
  return { ca: at('ca.pem'), config: at('tickcast.toml') };
}

/**
 * Starts a server, openssl's, with a certificate of the authority in the folder: for this name, and
 * valid for this many days from now. Returns its URL, and what stops it.
 */
export async function otherServer(folder, name, days) {
  const at = (end) => join(folder, `other.${end}`);
  const openssl = (...words) => run('openssl', words);
  await openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('key'),
    '-out', at('csr'), '-subj', '/CN=other');
  await writeFile(at('ext'), `subjectAltName = DNS:${name}\nbasicConstraints = CA:FALSE\n`);
  await openssl('x509', '-req', '-in', at('csr'), '-CA', join(folder, 'ca.pem'), '-CAkey', join(folder, 'ca.key'),
    '-days', String(days), '-extfile', at('ext'), '-out', at('pem'));
  const words = ['s_server', '-accept', '127.0.0.1:0', '-www', '-cert', at('pem'), '-key', at('key')];
  const server = spawn('openssl', words, { stdio: ['ignore', 'pipe', 'ignore'] });
  let printed = '';
  const port = await new Promise((resolve, reject) => {
    server.once('exit', () => reject(new Error(`openssl s_server has ended:\n${printed}`)));
    server.stdout.on('data', (text) => {
      printed += text;
      const found = /ACCEPT [\d.]+:(\d+)/.exec(printed);
      if (found) resolve(found[1]);
    });
  });
  return { url: `wss://localhost:${port}/ws`, stop: () => server.kill() };
}

/** Makes programs with this home folder trust the authority as if their user had told them to. */
export async function trustInBrowser(home, ca) {
  const database = join(home, '.pki', 'nssdb');
  await run('mkdir', ['-p', database]);
  await run('certutil', ['-N', '-d', `sql:${database}`, '--empty-password']);
  await run('certutil', ['-A', '-d', `sql:${database}`, '-n', 'Tickcast test authority', '-t', 'C,,', '-i', ca]);
}
