//! What a decoder must do with any bytes: return without panic, keep its limits, and decode what it
//! has encoded.
//!
//! `fuzz_targets/` passes these functions to libFuzzer. A test of the server includes this file as
//! a module and runs the corpus and mutations of it.

mod config;
mod decimal;
mod inbound;
mod messages;
mod mqtt;
mod payload;
mod replay;
mod topics;

mod delivery;
mod file;

pub use self::{
    config::config,
    decimal::decimal,
    inbound::inbound,
    messages::{client_bincode, client_json, server_bincode, server_json},
    mqtt::mqtt,
    payload::payload,
    replay::replay,
    topics::topics,
};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name. A target's program and its corpus have the same name.
pub const TARGETS: [(&str, Target); 11] = [
    ("client_bincode", client_bincode),
    ("client_json", client_json),
    ("server_bincode", server_bincode),
    ("server_json", server_json),
    ("topics", topics),
    ("decimal", decimal),
    ("payload", payload),
    ("mqtt", mqtt),
    ("inbound", inbound),
    ("replay", replay),
    ("config", config),
];
