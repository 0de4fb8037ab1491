//! Why a run has no result.

use std::io;

use crate::{publish::PublishError, worker::WorkerLost};

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The server or the broker cannot be used.
    #[error("{0}")]
    Connect(String),
    /// The run would measure nothing.
    #[error("{0}")]
    Nothing(String),
    /// A limit of the machine is too low.
    #[error("{0}")]
    Limit(String),
    /// The user pressed Ctrl+C before there was anything to report.
    #[error("interrupted before publishing began")]
    Interrupted,
    /// One of the load tester's own threads failed.
    #[error(transparent)]
    Worker(#[from] WorkerLost),
    /// The operating system.
    #[error("{0}")]
    Io(#[from] io::Error),
}

impl From<PublishError> for RunError {
    fn from(error: PublishError) -> Self {
        Self::Connect(error.to_string())
    }
}

impl RunError {
    /// The program's exit code.
    pub fn exit_code(&self) -> u8 {
        match self {
            // As for arguments that make no sense.
            Self::Nothing(_) => 2,
            Self::Connect(_) => 3,
            Self::Limit(_) | Self::Worker(_) | Self::Io(_) => 1,
            Self::Interrupted => 130,
        }
    }
}
