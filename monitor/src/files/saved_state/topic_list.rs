//! The saved form of the list of topics.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

/// The saved form of the list of topics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SavedTopicList {
    /// Filter, order and folded groups.
    #[serde(flatten)]
    pub options: ListOptions,
    /// Whether the topics are shown as a tree.
    pub is_tree: bool,
    /// The paths of the tree's open branches.
    #[serde(rename = "tree")]
    pub open_branches: BTreeSet<String>,
}

/// Filter, order and folded groups of the list of topics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListOptions {
    pub filter: String,
    pub sort: Sort,
    pub is_reversed: bool,
    /// The groups of which only the heading is shown.
    pub folded: BTreeSet<String>,
}

/// What the rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// By name, in groups.
    #[default]
    Name,
    /// By the newest value.
    Last,
    /// By the change.
    Change,
    /// By the rate of updates.
    Rate,
    /// By age.
    Age,
    /// By lost updates.
    Lost,
    /// By latency.
    Latency,
}
