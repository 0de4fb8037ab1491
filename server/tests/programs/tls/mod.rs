//! TLS of listeners: with real clients, with wrong ones, and while certificates change.

mod client;
mod clients;
mod delivery;
mod handshakes;
mod memory;
mod reload;
