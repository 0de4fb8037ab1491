//! Topics and filters as trees of their levels, for lookups that do not visit all of them. Finding
//! the topics of a new filter takes about as many steps as there are matches. Finding the filters
//! of a new topic takes about as many steps as the topic has levels.
//!
//! Both trees agree with [`Filter::matches`], and neither keeps more than was inserted.

use std::hash::BuildHasher;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use smallvec::SmallVec;
use tickcast_protocol::{
    message::TopicId,
    topic::{Filter, Topic},
};

/// The first level, and the rest after it.
fn split_level(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (text, None),
    }
}

/// A wildcard in the first level does not match such topics (MQTT 5.0, section 4.7.2).
fn is_hidden(first_level: &str) -> bool {
    first_level.starts_with('$')
}

/// Index of a [`TopicNode`].
type NodeIndex = u32;

const ROOT: NodeIndex = 0;

/// Topics by their levels. Topics are never removed, and their ids count up from 0.
///
/// A node has 24 bytes and stores no text, because thousands of names share their first levels.
#[derive(Debug)]
pub(crate) struct TopicTree {
    names: Vec<Topic>,
    nodes: Vec<TopicNode>,
    /// Nodes by parent and level.
    by_level: HashTable<NodeIndex>,
    hasher: DefaultHashBuilder,
}

/// Marks the end of a list, or no topic.
const NONE: u32 = u32::MAX;

#[derive(Debug)]
struct TopicNode {
    parent: NodeIndex,
    first_child: NodeIndex,
    next_sibling: NodeIndex,
    /// The topic that ends here.
    topic: TopicId,
    /// A topic whose name contains this level, from byte `start` to byte `end`.
    name: TopicId,
    start: u16,
    end: u16,
}

