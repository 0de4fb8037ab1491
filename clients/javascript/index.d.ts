/**
 * Client of the Tickcast server.
 *
 * Fields keep the names of docs/protocol.md. Integers are numbers (positions, seqs and counts stay
 * below 2^53), times are BigInts of nanoseconds since 1970, decimals are strings and exact, bytes
 * are a Uint8Array. A missing field is undefined.
 */

export type Mode = 'every' | 'latest';
export type Encoding = 'bincode' | 'json';

export interface Trade {
  /** Decimal. */
  price: string;
  /** Decimal. */
  size: string;
  side?: 'buy' | 'sell';
}

/** All are decimals. A side is missing while it has no offer. */
export interface Quote {
  bid?: string;
  ask?: string;
  bid_size?: string;
  ask_size?: string;
}

/** Exactly one key. A JSON server of a later version may send kinds that are not listed here. */
export type Value =
  | { reading: number }
  | { trade: Trade }
  | { quote: Quote }
  | { text: string }
  | { bytes: Uint8Array }
  /** No value at present, in the source's own word, which may be empty: show a gap. */
  | { absent: string };

export interface Update {
  topic: string;
  position: number;
  seq: number;
  /** By the source's clock. */
  source_time_ns?: bigint;
  /** By the server's clock. */
  ingest_time_ns: bigint;
  quality: 'live' | 'retained' | 'stale' | 'historical';
  value: Value;
}

export interface NewUpdate {
  topic: string;
  value: Value;
  source_time_ns?: bigint;
}

/** The position of a subscription, to resume it. Plain data that JSON can hold. */
export interface Token {
  epoch: string;
  position: number;
  count?: number;
  snapshot?: number;
}

/** What is known about a topic besides its values. */
export interface TopicInfo {
  id: number;
  topic: string;
  unit?: string;
  /** For people. */
  name?: string;
  /** What its readings add up to, in the words of Home Assistant. */
  state_class?: string;
}

/** Topics by their id. Plain data that JSON can hold. */
export interface Topics {
  epoch: string | null;
  topics: TopicInfo[];
}

/** Updates in (from, to]. A snapshot has only the latest update of each topic. */
export interface BatchEvent {
  type: 'batch';
  snapshot: boolean;
  from: number;
  to: number;
  /** Replaces what was known about these topics. */
  topics?: TopicInfo[];
  updates: Update[];
}

/**
 * Updates in (from, to] that will not come one by one. A snapshot of the changed topics follows.
 */
export interface GapEvent {
  type: 'gap';
  from: number;
  to: number;
  /** Undefined if unknown. */
  lost: number | undefined;
}

/** The subscription starts again: discard everything that it delivered. */
export interface ResetEvent {
  type: 'reset';
  /**
   * From the server `epoch_changed`, `position_ahead` and others; from this client `unknown_topic`,
   * `not_resumable` and `topics_not_kept`.
   */
  reason: string;
}

/**
 * The server has lost updates that the program has: it had to begin a new epoch, after a power cut
 * for example. The subscription goes on at the last update that the server has: discard what is
 * later. A snapshot of everything follows, then all updates after that.
 */
export interface TruncatedEvent {
  type: 'truncated';
  /** The last position of the old epoch that the server has. */
  kept: number;
  /** The subscription's position in the old epoch. The server has lost what lies between. */
  position: number;
  /** The number of updates of the subscription between the two. Undefined if unknown. */
  lost: number | undefined;
}

/** The state of a topic's source. A topic is live if its source has nothing to send. */
export type TopicStatus = 'live' | 'stale' | 'dead';

/**
 * Topics whose source became stale, dead or live. A topic counts as live until a status says
 * otherwise.
 */
export interface StatusEvent {
  type: 'status';
  /** Replaces what was known about these topics, which need no other status. */
  topics?: TopicInfo[];
  statuses: {
    topic: string;
    status: TopicStatus;
    /** By the server's clock. Missing if the topic counts as live because its channel is new. */
    since_ns?: bigint;
  }[];
}

export type SubscriptionEvent = BatchEvent | GapEvent | ResetEvent | TruncatedEvent | StatusEvent;

