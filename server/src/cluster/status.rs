//! What operators are told of the cluster.

use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use tickcast_cluster::{Node, Replica};

use crate::metrics::ClusterStats;

/// What `/v1/cluster` answers.
#[derive(Debug, Serialize)]
struct Told<'a> {
    node: &'a str,
    stream: &'a str,
    is_member: bool,
    epoch: Option<String>,
    position: u64,
    sequence: u64,
    members: Vec<ToldMember<'a>>,
    feeds: Vec<ToldFeed<'a>>,
    promises: &'a [String],
}

#[derive(Debug, Serialize)]
struct ToldMember<'a> {
    node: &'a str,
    member: String,
    is_this: bool,
    /// Messages between its last one and what it had read then.
    behind: u64,
}

#[derive(Debug, Serialize)]
struct ToldFeed<'a> {
    feed: &'a str,
    node: Option<&'a str>,
}

/// Numbers and texts of this node.
#[derive(Debug)]
pub(crate) struct ClusterStatus {
    pub(super) stats: Arc<ClusterStats>,
    node: String,
    stream: String,
    promises: Mutex<Vec<String>>,
}

impl ClusterStatus {
    pub(super) fn new(stats: Arc<ClusterStats>, node: String, stream: String) -> Self {
        Self {
            stats,
            node,
            stream,
            promises: Mutex::default(),
        }
    }

    pub(super) fn promises(&self, promises: Vec<String>) {
        *self.promises.lock().unwrap_or_else(PoisonError::into_inner) = promises;
    }

    /// Sets the numbers.
    pub(super) fn count(&self, node: &Node) {
        let (stats, replica) = (&self.stats, node.replica());
        let book = replica.book();
        let own = book
            .feeds()
            .all()
            .filter(|(_, owner)| *owner == Some(node.id()));
        stats.member.set(u64::from(node.is_member()));
        stats.members.set(book.members().len() as u64);
        stats.feeds.set(own.count() as u64);
        stats.sequence.set(replica.chain().last().sequence);
        stats.waiting.set(node.waiting());
        stats.fenced.set(replica.fenced());
    }

    /// Writes what operators are told.
    pub(super) fn tell(&self, node: &Node) {
        let promises = self.promises.lock();
        let promises = promises.unwrap_or_else(PoisonError::into_inner);
        let told = self.told(node, &promises);
        // A struct of texts and numbers is always JSON.
        self.stats
            .tell(serde_json::to_string(&told).unwrap_or_default());
    }

    fn told<'a>(&'a self, node: &'a Node, promises: &'a [String]) -> Told<'a> {
        let replica: &Replica = node.replica();
        let book = replica.book();
        let members = book.members().iter().map(|member| ToldMember {
            node: &member.node,
            member: member.id.to_string(),
            is_this: member.id == node.id(),
            behind: member.heard.saturating_sub(member.read + 1),
        });
        let feeds = book.feeds().all().map(|(feed, owner)| {
            let owner = owner.and_then(|owner| book.member(owner));
            ToldFeed {
                feed,
                node: owner.map(|member| member.node.as_str()),
            }
        });
        Told {
            node: &self.node,
            stream: &self.stream,
            is_member: node.is_member(),
            epoch: book.lineage().map(|lineage| lineage.epoch.to_string()),
            position: replica.position(),
            sequence: replica.chain().last().sequence,
            members: members.collect(),
            feeds: feeds.collect(),
            promises,
        }
    }
}
