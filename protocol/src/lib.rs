//! What goes over the wire between Tickcast's server and its clients.
//!
//! Read in this order: a [`topic`] names a stream of [`value`]s; [`message`]s carry them;
//! [`codec`] turns messages into bytes. There is no clock and, without the feature `client`, no
//! network in here.

pub mod topic;

pub mod decimal;
pub mod value;

pub mod error;
pub mod message;

pub mod codec;
mod json;

pub mod recording;

#[cfg(feature = "client")]
pub mod client;
