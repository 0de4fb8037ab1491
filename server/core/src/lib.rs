//! # The core of Tickcast
//!
//! The core decides what each client is sent, and when. It does no I/O and has no runtime, no clock
//! and no lock: its `Cargo.toml` names no crate that could bring one in. Callers pass the time in
//! ([`Now`]), so tests run the core in virtual time. The server (`server/src`) supplies sockets,
//! threads and clocks.
//!
//! ```text
//!  work            sequencer                  shard, one per thread
//!  ----            ---------                  ----------------------------------------------
//!  submissions --> position, seq, encoded --> topics: newest value of each
//!  questions       once = the tape, in        channels: (filter, wire, pace) -> open batch
//!                  strips; liveness, history  subscriptions: cursors into the tape
//!                                             a round: apply strips -> close batches -> write
//! ```
//!
//! The order of calls:
//!
//! 1. [`Sequencer::push`](sequencer::Sequencer::push) accepts [`work`].
//! 2. [`Sequencer::take_strip`](sequencer::Sequencer::take_strip) returns the next
//!    [`tape::Strip`].
//! 3. [`Shard::turn`](shard::Shard::turn) applies every strip in every shard, and writes to the
//!    connections through the [`Socket`](shard::Socket) trait.
//! 4. [`Shard::handle`](shard::Shard::handle) accepts the requests of clients, and returns new
//!    [`work`] for the sequencer.
//!
//! The files in reading order:
//!
//! | file | job |
//! |---|---|
//! | `now` | the time that callers pass in |
//! | `token_bucket` | what comes back at a rate: the base of the limits of one connection |
//! | `totals` | what several connections do together, and its limits |
//! | `growth` | collections with an entry for each topic, which grow a little at a time |
//! | `feed_id` | which feed an update came from |
//! | `work` | what the sequencer accepts and returns: updates, questions about history, answers |
//! | `candles` | long time: candles and rows of all topics, within a bound |
//! | `tape` | the bounded log of recent updates, in strips that never change |
//! | `restored` | what the last server knew, from its log |
//! | `sequencer` | puts updates in order, keeps their history, and follows the topics' status |
//! | `wire` | messages as bytes: WebSocket frames and server-sent events |
//! | `shard` | connections, their subscriptions, and the batches they are sent |
//! | `identity` | what a client may do because of its token |
//! | `permissions` | what a client may read and publish |
//! | `audit` | what a shard tells an audit |
//! | `refusal` | why a request is refused |
//! | `settings` | the settings of the sequencer and the shards |
//! | `stats` | the counters that the server's metrics read |

pub mod audit;
pub mod identity;
pub mod permissions;
pub mod settings;
pub mod stats;
pub mod totals;

mod feed_id;
mod growth;
mod now;
mod refusal;
mod token_bucket;
pub mod work;

pub mod candles;
pub mod restored;
pub mod sequencer;
pub mod tape;

pub mod shard;
pub mod wire;

pub use now::Now;
pub use refusal::Refusal;
