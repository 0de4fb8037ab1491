//! What a worker answers about its subscribers.

use tickcast_protocol::message::{Position, Seq};

use super::{
    context::WorkerContext,
    messages::{Backlog, Newest},
    role::Role,
    subscriber::Subscriber,
};
use crate::ledger::{TopicKey, WorkerTopics};

/// How far the subscribers are from these seqs.
pub(super) fn behind(
    subscribers: &[Subscriber],
    newest: &Newest,
    context: &mut WorkerContext,
) -> Backlog {
    let newest = keyed(newest, &mut context.shared.topics);
    let mut behind = Backlog {
        min_position: Position::MAX,
        ..Backlog::default()
    };
    for subscriber in subscribers {
        if matches!(subscriber.role(), Role::Slow | Role::Gone) {
            continue;
        }
        behind.updates += subscriber.session().behind(&newest);
        let position = subscriber.session().position().unwrap_or(0);
        behind.min_position = behind.min_position.min(position);
        behind.max_position = behind.max_position.max(position);
    }
    behind
}

/// The newest seqs of topics whose names start with a prefix.
pub(super) fn newest(subscribers: &[Subscriber], prefix: &str, context: &WorkerContext) -> Newest {
    let topics = context.shared.topics.names();
    let newest = topics
        .filter(|(_, name)| name.starts_with(prefix))
        .filter_map(|(key, name)| {
            let sessions = subscribers.iter().map(Subscriber::session);
            let seq = sessions.filter_map(|session| session.newest(key)).max()?;
            Some((name.to_owned(), seq))
        });
    newest.collect()
}

/// Counts the updates that never came, and closes all connections.
pub(super) fn finish(subscribers: &mut [Subscriber], newest: &Newest, context: &mut WorkerContext) {
    let newest = keyed(newest, &mut context.shared.topics);
    for subscriber in subscribers {
        subscriber.finish(&newest, &mut context.shared);
    }
}

/// Names as keys.
fn keyed<'a>(newest: &'a Newest, topics: &mut WorkerTopics) -> Vec<(TopicKey, &'a str, Seq)> {
    let newest = newest.iter();
    newest
        .map(|(name, &seq)| (topics.key(name), name.as_str(), seq))
        .collect()
}
