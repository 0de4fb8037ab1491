//! The core's promises, in virtual time and without I/O: random histories against a model, and
//! scripts for what happens at a limit.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bench;
mod pipe;

mod closing;
mod heartbeats;
mod histories;
mod history;
mod latest;
mod requests;
mod sequencer;
mod state;
mod statuses;
mod timers;
mod turns;