export interface Granted {
  mode: Mode;
  max_rate_hz?: number;
}

export interface SubscribeOptions {
  /** Default `latest`. */
  mode?: Mode;
  /** In mode `latest`: batches per second, at most. */
  max_rate_hz?: number;
  /** The token of an earlier subscription. In bincode it needs the `topics` of that client. */
  resume?: Token;
  /** Updates that may wait for the program, at most. */
  maxQueuedUpdates?: number;
}

export interface SubscriptionStats {
  /** Accepted batches. */
  batches: number;
  /** Updates in them. */
  updates: number;
  gaps: number;
  /** Gaps with an unknown number of lost updates. */
  gaps_uncounted: number;
  /** Lost updates, counted by gaps. */
  lost: number;
  resets: number;
  /** How often the server had lost updates that the program has. */
  truncations: number;
  /** Breaks of the chain. The client then requests the missing updates again. */
  violations: number;
  /** Pauses because the program was too slow. */
  overflows: number;
  /**
   * Updates that did not fit into the queue, or were in it when the program closed the
   * subscription.
   */
  discarded: number;
}

export interface ClientStats extends SubscriptionStats {
  /** Connections that got a welcome. */
  connections: number;
  /** Skipped messages of later versions. */
  unknown_messages: number;
  /** Batches of channels that were unsubscribed, and the updates in them. */
  ignored_batches: number;
  ignored_updates: number;
  /** Publishes refused because too many bytes or publishes waited for the network. */
  refused_publishes: number;
}

/**
 * One filter, across all connections. Events go to the callback or, without one, to the iterator. An
 * event is handled when the callback returns (or its promise settles), or when the iterator is asked
 * for the next event.
 *
 * DOM events: `status` with `{ status }`, and with `error` if it is closed by an error; `violation`
 * with `{ reason }`; both in `detail`.
 */
export class Subscription extends EventTarget implements AsyncIterable<SubscriptionEvent> {
  private constructor();
  readonly filter: string;
  /** As requested. */
  readonly mode: Mode;
  readonly max_rate_hz: number | undefined;
  /** As granted by the server; null before that. */
  readonly granted: Granted | null;
  /** `paused`: the program is too slow, and its updates wait on the server's tape. */
  readonly status: 'pending' | 'live' | 'paused' | 'closed';
  /** Why it is closed, such as a `ForbiddenError`; null if the program has closed it. */
  readonly error: Error | null;
  /** Resolves when the server first accepts. Rejects when it refuses or the client is closed. */
  readonly ready: Promise<Granted>;
  /** Continues after all handled events. Undefined before the first acceptance. */
  readonly token: Token | undefined;
  /** Updates of its topics in this epoch up to its position, in mode `every`. */
  readonly count: number | undefined;
  /** Updates that wait for the program. */
  readonly queued: number;
  readonly stats: SubscriptionStats;
  /** According to the newest status from the server. */
  statusOf(topic: string): TopicStatus;
  /** Changes mode and rate without losing an update. Resolves with the granted mode and rate. */
  change(options: { mode?: Mode; max_rate_hz?: number }): Promise<Granted>;
  /** Ends the subscription. Events that wait for the program are discarded. */
  close(): void;
  [Symbol.asyncIterator](): AsyncIterator<SubscriptionEvent>;
}

/** The browser's WebSocket, or that of the npm packages ws and websocket. */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => any;

export interface ClientOptions {
  /** Default `bincode`. */
  encoding?: Encoding;
  /** Default: the global WebSocket. Node 20 has none. */
  WebSocket?: WebSocketConstructor;
  /** The `topics` of an earlier client. */
  topics?: Topics;
  /** Updates that may wait for the program, for each subscription. Default 100,000. */
  maxQueuedUpdates?: number;
  /** `publish` refuses while more bytes than this wait for the network. Default 4 MiB. */
  maxBufferedBytes?: number;
  /**
   * Returns the newest token, or a promise of it. Called on each connection, when the server says
   * that the identity is about to expire, and after the server has refused a token or ended the
   * identity. A refused token is shown again after a minute at the earliest, another one at once.
   */
  token?: () => string | Promise<string>;
  /** Time for connection and welcome. Default 10 seconds. */
  connectTimeoutMs?: number;
  /** Time between two requests for the server's clock. Default 30 seconds. */
  clockIntervalMs?: number;
  /** For tests. */
  random?: () => number;
  now?: () => bigint;
  setTimeout?: (action: () => void, delay_ms: number) => unknown;
  clearTimeout?: (timer: unknown) => void;
}

