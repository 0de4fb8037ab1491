//! What operators ask of a shard: questions and commands, and the rows of their answers.

use serde::Serialize;
use tickcast_core::shard::SlowClient;
use tokio::sync::oneshot;

/// A question to a shard, or a command.
#[derive(Debug)]
pub(crate) enum Question {
    /// Its slowest clients.
    Slow(SlowQuestion),
    /// What concerns the identities of its clients.
    Identities(Command, oneshot::Sender<Vec<WhoRow>>),
}

/// What is to be done. The answer has the clients that it has affected.
#[derive(Debug, Clone)]
pub(crate) enum Command {
    /// Applies what identities may do now.
    Review,
    /// Ends connections.
    Kick(Target),
    /// Lists clients that have an identity.
    Who,
}

/// Which clients.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Target {
    /// Those of an identity.
    Subject(String),
    /// Those with a token.
    Token(String),
    /// Those of an address, with or without its port.
    Address(String),
}

/// A client.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct WhoRow {
    /// Its address.
    pub client: String,
    /// Its identity; empty for a client without a token.
    pub subject: String,
    /// Its role.
    pub role: String,
    /// The id of its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
}

impl Target {
    /// Whether a client is one of them.
    pub(super) fn includes(&self, row: &WhoRow) -> bool {
        match self {
            Self::Subject(subject) => row.subject == *subject,
            Self::Token(token) => row.token.as_deref() == Some(token),
            Self::Address(address) => {
                let ip = row.client.rsplit_once(':').map_or("", |(ip, _)| ip);
                row.client == *address || ip.trim_matches(['[', ']']) == address
            }
        }
    }
}

/// A client that is behind, with its address.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct SlowRow {
    /// Its address.
    pub client: String,
    /// The shard's report about it.
    #[serde(flatten)]
    pub slow: SlowClient,
}

/// A question to a shard about its slowest clients.
#[derive(Debug)]
pub(crate) struct SlowQuestion {
    /// Maximum number of clients.
    pub limit: usize,
    /// Receives the answer, slowest client first.
    pub answer: oneshot::Sender<Vec<SlowRow>>,
}
