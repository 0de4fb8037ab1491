//! The core's promises, in virtual time and without I/O.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod histories;
mod turns;
