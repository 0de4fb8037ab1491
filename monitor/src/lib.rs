//! The desktop monitor: shows live Tickcast data in lists and charts.
#![warn(missing_docs)]

pub mod args;
pub mod chart;
pub mod connection;
pub mod format;
pub mod health;
pub mod inbox;
pub mod latency;
pub mod scene;
pub mod store;
pub mod theme;
