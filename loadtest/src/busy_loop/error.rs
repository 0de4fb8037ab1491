//! Why a load cannot continue.

use std::io;

use crate::{publish::PublishError, schedule::ScheduleError};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A subscriber could not connect or subscribe.
    #[error("subscriber {subscriber} could not connect and subscribe: {reason}")]
    Connect {
        /// Its number, from 0.
        subscriber: usize,
        /// Why.
        reason: String,
    },
    /// The server takes too long to answer.
    #[error(
        "the server did not answer within {wait_s} s: {ready} of {wanted} connections are ready"
    )]
    NoAnswer {
        /// Longest wait, in seconds.
        wait_s: u64,
        /// Connections that are ready.
        ready: usize,
        /// Connections that are wanted.
        wanted: usize,
    },
    /// The publisher.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The wanted rate makes no schedule.
    #[error(transparent)]
    Schedule(#[from] ScheduleError),
    /// The operating system.
    #[error(transparent)]
    Io(#[from] io::Error),
}
