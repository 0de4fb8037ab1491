//! Tests of the wire: the protocol's contract, attacks, broken connections, foreign clients, and
//! decoders with mutated input.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod contract;
mod contract_wire;
mod costly;
mod event_stream;
mod foreign_clients;
mod io_uring;

mod fuzz;
mod hostile;

mod bad_ways;
mod wire_histories;
