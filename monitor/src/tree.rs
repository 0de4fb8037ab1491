//! Topics as a tree: a level of their names is a branch.
//!
//! It fills itself from the store, a bounded number of topics at a time, so that a million of them
//! neither stop the window nor are ever sorted: what is new goes to its place. A filter is applied
//! in the same way. Only open branches cost anything afterwards.

use std::collections::{BTreeMap, BTreeSet};

use tickcast_protocol::message::Status;

use crate::store::{Store, TopicKey};

/// Topics that are taken in or filtered at a time: some milliseconds.
pub const STEP_TOPICS: usize = 20_000;

/// Names a node of one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(u32);

const ROOT: usize = 0;

/// How many topics there are at a node and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Topics that the filter selects.
    pub topics: u32,
    /// Stale ones among them.
    pub stale: u32,
    /// Dead ones among them.
    pub dead: u32,
}

/// A level of a name.
#[derive(Debug, Clone, Default)]
struct Node {
    parent: usize,
    /// By the level's text, ascending.
    children: BTreeMap<Box<str>, usize>,
    /// The topic that ends here.
    topic: Option<TopicKey>,
    /// A topic at or below the node, whose name up to `end` is the node's path.
    example: Option<TopicKey>,
    end: u16,
    depth: u16,
    is_open: bool,
    counts: Counts,
}

/// A line of the tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TreeRow {
    /// Which node.
    pub node: NodeId,
    /// How deep it lies; 0 at the top.
    pub depth: u16,
    /// The topic that ends here.
    pub topic: Option<TopicKey>,
    /// Whether its branch is open; `None` if nothing lies below it.
    pub is_open: Option<bool>,
    /// Topics here and below.
    pub counts: Counts,
}

