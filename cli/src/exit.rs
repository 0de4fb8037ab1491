//! How the program ends.

use std::process::ExitCode;

use tickcast_protocol::error::ErrorCode;

/// The exit codes. `--help` and docs/cli.md list them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// Everything is done.
    Done = 0,
    /// A part of it has failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There is no connection, or no login.
    NotConnected = 3,
    /// The server has refused something.
    Refused = 4,
    /// Updates were lost, and `--until-gap` was given.
    Gap = 5,
    /// A signal has ended it, before it was done (128 and SIGINT, as shells have it).
    Interrupted = 130,
}

/// Why a command has ended early. The texts are whole sentences for people.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// See [`Exit::Failed`].
    #[error("{0}")]
    Failed(String),
    /// See [`Exit::Usage`].
    #[error("{0}")]
    Usage(String),
    /// See [`Exit::NotConnected`].
    #[error("{0}")]
    NotConnected(String),
    /// See [`Exit::Refused`].
    #[error("{0}")]
    Refused(String),
    /// The reader of the output needs no more, as `head` does. That is no failure.
    #[error("the reader of the output has left")]
    Closed,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl Failure {
    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Failed(_) => Exit::Failed,
            Self::Usage(_) => Exit::Usage,
            Self::NotConnected(_) => Exit::NotConnected,
            Self::Refused(_) => Exit::Refused,
            Self::Closed => Exit::Done,
        }
    }

    /// The server has refused something. Without a login it refuses everything.
    pub(crate) fn refused(what: &str, code: ErrorCode, reason: &str) -> Self {
        match code {
            ErrorCode::NotAuthenticated => Self::NotConnected(
                "the server does not know this client: give it a token with --token-file or \
                 TICKCAST_TOKEN"
                    .to_owned(),
            ),
            ErrorCode::TokenRefused => Self::NotConnected(format!("{code}: {reason}")),
            code => Self::Refused(format!("{what}: the server refuses: {code}: {reason}")),
        }
    }
}
