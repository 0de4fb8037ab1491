// Every message of docs/protocol.md as a table of its fields, and the functions that encode and
// decode messages by these tables.

import { MalformedError } from '../errors.js';
import { Reader, Writer } from './bincode.js';
import { choice, keyed, list, optional, struct, variant, withDefault } from './composites.js';
import { amount, bool, bytes, decimal, f64, hexDigits, reading, string, time, u16, u32, u64 } from './scalars.js';

const mode = choice('every', 'latest');
const requestId = withDefault(u32, 0);

const value = keyed({
  reading,
  trade: struct({ price: decimal, size: decimal, side: optional(choice('buy', 'sell')) }),
  quote: struct({ bid: optional(decimal), ask: optional(decimal), bid_size: optional(decimal), ask_size: optional(decimal) }),
  text: string,
  bytes,
  absent: string,
});

const filterFields = struct({
  filter: string,
  resume: optional(struct({ epoch: hexDigits, position: u64, count: optional(u64), snapshot: optional(u64) })),
});

/** In JSON a filter without a token may be a string. */
const filterRequest = {
  ...filterFields,
  fromJson: (json) => (typeof json === 'string' ? { filter: json } : filterFields.fromJson(json)),
  toJson: (request) => (request.resume ? filterFields.toJson(request) : string.toJson(request.filter)),
};

const accepted = struct({
  filter: string,
  channel: u32,
  mode,
  max_rate_hz: optional(f64),
  epoch: hexDigits,
  position: u64,
  count: u64,
  snapshot: optional(u64),
  start: choice('fresh', 'resumed', 'epoch_changed', 'position_ahead', 'existing', 'truncated'),
  lost: optional(u64),
});
const refused = struct({ filter: string, code: u16, reason: string });
const results = [accepted, refused];

/** A result with a code is a refusal. */
const subscribeResult = {
  read: (reader) => variant(results, reader).read(reader),
  write(writer, result) {
    const number = 'code' in result ? 1 : 0;
    writer.unsigned(number);
    results[number].write(writer, result);
  },
  fromJson: (json) => (json?.code === undefined ? accepted : refused).fromJson(json),
  toJson: (result) => ('code' in result ? refused : accepted).toJson(result),
};

const infoFields = struct({
  id: u32,
  topic: string,
  unit: optional(string),
  name: optional(string),
  state_class: optional(string),
});

/** The table learns a topic during decoding, because updates of the same message need it. */
const topicInfo = {
  ...infoFields,
  read(reader) {
    const info = infoFields.read(reader);
    reader.topics.learn(info);
    return info;
  },
  write(writer, info) {
    writer.topics.learn(info);
    infoFields.write(writer, info);
  },
  fromJson(json, topics) {
    const info = infoFields.fromJson(json);
    topics.learn(info);
    return info;
  },
};

/**
 * A name in JSON and an id in bincode. For an id that was never introduced the field is missing.
 */
const topicName = {
  ...string,
  read: (reader) => reader.topics.name(u32.read(reader)),
  write: (writer, topic) => u32.write(writer, writer.topics.id(topic)),
};

/** In JSON an empty list is missing. */
const listUnlessEmpty = (type) => {
  const all = list(type);
  return {
    ...withDefault(all, []),
    toJson: (items) => (items.length > 0 ? all.toJson(items) : undefined),
  };
};

const introductions = listUnlessEmpty(topicInfo);

const update = struct({
  topic: topicName,
  position: u64,
  seq: u64,
  source_time_ns: optional(time),
  ingest_time_ns: time,
  quality: choice('live', 'retained', 'stale', 'historical'),
  value,
});

const interval = choice('1s', '5s', '15s', '1m', '5m', '15m', '1h', '4h', '1d');
const state = choice('complete', 'open', 'incomplete');
const candle = struct({
  start_ns: time,
  state,
  open: decimal,
  high: decimal,
  low: decimal,
  close: decimal,
  volume: optional(decimal),
  count: u64,
});
const row = struct({ start_ns: time, state, first: reading, max: reading, min: reading, last: reading, sum: reading, count: u64 });

/** A list that JSON leaves out while it is empty. */
function intervals(kind) {
  const fields = list(kind);
  return { ...withDefault(fields, []), toJson: (some) => (some.length > 0 ? fields.toJson(some) : undefined) };
}

const newUpdates = list(struct({ topic: string, value, source_time_ns: optional(time) }));

/**
 * A copy of updates that are to be sent later, which the program cannot change any more.
 *
 * @throws {MalformedError | RangeError} if they cannot be sent
 */
export function copyUpdates(updates) {
  const writer = new Writer();
  newUpdates.write(writer, updates);
  return newUpdates.read(new Reader(writer.finish()));
}

