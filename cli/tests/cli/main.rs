//! The command with real servers.

#![allow(clippy::unwrap_used)]

mod support;

mod following;
mod publishing;
mod questions;
mod recordings;
mod secure;
