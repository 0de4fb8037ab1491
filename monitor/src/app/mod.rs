//! The program: applies what the servers send, shows it, and carries out the commands of the
//! panels.
//!
//! [`Monitor`] is the state of one server; [`Fleet`] holds one for each server. [`run`] joins them
//! with the window and the connections.

mod background;
mod charts;
mod commands;
mod derived;
mod exports;
mod fleet;
mod long_time;
mod monitor;
mod owner;
mod pane_windows;
mod panels;
mod playing;
mod programs;
mod publish;
mod receive;
mod recordings;
mod report;
mod scene;
mod screen;
mod screenshots;
mod server;
mod show;
mod window;

pub use self::{fleet::Fleet, monitor::Monitor, owner::PictureTarget, window::run};
