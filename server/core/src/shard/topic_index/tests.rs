//! Both trees against [`Filter::matches`], over random names and filters of a few levels, and the
//! steps of searches that find little among many topics.

use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::select};
use tickcast_protocol::{
    message::TopicId,
    topic::{Filter, Topic},
};

use super::{
    FilterTree, Search, TopicTree,
    topic_tree::{ADD_NODE_STEPS, ADD_TEXT_STEPS, LOOKUP_STEPS},
};
use crate::shard::steps::Steps;

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

/// Searches in slices of a few steps, and adds `later` topics in between. Returns what was found,
/// and the steps of the longest slice.
fn search(
    tree: &mut TopicTree,
    filter: &Filter,
    slice: usize,
    later: &[Topic],
) -> (Vec<TopicId>, usize) {
    let mut search = Search::new(tree, filter, &mut Steps::unlimited());
    let mut later = later.iter();
    let mut found = Vec::new();
    let mut longest = 0;
    loop {
        let mut steps = Steps::new(slice);
        let is_over = search.advance(tree, &mut steps, |id| found.push(id));
        longest = longest.max(steps.taken());
        if is_over {
            return (found, longest);
        }
        if let Some(name) = later.next() {
            tree.insert(name.clone(), &mut Steps::unlimited());
        }
    }
}

/// Steps that a slice may take above its limit: those of one node with its levels.
const EXCESS_MAX: usize = 5 + 4 * LOOKUP_STEPS;

proptest! {
    #[test]
    fn a_search_in_slices_finds_each_topic_of_its_start_once_although_topics_are_added(
        topics in topics(),
        filters in filters(),
        first in 0..40usize,
        slice in 1..12usize,
    ) {
        let (first, later) = topics.split_at(first.min(topics.len()));
        for filter in &filters {
            let mut tree = TopicTree::default();
            for name in first {
                tree.insert(name.clone(), &mut Steps::unlimited());
            }
            let (mut found, longest) = search(&mut tree, filter, slice, later);
            found.sort_unstable();
            let matches = |&(_, name): &(usize, &Topic)| filter.matches(name.as_str());
            let expected = first.iter().enumerate().filter(matches);
            let expected: Vec<TopicId> = expected.map(|(id, _)| id as TopicId).collect();
            prop_assert_eq!(found, expected, "{}", filter);
            prop_assert!(longest < slice + EXCESS_MAX, "{} of {}", longest, slice);
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
            tree.insert(filter, key, &mut Steps::unlimited());
        }
        let gone = |key: usize| removed[key];
        for (key, filter) in filters.iter().enumerate().filter(|&(key, _)| gone(key)) {
            tree.remove(filter, key, &mut Steps::unlimited());
        }
        let left: BTreeSet<_> = filters.iter().enumerate().filter(|&(key, _)| !gone(key)).collect();
        let distinct: BTreeSet<_> = left.iter().map(|(_, filter)| filter.as_str()).collect();
        prop_assert!(tree.nodes() <= 1 + 2 * distinct.len(), "{} nodes", tree.nodes());
        for name in &topics {
            let mut found = tree.matching(name, &mut Steps::unlimited()).to_vec();
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
            tree.insert(filter, 0, &mut Steps::unlimited());
        }
        for filter in &filters {
            tree.remove(filter, 0, &mut Steps::unlimited());
        }
        prop_assert!(tree.is_empty());
    }
}

/// Steps of the whole search for a filter.
fn steps(tree: &TopicTree, filter: &str) -> usize {
    let mut steps = Steps::unlimited();
    let filter = Filter::new(filter).unwrap();
    let mut search = Search::new(tree, &filter, &mut steps);
    assert!(search.advance(tree, &mut steps, |_| {}));
    steps.taken()
}

fn tree(names: impl IntoIterator<Item = String>) -> TopicTree {
    let mut tree = TopicTree::default();
    for name in names {
        tree.insert(Topic::new(&name).unwrap(), &mut Steps::unlimited());
    }
    tree
}

/// The levels of a filter are nodes only where filters part.
#[test]
fn filters_of_many_levels_have_few_nodes() {
    let filter = |end: &str| Filter::new(&("+/".repeat(100) + end)).unwrap();
    let mut tree = FilterTree::default();
    let mut steps = Steps::unlimited();
    tree.insert(&filter("a"), 1, &mut steps);
    assert_eq!(tree.nodes(), 2, "the root and the end");
    tree.insert(&filter("b"), 2, &mut steps);
    assert_eq!(tree.nodes(), 4, "both ends, and where they part");
    let name = Topic::new(&("x/".repeat(100) + "b")).unwrap();
    let before = steps.taken();
    assert_eq!(tree.matching(&name, &mut steps).to_vec(), [2]);
    assert!(steps.taken() - before < 100, "{}", steps.taken() - before);
    tree.remove(&filter("a"), 1, &mut steps);
    assert_eq!(tree.nodes(), 2, "they part no more");
    assert_eq!(tree.matching(&name, &mut steps).to_vec(), [2]);
}

/// What is already there is only looked up.
#[test]
fn a_new_name_costs_what_it_adds() {
    let mut tree = TopicTree::default();
    for (name, lookups, texts, nodes) in [
        // Texts and nodes, of which nothing is known.
        ("a/b", 2, 2, 2),
        // The first node is known, and the text of the second one is not.
        ("a/c", 3, 1, 1),
        // The text of the second level is known, below a node that is new.
        ("d/c", 2, 1, 2),
        // The text of the second level is known, below a node that is known.
        ("d/b", 4, 0, 1),
        ("a", 2, 0, 0),
    ] {
        let mut steps = Steps::unlimited();
        tree.insert(Topic::new(name).unwrap(), &mut steps);
        let added = texts * ADD_TEXT_STEPS + nodes * ADD_NODE_STEPS;
        let expected = lookups * LOOKUP_STEPS + added;
        assert_eq!(steps.taken(), expected, "{name}");
    }
}

#[test]
fn a_filter_that_matches_little_visits_little() {
    const MANY: usize = 10_000;
    let mut names: Vec<String> = (0..MANY)
        .map(|n| format!("plant{}/line{}/sensor{n}/value", n % 10, n % 100))
        .collect();
    names.extend((0..MANY).map(|n| format!("wide/{n}")));
    names.push("a/b/c/rare".to_owned());
    names.push(vec!["deep"; 40].join("/"));
    let tree = tree(names);
    for filter in [
        // Levels that no topic has, or not there.
        "+/+/+/none",
        "+/none/#",
        "+/+/+/sensor1",
        "none/+/+/+",
        // A number of levels that no topic has.
        "+/+/+/+/+",
        &format!("{}#", "+/".repeat(41)),
        // One level that few topics have, at any depth.
        "+/+/+/rare",
        "+/+/c/+",
        "+/b/#",
        "+/+/sensor77/#",
        // Few topics below the leading levels, and many of the later level elsewhere.
        "a/+/+/value",
        "a/#",
        "wide/77",
        "+/77",
    ] {
        let steps = steps(&tree, filter);
        assert!(steps < 40, "{filter}: {steps}");
    }
    // One of the hundred lines.
    assert!(steps(&tree, "+/line7/+/value") < MANY / 10);
    // All of them.
    assert!(steps(&tree, "#") > 2 * MANY);
}
