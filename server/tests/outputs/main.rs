//! Tests of the outputs: a real broker with a real subscriber, an HTTP server that reads lines
//! strictly, and a real Prometheus.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod dashboards;
mod every;
mod grafana;
mod mqtt;
mod reader;
mod source;