export interface Limits {
  message_bytes: number;
  topic_bytes: number;
  subscriptions: number;
  requests_per_s: number;
  request_burst: number;
  write_timeout_ms: number;
  tape_bytes: bigint;
  rate_min_hz: number;
  rate_max_hz: number;
  publish_updates_per_s: number;
  publish_bytes_per_s: number;
  new_topics_per_s: number;
  new_topics_burst: number;
}

export interface Welcome {
  type: 'welcome';
  server: string;
  epoch: string;
  position: number;
  server_time_ns: bigint;
  heartbeat_ms: number;
  limits: Limits;
  /** The earlier epochs that this one continues, oldest first, each up to its `last` position. */
  continues: { epoch: string; last: number }[];
}

/** What the server says that a client may do. */
export interface Identity {
  /** Empty for a client without a token. */
  subject: string;
  role: string;
  expires_ns?: bigint;
  /** Filters, as `history` and `publish`. */
  subscribe: string[];
  history: string[];
  publish: string[];
  max_rate_hz?: number;
}

export interface ClockEstimate {
  /** Server's clock minus client's clock, exact to half the round trip. */
  offset_ns: bigint;
  round_trip_ns: bigint;
}

export interface Listed {
  channel: number;
  filter: string;
  mode: Mode;
  max_rate_hz?: number;
  position: number;
  topics: number;
}

export interface History {
  /** Oldest first, with consecutive seqs. */
  updates: Update[];
  /** The server holds older ones: request them with the first position as `before`. */
  more: boolean;
  unit?: string;
  name?: string;
  state_class?: string;
}

export type Interval = '1s' | '5s' | '15s' | '1m' | '5m' | '15m' | '1h' | '4h' | '1d';

/**
 * Whether all updates of an interval are counted: `open` has not ended, and of `incomplete` some are
 * missing.
 */
export type CandleState = 'complete' | 'open' | 'incomplete';

/** The trades of one interval. */
export interface Candle {
  start_ns: bigint;
  state: CandleState;
  /** The prices are decimals. */
  open: string;
  high: string;
  low: string;
  close: string;
  /** Decimal, exact. Undefined if no decimal holds it. */
  volume?: string;
  count: number;
}

/** The readings of one interval, or the middles of its quotes. */
export interface Row {
  start_ns: bigint;
  state: CandleState;
  first: number;
  max: number;
  min: number;
  last: number;
  /** Divided by the count it is the mean. */
  sum: number;
  count: number;
}

export interface Candles {
  /** Updates up to this position are counted, and none after it. */
  position: number;
  /** Oldest first, without empty intervals. */
  candles: Candle[];
  /** The same of a topic with readings or quotes. */
  rows: Row[];
  /** The server holds older ones: request them with the first start as `before_ns`. */
  more: boolean;
  unit?: string;
  name?: string;
  state_class?: string;
}

export interface End {
  code: number;
  reason: string;
  wasClean: boolean;
}

export type StatusDetail =
  | { status: 'connecting' | 'open' | 'closing' }
  | ({ status: 'waiting'; delay_ms: number } & End)
  | ({ status: 'closed' } & End);

export interface ClientEventMap {
  status: CustomEvent<StatusDetail>;
  /** A refusal that answers no pending request, a refused token, or no token to renew with. */
  error: CustomEvent<Error>;
  draining: CustomEvent<{ reconnect_within_ms: number }>;
  identity: CustomEvent<Identity>;
  expiring: CustomEvent<{ expires_ns: bigint }>;
  clock: CustomEvent<ClockEstimate>;
  /** The client does not reconnect: the program closed it, or the close code is permanent. */
  close: CustomEvent<End>;
}

