// A WebSocket and timers that a test controls.

import { CLIENT, SERVER, decodeJson, encodeJson } from '../../src/wire/messages.js';
import { TopicTable } from '../../src/wire/topic-table.js';

export const EPOCH = '18c504b1f00d0001';

export function welcome(fields = {}) {
  const limits = {
    message_bytes: 65_536, topic_bytes: 256, subscriptions: 1_024, requests_per_s: 20, request_burst: 100,
    write_timeout_ms: 10_000, tape_bytes: 67_108_864n, rate_min_hz: 0.01, rate_max_hz: 1_000,
    publish_updates_per_s: 0, publish_bytes_per_s: 0, new_topics_per_s: 0, new_topics_burst: 0,
  };
  return {
    type: 'welcome', server: 'scripted', epoch: EPOCH, position: 100, server_time_ns: 0n, heartbeat_ms: 5_000,
    ...fields,
    limits: { ...limits, ...fields.limits },
  };
}

/** A class of sockets; `sockets` holds all instances. */
export function fakeWebSocket() {
  return class FakeWebSocket {
    static sockets = [];
    static get last() {
      return this.sockets.at(-1);
    }

    bufferedAmount = 0;
    sent = [];
    closed = null;

    constructor(url, protocols) {
      this.url = url;
      this.protocol = protocols[0];
      FakeWebSocket.sockets.push(this);
    }

    send(payload) {
      const message = decodeJson(CLIENT, payload, new TopicTable());
      if (message.type !== 'time') this.sent.push(message);
    }

    close(code, reason) {
      this.closed ??= { code, reason };
    }

    /** The server sends a message. */
    receive(message) {
      this.onmessage?.({ data: typeof message === 'string' ? message : encodeJson(SERVER, message) });
    }

    open(fields) {
      this.onopen?.({});
      this.receive(welcome(fields));
    }

    /** The connection ends. */
    end(code, reason = '', wasClean = true) {
      this.onclose?.({ code, reason, wasClean });
    }
  };
}

/** Timers that the test fires. */
export function fakeTimers() {
  const waiting = new Map();
  let next = 1;
  return {
    setTimeout(action, delay_ms) {
      waiting.set(next, { action, delay_ms });
      return next++;
    },
    clearTimeout(timer) {
      waiting.delete(timer);
    },
    get delays() {
      return [...waiting.values()].map(({ delay_ms }) => delay_ms).toSorted((a, b) => a - b);
    },
    /** Fires the timer with exactly this delay. */
    fire(delay_ms) {
      for (const [timer, { action, delay_ms: delay }] of waiting) {
        if (delay !== delay_ms) continue;
        waiting.delete(timer);
        action();
        return;
      }
      throw new Error(`no timer has a delay of ${delay_ms} ms, only ${this.delays}`);
    },
  };
}

/** Resolves after everything that is due has run. */
export const settled = () => new Promise((resolve) => setImmediate(resolve));
