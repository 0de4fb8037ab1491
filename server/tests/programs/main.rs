//! Tests of the program as an operator runs it: settings, the admin address, shards, the whole way
//! from a feed to subscribers, and the rules that its source keeps.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod admin;
mod bare;
mod config;
mod descriptors;
mod embedded;
mod end_to_end;
mod end_to_end_resume;
mod end_to_end_slow;
mod log_faults;
mod promises;
mod rules;
mod shards;
mod signals;
mod task_failures;
