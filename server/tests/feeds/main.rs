//! Tests of the feeds: built-in ones, MQTT with a real broker, and programs on standard input.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod built_in;
mod interop;
mod mqtt;
mod mqtt_faults;
mod mqtt_secure;
mod payloads;
mod sessions;
mod sparkplug;
