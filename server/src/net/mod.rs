//! Net: connections of clients and operators, and the threads of the shards.
//!
//! A [`shard_thread`] accepts connections with its [`listener`]. [`routes`] answers the requests. A
//! WebSocket or an event stream becomes a [`session`], which calls the shard through its
//! [`shard_handle`]. The shard writes to an [`outlet`].
//!
//! The files in reading order:
//!
//! | file | job |
//! |---|---|
//! | [`shard_thread`], [`shard_handle`] | one thread per shard: rounds, timers, core calls |
//! | [`binding`], [`listener`], [`descriptors`] | binds sockets, and accepts connections within the limits of addresses and files |
//! | [`peer`], [`permits`] | who a client is, and how many connections it may have |
//! | [`acceptor`], [`arrival`], [`proxy_protocol`], `preamble` | TLS, PROXY headers, Unix sockets: before HTTP |
//! | `http_connection`, [`routes`], `route`, `turned_away` | HTTP: which request gets which answer |
//! | `answer`, `assets`, `welcome` | the answers that are always the same |
//! | `body` | the body of a request |
//! | [`request`], [`gate`], `request_limits`, `refusal_log` | HTTP: which request is refused, counted and logged |
//! | `web_socket`, [`session`], [`ws_reader`], `echo`, `closing` | WebSocket: from the handshake to the end |
//! | `candles`, `questions` | `/v1/candles`, and questions about the past over HTTP |
//! | `older_candles` | candles and rows that are in the log alone |
//! | `history` | `/v1/history`: the updates of a topic in a range |
//! | `publish` | `/v1/publish`: takes updates in |
//! | `values` | `/v1/latest`, and the answer that begins `/v1/stream` |
//! | [`socket_io`] | clients of Socket.IO |
//! | `event_stream`, `event_ids`, `event_chunks` | server-sent events |
//! | `pipe`, `http_stream` | answers that are made little by little |
//! | `stream`, [`outlet`], `ring_writer`, `unsent` | connections, with and without TLS, and where the shard writes to |
//! | `known_clients`, `tickets` | who sends a request |
//! | [`admin`], [`slow_clients`], [`admin_commands`], [`log_command`] | the address for operators |
//! | [`operator_questions`], [`identity_commands`] | what operators ask of a shard |
//! | [`other_nodes`] | what operators at the nodes of a cluster order |
//! | [`state`] | whether the server is ready or draining |
//!
//! This room does I/O and decides nothing about updates: the shard of `tickcast-core` does. It
//! hands publishes and questions to [`ingest`](crate::ingest), and knows no feed.

pub(crate) mod acceptor;
pub(crate) mod arrival;
pub(crate) mod binding;
pub(crate) mod descriptors;
pub(crate) mod listener;
pub(crate) mod peer;
pub(crate) mod permits;
mod preamble;
pub(crate) mod proxy_protocol;

mod answer;
mod assets;
mod body;
mod candles;
mod closing;
pub(crate) mod echo;
mod event_chunks;
mod event_ids;
mod event_stream;
mod history;
mod http_connection;
mod http_stream;
mod route;
mod routes;
mod values;
mod web_socket;
mod welcome;

pub(crate) mod gate;
pub(crate) mod refusal_log;
pub(crate) mod request;
mod request_limits;

pub(crate) mod admin;
pub(crate) mod admin_commands;
pub(crate) mod identity_commands;
mod known_clients;
pub(crate) mod log_command;
pub(crate) mod operator_questions;
pub(crate) mod other_nodes;
pub(crate) mod slow_clients;
mod tickets;

mod older_candles;
mod outlet;
mod pipe;
mod publish;
mod questions;
mod ring_writer;
mod session;
mod shard_handle;
pub(crate) mod shard_thread;
pub(crate) mod socket_io;
pub(crate) mod state;
mod stream;
mod turned_away;
mod unsent;
pub(crate) mod ws_reader;

#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
