//! The packages install, run and are removed, in a root of their own; the unit is a good one.
//!
//! The programs must have been built, which `cargo test --workspace` does first. Making a root
//! needs root, as installing packages does.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
#![allow(
    clippy::disallowed_methods,
    reason = "the tests wait on threads of their own, without a runtime"
)]

mod booted;
mod built;
mod container;
mod crates;
mod engine;
mod install;
mod monitor;
mod newcomer;
mod root;
mod service;
mod size;
mod systemd;
mod unit;
