//! Ingest: from feeds and publishers to the shards.
//!
//! The files in reading order:
//!
//! * `queue`: the bounded queue from all feeds and publishers to the sequencer
//! * `way`: from the sequencer to the handoff, through the log on disk if there is one
//! * `thread`: the ingest thread, which runs the feeds and the sequencer
//! * `handoff`: the strips and answers on their way to the shards
//!
//! This room knows the core, the clock and the metrics. A closure starts the feeds, so it knows the
//! type of no feed, and no socket and no client.

mod handoff;
mod queue;
mod thread;
mod way;

pub(crate) use handoff::{Handoff, NewStrips};
pub(crate) use queue::Room;
pub use queue::{Arrival, Ended, Ingest};
pub(crate) use thread::{IngestThread, Lost, WORK_AT_ONCE, count};
pub(crate) use way::{Passing, Waiting, Way};
