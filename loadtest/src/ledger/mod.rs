//! Whether every subscriber got what it was promised. Pure.
//!
//! The rule exists once, in [`Account`]: every update is expected once and in order, and the server
//! must announce what it skips. Two ledgers apply it, because they identify updates differently:
//!
//! * [`Receiver`] follows one subscription of Tickcast's protocol for the load tester. Updates are
//!   identified by the server's own seqs, topics appear as they come, and the chain of positions
//!   from batch to batch is checked as well. Each breach has its own number in a [`Tally`].
//! * [`IndexedLedger`] follows all subscribers of the comparison. Most of its servers number
//!   nothing, so updates are identified by the index in their stamp, and topics are known in
//!   advance. It keeps flat arrays, because the slowest subscriber has to be found after each read.

mod account;
mod indexed;
mod receiver;
mod tally;
#[cfg(test)]
mod tests;
mod topics;

pub use account::{Account, Arrived, TopicKey};
pub use indexed::{DeliverySummary, IndexedLedger};
pub use receiver::{Baseline, Receiver};
pub use tally::Tally;
pub use topics::{EpochSlot, WorkerTopics};
