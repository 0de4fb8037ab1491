//! Tickcast's core: it decides what each client is sent, and when. No I/O, no runtime, no clock,
//! no lock.
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
//! The order of calls: [`Sequencer::push`](sequencer::Sequencer::push) takes [`work`] in, and
//! [`take_strip`](sequencer::Sequencer::take_strip) gives the next [`tape::Strip`]. Each shard gets
//! every strip by [`Shard::turn`](shard::Shard::turn), which writes to connections through the
//! [`Socket`](shard::Socket) trait. Requests of clients come in by
//! [`Shard::handle`](shard::Shard::handle), which returns new [`work`] for the sequencer.
//!
//! The time is an argument everywhere ([`Now`]), so tests run the core in virtual time.

pub mod permissions;
pub mod settings;
pub mod stats;

mod now;
mod refusal;
pub mod work;

pub mod sequencer;
pub mod tape;

pub mod shard;
pub mod wire;

pub use now::Now;
pub use refusal::Refusal;
