// What `/try` has to say: examples to send, what messages mean, what close codes mean.

const NEEDS_SUBSCRIPTION = 'Subscribe first: this one takes its channel from the answer.';

/** `fill(known)` gives the message, or nothing as long as there is no subscription. */
export const EXAMPLES = [
  {
    name: 'Newest values',
    says: 'The newest value of each topic below market, at most one batch a second. A snapshot comes first, then what changes.',
    fill: () => ({ type: 'subscribe', id: 1, filters: ['market/#'], mode: 'latest', max_rate_hz: 1 }),
  },
  {
    name: 'Every update',
    says: 'Each update in order, none left out. Several filters at once are answered one by one; + stands for one level.',
    fill: () => ({ type: 'subscribe', id: 2, filters: ['plant/+/temperature', 'chat/#'], mode: 'every' }),
  },
  {
    name: 'Publish',
    says: 'Puts a line into the chat, through the same tape as everything else. The answer says at which position.',
    fill: () => ({ type: 'publish', id: 3, updates: [{ topic: 'chat/lobby', value: { text: 'console: hello' } }] }),
  },
  {
    name: 'Change the pace',
    says: 'Moves the newest subscription to another mode and rate, without a hole.',
    needs: NEEDS_SUBSCRIPTION,
    fill: (known) => known && { type: 'change', id: 4, channel: known.channel, mode: 'latest', max_rate_hz: 0.5 },
  },
  {
    name: 'List',
    says: 'What is subscribed on this connection, and how far it is.',
    fill: () => ({ type: 'list', id: 5 }),
  },
  {
    name: 'Unsubscribe',
    says: 'Ends the newest subscription.',
    needs: NEEDS_SUBSCRIPTION,
    fill: (known) => known && { type: 'unsubscribe', id: 6, channels: [known.channel] },
  },
  {
    name: 'Resume',
    says: 'Close the connection, open it again, and send this: it goes on at the position where it ended. What was missed comes first.',
    needs: 'Subscribe first, then close, open and come back: this one says where the subscription ended.',
    fill: (known) => known && resume(known),
  },
  {
    name: 'History',
    says: 'The newest updates of one topic, the oldest of them first. With before one goes further back.',
    fill: () => ({ type: 'history', id: 10, topic: 'plant/line-1/temperature', limit: 20 }),
  },
  {
    name: 'Time',
    says: 'The clock of the server. From the four times of question and answer a client knows its own offset.',
    fill: () => ({ type: 'time', id: 8, client_time_ns: `${Date.now()}000000` }),
  },
  {
    name: 'A bad filter',
    says: 'One of two is refused, with a code and a reason; the other one is granted all the same.',
    fill: () => ({ type: 'subscribe', id: 9, filters: ['plant/li+ne', 'plant/line-1/pressure'] }),
  },
  {
    name: 'Not a message',
    says: 'Text that is no message is answered with an error. The connection stays.',
    fill: () => 'hello, anybody there?',
  },
];

function resume({ filter, mode, epoch, position, count }) {
  const token = mode === 'every' ? { epoch, position, count } : { epoch, position };
  return { type: 'subscribe', id: 7, filters: [{ filter, resume: token }], mode };
}

/** Rules to be broken, so that the server closes the connection; `does(trial, isBinary)`. */
export const BREAKS = [
  {
    name: 'The wrong kind of frame',
    says: 'Binary where the subprotocol has text, or the other way round.',
    does: (trial, isBinary) => (isBinary ? trial.send('{"type":"list"}', 'text') : trial.sendBytes(Uint8Array.of(4, 1))),
  },
  {
    name: 'A message that is too long',
    says: '70,000 bytes. The welcome message told the limit: message_bytes.',
    does: (trial, isBinary) => (isBinary ? trial.sendBytes(new Uint8Array(70_000)) : trial.send('x'.repeat(70_000), 'text')),
  },
  {
    name: 'Too many requests',
    says: '1,500 at once. Above request_burst they are refused, above ten times as many it is the end.',
    does: (trial, isBinary) => {
      for (let at = 0; at < 1_500; at++) {
        if (isBinary) trial.sendBytes(Uint8Array.of(4, 1));
        else trial.send('{"type":"list"}', 'text');
      }
    },
  },
];

/** Of the server's messages. */
export const MEANINGS = {
  welcome: 'The first message: which tape this is (epoch), how far it is (position), and what this connection may do.',
  subscribed: 'One result for each filter: a channel, the mode and rate that are granted, and where live batches will go on; or a refusal.',
  batch: 'The updates of one subscription in the range (from, to]. If from is not where you are, something was lost.',
  gap: 'Updates that will not come one by one, and how many they are. The newest values follow as a snapshot.',
  heartbeat: 'Nothing else was to be said. Who is elsewhere than the positions in it has lost something.',
  unsubscribed: 'Subscriptions that have ended.',
  published: 'What was published is on the tape; this is the position of its last update.',
  time: 'With the time at which this answer came you know the offset between the clocks.',
  error: 'A refusal. temporary tells whether the same request may succeed later.',
  draining: 'The server is about to end: come back at a random time within this window.',
  subscriptions: 'What is subscribed on this connection.',
  status: 'Topics whose source fell silent, died or came back. Until this says otherwise a topic counts as live.',
  history: 'Updates of the past, the oldest first. more tells whether the server holds still older ones.',
  changed: 'The subscription has another channel from now on, and goes on at this position.',
};

/** As docs/protocol.md has them: number to meaning, whether to reconnect, and why it happens. */
export const CLOSE_CODES = {
  1000: ['normal closure', false, 'either side is done'],
  1001: ['going away', true, 'the server ends, or the page was left'],
  1002: ['protocol error', false, 'a frame that RFC 6455 forbids'],
  1003: ['unsupported data', false, 'binary where the subprotocol is text, or the other way round'],
  1007: ['invalid payload', false, 'text that is not UTF-8'],
  1008: ['policy violation', false, 'what no other code describes'],
  1009: ['message too big', false, 'longer than message_bytes'],
  1011: ['internal error', true, 'something broke in the server'],
  1012: ['service restart', true, 'the server ends and another one will be there soon'],
  4000: ['write timeout', true, 'the client took no byte for write_timeout_ms'],
  4001: ['pong timeout', true, 'the client did not answer a ping'],
  4500: ['request rate limit', false, 'ten times request_burst was refused, and requests kept coming'],
};

/** A close code in words. */
export function closeWords(code) {
  const [meaning, isTemporary, why] = CLOSE_CODES[code] ?? {
    1005: ['no code', true, 'the close frame had none'],
    1006: ['no close frame', true, 'the connection broke, or the handshake was refused; a page is not told why'],
  }[code] ?? [code >= 3000 ? 'a code of your own' : 'not in the registry', code >= 4000 && code < 4500, ''];
  const again = isTemporary ? 'A client should come back.' : 'A client should not come back by itself.';
  return `${meaning}${why && `: ${why}`}. ${again}`;
}
