// The meaning of the server's messages and close codes.

/** By the type of the message. */
export const MESSAGE_MEANINGS = {
  welcome: 'The first message: which tape this is (epoch), its newest position, and the limits of this connection.',
  subscribed: 'One result for each filter. A result is a refusal, or a channel with the granted mode and rate and the position where live batches continue.',
  batch: 'The updates of one subscription in the range (from, to]. If from is not your position, updates were lost.',
  gap: 'Updates that will not come one by one, and their number. The latest values follow as a snapshot.',
  heartbeat: 'There was nothing else to send. A client with other positions than these has lost updates.',
  unsubscribed: 'These subscriptions have ended.',
  published: 'The published updates are on the tape; this is the position of the last one.',
  time: "With the time at which this answer arrived, a client computes the offset to the server's clock.",
  error: 'A refusal. temporary tells whether the same request may succeed later.',
  draining: 'The server is about to end. Reconnect at a random time within this window.',
  subscriptions: 'The subscriptions of this connection.',
  status: 'Topics whose source became stale, dead or live. A topic counts as live until a status says otherwise.',
  history: 'Updates of the past, oldest first. more tells whether the server holds older ones.',
  candles: 'Candles of trades or rows of readings, oldest first. All updates up to position are counted; later ones are for the client to add.',
  authenticated: 'What this client may do from now on: the filters that it may subscribe to, read the history of, and publish to.',
  expiring: 'The token is about to expire. Authenticate again with a new one, or the server closes the connection (4002).',
  changed: 'The subscription has another channel from now on and continues at this position.',
};

/** As in docs/protocol.md: code to meaning, whether to reconnect, and the cause. */
export const CLOSE_CODES = {
  1000: ['normal closure', false, 'either side is done'],
  1001: ['going away', true, 'the server ends, or the browser left the page'],
  1002: ['protocol error', false, 'a frame that RFC 6455 forbids'],
  1003: ['unsupported data', false, 'binary where the subprotocol is text, or the other way round'],
  1007: ['invalid payload', false, 'text that is not UTF-8'],
  1008: ['policy violation', false, 'no other code describes it'],
  1009: ['message too big', false, 'longer than message_bytes'],
  1011: ['internal error', true, 'an error in the server'],
  1012: ['service restart', true, 'the server ends and another one starts soon'],
  1013: ['try again later', true, 'the server lacks memory for the client at the moment'],
  4000: ['write timeout', true, 'the client read nothing for write_timeout_ms'],
  4001: ['pong timeout', true, 'the client did not answer a ping'],
  4002: ['token expired', true, 'connect again with a new token'],
  4003: ['the node is behind the client', true, 'another node of the cluster has given the client more than this one has read'],
  4500: ['request rate limit', false, 'requests kept coming after ten times request_burst were refused'],
  4501: ['not authenticated', false, 'no identity was proved in time, or the token was refused'],
  4502: ['identity revoked', false, 'the token or its subject is revoked, or no longer in the settings of the server'],
  4503: ['ended by an operator', false, 'an operator has ended the connection'],
};

/** Codes that only a browser reports. */
const LOCAL_CODES = {
  1005: ['no code', true, 'the close frame had none'],
  1006: ['no close frame', true, 'the connection broke or the handshake was refused; the browser tells a page no more'],
};

/** A close code as a sentence. */
export function explainClose(code) {
  const [meaning, isTemporary, cause] = CLOSE_CODES[code] ?? LOCAL_CODES[code] ?? [
    code >= 3000 ? 'a code of your own' : 'not in the registry', code >= 4000 && code < 4500, '',
  ];
  const advice = isTemporary ? 'A client should reconnect.' : 'A client should not reconnect by itself.';
  return `${meaning}${cause && `: ${cause}`}. ${advice}`;
}
