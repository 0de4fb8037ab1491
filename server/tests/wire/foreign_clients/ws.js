// What the npm package `ws` sees of a server, whose address is the argument.
"use strict";
const assert = require("node:assert/strict");
const { once } = require("node:events");
const { WebSocket } = require("ws");

const [, address, idle_s] = process.argv;

class Client {
  constructor(path, protocols = []) {
    this.waiting = [];
    this.socket = new WebSocket(`ws://${address}${path}`, protocols);
    // Registered before anything can come.
    this.socket.on("message", (data, isBinary) => this.waiting.push({ data, isBinary }));
  }

  async next() {
    while (this.waiting.length === 0) await once(this.socket, "message");
    return this.waiting.shift();
  }

  async json(type) {
    for (;;) {
      const { data, isBinary } = await this.next();
      assert.equal(isBinary, false);
      const message = JSON.parse(data);
      if (message.type === type) return message;
    }
  }

  send(message) {
    this.socket.send(JSON.stringify(message));
  }

  async ping() {
    this.socket.ping("are you there?");
    const [payload] = await once(this.socket, "pong");
    assert.equal(payload.toString(), "are you there?");
  }

  /** The server answers a close frame with its own code. */
  async close(code = 1000, reason = "") {
    this.socket.close(code, reason);
    const [answer] = await once(this.socket, "close");
    assert.equal(answer, code);
  }

  /** The server closes. */
  async closed(code) {
    const [received, reason] = await once(this.socket, "close");
    assert.equal(received, code);
    assert.notEqual(reason.toString(), "");
  }
}

async function subscribesAndPublishes(protocols, granted) {
  const client = new Client("/ws", protocols);
  await once(client.socket, "open");
  assert.equal(client.socket.protocol, granted);
  const welcome = await client.json("welcome");
  assert.match(welcome.epoch, /^[0-9a-f]{16}$/);

  const topic = `market/${granted}`;
  client.send({ type: "subscribe", id: 1, filters: [topic, "a/#/b"], mode: "every" });
  const { id, results } = await client.json("subscribed");
  assert.equal(id, 1);
  assert.equal(results[0].start, "fresh");
  assert.equal(results[1].code, 200);

  const values = [
    { trade: { price: "39432.48", size: "0.000263", side: "sell" } },
    { quote: { bid: "1.121200", ask: "1.121720" } },
    { reading: 21.5 },
    { text: "Grüße 🎉" },
    { bytes: "AP8K" },
  ];
  const time = "1577916000065000001";
  const updates = values.map((value) => ({ topic, value, source_time_ns: time }));
  client.send({ type: "publish", id: 2, updates });
  const received = [];
  while (received.length < values.length) {
    const batch = await client.json("batch");
    assert.equal(batch.channel, results[0].channel);
    received.push(...batch.updates);
  }
  assert.deepEqual(received.map((update) => update.value), values);
  assert.ok(received.every((update) => update.topic === topic));
  assert.ok(received.every((update) => update.source_time_ns === time));
  assert.deepEqual(received.map((update) => update.seq), [1, 2, 3, 4, 5]);

  await client.ping();
  await client.close(4321, "seen enough");
}

async function bincodeIsBinary() {
  const client = new Client("/ws", ["something.else", "tickcast.v1.bincode", "tickcast.v1.json"]);
  const { isBinary } = await client.next();
  assert.equal(client.socket.protocol, "tickcast.v1.bincode");
  assert.equal(isBinary, true);
  // In fragments: `list` with id 7, and its answer: no subscription.
  client.socket.send(Buffer.of(4), { fin: false });
  client.socket.send(Buffer.of(7), { fin: true });
  for (;;) {
    const { data } = await client.next();
    if (data[0] !== 10) continue;
    assert.deepEqual([...data], [10, 7, 0]);
    break;
  }
  await client.close();
}

async function theServerCloses() {
  const text = new Client("/ws");
  await once(text.socket, "open");
  text.socket.send(Buffer.from("binary"));
  await text.closed(1003);
  const binary = new Client("/ws", ["tickcast.v1.bincode"]);
  await once(binary.socket, "open");
  binary.socket.send("text");
  await binary.closed(1003);
}

async function answersPings() {
  const client = new Client("/ws");
  await once(client.socket, "open");
  await new Promise((resolve) => setTimeout(resolve, 1_000 * idle_s));
  client.send({ type: "list", id: 3 });
  assert.equal((await client.json("subscriptions")).id, 3);
  await client.close(1001);
}

async function unknownSubprotocolIsRefused() {
  const { socket } = new Client("/ws", ["soap"]);
  const [error] = await once(socket, "error");
  assert.match(error.message, /400/);
}

async function echoes() {
  const client = new Client("/echo");
  await once(client.socket, "open");
  assert.equal(client.socket.extensions, "");
  const binary = Buffer.alloc(300_000, (index) => index % 251);
  client.socket.send("Grüße");
  client.socket.send("");
  client.socket.send(binary);
  client.socket.send("Gr", { fin: false });
  client.socket.send("üß", { fin: false });
  client.socket.send("e", { fin: true });
  client.socket.send(binary.subarray(0, 70_000), { fin: false });
  client.socket.send(binary.subarray(70_000), { fin: true });
  for (const text of ["Grüße", ""]) {
    const echo = await client.next();
    assert.deepEqual([echo.isBinary, echo.data.toString()], [false, text]);
  }
  assert.deepEqual(await client.next(), { data: binary, isBinary: true });
  assert.equal((await client.next()).data.toString(), "Grüße");
  assert.deepEqual(await client.next(), { data: binary, isBinary: true });
  await client.ping();
  await client.close(3000, "seen enough");
}

async function main() {
  await subscribesAndPublishes([], "");
  await subscribesAndPublishes(["tickcast.v1.json"], "tickcast.v1.json");
  await bincodeIsBinary();
  await unknownSubprotocolIsRefused();
  await theServerCloses();
  await echoes();
  await answersPings();
  console.log("all is well");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