/// The tree.
///
/// Input: [`Self::update`]. Commands: [`Self::set_open`], [`Self::refilter`]. Output:
/// [`Self::rows`].
#[derive(Debug, Clone)]
pub struct TopicTree {
    nodes: Vec<Node>,
    /// Of the store's topics with a value, so many have their place.
    placed: usize,
    /// Of those, so many went through the filter.
    filtered: usize,
    matching: u32,
    /// The statuses that the counts were made of.
    statuses: Option<u64>,
    /// Paths whose branches are to be open once they are there.
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
    /// An empty tree. The branches of the paths in `open` are open as soon as they are there.
    pub fn new(open: BTreeSet<String>) -> Self {
        Self {
            nodes: vec![Node::default()],
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
    pub fn open(&self) -> &BTreeSet<String> {
        &self.open
    }

    /// Takes in what is new in the store: at most [`STEP_TOPICS`] topics. `matches` tells whether the
    /// filter selects a name; it must be the same until [`Self::refilter`]. Whether all is done.
    pub fn update(&mut self, store: &Store, matches: impl Fn(&str) -> bool) -> bool {
        if store.valued().len() < self.placed {
            // Another store.
            *self = Self::new(std::mem::take(&mut self.open));
        }
        let new = &store.valued()[self.placed..];
        for &key in &new[..new.len().min(STEP_TOPICS)] {
            self.place(store, key);
        }
        let end = (self.filtered + STEP_TOPICS).min(self.placed);
        for &key in &store.valued()[self.filtered..end] {
            if matches(store.topic(key).name.as_str()) {
                self.matching += 1;
                let node = self.node_of(store, key);
                self.count_up(node, |counts| counts.topics += 1);
                self.is_stale = true;
            }
        }
        self.filtered = end;
        let is_done = self.filtered == store.valued().len();
        if is_done && self.statuses != Some(store.statuses_changed()) {
            self.count_statuses(store, matches);
        }
        if std::mem::take(&mut self.is_stale) {
            self.lay_out();
        }
        is_done
    }

    /// The filter is another one from now on.
    pub fn refilter(&mut self) {
        for node in &mut self.nodes {
            node.counts = Counts::default();
        }
        self.filtered = 0;
        self.matching = 0;
        self.statuses = None;
        self.is_stale = true;
    }

    /// How many topics the filter selects.
    pub fn matching(&self) -> usize {
        self.matching as usize
    }

    fn place(&mut self, store: &Store, key: TopicKey) {
        let name = store.topic(key).name.as_str();
        let mut at = ROOT;
        let mut end = 0;
        for level in name.split('/') {
            end += level.len();
            at = match self.nodes[at].children.get(level) {
                Some(&child) => child,
                None => {
                    let child = self.nodes.len();
                    self.nodes.push(Node {
                        parent: at,
                        example: Some(key),
                        end: end as u16,
                        depth: self.nodes[at].depth + u16::from(at != ROOT),
                        is_open: !self.open.is_empty() && self.open.contains(&name[..end]),
                        ..Node::default()
                    });
                    self.nodes[at].children.insert(level.into(), child);
                    child
                }
            };
            end += 1;
        }
        self.nodes[at].topic = Some(key);
        self.placed += 1;
    }

    fn node_of(&self, store: &Store, key: TopicKey) -> usize {
        let mut at = ROOT;
        for level in store.topic(key).name.as_str().split('/') {
            match self.nodes[at].children.get(level) {
                Some(&child) => at = child,
                None => break,
            }
        }
        at
    }

    fn count_up(&mut self, mut at: usize, count: impl Fn(&mut Counts)) {
        while at != ROOT {
            count(&mut self.nodes[at].counts);
            at = self.nodes[at].parent;
        }
    }

    fn count_statuses(&mut self, store: &Store, matches: impl Fn(&str) -> bool) {
        self.statuses = Some(store.statuses_changed());
        for node in &mut self.nodes {
            (node.counts.stale, node.counts.dead) = (0, 0);
        }
        for key in store.troubled() {
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

    /// The lines of all open branches, from top to bottom.
    fn lay_out(&mut self) {
        let mut rows = std::mem::take(&mut self.rows);
        rows.clear();
        // The next one last.
        let mut waiting: Vec<usize> = self.nodes[ROOT].children.values().rev().copied().collect();
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
                node: NodeId(at as u32),
                depth: node.depth,
                topic: node.topic,
                is_open,
                counts: node.counts,
            });
        }
        self.rows = rows;
    }

    /// The lines, as of the last [`Self::update`].
    pub fn rows(&self) -> &[TreeRow] {
        &self.rows
    }

    /// The path of a node: a name, or what names begin with.
    pub fn path<'a>(&self, store: &'a Store, node: NodeId) -> &'a str {
        let node = &self.nodes[node.0 as usize];
        let example = node.example.map(|key| store.topic(key).name.as_str());
        example.map_or("", |name| &name[..usize::from(node.end)])
    }

    /// The last level of a node's path.
    pub fn label<'a>(&self, store: &'a Store, node: NodeId) -> &'a str {
        let path = self.path(store, node);
        path.rsplit_once('/').map_or(path, |(_, last)| last)
    }

    /// The node that a node lies below, if any.
    pub fn parent(&self, node: NodeId) -> Option<NodeId> {
        let parent = self.nodes[node.0 as usize].parent;
        (parent != ROOT).then_some(NodeId(parent as u32))
    }

    /// Opens or closes the branch of a node. Those below keep their state.
    pub fn set_open(&mut self, store: &Store, node: NodeId, is_open: bool) {
        let path = self.path(store, node).to_owned();
        if is_open {
            self.open.insert(path);
        } else {
            self.open.remove(&path);
        }
        self.nodes[node.0 as usize].is_open = is_open;
        self.lay_out();
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use tickcast_protocol::{
        message::{Quality, Update},
        topic::{Filter, Topic},
        value::Value,
    };

    use super::*;
    use crate::store::Via;

    fn update(store: &mut Store, name: &str) {
        let position = store.totals().received + 1;
        store.apply(
            Update {
                topic: Topic::new(name).unwrap(),
                position,
                seq: 1,
                source_time_ns: None,
                ingest_time_ns: 0,
                quality: Quality::Live,
                value: Value::Reading(1.0),
            },
            Via::Latest,
        );
    }

    fn store(names: &[&str]) -> Store {
        let mut store = Store::default();
        for name in names {
            update(&mut store, name);
        }
        store
    }

    /// The lines as text: indented, open or closed, with their counts.
    fn drawn(tree: &TopicTree, store: &Store) -> Vec<String> {
        let rows = tree.rows().iter();
        rows.map(|row| {
            let sign = match row.is_open {
                Some(true) => "v ",
                Some(false) => "> ",
                None => "",
            };
            let counts = match row.counts {
                Counts {
                    stale: 0, dead: 0, ..
                } => format!("{}", row.counts.topics),
                counts => format!("{} ({} {})", counts.topics, counts.stale, counts.dead),
            };
            let indent = " ".repeat(usize::from(row.depth));
            format!("{indent}{sign}{} {counts}", tree.label(store, row.node))
        })
        .collect()
    }

    fn open(tree: &mut TopicTree, store: &Store, path: &str) {
        let rows = tree.rows().iter();
        let row = rows
            .map(|row| row.node)
            .find(|&node| tree.path(store, node) == path);
        tree.set_open(store, row.unwrap(), true);
    }

    #[test]
    fn branches_open_count_and_sort_themselves() {
        let mut store = store(&["b/x/2", "b/x/1", "a", "b/y", "b/x", "/lead"]);
        let mut tree = TopicTree::default();
        assert!(tree.update(&store, |_| true));
        assert_eq!(
            drawn(&tree, &store),
            ["> 1", "a 1", "> b 4"].map(|text| {
                // A name that begins with a slash has an empty first level.
                text.replacen("> 1", ">  1", 1)
            })
        );
        open(&mut tree, &store, "b");
        open(&mut tree, &store, "b/x");
        update(&mut store, "b/x/0");
        tree.update(&store, |_| true);
        assert_eq!(
            drawn(&tree, &store)[1..],
            ["a 1", "v b 5", " v x 4", "  0 1", "  1 1", "  2 1", " y 1"]
        );
    }

    #[test]
    fn a_filter_leaves_only_what_it_selects_and_what_leads_there() {
        let store = store(&["m/A/trade", "m/A/quote", "m/B/quote", "p/1"]);
        let mut tree = TopicTree::default();
        tree.update(&store, |_| true);
        open(&mut tree, &store, "m");
        open(&mut tree, &store, "m/A");
        let filter = Filter::new("m/+/trade").unwrap();
        tree.refilter();
        tree.update(&store, |name| filter.matches(name));
        assert_eq!(drawn(&tree, &store), ["v m 1", " v A 1", "  trade 1"]);
        assert_eq!(tree.matching(), 1);
        tree.refilter();
        tree.update(&store, |_| true);
        assert_eq!(tree.matching(), 4);
    }

    #[test]
    fn trouble_below_a_branch_is_seen_at_the_branch() {
        let mut store = store(&["p/1/t", "p/1/u", "p/2/t", "q"]);
        let mut tree = TopicTree::default();
        tree.update(&store, |_| true);
        store.set_status(&Topic::new("p/1/t").unwrap(), Status::Dead, 0);
        store.set_status(&Topic::new("p/2/t").unwrap(), Status::Stale, 0);
        tree.update(&store, |_| true);
        assert_eq!(drawn(&tree, &store), ["> p 3 (1 1)", "q 1"]);
        store.set_status(&Topic::new("p/1/t").unwrap(), Status::Live, 0);
        tree.update(&store, |_| true);
        assert_eq!(drawn(&tree, &store), ["> p 3 (1 0)", "q 1"]);
    }

    #[test]
    fn open_branches_survive_another_store() {
        let first = store(&["a/b/c", "d"]);
        let mut tree = TopicTree::default();
        tree.update(&first, |_| true);
        open(&mut tree, &first, "a");
        tree.update(&Store::default(), |_| true);
        assert_eq!(tree.rows(), []);
        let again = store(&["a/b/c"]);
        tree.update(&again, |_| true);
        assert_eq!(drawn(&tree, &again), ["v a 1", " > b 1"]);
    }

    #[test]
    fn a_step_is_bounded_however_many_topics_there_are() {
        let mut store = Store::default();
        let topics = 3 * STEP_TOPICS + 1;
        for number in 0..topics {
            update(&mut store, &format!("root/{}/{number}", number % 100));
        }
        let mut tree = TopicTree::default();
        let begun = Instant::now();
        let mut steps = 1;
        while !tree.update(&store, |_| true) {
            steps += 1;
        }
        assert_eq!(steps, 4);
        assert_eq!(drawn(&tree, &store), [format!("> root {topics}")]);
        // Nothing here may cost the square of the number of topics.
        assert!(begun.elapsed() < Duration::from_secs(30));
    }
}
