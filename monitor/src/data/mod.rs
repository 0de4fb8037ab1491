//! The data of the monitor and pure computation. No file of this room knows a screen, a socket, the
//! disk or a clock: times are arguments.
//!
//! The files in reading order:
//!
//! | file | job |
//! |---|---|
//! | `time`, `format`, `natural_key` | units of time; numbers and times as text; order of names |
//! | `incoming` | items that come from a server or from a recording |
//! | `history` | the samples of one topic, their summaries, and the gaps between them |
//! | `long_history` | candles and rows of the server, and the live updates that go on from them |
//! | `topics`, `tree` | all topics within a memory limit, and as a tree of their levels |
//! | `derived` | topics that are computed from others |
//! | `percentage` | which percentages say something |
//! | `chart` | from samples to drawings |
//! | `payload` | payloads as people read them |
//! | `alerts` | rules that watch topics |
//! | `connection_state`, `silences` | the connection to a server, and when it sent nothing |
//! | `login`, `access` | who this program is to a server, and what it may read there |
//! | `published` | the value that was published last |
//! | `health`, `latency` | rates, latencies, and the server's clock |
//! | `repaint_interval`, `repaints` | how often the window is repainted, and what that costs |
//! | `pane_windows`, `undo_steps` | panes in windows of their own, and steps that can be undone |

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
pub(crate) mod pane_windows;
pub(crate) mod payload;
pub(crate) mod percentage;
pub(crate) mod published;
pub(crate) mod repaint_interval;
pub(crate) mod repaints;
pub(crate) mod silences;
pub(crate) mod time;
pub(crate) mod topics;
pub(crate) mod tree;
pub(crate) mod undo_steps;
