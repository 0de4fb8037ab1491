//! The facts that a shard tells, as lines.

use std::sync::Arc;

use tickcast_core::{
    audit::{Audit, Fact},
    identity::{Identity, Who},
};

use super::{
    line::{Line, Subject, bounded, name},
    shared::AuditLog,
};

/// The audit of one shard.
#[derive(Debug)]
pub(crate) struct ShardAudit {
    /// The shard's number, which begins the names of its connections.
    pub(crate) shard: usize,
    /// Where the lines go.
    pub(crate) log: Arc<AuditLog>,
}

impl Audit for ShardAudit {
    fn note(&self, connection: u64, who: Who<'_>, fact: Fact<'_>) {
        let connection = &*name(self.shard, connection);
        let identity = match who {
            Who::Known(identity) => Some(identity),
            Who::Everybody | Who::Unknown => None,
        };
        let who = identity.map(Subject::of).unwrap_or_default();
        let line = match fact {
            Fact::Identity => match identity {
                Some(identity) => told(connection, identity),
                None => return,
            },
            Fact::Begun {
                channel,
                filter,
                mode,
                max_rate_hz,
                from,
                snapshot_after,
            } => Line::Granted {
                connection,
                who,
                channel,
                filter: filter.as_str(),
                mode,
                max_rate_hz,
                from,
                snapshot_after,
            },
            Fact::Ended {
                channel,
                filter,
                to,
                snapshot_to,
            } => Line::Ended {
                connection,
                who,
                channel,
                filter: filter.as_str(),
                to,
                snapshot_to,
            },
            Fact::Lost {
                channel,
                to,
                updates,
            } => Line::Lost {
                connection,
                channel,
                to,
                updates,
            },
            Fact::History {
                topic,
                positions,
                updates,
            } => Line::Read {
                connection: Some(connection),
                client: None,
                who,
                what: "history",
                filter: topic.as_str(),
                from: positions.map(|(first, _)| first),
                to: positions.map_or(0, |(_, last)| last),
                number: updates,
            },
            Fact::Candles {
                topic,
                position,
                intervals,
            } => Line::Read {
                connection: Some(connection),
                client: None,
                who,
                what: "candles",
                filter: topic.as_str(),
                from: None,
                to: position,
                number: intervals,
            },
            Fact::Refused { code, reason } => Line::Refused {
                connection: Some(connection),
                client: None,
                who,
                why: code.text(),
                reason: bounded(reason),
            },
            Fact::Closed { code } => Line::Closed {
                connection,
                who,
                code,
            },
        };
        self.log.note(&line);
    }
}

fn told<'a>(connection: &'a str, identity: &'a Identity) -> Line<'a> {
    let texts = |filters: &'a [tickcast_protocol::topic::Filter]| {
        filters.iter().map(|filter| filter.as_str()).collect()
    };
    Line::Identity {
        connection,
        who: Subject::of(identity),
        expires_ns: identity.claims.expires_ns,
        subscribe: texts(&identity.rights.subscribe),
        history: texts(&identity.rights.history),
        publish: texts(&identity.rights.publish),
    }
}
