//! Data: the log on disk, between the sequencer and the shards.
//!
//! ```text
//!  sequencer ──> queue ──> log's thread: write, then hand on ──> handoff ──> shards
//!                                │ what is unsynced
//!                                v
//!                          sync thread: waits for the disk, writes indexes
//! ```
//!
//! The files in reading order:
//!
//! * `opening`: opens the log at the start, and what the server begins with
//! * `following`: the same for a node of a cluster
//! * `syncer`: the sync thread, which waits for the disk
//! * `failing`: what is done while the log cannot be written
//! * `feeds`: when updates of feeds are missing
//! * `writing`: writes strips, and knows what to do when that fails
//! * `thread`: the log's thread
//! * `older`: the part of an answer about candles and rows that comes from the log
//! * `reading`, `giving_way`: the thread that reads the log for clients, and lets others go first
//! * `patience`, `deepening`: answers about candles and rows, as far back as the log reaches
//!
//! The crate `tickcast-log` has the files and their format. This room knows the handoff and no
//! shard, no feed and no socket.

mod deepening;
mod failing;
mod feeds;
mod following;
mod giving_way;
mod older;
mod opening;
mod patience;
mod reading;
mod syncer;
#[cfg(test)]
pub(crate) mod testing;
mod thread;
mod writing;

pub(crate) use deepening::Deepened;
pub(crate) use following::Following;
pub(crate) use opening::{Opened, open};
#[cfg(test)]
pub(crate) use patience::Patience;
pub(crate) use reading::{LogReads, Part, ReadingThread, Told};
pub(crate) use thread::DataThread;
