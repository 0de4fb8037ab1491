//! The desktop monitor: shows live Tickcast data in lists and charts.
//!
//! In the order in which an update passes through: [`connection`] receives it on a thread of its
//! own, [`inbox`] hands it over, [`app`] takes it into the [`store`], [`panels`] look at the
//! [`scene`] and draw it with what [`chart`] computes, and what they return is done by the app.
//! Nothing but [`window`] knows both the socket and the screen.

pub mod args;
pub mod window;

pub mod connection;
pub mod inbox;

pub mod alerts;
pub mod app;
pub mod export;
pub mod health;
pub mod latency;
pub mod programs;
pub mod recording;
pub mod repaints;
pub mod report;
pub mod saver;
pub mod settings;
pub mod store;
pub mod tree;

pub mod chart;
pub mod format;
pub mod icon;
pub mod keys;
pub mod missing_glyph;
pub mod panels;
pub mod scene;
pub mod theme;
