/**
 * Client of the Tickcast server.
 *
 * What comes from the wire keeps the names of the protocol's document. Integers are numbers
 * (positions, seqs and counts stay below 2^53), times are BigInts of nanoseconds since 1970,
 * decimals are strings and exact, bytes are a Uint8Array. What is missing is undefined.
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

/** All are decimals. */
export interface Quote {
  bid: string;
  ask: string;
  bid_size?: string;
  ask_size?: string;
}

/** Exactly one key. A JSON server of a later version may send kinds that are not listed here. */
export type Value = { reading: number } | { trade: Trade } | { quote: Quote } | { text: string } | { bytes: Uint8Array };

export interface Update {
  topic: string;
  position: number;
  seq: number;
  /** By the source's clock. */
  source_time_ns?: bigint;
  /** By the server's clock. */
  ingest_time_ns: bigint;
  quality: 'live' | 'retained' | 'stale';
  value: Value;
}

export interface NewUpdate {
  topic: string;
  value: Value;
  source_time_ns?: bigint;
}

/** Where a subscription stands. Plain data, may be kept as JSON. */
export interface Token {
  epoch: string;
  position: number;
  count?: number;
  snapshot?: number;
}

/** What topic ids stand for. Plain data, may be kept as JSON. */
export interface Topics {
  epoch: string | null;
  topics: { id: number; topic: string; unit?: string }[];
}

/** Updates in (from, to]; of a snapshot only the latest ones of each topic. */
export interface BatchEvent {
  type: 'batch';
  snapshot: boolean;
  from: number;
  to: number;
  updates: Update[];
}

/**
 * Updates in (from, to] that will not come one by one. The latest values of what changed follow.
 */
export interface GapEvent {
  type: 'gap';
  from: number;
  to: number;
  /** Undefined if nobody knows. */
  lost: number | undefined;
}

/** Forget everything of this subscription: it begins anew. */
export interface ResetEvent {
  type: 'reset';
  /**
   * `epoch_changed`, `position_ahead` and others by the server; `unknown_topic`, `not_resumable`
   * and `topics_not_kept` by this client.
   */
  reason: string;
}

/** What is known of a topic's source. A topic that is quiet because nothing happens is live. */
export type TopicStatus = 'live' | 'stale' | 'dead';

/**
 * Topics whose source fell silent, died or came back. A topic counts as live until this says
 * otherwise.
 */
export interface StatusEvent {
  type: 'status';
  statuses: {
    topic: string;
    status: TopicStatus;
    /**
     * By the server's clock. Missing if it only counts as live because the subscription was made
     * anew.
     */
    since_ns?: bigint;
  }[];
}

export type SubscriptionEvent = BatchEvent | GapEvent | ResetEvent | StatusEvent;

export interface Granted {
  mode: Mode;
  max_rate_hz?: number;
}

export interface SubscribeOptions {
  /** `latest` unless told. */
  mode?: Mode;
  /** In mode `latest`: at most so many batches per second. */
  max_rate_hz?: number;
  /** Where an earlier subscription ended. In bincode only together with `topics` of the client. */
  resume?: Token;
  /** Updates that may wait for the program. */
  maxQueuedUpdates?: number;
}

export interface SubscriptionStats {
  /** Batches that were accepted. */
  batches: number;
  /** Updates in them. */
  updates: number;
  gaps: number;
  /** Gaps that could not say how much is lost. */
  gaps_uncounted: number;
  /** Updates that gaps counted as lost. */
  lost: number;
  resets: number;
  /** Proofs of a loss; what was lost was then asked for again. */
  violations: number;
  /** How often the program was too slow. */
  overflows: number;
  /**
   * Updates that did not fit into the queue, or waited in it when the program closed the
   * subscription.
   */
  discarded: number;
}

export interface ClientStats extends SubscriptionStats {
  /** Welcomed connections. */
  connections: number;
  /** Messages of later versions, passed over. */
  unknown_messages: number;
  /** Batches of subscriptions that were left, and what was in them. */
  ignored_batches: number;
  ignored_updates: number;
  /** Publishes that were refused because too much waited for the network. */
  refused_publishes: number;
}

/**
 * One filter, across all connections. Events go to the callback or, without one, to whoever
 * iterates. One is handled when the callback is done (if it returned a promise: when that has
 * settled), or when the iterator is asked for the next one.
 *
 * DOM events: `status` with `{ status }`, `violation` with `{ reason }`, both in `detail`.
 */
