//! The rows of the list: topics in their order and groups.

use std::collections::BTreeSet;

use tickcast_protocol::message::TimeNs;

use super::{grouping::grouping, text_filter::TextFilter};
use crate::{
    data::{
        natural_key::NaturalKey,
        time::SECOND,
        topics::{MonitoredTopic, TopicKey},
    },
    files::saved_state::{ListOptions, Sort},
    ui::scene::Scene,
};

/// The least time between two rebuilds of the rows while topics appear or values decide the order.
const REBUILD_NS: i64 = SECOND / 2;

/// With fewer topics than this, the rows are rebuilt whenever one appears.
const CHEAP_TOPICS: usize = 2_000;

/// A row of the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ListRow {
    /// The heading of a group, and how many topics it has.
    Group { name: String, topics: usize },
    /// A topic, and how many bytes of its name the group shows.
    Topic { key: TopicKey, prefix: usize },
}

/// The rows, kept from one repaint to the next.
#[derive(Debug, Default)]
pub(super) struct ListRows {
    pub(super) rows: Vec<ListRow>,
    /// How many topics the filter selects.
    pub(super) matching: usize,
    /// What the rows were made from: the options, the number of topics, the time.
    made: Option<(ListOptions, usize, TimeNs)>,
}

impl ListRows {
    /// Rebuilds the rows, if what they are made from has changed.
    pub(super) fn update(&mut self, options: &ListOptions, scene: &Scene<'_>) {
        let (store, now_ns) = (scene.store, scene.now_ns);
        if let Some((made_by, topics, at_ns)) = &self.made {
            let is_due = !(0..REBUILD_NS).contains(&(now_ns - at_ns));
            let stands = if *topics == store.with_value().len() {
                options.sort == Sort::Name || !is_due
            } else {
                *topics >= CHEAP_TOPICS && !is_due
            };
            if made_by == options && stands {
                return;
            }
        }
        self.made = Some((options.clone(), store.with_value().len(), now_ns));
        let filter = TextFilter::of(&options.filter);
        let mut topics: Vec<(TopicKey, &MonitoredTopic)> = store
            .topics()
            .filter(|(_, topic)| topic.latest.is_some() && filter.matches(topic.name.as_str()))
            .collect();
        self.matching = topics.len();
        match options.sort {
            Sort::Name => sort_by_name(&mut topics),
            sort => sort_by_number(&mut topics, sort, scene),
        }
        if options.is_reversed {
            topics.reverse();
        }
        self.rows = match options.sort {
            Sort::Name => grouped(&topics, &options.folded),
            _ => {
                let rows = topics
                    .iter()
                    .map(|&(key, _)| ListRow::Topic { key, prefix: 0 });
                rows.collect()
            }
        };
    }

    /// The topics among the rows.
    pub(super) fn topics(&self) -> impl Iterator<Item = TopicKey> {
        self.rows.iter().filter_map(|row| match row {
            ListRow::Topic { key, .. } => Some(*key),
            ListRow::Group { .. } => None,
        })
    }
}

fn sort_by_name(topics: &mut [(TopicKey, &MonitoredTopic)]) {
    // Topics without a group come first.
    topics.sort_by_cached_key(|(_, topic)| {
        let name = topic.name.as_str();
        (name.contains('/'), NaturalKey::of(name))
    });
}

/// Largest first; topics without a number come last.
fn sort_by_number(topics: &mut [(TopicKey, &MonitoredTopic)], sort: Sort, scene: &Scene<'_>) {
    let now_ns = scene.now_ns;
    let number = |topic: &MonitoredTopic| match sort {
        Sort::Name => None,
        Sort::Last => topic.number,
        Sort::Change => scene.change_percent(topic),
        Sort::Rate => topic.rate.per_second(now_ns),
        Sort::Age => topic.age_ns(now_ns).map(|age| -(age as f64)),
        Sort::Lost => Some(topic.missing.lost as f64),
        Sort::Latency => {
            let summary = scene.health.topic_summary(&topic.name);
            summary.map(|summary| summary.p99_ns as f64)
        }
    };
    let key = |topic: &MonitoredTopic| number(topic).unwrap_or(f64::NEG_INFINITY);
    topics.sort_by(|(_, a), (_, b)| key(b).total_cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
}

fn grouped(topics: &[(TopicKey, &MonitoredTopic)], folded: &BTreeSet<String>) -> Vec<ListRow> {
    let prefixes = grouping(topics.iter().map(|(_, topic)| topic.name.as_str()));
    let mut rows = Vec::with_capacity(topics.len());
    let mut group: Option<(usize, &str)> = None;
    for (&(key, topic), prefix) in topics.iter().zip(prefixes) {
        let name = &topic.name.as_str()[..prefix];
        if group.is_none_or(|(_, current)| current != name) {
            group = Some((rows.len(), name));
            rows.push(ListRow::Group {
                name: name.to_owned(),
                topics: 0,
            });
        }
        if let Some((at, _)) = group
            && let ListRow::Group { topics, .. } = &mut rows[at]
        {
            *topics += 1;
        }
        if !folded.contains(name) {
            let prefix = if prefix == 0 { 0 } else { prefix + 1 };
            rows.push(ListRow::Topic { key, prefix });
        }
    }
    // Topics without a group need no heading.
    if let [ListRow::Group { name, .. }, ..] = &rows[..]
        && name.is_empty()
    {
        rows.remove(0);
    }
    rows
}
