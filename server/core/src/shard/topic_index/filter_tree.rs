//! Filters by their levels.

use hashbrown::{HashMap, hash_map::EntryRef};
use smallvec::SmallVec;
use tickcast_protocol::topic::{Filter, Topic};

use super::is_hidden;
use crate::shard::steps::{Steps, name_steps};

/// Steps of a node that a topic visits: two texts are looked up.
const NODE_STEPS: usize = 20;

/// Steps of a node on the way of a filter: one text is looked up, and perhaps added.
const WAY_STEPS: usize = 12;

/// The first level, and the rest after it.
fn split_level(text: &str) -> (&str, Option<&str>) {
    match text.split_once('/') {
        Some((level, rest)) => (level, Some(rest)),
        None => (text, None),
    }
}

/// Filters by their levels, each with its inserted keys.
///
/// A node is where filters part or end. The levels between two nodes are one text, so there are at
/// most two nodes for each filter, however many levels it has.
#[derive(Debug)]
pub(crate) struct FilterTree<K> {
    root: FilterNode<K>,
}

/// Wildcards are treated like any other level here: no topic has one in its name.
#[derive(Debug)]
struct FilterNode<K> {
    /// The levels between the first one, by which its parent knows it, and this node.
    between: Option<Box<str>>,
    /// By their first levels.
    children: HashMap<Box<str>, Self>,
    keys: SmallVec<[K; 2]>,
}

impl<K> Default for FilterTree<K> {
    fn default() -> Self {
        Self {
            root: FilterNode::new(None),
        }
    }
}

impl<K: Copy + PartialEq> FilterTree<K> {
    /// Adds a key to a filter.
    pub(crate) fn insert(&mut self, filter: &Filter, key: K, steps: &mut Steps) {
        steps.take(name_steps(filter.as_str()));
        let mut node = &mut self.root;
        let mut rest = Some(filter.as_str());
        while let Some(text) = rest {
            steps.take(WAY_STEPS);
            let (level, after) = split_level(text);
            (node, rest) = match node.children.entry_ref(level) {
                EntryRef::Vacant(vacant) => {
                    let child = FilterNode::new(after.map(Into::into));
                    (vacant.insert_with_key(level.into(), child), None)
                }
                EntryRef::Occupied(occupied) => {
                    let child = occupied.into_mut();
                    let rest = child.split_from(after);
                    (child, rest)
                }
            };
        }
        node.keys.push(key);
    }

    /// Removes a key from a filter.
    pub(crate) fn remove(&mut self, filter: &Filter, key: K, steps: &mut Steps) {
        steps.take(name_steps(filter.as_str()));
        self.root.remove(Some(filter.as_str()), key, steps);
    }

    /// Whether no filter is left, not even a level of one.
    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.root.children.is_empty()
    }

    /// Number of nodes.
    #[cfg(test)]
    pub(super) fn nodes(&self) -> usize {
        self.root.nodes()
    }

    /// The keys of the filters that match a topic.
    pub(crate) fn matching(&self, topic: &Topic, steps: &mut Steps) -> SmallVec<[K; 2]> {
        let mut found = SmallVec::new();
        let name = topic.as_str();
        if is_hidden(name) {
            let (level, rest) = split_level(name);
            if let Some(child) = self.root.children.get(level) {
                child.enter(rest, steps, &mut found);
            }
        } else {
            self.root.collect(Some(name), steps, &mut found);
        }
        found
    }
}

impl<K> FilterNode<K> {
    fn new(between: Option<Box<str>>) -> Self {
        Self {
            between,
            children: HashMap::new(),
            keys: SmallVec::new(),
        }
    }
}

