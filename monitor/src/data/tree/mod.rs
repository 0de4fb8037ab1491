//! Topics as a tree, level by level of their names.

mod node;
#[cfg(test)]
mod tests;
mod topic_tree;

pub(crate) use self::{
    node::NodeId,
    topic_tree::{TopicTree, TreeRow},
};
