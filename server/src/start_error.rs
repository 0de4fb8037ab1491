//! Why a server does not start.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::{net::descriptors::TooFewDescriptors, settings::endpoint::Endpoint};

/// The reason why the server could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is in use, or does not belong to this machine.
    #[error("cannot listen on {endpoint}: {error}")]
    Listen {
        /// The setting.
        endpoint: Endpoint,
        /// The system's error.
        error: io::Error,
    },
    /// The sockets that the process was started with do not fit the listeners.
    #[error("{0}")]
    Passed(String),
    /// The certificate or key of a listener cannot be used.
    #[error("cannot use TLS on {endpoint}: {reason}")]
    Tls {
        /// The listener.
        endpoint: Endpoint,
        /// The setting, and what is wrong.
        reason: String,
    },
    /// The process may have too few file descriptors.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// The audit file cannot be used.
    #[error("cannot write the audit to {}: {error}", path.display())]
    Audit {
        /// The setting.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The log on disk cannot be used.
    #[error("cannot use the log in {}: {reason}", path.display())]
    Data {
        /// The setting.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The cluster cannot be joined.
    #[error("cannot join the cluster: {0}")]
    Cluster(String),
    /// The identities file has problems.
    #[error("the identities cannot be used: {}", .0.join("; "))]
    Identities(Vec<String>),
    /// The system could not create a thread or a timer.
    #[error("cannot start the {name} thread: {error}")]
    Thread {
        /// The thread's name.
        name: String,
        /// The system's error.
        error: io::Error,
    },
}

impl StartError {
    /// The log of a folder cannot be used.
    pub(crate) fn data(path: &Path, reason: String) -> Self {
        let path = path.to_owned();
        Self::Data { path, reason }
    }
}
