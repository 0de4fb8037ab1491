//! The command with real servers.

#![allow(clippy::unwrap_used)]

mod support;

mod following;
mod log;
mod publishing;
mod questions;
mod recordings;
mod secure;
