//! What all workers have in common.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use tickcast_protocol::{message::BearerToken, tls::TlsClient, topic::Filter};

use crate::{dialect::SubscribeParams, ledger::Baseline};

/// See the module.
#[derive(Debug)]
pub struct WorkerSettings {
    /// The server.
    pub address: SocketAddr,
    /// The server's name and port, for the handshake.
    pub host: String,
    /// The path, for the handshake.
    pub path: String,
    /// What speaks TLS, if the server does.
    pub tls: Option<Arc<TlsClient>>,
    /// Prove identities; subscribers have them in turn. If empty, subscribers have none.
    pub tokens: Vec<BearerToken>,
    /// Local addresses of connections, in turn. If empty, the system chooses.
    pub sources: Vec<IpAddr>,
    /// What subscribers ask for.
    pub params: SubscribeParams,
    /// The topics that they ask for.
    pub filters: FilterPlan,
    /// What is known of topics before publishing starts.
    pub baseline: Baseline,
    /// How fast slow subscribers read.
    pub slow_bytes_per_s: u64,
    /// For the pauses before reconnects.
    pub seed: u64,
}

impl WorkerSettings {
    /// The token of the subscriber with this index.
    pub fn token_of(&self, subscriber: usize) -> Option<&BearerToken> {
        let turn = subscriber.checked_rem(self.tokens.len())?;
        self.tokens.get(turn)
    }
}

/// Which filters a subscriber has.
#[derive(Debug, Clone)]
pub enum FilterPlan {
    /// All subscribers have the same filters.
    Same(Vec<Filter>),
    /// Each subscriber has some of these filters, in turn.
    Some {
        /// All filters.
        of: Vec<Filter>,
        /// Number of filters per subscriber.
        each: usize,
    },
}

impl FilterPlan {
    /// The filters of the subscriber with this index.
    pub fn of(&self, subscriber: usize) -> Vec<Filter> {
        match self {
            Self::Same(filters) => filters.clone(),
            Self::Some { of, each } => (0..*each)
                .map(|i| of[(subscriber * each + i) % of.len()].clone())
                .collect(),
        }
    }
}
