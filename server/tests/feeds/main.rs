//! Tests of the feeds: built-in ones, MQTT with a real broker, and programs on standard input.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod built_in;
mod by_hand;
mod cases;
mod interop;
mod metadata;
mod mqtt;
mod mqtt_faults;
mod mqtt_secure;
mod payloads;
mod program;
mod recipes;
mod replay;
mod replay_order;
mod replay_quotes;
mod replay_tables;
mod sessions;
mod sparkplug;
mod websocket;
mod websocket_secure;
mod websocket_server;
