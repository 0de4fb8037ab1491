//! What operators ask of a shard: questions and commands, and the rows of their answers.

use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use tickcast_core::shard::SlowClient;
use tokio::sync::oneshot;

/// Maximum number of clients that an answer lists: about two megabytes. It says how many there are.
const ROWS_MAX: usize = 10_000;

/// A question to a shard, or a command.
#[derive(Debug)]
pub(crate) enum Question {
    /// Its slowest clients.
    Slow(SlowQuestion),
    /// What concerns the identities of its clients.
    Identities(Command, oneshot::Sender<Affected>),
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
    /// Those of an address, whatever their port.
    Address(IpAddr),
    /// The one at an address with its port.
    Socket(SocketAddr),
}

/// The clients that a command has affected.
#[derive(Debug, PartialEq, Default)]
pub(crate) struct Affected {
    /// Some of them, [`ROWS_MAX`] at most.
    pub rows: Vec<WhoRow>,
    /// How many there are.
    pub count: usize,
}

impl Affected {
    /// Adds a client.
    pub(crate) fn add(&mut self, row: WhoRow) {
        self.count += 1;
        if self.rows.len() < ROWS_MAX {
            self.rows.push(row);
        }
    }

    /// Adds those of another shard.
    pub(crate) fn join(&mut self, other: Self) {
        self.count += other.count;
        let room = ROWS_MAX - self.rows.len();
        self.rows.extend(other.rows.into_iter().take(room));
    }
}

/// A client.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub(crate) struct WhoRow {
    /// Its address.
    pub client: String,
    /// Its identity; empty for a client without a token.
    pub subject: String,
    /// Its role; empty for a client without an identity.
    pub role: String,
    /// Whether it has an identity.
    #[serde(skip)]
    pub is_known: bool,
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
                let socket = row.client.parse().map(|socket: SocketAddr| socket.ip());
                // A client that a proxy names has no port.
                let ip = socket.or_else(|_| row.client.parse());
                ip.is_ok_and(|ip: IpAddr| ip.to_canonical() == address.to_canonical())
            }
            Self::Socket(address) => row.client.parse() == Ok(*address),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn affected(count: usize) -> Affected {
        let mut affected = Affected::default();
        for number in 0..count {
            affected.add(WhoRow {
                client: number.to_string(),
                ..WhoRow::default()
            });
        }
        affected
    }

    #[test]
    fn of_more_than_10_000_clients_the_first_are_listed_and_all_are_counted() {
        for (shards, listed, count) in [
            (vec![], 0, 0),
            (vec![3, 4], 7, 7),
            (vec![10_000], 10_000, 10_000),
            (vec![10_001], 10_000, 10_001),
            (vec![9_999, 0, 3, 8], 10_000, 10_010),
            (vec![20_000, 20_000], 10_000, 40_000),
        ] {
            let mut all = Affected::default();
            for &clients in &shards {
                all.join(affected(clients));
            }
            assert_eq!((all.rows.len(), all.count), (listed, count), "{shards:?}");
        }
    }
}