/** A connection to one server that reconnects by itself, and the subscriptions on it. */
export class Client extends EventTarget {
  static readonly CONNECTING: 0;
  static readonly OPEN: 1;
  static readonly CLOSING: 2;
  static readonly CLOSED: 3;
  readonly CONNECTING: 0;
  readonly OPEN: 1;
  readonly CLOSING: 2;
  readonly CLOSED: 3;

  /** Connects at once. */
  /** Several URLs are nodes of a cluster: the client goes on at another one when it must. */
  constructor(url: string | URL | readonly (string | URL)[], options?: ClientOptions);

  readonly url: string;
  readonly encoding: Encoding;
  /** Like a WebSocket's. CONNECTING also between two connections; OPEN from the welcome on. */
  readonly readyState: 0 | 1 | 2 | 3;
  readonly bufferedAmount: number;
  /** Resolves with the first welcome. Rejects if the client is closed before. */
  readonly ready: Promise<Welcome>;
  /** The newest welcome. */
  readonly welcome: Welcome | null;
  /** The newest position of the tape that the server sent. */
  readonly position: number;
  /** When the newest message of the server arrived, by the server's clock, estimated. */
  readonly heard_ns: bigint;
  readonly clock: ClockEstimate | null;
  /** What the server says that this client may do. */
  readonly identity: Identity | null;
  /** The topics of this epoch. In bincode a later client needs them together with the tokens. */
  readonly topics: Topics;
  readonly stats: ClientStats;

  /** The server's time, estimated, in nanoseconds since 1970. */
  serverNow(): bigint;
  subscribe(filter: string, options?: SubscribeOptions, callback?: (event: SubscriptionEvent) => unknown): Subscription;
  subscribe(filter: string, callback: (event: SubscriptionEvent) => unknown): Subscription;
  /**
   * Resolves with the position of the last update. Rejects if the server refused, or if the
   * connection ended before the answer.
   */
  publish(updates: NewUpdate | NewUpdate[], options?: { ack?: true }): Promise<number>;
  publish(updates: NewUpdate | NewUpdate[], options: { ack: false }): Promise<undefined>;
  /**
   * Publishes and sends again on each new connection until the server has answered. The server puts
   * the updates on the tape once, also at another node. Rejects if the server refused for good, and
   * with an UncertainError if it has forgotten whether they are on the tape.
   */
  publishOnce(updates: NewUpdate | NewUpdate[]): Promise<number>;
  list(): Promise<Listed[]>;
  /**
   * A topic's past updates that the server still holds: the newest ones, or the newest before a
   * position. Rejects with error code 304 if the server keeps no history.
   */
  history(topic: string, options?: { limit?: number; before?: number }): Promise<History>;
  /**
   * Candles of a topic's trades, or rows of its readings, which the server keeps for days: the
   * newest ones, or the newest of a range of times. Rejects with error code 304 if it keeps none.
   */
  candles(
    topic: string,
    interval: Interval,
    options?: { limit?: number; from_ns?: bigint; before_ns?: bigint },
  ): Promise<Candles>;
  /** Proves an identity, or renews it. Rejects with code 501 if the server refuses the token. */
  authenticate(token: string): Promise<Identity>;
  /** Closes the client. The code is 1000 or 3000 to 4999, the reason at most 123 bytes. */
  close(code?: number, reason?: string): void;

  addEventListener<K extends keyof ClientEventMap>(
    type: K,
    listener: (event: ClientEventMap[K]) => void,
    options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string,
    listener: EventListenerOrEventListenerObject,
    options?: boolean | AddEventListenerOptions,
  ): void;
}

/** A refusal by the server. `code` is one of the error codes in docs/protocol.md. */
export class ServerError extends Error {
  private constructor();
  readonly code: number;
  /** Whether the same request may succeed later. */
  readonly temporary: boolean;
  readonly retry_after_ms: number | undefined;
}

/** It is unknown whether a publish is on the tape. `cause` is why it was not sent again. */
export class UncertainError extends Error {
  private constructor();
}

/** The server has ended a subscription that is no longer allowed. */
export class ForbiddenError extends Error {
  private constructor();
  /** Everything up to it has come, and nothing after it will. */
  readonly position: number;
}

/** A message that breaks the rules of its encoding, received or to be sent. */
export class MalformedError extends Error {}