export class Subscription extends EventTarget implements AsyncIterable<SubscriptionEvent> {
  private constructor();
  readonly filter: string;
  /** As asked for. */
  readonly mode: Mode;
  readonly max_rate_hz: number | undefined;
  /** As the server grants it; null before that. */
  readonly granted: Granted | null;
  /** `paused`: the program is too slow, and what comes waits on the server's tape. */
  readonly status: 'pending' | 'live' | 'paused' | 'closed';
  /** Resolves when the server first grants it, rejects when it refuses or the client ends. */
  readonly ready: Promise<Granted>;
  /** Where to go on after everything that was handled; undefined before the first grant. */
  readonly token: Token | undefined;
  /** Updates of its topics in this epoch, in mode `every`. */
  readonly count: number | undefined;
  /** Updates that wait for the program. */
  readonly queued: number;
  readonly stats: SubscriptionStats;
  /** As the server said last. */
  statusOf(topic: string): TopicStatus;
  /** To a mode and rate, without a hole. Resolves with what is granted. */
  change(wish: { mode?: Mode; max_rate_hz?: number }): Promise<Granted>;
  /** Ends it. What waits for the program is thrown away. */
  close(): void;
  [Symbol.asyncIterator](): AsyncIterator<SubscriptionEvent>;
}

/**
 * The part of a WebSocket that is used: the browser's, and those of the npm packages ws and
 * websocket.
 */
export type WebSocketConstructor = new (url: string, protocols?: string[]) => any;

export interface ClientOptions {
  /** `bincode` unless told. */
  encoding?: Encoding;
  /** The global one unless told; Node 20 has none. */
  WebSocket?: WebSocketConstructor;
  /** What `topics` of an earlier client returned. */
  topics?: Topics;
  /** Updates that may wait for the program, per subscription: 100,000 unless told. */
  maxQueuedUpdates?: number;
  /** Bytes that may wait for the network before `publish` refuses: 4 MiB unless told. */
  maxBufferedBytes?: number;
  /** 10 seconds unless told. */
  connectTimeoutMs?: number;
  /** How often the server is asked for its time: 30 seconds unless told. */
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
}

export interface Welcome {
  type: 'welcome';
  server: string;
  epoch: string;
  position: number;
  server_time_ns: bigint;
  heartbeat_ms: number;
  limits: Limits;
}

export interface ClockEstimate {
  /** Server's clock minus client's, wrong by at most half the round trip. */
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
  /** The oldest first, their seqs without holes. */
  updates: Update[];
  /** The server holds older ones: ask again with the first one's position as `before`. */
  more: boolean;
  unit?: string;
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
  /** A refusal that belongs to no request that waits for its answer. */
  error: CustomEvent<ServerError>;
  draining: CustomEvent<{ reconnect_within_ms: number }>;
  clock: CustomEvent<ClockEstimate>;
  /**
   * The end for good: by the program, or by a close code after which the same would happen again.
   */
  close: CustomEvent<End>;
}

/**
 * A connection to one server that comes back by itself, and everything that is subscribed on it.
 */
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
  constructor(url: string | URL, options?: ClientOptions);

  readonly url: string;
  readonly encoding: Encoding;
  /** As a WebSocket's: CONNECTING also between two connections, OPEN from the welcome on. */
  readonly readyState: 0 | 1 | 2 | 3;
  readonly bufferedAmount: number;
  /** Resolves with the first welcome, rejects if the client ends before. */
  readonly ready: Promise<Welcome>;
  /** The newest one. */
  readonly welcome: Welcome | null;
  /** The newest position of the tape that the server told. */
  readonly position: number;
  readonly clock: ClockEstimate | null;
  /** What was introduced in this epoch; a later client needs it for tokens in bincode. */
  readonly topics: Topics;
  readonly stats: ClientStats;

  /** The server's time, estimated, in nanoseconds since 1970. */
  serverNow(): bigint;
  subscribe(filter: string, options?: SubscribeOptions, callback?: (event: SubscriptionEvent) => unknown): Subscription;
  subscribe(filter: string, callback: (event: SubscriptionEvent) => unknown): Subscription;
  /**
   * Resolves with the position of the last update. Rejects if it was refused, or if nobody knows.
   */
  publish(updates: NewUpdate | NewUpdate[], options?: { ack?: true }): Promise<number>;
  publish(updates: NewUpdate | NewUpdate[], options: { ack: false }): Promise<undefined>;
  list(): Promise<Listed[]>;
  /**
   * A topic's updates of the past, as far as the server holds them: the newest ones, or those
   * before a position. Rejects with error code 304 if the server keeps none.
   */
  history(topic: string, wish?: { limit?: number; before?: number }): Promise<History>;
  /** Ends it for good. The code is 1000 or in 3000 to 4999, the reason at most 123 bytes. */
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

/** What the server refused; `code` is from the protocol's list of error codes. */
export class ServerError extends Error {
  private constructor();
  readonly code: number;
  /** Whether the same request may succeed later. */
  readonly temporary: boolean;
  readonly retry_after_ms: number | undefined;
}

/** A message that breaks the rules of its encoding, also one that a program wants to send. */
export class MalformedError extends Error {}
