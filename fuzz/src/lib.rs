//! What a decoder must do with any bytes: return without panic, keep its limits, and decode what it
//! has encoded.
//!
//! `fuzz_targets/` passes these functions to libFuzzer. A test of the server includes this file as
//! a module and runs the corpus and mutations of it.

mod cluster;
mod conditions;
mod config;
mod decimal;
mod event_id;
mod handshake;
mod host_origin;
mod inbound;
mod lines;
mod messages;
mod metadata;
mod mqtt;
mod packets;
mod payload;
mod proxy_header;
mod query;
mod reader;
mod replay;
mod segment;
mod socket_io;
mod sparkplug;
mod tickets;
mod tls_records;
mod tokens;
mod topics;
mod websocket;

mod delivery;
mod file;
mod header;

pub use self::{
    cluster::{cluster_checkpoint, cluster_message},
    conditions::conditions,
    config::config,
    decimal::decimal,
    event_id::event_id,
    handshake::handshake,
    host_origin::host_origin,
    inbound::inbound,
    lines::lines,
    messages::{client_bincode, client_json, posted, server_bincode, server_json},
    metadata::metadata,
    mqtt::mqtt,
    packets::packets,
    payload::payload,
    proxy_header::proxy_header,
    query::query,
    reader::reader,
    replay::replay,
    segment::segment,
    socket_io::socket_io,
    sparkplug::sparkplug,
    tickets::tickets,
    tls_records::tls_records,
    tokens::tokens,
    topics::topics,
    websocket::websocket,
};

/// A function that takes any bytes.
pub type Target = fn(&[u8]);

/// All targets by name. A target's program and its corpus have the same name.
pub const TARGETS: [(&str, Target); 31] = [
    ("client_bincode", client_bincode),
    ("client_json", client_json),
    ("server_bincode", server_bincode),
    ("server_json", server_json),
    ("posted", posted),
    ("topics", topics),
    ("decimal", decimal),
    ("payload", payload),
    ("mqtt", mqtt),
    ("handshake", handshake),
    ("host_origin", host_origin),
    ("query", query),
    ("event_id", event_id),
    ("inbound", inbound),
    ("replay", replay),
    ("segment", segment),
    ("reader", reader),
    ("cluster_message", cluster_message),
    ("cluster_checkpoint", cluster_checkpoint),
    ("sparkplug", sparkplug),
    ("config", config),
    ("conditions", conditions),
    ("proxy_header", proxy_header),
    ("tls_records", tls_records),
    ("tokens", tokens),
    ("tickets", tickets),
    ("packets", packets),
    ("metadata", metadata),
    ("lines", lines),
    ("websocket", websocket),
    ("socket_io", socket_io),
];