impl Default for TopicTree {
    fn default() -> Self {
        let root = TopicNode {
            parent: NONE,
            first_child: NONE,
            next_sibling: NONE,
            topic: NONE,
            name: NONE,
            start: 0,
            end: 0,
        };
        Self {
            names: Vec::new(),
            nodes: vec![root],
            by_level: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl TopicTree {
    /// Adds the next topic.
    pub(crate) fn insert(&mut self, name: Topic) {
        let id = self.names.len() as TopicId;
        self.names.push(name.clone());
        let mut node = ROOT;
        let mut start = 0;
        for level in name.as_str().split('/') {
            node = match self.child(node, level) {
                Some(child) => child,
                None => self.add_child(node, id, start, start + level.len()),
            };
            start += level.len() + 1;
        }
        self.nodes[node as usize].topic = id;
    }

    /// The ids of the topics that a filter matches, ascending.
    pub(crate) fn matching(&self, filter: &Filter) -> Vec<TopicId> {
        let mut found = Vec::new();
        let mut open = vec![(ROOT, Some(filter.as_str()))];
        while let Some((node, rest)) = open.pop() {
            let (level, rest) = match rest {
                Some(rest) => split_level(rest),
                None => {
                    self.push_topic(node, &mut found);
                    continue;
                }
            };
            match level {
                "#" => {
                    // "#" matches its parent and every level below it.
                    self.push_topic(node, &mut found);
                    open.extend(self.selectable(node).map(|child| (child, Some("#"))));
                }
                "+" => open.extend(self.selectable(node).map(|child| (child, rest))),
                level => open.extend(self.child(node, level).map(|child| (child, rest))),
            }
        }
        found.sort_unstable();
        found
    }

    fn push_topic(&self, node: NodeIndex, found: &mut Vec<TopicId>) {
        let topic = self.nodes[node as usize].topic;
        if topic != NONE {
            found.push(topic);
        }
    }

    /// The children of a node that a wildcard matches.
    fn selectable(&self, node: NodeIndex) -> impl Iterator<Item = NodeIndex> {
        let mut next = self.nodes[node as usize].first_child;
        let children = std::iter::from_fn(move || {
            let child = (next != NONE).then_some(next)?;
            next = self.nodes[child as usize].next_sibling;
            Some(child)
        });
        children.filter(move |&child| node != ROOT || !is_hidden(self.level(child)))
    }

    fn level(&self, node: NodeIndex) -> &str {
        let node = &self.nodes[node as usize];
        &self.names[node.name as usize].as_str()[node.start.into()..node.end.into()]
    }

    fn child(&self, parent: NodeIndex, level: &str) -> Option<NodeIndex> {
        let is_it = |&child: &NodeIndex| {
            self.nodes[child as usize].parent == parent && self.level(child) == level
        };
        let hash = self.hasher.hash_one((parent, level));
        self.by_level.find(hash, is_it).copied()
    }

    fn add_child(
        &mut self,
        parent: NodeIndex,
        name: TopicId,
        start: usize,
        end: usize,
    ) -> NodeIndex {
        // A name has at most 256 bytes, and memory cannot hold 2^32 nodes.
        let short = |offset| u16::try_from(offset).expect("names are short");
        let child = NodeIndex::try_from(self.nodes.len()).expect("memory is bounded");
        self.nodes.push(TopicNode {
            parent,
            first_child: NONE,
            next_sibling: self.nodes[parent as usize].first_child,
            topic: NONE,
            name,
            start: short(start),
            end: short(end),
        });
        self.nodes[parent as usize].first_child = child;
        let mut by_level = std::mem::take(&mut self.by_level);
        let hash = |&node: &NodeIndex| {
            let parent = self.nodes[node as usize].parent;
            self.hasher.hash_one((parent, self.level(node)))
        };
        by_level.insert_unique(hash(&child), child, hash);
        self.by_level = by_level;
        child
    }
}

/// Filters by their levels, each with its inserted keys.
#[derive(Debug)]
pub(crate) struct FilterTree<K> {
    root: FilterNode<K>,
}

/// Wildcards are treated like any other level here: no topic has one in its name.
#[derive(Debug)]
struct FilterNode<K> {
    children: HashMap<Box<str>, Self>,
    keys: SmallVec<[K; 2]>,
}

impl<K> Default for FilterNode<K> {
    fn default() -> Self {
        Self {
            children: HashMap::new(),
            keys: SmallVec::new(),
        }
    }
}

impl<K> Default for FilterTree<K> {
    fn default() -> Self {
        Self {
            root: FilterNode::default(),
        }
    }
}

impl<K: Copy + PartialEq> FilterTree<K> {
    /// Adds a key to a filter.
    pub(crate) fn insert(&mut self, filter: &Filter, key: K) {
        let mut node = &mut self.root;
        for level in filter.as_str().split('/') {
            node = node.children.entry(level.into()).or_default();
        }
        node.keys.push(key);
    }

    /// Removes a key from a filter.
    pub(crate) fn remove(&mut self, filter: &Filter, key: K) {
        self.root.remove(Some(filter.as_str()), key);
    }

    /// The keys of the filters that match a topic.
    pub(crate) fn matching(&self, topic: &Topic) -> SmallVec<[K; 2]> {
        let mut found = SmallVec::new();
        let name = topic.as_str();
        if is_hidden(name) {
            let (level, rest) = split_level(name);
            if let Some(child) = self.root.children.get(level) {
                child.collect(rest, &mut found);
            }
        } else {
            self.root.collect(Some(name), &mut found);
        }
        found
    }
}

impl<K: Copy + PartialEq> FilterNode<K> {
    fn remove(&mut self, rest: Option<&str>, key: K) {
        let Some(rest) = rest else {
            self.keys.retain(|&mut kept| kept != key);
            return;
        };
        let (level, rest) = split_level(rest);
        if let Some(child) = self.children.get_mut(level) {
            child.remove(rest, key);
            if child.keys.is_empty() && child.children.is_empty() {
                self.children.remove(level);
            }
        }
    }

    fn collect(&self, rest: Option<&str>, found: &mut SmallVec<[K; 2]>) {
        // At the end of the topic, "#" stands for no level: it matches its parent.
        if let Some(all) = self.children.get("#") {
            found.extend_from_slice(&all.keys);
        }
        let Some(rest) = rest else {
            found.extend_from_slice(&self.keys);
            return;
        };
        let (level, rest) = split_level(rest);
        for wanted in ["+", level] {
            if let Some(child) = self.children.get(wanted) {
                child.collect(rest, found);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::{collection::vec, prelude::*, sample::select};

    use super::*;

    /// Names and filters of only a few different levels, so that many match.
    fn text(levels: &'static [&'static str]) -> impl Strategy<Value = String> {
        vec(select(levels), 1..5).prop_map(|levels| levels.join("/"))
    }

    fn topics() -> impl Strategy<Value = Vec<Topic>> {
        let name = text(&["", "a", "b", "$a", "$", "é"]);
        vec(
            name.prop_filter_map("empty", |name| Topic::new(&name).ok()),
            0..40,
        )
        .prop_map(|names| {
            let distinct: BTreeSet<Topic> = names.iter().cloned().collect();
            let mut names = names;
            let mut seen = BTreeSet::new();
            names.retain(|name| seen.insert(name.clone()));
            assert_eq!(names.len(), distinct.len());
            names
        })
    }

    fn filters() -> impl Strategy<Value = Vec<Filter>> {
        let filter = text(&["", "a", "b", "$a", "+", "+", "#"]);
        vec(
            filter.prop_filter_map("no filter", |filter| Filter::new(&filter).ok()),
            0..40,
        )
    }

    proptest! {
        #[test]
        fn a_filter_finds_the_topics_that_it_matches(topics in topics(), filters in filters()) {
            let mut tree = TopicTree::default();
            for name in &topics {
                tree.insert(name.clone());
            }
            for filter in &filters {
                let matches = |&(_, name): &(usize, &Topic)| filter.matches(name.as_str());
                let expected = topics.iter().enumerate().filter(matches);
                let expected: Vec<TopicId> = expected.map(|(id, _)| id as TopicId).collect();
                prop_assert_eq!(tree.matching(filter), expected, "{}", filter);
            }
        }

        #[test]
        fn a_topic_finds_the_filters_that_match_it(
            topics in topics(),
            filters in filters(),
            removed in vec(any::<bool>(), 40),
        ) {
            let mut tree = FilterTree::default();
            for (key, filter) in filters.iter().enumerate() {
                tree.insert(filter, key);
            }
            let gone = |key: usize| removed[key];
            for (key, filter) in filters.iter().enumerate().filter(|&(key, _)| gone(key)) {
                tree.remove(filter, key);
            }
            for name in &topics {
                let mut found = tree.matching(name).to_vec();
                found.sort_unstable();
                let matches = |&(key, filter): &(usize, &Filter)| {
                    !gone(key) && filter.matches(name.as_str())
                };
                let expected = filters.iter().enumerate().filter(matches);
                let expected: Vec<usize> = expected.map(|(key, _)| key).collect();
                prop_assert_eq!(found, expected, "{}", name);
            }
        }

        #[test]
        fn removed_filters_leave_no_nodes(filters in filters()) {
            let mut tree = FilterTree::default();
            for filter in &filters {
                tree.insert(filter, 0);
            }
            for filter in &filters {
                tree.remove(filter, 0);
            }
            prop_assert!(tree.root.children.is_empty());
        }
    }
}
