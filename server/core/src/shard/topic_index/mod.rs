//! Topics and filters as trees of their levels, for lookups that do not visit all of them.
//!
//! * `topic_tree`: finds the topics of a new filter
//! * `search`: one such search, which can be interrupted
//! * `filter_tree`: finds the filters of a new topic
//!
//! Both trees agree with [`Filter::matches`](tickcast_protocol::topic::Filter::matches), and
//! neither keeps more than was inserted.

mod filter_tree;
mod search;
#[cfg(test)]
mod tests;
mod topic_tree;

pub(crate) use filter_tree::FilterTree;
pub use search::Search;
pub(crate) use topic_tree::TopicTree;

/// A wildcard in the first level does not match such topics (MQTT 5.0, section 4.7.2).
fn is_hidden(first_level: &str) -> bool {
    first_level.starts_with('$')
}
