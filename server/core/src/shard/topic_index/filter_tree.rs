//! Filters by their levels.

use hashbrown::HashMap;
use smallvec::SmallVec;
use tickcast_protocol::topic::{Filter, Topic};

use super::is_hidden;
use crate::shard::steps::Steps;

/// Steps of a node: two texts are looked up.
const NODE_STEPS: usize = 20;

/// The first level, and the rest after it.
fn split_level(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (text, None),
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

    /// Whether no filter is left, not even a level of one.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.root.children.is_empty()
    }

    /// The keys of the filters that match a topic.
    pub(crate) fn matching(&self, topic: &Topic, steps: &mut Steps) -> SmallVec<[K; 2]> {
        let mut found = SmallVec::new();
        let name = topic.as_str();
        if is_hidden(name) {
            let (level, rest) = split_level(name);
            if let Some(child) = self.root.children.get(level) {
                child.collect(rest, steps, &mut found);
            }
        } else {
            self.root.collect(Some(name), steps, &mut found);
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

    fn collect(&self, rest: Option<&str>, steps: &mut Steps, found: &mut SmallVec<[K; 2]>) {
        steps.take(NODE_STEPS);
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
                child.collect(rest, steps, found);
            }
        }
    }
}
