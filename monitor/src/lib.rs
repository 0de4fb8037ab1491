//! The desktop monitor: shows live Tickcast data in lists and charts.
//!
//! An update passes through the rooms in this order: `net` receives it on a thread of its own and
//! hands it over through a bounded queue; `app` applies it to the store of `data`; the panels of
//! `ui` read the scene and draw it with what `data::chart` computes; `app` carries out the commands
//! that they return. `files` reads and writes everything on disk. Only `app::window` knows both the
//! socket and the screen.

mod app;
mod args;
mod data;
mod files;
mod net;
mod ui;

#[doc(hidden)]
pub mod testing;

pub use self::{app::run, args::Args};
