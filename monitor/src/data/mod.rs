//! The data of the monitor and pure computation. No file of this room knows a screen, a socket, the
//! disk or a clock: times are arguments.

pub(crate) mod access;
pub(crate) mod alerts;
pub(crate) mod chart;
pub(crate) mod connection_state;
pub(crate) mod derived;
pub(crate) mod format;
pub(crate) mod health;
pub(crate) mod history;
pub(crate) mod incoming;
pub(crate) mod latency;
pub(crate) mod login;
pub(crate) mod long_history;
pub(crate) mod natural_key;
pub(crate) mod pace;
pub(crate) mod pane_windows;
pub(crate) mod payload;
pub(crate) mod published;
pub(crate) mod repaints;
pub(crate) mod silences;
pub(crate) mod time;
pub(crate) mod topics;
pub(crate) mod tree;
pub(crate) mod undo_steps;
