//! The tree of topics.
//!
//! It fills itself from the store, a bounded number of topics per step. So a million topics neither
//! stop the window nor are ever sorted: each is inserted in its place. A filter is applied in the
//! same way. Afterwards only open branches cost anything.

use std::collections::BTreeSet;

use tickcast_protocol::message::Status;

use super::node::{Node, NodeId, Nodes, ROOT, TopicCounts};
use crate::data::{
    natural_key::NaturalKey,
    topics::{Store, TopicKey},
};

/// Topics that are inserted or filtered per step: some milliseconds of work.
pub(crate) const STEP_TOPICS: usize = 20_000;

/// A row of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TreeRow {
    /// The node.
    pub(crate) node: NodeId,
    /// Its depth; 0 at the top.
    pub(crate) depth: u16,
    /// The topic that ends here.
    pub(crate) topic: Option<TopicKey>,
    /// Whether its branch is open; `None` if it has no nodes below it.
    pub(crate) is_open: Option<bool>,
    /// Topics here and below.
    pub(crate) counts: TopicCounts,
}

/// The tree.
///
/// Input: `update`. Commands: `set_open`, `refilter`. Output:
/// `rows`.
#[derive(Debug, Clone)]
pub(crate) struct TopicTree {
    nodes: Nodes,
    /// How many topics the store had taken off its list.
    unlisted: u64,
    /// How many of the store's topics with a value have been inserted.
    placed: usize,
    /// How many of those have been filtered.
    filtered: usize,
    matching: u32,
    /// The state of the store's statuses that was counted.
    statuses: Option<u64>,
    /// Paths of open branches, also of nodes that are not there yet.
    open: BTreeSet<String>,
    rows: Vec<TreeRow>,
    is_stale: bool,
}

impl Default for TopicTree {
    fn default() -> Self {
        Self::new(BTreeSet::new())
    }
}

impl TopicTree {
    /// An empty tree. Branches with the paths in `open` are open as soon as they appear.
    pub(crate) fn new(open: BTreeSet<String>) -> Self {
        Self {
            nodes: Nodes::default(),
            unlisted: 0,
            placed: 0,
            filtered: 0,
            matching: 0,
            statuses: None,
            open,
            rows: Vec::new(),
            is_stale: true,
        }
    }

    /// The paths of the open branches.
    pub(crate) fn open(&self) -> &BTreeSet<String> {
        &self.open
    }

    /// Inserts new topics of the store, at most [`STEP_TOPICS`]. `matches` is whether the filter
    /// selects a name; it must not change until `refilter`. Returns whether all topics are
    /// done.
    pub(crate) fn update(&mut self, store: &Store, matches: impl Fn(&str) -> bool) -> bool {
        if store.with_value().len() < self.placed || store.unlisted() != self.unlisted {
            // The store was replaced, or a topic was removed.
            *self = Self::new(std::mem::take(&mut self.open));
            self.unlisted = store.unlisted();
        }
        let new = &store.with_value()[self.placed..];
        for &key in &new[..new.len().min(STEP_TOPICS)] {
            self.place(store, key);
        }
        let end = (self.filtered + STEP_TOPICS).min(self.placed);
        for &key in &store.with_value()[self.filtered..end] {
            if matches(store.topic(key).name.as_str()) {
                self.matching += 1;
                let node = self.node_of(store, key);
                self.count_up(node, |counts| counts.topics += 1);
                self.is_stale = true;
            }
        }
        self.filtered = end;
        let is_done = self.filtered == store.with_value().len();
        if is_done && self.statuses != Some(store.status_changes()) {
            self.count_statuses(store, matches);
        }
        if std::mem::take(&mut self.is_stale) {
            self.lay_out();
        }
        is_done
    }

    /// Starts again with another filter.
    pub(crate) fn refilter(&mut self) {
        for node in self.nodes.iter_mut() {
            node.counts = TopicCounts::default();
        }
        self.filtered = 0;
        self.matching = 0;
        self.statuses = None;
        self.is_stale = true;
    }

    /// How many topics the filter selects.
    pub(crate) fn matching(&self) -> usize {
        self.matching as usize
    }

