// Connects to the URL in its argument, and says how that went.

import WebSocket from 'ws';

import { Client } from '../../index.js';

/** Tells the reason of a failure, which the client does not. */
class Telling extends WebSocket {
  constructor(url, protocols) {
    super(url, protocols);
    this.on('error', (error) => {
      console.log(error.message);
      process.exit();
    });
  }
}

const client = new Client(process.argv[2], { WebSocket: Telling });
await client.ready;
console.log('ready');
client.close();
