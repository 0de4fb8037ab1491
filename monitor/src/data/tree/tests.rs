use std::time::{Duration, Instant};

use tickcast_protocol::{
    message::{Mode, Quality, Status, Update},
    topic::{Filter, Topic},
    value::Value,
};

use super::{node::TopicCounts, topic_tree::STEP_TOPICS, *};
use crate::data::topics::Store;

fn update(store: &mut Store, name: &str) {
    let position = store.totals().received + 1;
    store.apply(
        Update {
            topic: Topic::new(name).unwrap(),
            position,
            seq: 1,
            source_time_ns: None,
            ingest_time_ns: 0,
            quality: Quality::Live,
            value: Value::Reading(1.0),
        },
        Mode::Latest,
    );
}

fn store(names: &[&str]) -> Store {
    let mut store = Store::default();
    for name in names {
        update(&mut store, name);
    }
    store
}

/// The rows as text: indented, open or closed, with their counts.
fn drawn(tree: &TopicTree, store: &Store) -> Vec<String> {
    let rows = tree.rows().iter();
    rows.map(|row| {
        let sign = match row.is_open {
            Some(true) => "v ",
            Some(false) => "> ",
            None => "",
        };
        let counts = match row.counts {
            TopicCounts {
                stale: 0, dead: 0, ..
            } => format!("{}", row.counts.topics),
            counts => format!("{} ({} {})", counts.topics, counts.stale, counts.dead),
        };
        let indent = " ".repeat(usize::from(row.depth));
        format!("{indent}{sign}{} {counts}", tree.label(store, row.node))
    })
    .collect()
}

fn open(tree: &mut TopicTree, store: &Store, path: &str) {
    let rows = tree.rows().iter();
    let row = rows
        .map(|row| row.node)
        .find(|&node| tree.path(store, node) == path);
    tree.set_open(store, row.unwrap(), true);
}

#[test]
fn branches_open_count_and_sort_topics() {
    let mut store = store(&["b/x/2", "b/x/1", "a", "b/y", "b/x", "/lead"]);
    let mut tree = TopicTree::default();
    assert!(tree.update(&store, |_| true));
    assert_eq!(
        drawn(&tree, &store),
        ["> 1", "a 1", "> b 4"].map(|text| {
            // A name that begins with a slash has an empty first level.
            text.replacen("> 1", ">  1", 1)
        })
    );
    open(&mut tree, &store, "b");
    open(&mut tree, &store, "b/x");
    update(&mut store, "b/x/0");
    tree.update(&store, |_| true);
    assert_eq!(
        drawn(&tree, &store)[1..],
        ["a 1", "v b 5", " v x 4", "  0 1", "  1 1", "  2 1", " y 1"]
    );
}

#[test]
fn a_filter_leaves_only_matching_topics_and_their_branches() {
    let store = store(&["m/A/trade", "m/A/quote", "m/B/quote", "p/1"]);
    let mut tree = TopicTree::default();
    tree.update(&store, |_| true);
    open(&mut tree, &store, "m");
    open(&mut tree, &store, "m/A");
    let filter = Filter::new("m/+/trade").unwrap();
    tree.refilter();
    tree.update(&store, |name| filter.matches(name));
    assert_eq!(drawn(&tree, &store), ["v m 1", " v A 1", "  trade 1"]);
    assert_eq!(tree.matching(), 1);
    tree.refilter();
    tree.update(&store, |_| true);
    assert_eq!(tree.matching(), 4);
}

#[test]
fn stale_and_dead_topics_are_counted_at_their_branches() {
    let mut store = store(&["p/1/t", "p/1/u", "p/2/t", "q"]);
    let mut tree = TopicTree::default();
    tree.update(&store, |_| true);
    store.set_status(&Topic::new("p/1/t").unwrap(), Status::Dead, 0);
    store.set_status(&Topic::new("p/2/t").unwrap(), Status::Stale, 0);
    tree.update(&store, |_| true);
    assert_eq!(drawn(&tree, &store), ["> p 3 (1 1)", "q 1"]);
    store.set_status(&Topic::new("p/1/t").unwrap(), Status::Live, 0);
    tree.update(&store, |_| true);
    assert_eq!(drawn(&tree, &store), ["> p 3 (1 0)", "q 1"]);
}

#[test]
fn open_branches_survive_a_new_store() {
    let first = store(&["a/b/c", "d"]);
    let mut tree = TopicTree::default();
    tree.update(&first, |_| true);
    open(&mut tree, &first, "a");
    tree.update(&Store::default(), |_| true);
    assert_eq!(tree.rows(), []);
    let again = store(&["a/b/c"]);
    tree.update(&again, |_| true);
    assert_eq!(drawn(&tree, &again), ["v a 1", " > b 1"]);
}

#[test]
fn a_step_is_bounded_for_any_number_of_topics() {
    let mut store = Store::default();
    let topics = 3 * STEP_TOPICS + 1;
    for number in 0..topics {
        update(&mut store, &format!("root/{}/{number}", number % 100));
    }
    let mut tree = TopicTree::default();
    let begun = Instant::now();
    let mut steps = 1;
    while !tree.update(&store, |_| true) {
        steps += 1;
    }
    assert_eq!(steps, 4);
    assert_eq!(drawn(&tree, &store), [format!("> root {topics}")]);
    // No step may cost the square of the number of topics.
    assert!(begun.elapsed() < Duration::from_secs(30));
}
