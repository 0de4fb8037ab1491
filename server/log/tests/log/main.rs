//! Tests of the log: what it keeps through crashes, power cuts and failing disks, what it says
//! about damage, the bytes of its format, and its tools.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod damage;
mod ending;
mod faults;
mod folder;
mod following;
mod golden;
mod histories;
mod opening;
mod publishes;
mod reader;
mod retention;
mod rolling;
mod strips;
mod support;
mod syncing;
mod tools;
