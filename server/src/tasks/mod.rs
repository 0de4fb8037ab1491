//! Tasks: what happens when a long-lived task of the server ends although the server does not.
//!
//! A task is a feed, an accept loop, a shard with its timers, the sequencer, the admin address. It
//! may end by a panic or by an error. Each such end is logged and counted, and `/readyz` names the
//! task. Feeds, accept loops and the admin address are started again. A shard and the sequencer
//! hold state that would be lost: the server as a whole has failed then, and its owner decides
//! whether it ends.
//!
//! The files in reading order:
//!
//! * `task`: [`Task`], the handle of one task
//! * `restart`: [`Restarts`], the waits of a task that is started again
//!
//! This room knows the metrics only.

mod restart;
mod task;

pub(crate) use restart::Restarts;
pub(crate) use task::panic_text;
pub use task::{Failure, Task};
