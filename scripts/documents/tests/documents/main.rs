//! The documents are right: every command runs or says why not, and every number that comes from a
//! source is that of the source. See the library for the comments above blocks.
//!
//! The programs must have been built, which `cargo test --workspace` does first.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod blocks;
mod builds;
mod claims;
mod flags;
mod programs;
mod stage;
mod transcripts;