/** The messages of a client: name to fields, in the order of their numbers. */
export const CLIENT = side({
  subscribe: { id: requestId, filters: list(filterRequest), mode: withDefault(mode, 'latest'), max_rate_hz: optional(f64) },
  unsubscribe: { id: requestId, channels: list(u32) },
  publish: { id: optional(u32), updates: newUpdates },
  time: { id: requestId, client_time_ns: time },
  list: { id: requestId },
  change: { id: requestId, channel: u32, mode: withDefault(mode, 'latest'), max_rate_hz: optional(f64) },
  history: { id: requestId, topic: string, limit: optional(u32), before: optional(u64) },
  candles: { id: requestId, topic: string, interval, limit: optional(u32), from_ns: optional(time), before_ns: optional(time) },
  authenticate: { id: requestId, token: string },
  publish_once: { id: requestId, publisher: hexDigits, number: u64, updates: newUpdates },
});

/** The messages of a server. */
export const SERVER = side({
  welcome: {
    server: string,
    epoch: hexDigits,
    position: u64,
    server_time_ns: time,
    heartbeat_ms: u32,
    limits: struct({
      message_bytes: u32,
      topic_bytes: u32,
      subscriptions: u32,
      requests_per_s: u32,
      request_burst: u32,
      write_timeout_ms: u32,
      tape_bytes: amount,
      rate_min_hz: f64,
      rate_max_hz: f64,
      publish_updates_per_s: u32,
      publish_bytes_per_s: u32,
      new_topics_per_s: u32,
      new_topics_burst: u32,
    }),
    continues: listUnlessEmpty(struct({ epoch: hexDigits, last: u64 })),
  },
  subscribed: { id: u32, results: list(subscribeResult) },
  batch: { channel: u32, from: u64, to: u64, snapshot: bool, topics: introductions, updates: list(update) },
  gap: { channel: u32, from: u64, to: u64, lost: optional(u64), snapshot: u64 },
  heartbeat: { server_time_ns: time, position: u64, channels: list(struct({ channel: u32, position: u64 })) },
  unsubscribed: { id: optional(u32), channels: list(u32), position: optional(u64), reason: optional(string) },
  published: { id: u32, position: u64 },
  time: { id: u32, client_time_ns: time, receive_time_ns: time, send_time_ns: time },
  error: { id: optional(u32), code: u16, reason: string, temporary: bool, retry_after_ms: optional(u32) },
  draining: { reconnect_within_ms: u32 },
  subscriptions: {
    id: u32,
    subscriptions: list(
      struct({ channel: u32, filter: string, mode, max_rate_hz: optional(f64), position: u64, topics: u32 }),
    ),
  },
  changed: { id: u32, previous: u32, channel: u32, mode, max_rate_hz: optional(f64), position: u64, count: u64 },
  status: {
    channel: u32,
    topics: introductions,
    statuses: list(struct({ topic: topicName, status: choice('live', 'stale', 'dead'), since_ns: time })),
  },
  history: { id: u32, topics: introductions, updates: list(update), more: bool },
  candles: { id: u32, topics: introductions, interval, position: u64, candles: intervals(candle), rows: intervals(row), more: bool },
  authenticated: {
    id: optional(u32),
    subject: string,
    role: string,
    expires_ns: optional(time),
    subscribe: list(string),
    history: list(string),
    publish: list(string),
    max_rate_hz: optional(f64),
  },
  expiring: { expires_ns: time },
});

function side(messages) {
  const names = Object.keys(messages);
  const structs = new Map(names.map((name) => [name, struct(messages[name])]));
  return { names, structs };
}

/**
 * @param {typeof CLIENT} side the side that sends the message
 * @param {string} text of a text frame
 * @param {import('./topics.js').TopicTable} topics learns the topics of the message
 * @returns the message, or null for an unknown type, which is one of a later version
 * @throws {MalformedError}
 */
export function decodeJson(side, text, topics) {
  let json;
  try {
    json = JSON.parse(text);
  } catch {
    throw new MalformedError('the text is not JSON');
  }
  if (typeof json?.type !== 'string') throw new MalformedError('expected a JSON object with a type');
  const type = side.structs.get(json.type);
  return type ? malformed(() => ({ type: json.type, ...type.fromJson(json, topics) })) : null;
}

/** The payload of a text frame. */
export function encodeJson(side, message) {
  return JSON.stringify({ type: message.type, ...side.structs.get(message.type).toJson(message) });
}

/** As `decodeJson`, from the bytes of a binary frame. */
export function decodeBincode(side, bytes, topics) {
  const reader = new Reader(bytes);
  reader.topics = topics;
  const type = side.names[reader.unsigned(0xffffffff)];
  if (!type) return null;
  return malformed(() => {
    const message = { type, ...side.structs.get(type).read(reader) };
    reader.end();
    return message;
  });
}

/** The payload of a binary frame. */
export function encodeBincode(side, message, topics) {
  const writer = new Writer();
  writer.topics = topics;
  writer.unsigned(side.names.indexOf(message.type));
  side.structs.get(message.type).write(writer, message);
  return writer.finish();
}

/**
 * A wrong decimal is a RangeError for a program that sends it; in a received message it is
 * malformed.
 */
function malformed(decode) {
  try {
    return decode();
  } catch (error) {
    throw error instanceof RangeError ? new MalformedError(error.message) : error;
  }
}
