//! From feeds and publishers to the shards: a queue, the sequencer's thread, and the handoff of strips.

mod handoff;
mod queue;
mod thread;

pub(crate) use handoff::Handoff;
pub use queue::{Arrival, Ended, Ingest};
pub(crate) use thread::IngestThread;