impl<K: Copy + PartialEq> FilterNode<K> {
    /// Becomes a node above itself where a filter with these levels leaves the way to it. Returns
    /// the levels of the filter after this node.
    fn split_from<'a>(&mut self, levels: Option<&'a str>) -> Option<&'a str> {
        let mut way = self.between.as_deref();
        let mut rest = levels;
        let mut common = 0;
        while let (Some(here), Some(there)) = (way, rest) {
            let ((level, after), (wanted, rest_after)) = (split_level(here), split_level(there));
            if level != wanted {
                break;
            }
            common += level.len() + 1;
            (way, rest) = (after, rest_after);
        }
        if let (Some(below), Some(between)) = (way, self.between.as_deref()) {
            // A level ends before its slash.
            let above = common.checked_sub(1).map(|end| between[..end].into());
            let (first, after) = split_level(below);
            let (first, after) = (Box::from(first), after.map(Into::into));
            let mut below = std::mem::replace(self, Self::new(above));
            below.between = after;
            self.children.insert(first, below);
        }
        rest
    }

    /// Removes a key from the filter with these levels after this node.
    fn remove(&mut self, rest: Option<&str>, key: K, steps: &mut Steps) {
        let Some(rest) = rest else {
            self.keys.retain(|&mut kept| kept != key);
            return;
        };
        steps.take(WAY_STEPS);
        let (level, after) = split_level(rest);
        let Some(child) = self.children.get_mut(level) else {
            return;
        };
        if let Some(rest) = after_levels(child.between.as_deref(), after) {
            child.remove(rest, key, steps);
            if child.keys.is_empty() {
                match child.children.len() {
                    0 => {
                        self.children.remove(level);
                    }
                    1 => child.join_only_child(),
                    _ => {}
                }
            }
        }
    }

    /// Becomes its only child: nothing parts here any more.
    fn join_only_child(&mut self) {
        let only = self.children.drain().next();
        if let Some((first, mut child)) = only {
            let levels = [self.between.take(), Some(first), child.between.take()];
            let levels: Vec<_> = levels.into_iter().flatten().collect();
            child.between = Some(levels.join("/").into());
            *self = child;
        }
    }

    /// Finds the keys of the filters that match a topic, whose levels after this node these are.
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
        let (level, after) = split_level(rest);
        for wanted in ["+", level] {
            if let Some(child) = self.children.get(wanted) {
                child.enter(after, steps, found);
            }
        }
    }

    /// The same for the levels after the first one on the way to this node, which matches.
    fn enter(&self, levels: Option<&str>, steps: &mut Steps, found: &mut SmallVec<[K; 2]>) {
        let between = self.between.as_deref();
        steps.take(name_steps(between.unwrap_or_default()));
        match match_levels(between, levels) {
            Some(Matched::All) => found.extend_from_slice(&self.keys),
            Some(Matched::Levels(rest)) => self.collect(rest, steps, found),
            None => {}
        }
    }

    #[cfg(test)]
    fn nodes(&self) -> usize {
        1 + self.children.values().map(Self::nodes).sum::<usize>()
    }
}

/// The levels of a filter after those of a way, if it begins with them.
fn after_levels<'a>(way: Option<&str>, levels: Option<&'a str>) -> Option<Option<&'a str>> {
    let Some(way) = way else {
        return Some(levels);
    };
    let after = levels?.strip_prefix(way)?;
    match after.strip_prefix('/') {
        Some(rest) => Some(Some(rest)),
        None => after.is_empty().then_some(None),
    }
}

/// How levels of a topic match those of a way.
enum Matched<'a> {
    /// The way ends with `#`, which matches all that is left.
    All,
    /// Its levels match, and these are left.
    Levels(Option<&'a str>),
}

/// Compares the levels between two nodes with a topic: byte by byte, because a new topic is
/// compared with many filters. A wildcard is a level of its own, so no other level has its byte.
fn match_levels<'a>(way: Option<&str>, topic: Option<&'a str>) -> Option<Matched<'a>> {
    let Some(way) = way else {
        return Some(Matched::Levels(topic));
    };
    let Some(topic) = topic else {
        return (way == "#").then_some(Matched::All);
    };
    let name = topic.as_bytes();
    let mut end = 0;
    for (index, &wanted) in way.as_bytes().iter().enumerate() {
        match wanted {
            b'#' => return Some(Matched::All),
            b'+' => end += level_len(&name[end..]),
            _ if name.get(end) == Some(&wanted) => end += 1,
            // "#" stands for no level as well.
            _ => return (end == name.len() && &way[index..] == "/#").then_some(Matched::All),
        }
    }
    match name.get(end) {
        None => Some(Matched::Levels(None)),
        Some(b'/') => Some(Matched::Levels(Some(&topic[end + 1..]))),
        Some(_) => None,
    }
}

/// Bytes of the first level.
fn level_len(levels: &[u8]) -> usize {
    let is_end = |&byte: &u8| byte == b'/';
    levels.iter().position(is_end).unwrap_or(levels.len())
}
