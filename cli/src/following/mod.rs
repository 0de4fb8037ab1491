//! Subscriptions, from their start to their end.
//!
//! * `args`: which updates are followed, and how long
//! * `subscriptions`: follows until what was asked for has happened
//! * `session`: the same until a signal

mod args;
mod session;
mod subscriptions;

pub(crate) use args::{Pace, Until};
pub(crate) use session::Session;
pub(crate) use subscriptions::Following;
