//! Tests of the core's promises: rounds, slow links and random histories without I/O, and history
//! and status as clients of the program see them.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod histories;
mod slow_links;
mod turns;

mod history;
mod status;