    fn place(&mut self, store: &Store, key: TopicKey) {
        let name = store.topic(key).name.as_str();
        let mut at = ROOT;
        let mut end = 0;
        for level in name.split('/') {
            end += level.len();
            let level = NaturalKey::of(level);
            at = match self.nodes[at].children.get(&level) {
                Some(&child) => child,
                None => {
                    let child = self.nodes.push(Node {
                        example: Some(key),
                        end: end as u16,
                        depth: self.nodes[at].depth + u16::from(at != ROOT),
                        is_open: !self.open.is_empty() && self.open.contains(&name[..end]),
                        ..Node::new(at)
                    });
                    self.nodes[at].children.insert(level, child);
                    child
                }
            };
            end += 1;
        }
        self.nodes[at].topic = Some(key);
        self.placed += 1;
    }

    fn node_of(&self, store: &Store, key: TopicKey) -> NodeId {
        let mut at = ROOT;
        for level in store.topic(key).name.as_str().split('/') {
            match self.nodes[at].children.get(&NaturalKey::of(level)) {
                Some(&child) => at = child,
                None => break,
            }
        }
        at
    }

    fn count_up(&mut self, mut at: NodeId, count: impl Fn(&mut TopicCounts)) {
        while at != ROOT {
            count(&mut self.nodes[at].counts);
            at = self.nodes[at].parent;
        }
    }

    fn count_statuses(&mut self, store: &Store, matches: impl Fn(&str) -> bool) {
        self.statuses = Some(store.status_changes());
        for node in self.nodes.iter_mut() {
            (node.counts.stale, node.counts.dead) = (0, 0);
        }
        for key in store.not_live() {
            let topic = store.topic(key);
            if topic.latest.is_none() || !matches(topic.name.as_str()) {
                continue;
            }
            let node = self.node_of(store, key);
            match topic.status {
                Status::Live => {}
                Status::Stale => self.count_up(node, |counts| counts.stale += 1),
                Status::Dead => self.count_up(node, |counts| counts.dead += 1),
            }
        }
        self.is_stale = true;
    }

    /// Lays out the rows of all open branches, from top to bottom.
    fn lay_out(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        // The next node is the last entry.
        let mut waiting: Vec<NodeId> = self.nodes[ROOT].children.values().rev().copied().collect();
        while let Some(at) = waiting.pop() {
            let node = &self.nodes[at];
            if node.counts.topics == 0 {
                continue;
            }
            let is_open = (!node.children.is_empty()).then_some(node.is_open);
            if is_open == Some(true) {
                waiting.extend(node.children.values().rev());
            }
            rows.push(TreeRow {
                node: at,
                depth: node.depth,
                topic: node.topic,
                is_open,
                counts: node.counts,
            });
        }
        self.rows = rows;
    }

    /// The rows, as of the last `update`.
    pub(crate) fn rows(&self) -> &[TreeRow] {
        &self.rows
    }

    /// The path of a node: a name, or the beginning of names.
    pub(crate) fn path<'a>(&self, store: &'a Store, node: NodeId) -> &'a str {
        let node = &self.nodes[node];
        let example = node.example.map(|key| store.topic(key).name.as_str());
        example.map_or("", |name| &name[..usize::from(node.end)])
    }

    /// The last level of a node's path.
    pub(crate) fn label<'a>(&self, store: &'a Store, node: NodeId) -> &'a str {
        let path = self.path(store, node);
        path.rsplit_once('/').map_or(path, |(_, last)| last)
    }

    /// The node above a node, if any.
    pub(crate) fn parent(&self, node: NodeId) -> Option<NodeId> {
        let parent = self.nodes[node].parent;
        (parent != ROOT).then_some(parent)
    }

    /// Opens or closes the branch of a node. Branches below keep their state.
    pub(crate) fn set_open(&mut self, store: &Store, node: NodeId, is_open: bool) {
        let path = self.path(store, node).to_owned();
        if is_open {
            self.open.insert(path);
        } else {
            self.open.remove(&path);
        }
        self.nodes[node].is_open = is_open;
        self.lay_out();
    }
}
