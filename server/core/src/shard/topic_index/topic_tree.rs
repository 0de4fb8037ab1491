//! Topics by their levels.

use std::hash::BuildHasher;

use hashbrown::DefaultHashBuilder;
use tickcast_protocol::{message::TopicId, topic::Topic};

use crate::{
    growth::{IndexTable, Pages},
    shard::steps::{Steps, name_steps},
};

/// Steps of looking a text or a node up: the entry, and what it stands for, may be anywhere in
/// memory.
pub(super) const LOOKUP_STEPS: usize = 4;

/// Steps of adding a node. A table that grows moves some of its entries as well.
pub(super) const ADD_NODE_STEPS: usize = 16;

/// The same of a text, which is hashed once more.
pub(super) const ADD_TEXT_STEPS: usize = 24;

/// Index of a [`TopicNode`].
pub(super) type NodeIndex = u32;

/// Index of a [`Level`].
pub(super) type LevelIndex = u32;

/// The node above the first levels.
pub(super) const ROOT: NodeIndex = 0;

/// Marks the end of a list, or no topic.
pub(super) const NONE: u32 = u32::MAX;

/// Topics by their levels. Topics are never removed, and their ids count up from 0. New nodes come
/// first in every list, so a search that is under way does not meet a node twice.
///
/// Publishers choose the names, so no order of the search is fast for all of them. Two numbers let
/// a [search](super::Search) start where the least is to be visited: the topics below each node,
/// and the nodes of each level, which is a text at a depth.
///
/// A node has 28 bytes and a level 20. Neither stores text, because thousands of names share their
/// first levels.
#[derive(Debug)]
pub(crate) struct TopicTree {
    names: Pages<Topic>,
    nodes: Pages<TopicNode>,
    /// Nodes by parent and level.
    by_level: IndexTable,
    levels: Pages<Level>,
    /// Levels by depth and text.
    by_text: IndexTable,
    /// Topics by their number of levels, from 1.
    by_depth: Vec<u32>,
    hasher: DefaultHashBuilder,
}

#[derive(Debug)]
pub(super) struct TopicNode {
    pub(super) parent: NodeIndex,
    pub(super) first_child: NodeIndex,
    pub(super) next_sibling: NodeIndex,
    /// The topic that ends here.
    pub(super) topic: TopicId,
    pub(super) level: LevelIndex,
    /// The next node of the same level.
    pub(super) next_same: NodeIndex,
    /// Number of topics here and below.
    pub(super) topics: u32,
}

/// A text at a depth.
#[derive(Debug)]
pub(super) struct Level {
    /// A topic whose name contains the text, from byte `start` to byte `end`.
    name: TopicId,
    start: u16,
    end: u16,
    depth: u16,
    pub(super) first_node: NodeIndex,
    /// Number of its nodes.
    pub(super) nodes: u32,
}

impl Level {
    fn text<'a>(&self, names: &'a Pages<Topic>) -> &'a str {
        &names[self.name as usize].as_str()[self.start.into()..self.end.into()]
    }
}

impl Default for TopicTree {
    fn default() -> Self {
        let root = TopicNode {
            parent: NONE,
            first_child: NONE,
            next_sibling: NONE,
            topic: NONE,
            level: NONE,
            next_same: NONE,
            topics: 0,
        };
        let mut nodes = Pages::default();
        nodes.push(root);
        Self {
            names: Pages::default(),
            nodes,
            by_level: IndexTable::default(),
            levels: Pages::default(),
            by_text: IndexTable::default(),
            by_depth: Vec::new(),
            hasher: DefaultHashBuilder::default(),
        }
    }
}

