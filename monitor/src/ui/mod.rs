//! The window. Each panel is its own state and a `show` that draws it and returns the commands that
//! the user gave. Panels look at the [`scene`]; they change no data and know no network.

pub(crate) mod bars;
pub(crate) mod chart;
pub(crate) mod command;
mod connection_advice;
mod connection_words;
pub(crate) mod dragging;
pub(crate) mod icon;
pub(crate) mod keyboard;
mod mute;
mod names;
pub(crate) mod overlays;
pub(crate) mod own_window;
pub(crate) mod panes;
pub(crate) mod scene;
pub(crate) mod sparkline;
pub(crate) mod theme;
pub(crate) mod watch;
mod widgets;
