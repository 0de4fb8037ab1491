// The page shows what Zigbee2MQTT tells about its devices, through the real Mosquitto.

import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { after } from 'node:test';
import { setTimeout } from 'node:timers/promises';

import { PATIENCE, onPage } from './support/on-page.js';

const DEVICES = [{ friendly_name: 'hall', definition: { exposes: [
  { name: 'temperature', label: 'Temperature', property: 'temperature', unit: '°C', access: 1 },
  { name: 'humidity', label: 'Humidity', property: 'humidity', unit: '%', access: 1 },
] } }];

const probe = createServer().listen(0, '127.0.0.1');
await once(probe, 'listening');
const { port } = probe.address();
probe.close();
const broker = spawn('mosquitto', ['-p', String(port)], {
  stdio: 'ignore', env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin` },
});
after(() => broker.kill());
for (;;) {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'connect');
    break;
  } catch {
    assert.equal(broker.exitCode, null, 'mosquitto does not start');
    await setTimeout(20);
  } finally {
    socket.destroy();
  }
}

const publish = (topic, payload, ...options) =>
  execFileSync('mosquitto_pub', ['-p', String(port), '-t', topic, '-m', JSON.stringify(payload), ...options]);
const hall = { temperature: 21.5, humidity: 40, battery: null };
publish('zigbee2mqtt/hall', hall, '-r');

/** Waits until the table shows these values. */
const shows = (page, values) =>
  page.waitForFunction((expected) => {
    const texts = [...document.querySelectorAll('.row:not([hidden])')].map((row) => row.children[1].textContent);
    return expected.every((text) => texts.includes(text));
  }, values, PATIENCE);

onPage('a payload is a series for each member, with the units that the bridge tells later', {
  path: '#zigbee2mqtt%2Fhall%2Ftemperature',
  flags: ['--feed', 'mqtt', '--mqtt-url', `mqtt://127.0.0.1:${port}`],
}, async ({ page, messages }) => {
  await shows(page, ['21.5', '40', 'no value']);
  publish('zigbee2mqtt/bridge/devices', DEVICES, '-r');
  await shows(page, ['21.5 °C', '40 %', 'no value']);
  const title = await page.locator('.title').textContent();
  assert.match(title, /zigbee2mqtt\/hall\/temperature/);
  assert.match(title, /hall Temperature/);
  assert.match(title, /21\.5 °C/);
  await page.click('#encoding button[value=json]');
  await shows(page, ['21.5 °C', '40 %', 'no value']);
  publish('zigbee2mqtt/hall', { ...hall, temperature: null }, '-r');
  await page.waitForFunction(() => document.querySelector('.last').textContent === 'no value', undefined, PATIENCE);
  assert.deepEqual(messages, []);
});