impl TopicTree {
    /// Adds the next topic.
    pub(crate) fn insert(&mut self, name: Topic, steps: &mut Steps) {
        steps.take(name_steps(name.as_str()));
        let id = self.len();
        self.names.push(name.clone());
        let mut node = ROOT;
        let mut is_node_new = false;
        let mut start = 0;
        let mut depth = 0;
        self.nodes[ROOT as usize].topics += 1;
        for text in name.as_str().split('/') {
            steps.take(LOOKUP_STEPS);
            let known = self.level_index(depth, text);
            // A new node has no child, and a new level no node.
            let child = known.filter(|_| !is_node_new).and_then(|level| {
                steps.take(LOOKUP_STEPS);
                self.child(node, level)
            });
            let level = known.unwrap_or_else(|| {
                steps.take(ADD_TEXT_STEPS);
                self.add_level(id, start, start + text.len(), depth)
            });
            is_node_new = child.is_none();
            node = child.unwrap_or_else(|| {
                steps.take(ADD_NODE_STEPS);
                self.add_child(node, level)
            });
            self.nodes[node as usize].topics += 1;
            start += text.len() + 1;
            depth += 1;
        }
        self.nodes[node as usize].topic = id;
        if self.by_depth.len() < depth {
            self.by_depth.resize(depth, 0);
        }
        self.by_depth[depth - 1] += 1;
    }

    /// Number of topics.
    pub(super) fn len(&self) -> TopicId {
        self.names.len() as TopicId
    }

    pub(super) fn node(&self, index: NodeIndex) -> &TopicNode {
        &self.nodes[index as usize]
    }

    pub(super) fn level(&self, index: LevelIndex) -> &Level {
        &self.levels[index as usize]
    }

    /// The text of a node.
    pub(super) fn text(&self, node: NodeIndex) -> &str {
        self.text_of(self.level(self.node(node).level))
    }

    fn text_of(&self, level: &Level) -> &str {
        level.text(&self.names)
    }

    /// Whether a topic has exactly this number of levels, or, for `or_more`, at least.
    pub(super) fn has_depth(&self, levels: usize, or_more: bool) -> bool {
        let exactly = levels.checked_sub(1).and_then(|at| self.by_depth.get(at));
        exactly.is_some_and(|&topics| topics > 0) || or_more && self.by_depth.len() >= levels
    }

    /// The level with this text at this depth, if a topic has it.
    pub(super) fn level_index(&self, depth: usize, text: &str) -> Option<LevelIndex> {
        let is_it = |level: LevelIndex| {
            let level = self.level(level);
            usize::from(level.depth) == depth && self.text_of(level) == text
        };
        let hash = self.hasher.hash_one((depth, text));
        self.by_text.find(hash, is_it)
    }

    /// The child of a node at a level.
    pub(super) fn child(&self, parent: NodeIndex, level: LevelIndex) -> Option<NodeIndex> {
        let is_it = |child: NodeIndex| {
            let child = &self.nodes[child as usize];
            (child.parent, child.level) == (parent, level)
        };
        let hash = self.hasher.hash_one((parent, level));
        self.by_level.find(hash, is_it)
    }

    fn add_level(&mut self, name: TopicId, start: usize, end: usize, depth: usize) -> LevelIndex {
        // A name has at most 256 bytes, and memory cannot hold 2^32 levels.
        let short = |offset| u16::try_from(offset).expect("names are short");
        let level = LevelIndex::try_from(self.levels.len()).expect("memory is bounded");
        self.levels.push(Level {
            name,
            start: short(start),
            end: short(end),
            depth: short(depth),
            first_node: NONE,
            nodes: 0,
        });
        let text = &self.names[name as usize].as_str()[start..end];
        let hash = self.hasher.hash_one((depth, text));
        self.by_text.insert(hash, level);
        level
    }

    fn add_child(&mut self, parent: NodeIndex, level: LevelIndex) -> NodeIndex {
        let child = NodeIndex::try_from(self.nodes.len()).expect("memory is bounded");
        let same = &mut self.levels[level as usize];
        self.nodes.push(TopicNode {
            parent,
            first_child: NONE,
            next_sibling: self.nodes[parent as usize].first_child,
            topic: NONE,
            level,
            next_same: same.first_node,
            topics: 0,
        });
        same.first_node = child;
        same.nodes += 1;
        self.nodes[parent as usize].first_child = child;
        let hash = self.hasher.hash_one((parent, level));
        self.by_level.insert(hash, child);
        child
    }
}
