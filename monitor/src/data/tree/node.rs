//! The nodes of a tree: one for each level of a name.

use std::{
    collections::BTreeMap,
    ops::{Index, IndexMut},
};

use crate::data::{natural_key::NaturalKey, topics::TopicKey};

/// Number of a node within one tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct NodeId(u32);

/// The node above all others. It has no name and no row.
pub(super) const ROOT: NodeId = NodeId(0);

/// The numbers of topics at a node and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct TopicCounts {
    /// Topics that the filter selects.
    pub(crate) topics: u32,
    /// Stale ones among them.
    pub(crate) stale: u32,
    /// Dead ones among them.
    pub(crate) dead: u32,
}

/// A level of a name.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub(super) parent: NodeId,
    /// The nodes below, in the natural order of their levels.
    pub(super) children: BTreeMap<NaturalKey, NodeId>,
    /// The topic that ends here.
    pub(super) topic: Option<TopicKey>,
    /// A topic at or below the node; its name up to `end` is the path of the node.
    pub(super) example: Option<TopicKey>,
    pub(super) end: u16,
    pub(super) depth: u16,
    pub(super) is_open: bool,
    pub(super) counts: TopicCounts,
}

impl Node {
    pub(super) fn new(parent: NodeId) -> Self {
        Self {
            parent,
            children: BTreeMap::new(),
            topic: None,
            example: None,
            end: 0,
            depth: 0,
            is_open: false,
            counts: TopicCounts::default(),
        }
    }
}

/// The nodes of a tree by number.
#[derive(Debug, Clone)]
pub(super) struct Nodes(Vec<Node>);

impl Default for Nodes {
    fn default() -> Self {
        Self(vec![Node::new(ROOT)])
    }
}

impl Nodes {
    /// Adds a node.
    pub(super) fn push(&mut self, node: Node) -> NodeId {
        let id = NodeId(self.0.len() as u32);
        self.0.push(node);
        id
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Node> {
        self.0.iter_mut()
    }
}

impl Index<NodeId> for Nodes {
    type Output = Node;

    fn index(&self, id: NodeId) -> &Node {
        &self.0[id.0 as usize]
    }
}

impl IndexMut<NodeId> for Nodes {
    fn index_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.0[id.0 as usize]
    }
}
