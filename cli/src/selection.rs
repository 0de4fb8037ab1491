//! Filters that overlap.

use tickcast_protocol::topic::{Filter, Topic};

/// Whether a filter is the first one of several that selects a topic: what several select is taken
/// once. The server has a subscription for each filter, and sends it for each.
pub(crate) fn is_first(filters: &[Filter], filter: &Filter, topic: &Topic) -> bool {
    let first = filters.iter().find(|first| first.matches(topic.as_str()));
    first.is_none_or(|first| first == filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_filters_select_is_taken_once() {
        let filters = ["a/#", "+/b", "c"].map(|filter| Filter::new(filter).unwrap());
        let first = |at: usize, name| is_first(&filters, &filters[at], &Topic::new(name).unwrap());
        assert!(first(0, "a/b") && !first(1, "a/b"));
        assert!(first(1, "x/b") && first(2, "c"));
    }
}
