// Shows a token to the server on a connection of its own, so that a page keeps what it has.

import { problemOfEnd } from './login-words.js';

const NORMAL = 1000;

/**
 * @param {new (url: URL, options: object) => object} Client of this package
 * @returns {Promise<void>} rejects if the server refuses the token, or does not answer
 */
export function checkToken(Client, url, token) {
  return new Promise((resolve, reject) => {
    const client = new Client(url, { token: () => token });
    const settle = (end) => (given) => {
      client.close(NORMAL, 'the token was checked');
      end(given);
    };
    client.ready.then(settle(() => resolve()), () => {});
    client.addEventListener('error', ({ detail }) => settle(reject)(detail));
    client.addEventListener('status', ({ detail }) => {
      if (detail.status === 'waiting') settle(reject)(new Error(problemOfEnd(detail) || 'the server does not answer'));
    });
  });
}
