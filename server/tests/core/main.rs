//! Tests of the core's promises: rounds and random histories without I/O, and history and status
//! as clients of the program see them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod closing;
mod histories;
mod turns;

mod history;
mod status;
