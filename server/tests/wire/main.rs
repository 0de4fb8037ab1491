//! Tests of the wire: the protocol's contract, attacks, broken connections, foreign clients, and
//! decoders with mutated input.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod contract;
mod contract_wire;
mod costly;
mod event_stream;
mod foreign_clients;
mod io_uring;
mod joint_stream;
mod mutated_requests;
mod publishing;
mod requests;
mod turned_away;

mod fuzz;
mod hostile;

mod echo;
mod endings;
mod rfc6455;

mod bad_ways;
mod wire_histories;
