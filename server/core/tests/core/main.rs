//! The core's promises, in virtual time and without I/O: random histories against a model, and
//! scripts for what happens at a limit.
//!
//! A random history that fails leaves its seed in `failed_histories.txt`, which is tried first from
//! then on. Commit the file, and add the shortened history to
//! `histories_that_have_failed_before_are_tried_first`: a seed is worth nothing when the kinds of
//! operations change.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod bench;
mod pipe;

mod audited;
mod beyond_tape;
mod candles;
mod catch_up;
mod closing;
mod cost;
mod first_seconds;
mod heartbeats;
mod histories;
mod history;
mod identities;
mod joint_limits;
mod latest;
mod latest_batch;
mod lineage;
mod log_gaps;
mod neighbours;
mod offsets;
mod posting;
mod publishing;
mod requests;
mod restored;
mod restored_candles;
mod sequencer;
mod slow_links;
mod state;
mod statuses;
mod timers;
mod totals;
mod turns;
