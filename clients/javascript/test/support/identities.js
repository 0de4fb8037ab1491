// A file of identities for the real server, with listed and signed tokens.

import { createHash, createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const SECRET = 'a secret of at least thirty-two bytes';

const base64url = (text) => Buffer.from(text).toString('base64url');

export class Identities {
  #folder = mkdtempSync(join(tmpdir(), 'tickcast-identities-'));
  #listed = '';

  constructor(roles) {
    writeFileSync(join(this.#folder, 'secret'), Buffer.from(SECRET).toString('base64'));
    this.write(roles);
  }

  get path() {
    return join(this.#folder, 'identities.toml');
  }

  /** For the server. */
  get flags() {
    return ['--identities', this.path];
  }

  /** Lists a token. Call `write` after it. */
  list(token, subject, role) {
    const sha256 = createHash('sha256').update(token).digest('hex');
    this.#listed += `[[tokens]]\nid = "${sha256.slice(0, 12)}"\nsubject = "${subject}"\nrole = "${role}"\nsha256 = "${sha256}"\n`;
    return token;
  }

  /** @param {string} roles tables of TOML; the server reads them at its start and after `reload` */
  write(roles) {
    const jwt = '[jwt]\naudience = "tickcast"\nleeway_s = 0\n[[jwt.keys]]\nkid = "k"\nalgorithm = "HS256"\nfile = "secret"\n';
    writeFileSync(this.path, `${roles}\n${this.#listed}\n${jwt}`);
  }

  /** A signed token that lasts for some seconds. */
  sign(subject, role, seconds, claims = {}) {
    const exp = Math.floor(Date.now() / 1000) + seconds;
    const parts = [{ alg: 'HS256', kid: 'k' }, { sub: subject, role, aud: 'tickcast', exp, ...claims }];
    const signed = parts.map((part) => base64url(JSON.stringify(part))).join('.');
    return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
