// Messages to send, and ways to make the server close the connection.

const NEEDS_SUBSCRIPTION = 'Subscribe first: this message takes its channel from the answer.';

// A random number, as each client draws one for itself.
const PUBLISHER = crypto.getRandomValues(new BigUint64Array(1))[0].toString(16).padStart(16, '0');

/**
 * `message(subscription)` returns an object to send, or a text that is not a message. It returns
 * null if the message needs a subscription and there is none; `needs` is the hint for that case.
 */
export const EXAMPLES = [
  {
    name: 'Latest values',
    description: 'The latest value of each topic below market, at most one batch a second. A snapshot comes first, then every change.',
    message: () => ({ type: 'subscribe', id: 1, filters: ['market/#'], mode: 'latest', max_rate_hz: 1 }),
  },
  {
    name: 'Every update',
    description: 'Each update in order, none left out. Several filters are answered one by one; + stands for one level.',
    message: () => ({ type: 'subscribe', id: 2, filters: ['plant/+/temperature', 'chat/#'], mode: 'every' }),
  },
  {
    name: 'Publish',
    description: 'Adds a line to the chat, through the same tape as every other value. The answer gives its position.',
    message: () => ({ type: 'publish', id: 3, updates: [{ topic: 'chat/lobby', value: { text: 'console: hello' } }] }),
  },
  {
    name: 'Publish once',
    description: 'Send it twice: the chat gets one line, and both answers have its position. A client does so when a connection ends before the answer.',
    message: () => ({ type: 'publish_once', id: 14, publisher: PUBLISHER, number: 1, updates: [{ topic: 'chat/lobby', value: { text: 'console: once' } }] }),
  },
  {
    name: 'Change mode and rate',
    description: 'Moves the newest subscription to another mode and rate without losing an update.',
    needs: NEEDS_SUBSCRIPTION,
    message: (subscription) => subscription && { type: 'change', id: 4, channel: subscription.channel, mode: 'latest', max_rate_hz: 0.5 },
  },
  {
    name: 'List',
    description: 'The subscriptions of this connection and their positions.',
    message: () => ({ type: 'list', id: 5 }),
  },
  {
    name: 'Unsubscribe',
    description: 'Ends the newest subscription.',
    needs: NEEDS_SUBSCRIPTION,
    message: (subscription) => subscription && { type: 'unsubscribe', id: 6, channels: [subscription.channel] },
  },
  {
    name: 'Resume',
    description: 'Close the connection, open it again and send this: the subscription continues at its position. Missed updates come first.',
    needs: 'Subscribe first, then close and open the connection: this message contains the position of that subscription.',
    message: (subscription) => subscription && resume(subscription),
  },
  {
    name: 'History',
    description: 'The newest updates of one topic, oldest first. Add before to get older ones.',
    message: () => ({ type: 'history', id: 10, topic: 'plant/line-1/temperature', limit: 20 }),
  },
  {
    name: 'Candles',
    description: 'Least, greatest, first and last reading of each minute, or candles of trades. The server keeps them for days.',
    message: () => ({ type: 'candles', id: 11, topic: 'plant/line-1/temperature', interval: '1m', limit: 20 }),
  },
  {
    name: 'Authenticate',
    description: 'Proves an identity, if the server has identities. The answer says what you may do; without identities it is an error.',
    message: () => ({ type: 'authenticate', id: 13, token: 'tct_example' }),
  },
  {
    name: 'Time',
    description: "The server's clock. A client computes its own offset from the four times of request and answer.",
    message: () => ({ type: 'time', id: 8, client_time_ns: `${Date.now()}000000` }),
  },
  {
    name: 'A bad filter',
    description: 'The first filter is refused with a code and a reason; the second is granted.',
    message: () => ({ type: 'subscribe', id: 9, filters: ['plant/li+ne', 'plant/line-1/pressure'] }),
  },
  {
    name: 'Not a message',
    description: 'The server answers with an error. The connection stays open.',
    message: () => 'hello, is this a message?',
  },
];

function resume({ filter, mode, epoch, position, count }) {
  const token = mode === 'every' ? { epoch, position, count } : { epoch, position };
  return { type: 'subscribe', id: 7, filters: [{ filter, resume: token }], mode };
}

/** The request `list` in bincode, with id 1. */
const LIST_BINCODE = Uint8Array.of(4, 1);
const LONG_MESSAGE_BYTES = 70_000;
const REQUESTS = 1_500;

/** Violations after which the server closes the connection; `run(socket, isBinary)` commits one. */
export const VIOLATIONS = [
  {
    name: 'The wrong kind of frame',
    description: 'A binary frame where the subprotocol has text, or a text frame where it has binary.',
    run: (socket, isBinary) => (isBinary ? socket.send('{"type":"list"}', 'text') : socket.sendBytes(LIST_BINCODE)),
  },
  {
    name: 'A message that is too long',
    description: '70,000 bytes. The limit is message_bytes in the welcome message.',
    run: (socket, isBinary) => {
      if (isBinary) socket.sendBytes(new Uint8Array(LONG_MESSAGE_BYTES));
      else socket.send('x'.repeat(LONG_MESSAGE_BYTES), 'text');
    },
  },
  {
    name: 'Too many requests',
    description: '1,500 at once. The server refuses requests above request_burst, and closes after ten times as many.',
    run: (socket, isBinary) => {
      for (let sent = 0; sent < REQUESTS; sent++) {
        if (isBinary) socket.sendBytes(LIST_BINCODE);
        else socket.send('{"type":"list"}', 'text');
      }
    },
  },
];
