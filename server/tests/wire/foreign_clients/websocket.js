// What the npm package `websocket` sees of a server, whose address is the argument.
"use strict";
const assert = require("node:assert/strict");
const { once } = require("node:events");
const WebSocketClient = require("websocket").client;

const [, address, idle_s] = process.argv;

class Client {
  static connect(path, protocols = [], options = {}) {
    const client = new WebSocketClient(options);
    client.connect(`ws://${address}${path}`, protocols);
    return new Promise((resolve, reject) => {
      // At once, before anything can come.
      client.on("connect", (connection) => resolve(new Client(connection)));
      client.on("connectFailed", reject);
    });
  }

  constructor(connection) {
    this.connection = connection;
    this.waiting = [];
    connection.on("message", (message) => this.waiting.push(message));
  }

  async next() {
    while (this.waiting.length === 0) await once(this.connection, "message");
    return this.waiting.shift();
  }

  async json(type) {
    for (;;) {
      const { type: kind, utf8Data } = await this.next();
      assert.equal(kind, "utf8");
      const message = JSON.parse(utf8Data);
      if (message.type === type) return message;
    }
  }

  async ping() {
    this.connection.ping("are you there?");
    const [payload] = await once(this.connection, "pong");
    assert.equal(payload.toString(), "are you there?");
  }

  /** The server answers a close frame with its own code. */
  async close(code, reason) {
    this.connection.close(code, reason);
    const [answer] = await once(this.connection, "close");
    assert.equal(answer, code);
  }

  /** The server closes. */
  async closed(code) {
    const [received, reason] = await once(this.connection, "close");
    assert.equal(received, code);
    assert.notEqual(reason, "");
  }
}

async function subscribesAndPublishes() {
  // Each message goes out in fragments of 20 bytes.
  const options = { fragmentationThreshold: 20 };
  const client = await Client.connect("/ws", ["tickcast.v1.json"], options);
  assert.equal(client.connection.protocol, "tickcast.v1.json");
  await client.json("welcome");
  const send = (message) => client.connection.sendUTF(JSON.stringify(message));
  send({ type: "subscribe", id: 1, filters: ["npm/websocket"], mode: "every" });
  await client.json("subscribed");
  const values = [{ reading: 21.5 }, { text: "Grüße 🎉" }, { bytes: "AP8K" }];
  const updates = values.map((value) => ({ topic: "npm/websocket", value }));
  send({ type: "publish", id: 2, updates });
  const received = [];
  while (received.length < values.length) {
    received.push(...(await client.json("batch")).updates);
  }
  assert.deepEqual(received.map((update) => update.value), values);
  await client.ping();
  await client.close(4321, "seen enough");
}

async function bincodeIsBinary() {
  const client = await Client.connect("/ws", ["tickcast.v1.bincode"]);
  assert.equal((await client.next()).type, "binary");
  client.connection.sendBytes(Buffer.of(4, 7));
  for (;;) {
    const { binaryData } = await client.next();
    if (binaryData[0] !== 10) continue;
    assert.deepEqual([...binaryData], [10, 7, 0]);
    break;
  }
  await client.close(1000, "");
}

async function theServerCloses() {
  const client = await Client.connect("/ws");
  client.connection.sendBytes(Buffer.from("binary"));
  await client.closed(1003);
}

async function echoes() {
  const client = await Client.connect("/echo", [], { maxReceivedFrameSize: 1_000_000 });
  const binary = Buffer.alloc(300_000, (index) => index % 251);
  client.connection.sendUTF("Grüße 🎉");
  client.connection.sendUTF("");
  client.connection.sendBytes(binary);
  assert.equal((await client.next()).utf8Data, "Grüße 🎉");
  assert.equal((await client.next()).utf8Data, "");
  assert.deepEqual((await client.next()).binaryData, binary);
  await client.ping();
  await client.close(3000, "seen enough");
}

async function answersPings() {
  const client = await Client.connect("/ws");
  await new Promise((resolve) => setTimeout(resolve, 1_000 * idle_s));
  client.connection.sendUTF('{"type":"list","id":3}');
  assert.equal((await client.json("subscriptions")).id, 3);
  await client.close(1001, "");
}

async function main() {
  await subscribesAndPublishes();
  await bincodeIsBinary();
  await theServerCloses();
  await echoes();
  await answersPings();
  console.log("all is well");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
