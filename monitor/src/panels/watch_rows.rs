//! Which topics are listed, in which order and groups.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::{Filter, TopicError};

use super::grouping;
use crate::{
    format::SECOND,
    scene::Scene,
    store::{TimeNs, TopicKey, TopicState},
};

/// The rows are put together anew at most so often while topics appear or values decide the order.
const REBUILD_NS: i64 = SECOND / 2;

/// So few topics are put together anew whenever one appears.
const CHEAP_TOPICS: usize = 2_000;

/// What the rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// By name, in groups.
    #[default]
    Name,
    /// By the newest value.
    Last,
    /// By how much it changed.
    Change,
    /// By how often it comes.
    Rate,
    /// By how long ago it came.
    Age,
    /// By how many updates were lost.
    Lost,
    /// By how long updates take.
    Latency,
}

/// What the person wants to see of the topics.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Order {
    pub(super) filter: String,
    pub(super) sort: Sort,
    pub(super) is_reversed: bool,
    /// Groups of which only the heading is shown.
    pub(super) folded: BTreeSet<String>,
}

/// A line of the list.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Row {
    /// The heading of a group, and how many topics it has.
    Group { name: String, topics: usize },
    /// A topic, and how many bytes of its name its group tells already.
    Topic { key: TopicKey, prefix: usize },
}

/// What the text in the filter field selects.
pub(super) enum Selection {
    All,
    Wildcards(Filter),
    /// In lower case.
    Containing(String),
    Bad(TopicError),
}

impl Selection {
    pub(super) fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            Self::All
        } else if text.contains(['+', '#']) {
            match Filter::new(text) {
                Ok(filter) => Self::Wildcards(filter),
                Err(error) => Self::Bad(error),
            }
        } else {
            Self::Containing(text.to_lowercase())
        }
    }

    pub(super) fn matches(&self, name: &str) -> bool {
        match self {
            Self::All | Self::Bad(_) => true,
            Self::Wildcards(filter) => filter.matches(name),
            Self::Containing(text) => name.to_lowercase().contains(text),
        }
    }
}

/// The lines of the list, kept from one repaint to the next.
#[derive(Debug, Default)]
pub(super) struct Rows {
    pub(super) rows: Vec<Row>,
    /// How many topics the filter selects.
    pub(super) matching: usize,
    /// What the rows were made from: the order, how many topics there were, when.
    made: Option<(Order, usize, TimeNs)>,
}

impl Rows {
    /// Makes the rows anew, if what they are made from has changed.
    pub(super) fn update(&mut self, order: &Order, scene: &Scene<'_>) {
        let (store, now_ns) = (scene.store, scene.now_ns);
        if let Some((made_by, topics, at_ns)) = &self.made {
            let is_due = !(0..REBUILD_NS).contains(&(now_ns - at_ns));
            let stands = if *topics == store.valued().len() {
                order.sort == Sort::Name || !is_due
            } else {
                *topics >= CHEAP_TOPICS && !is_due
            };
            if made_by == order && stands {
                return;
            }
        }
        self.made = Some((order.clone(), store.valued().len(), now_ns));
        let selection = Selection::of(&order.filter);
        let mut topics: Vec<(TopicKey, &TopicState)> = store
            .topics()
            .filter(|(_, topic)| topic.latest.is_some() && selection.matches(topic.name.as_str()))
            .collect();
        self.matching = topics.len();
        match order.sort {
            Sort::Name => sort_by_name(&mut topics),
            sort => sort_by_number(&mut topics, sort, scene),
        }
        if order.is_reversed {
            topics.reverse();
        }
        self.rows = match order.sort {
            Sort::Name => grouped(&topics, &order.folded),
            _ => {
                let rows = topics.iter().map(|&(key, _)| Row::Topic { key, prefix: 0 });
                rows.collect()
            }
        };
    }

    /// The topics among the rows.
    pub(super) fn topics(&self) -> impl Iterator<Item = TopicKey> {
        self.rows.iter().filter_map(|row| match row {
            Row::Topic { key, .. } => Some(*key),
            Row::Group { .. } => None,
        })
    }
}

fn sort_by_name(topics: &mut [(TopicKey, &TopicState)]) {
    // Topics without a group come first, not in between.
    topics.sort_by_cached_key(|(_, topic)| {
        let name = topic.name.as_str().to_owned();
        (name.contains('/'), name)
    });
}

/// Largest first; what has no number comes last.
fn sort_by_number(topics: &mut [(TopicKey, &TopicState)], sort: Sort, scene: &Scene<'_>) {
    let now_ns = scene.now_ns;
    let number = |topic: &TopicState| match sort {
        Sort::Name => None,
        Sort::Last => topic.number,
        Sort::Change => topic.change_percent(),
        Sort::Rate => topic.rate.per_second(now_ns),
        Sort::Age => topic.age_ns(now_ns).map(|age| -(age as f64)),
        Sort::Lost => Some(topic.missing.lost as f64),
        Sort::Latency => {
            let summary = scene.health.topic_summary(&topic.name);
            summary.map(|summary| summary.p99_ns as f64)
        }
    };
    let key = |topic: &TopicState| number(topic).unwrap_or(f64::NEG_INFINITY);
    topics.sort_by(|(_, a), (_, b)| key(b).total_cmp(&key(a)).then_with(|| a.name.cmp(&b.name)));
}

fn grouped(topics: &[(TopicKey, &TopicState)], folded: &BTreeSet<String>) -> Vec<Row> {
    let prefixes = grouping(topics.iter().map(|(_, topic)| topic.name.as_str()));
    let mut rows = Vec::with_capacity(topics.len());
    let mut group: Option<(usize, &str)> = None;
    for (&(key, topic), prefix) in topics.iter().zip(prefixes) {
        let name = &topic.name.as_str()[..prefix];
        if group.is_none_or(|(_, current)| current != name) {
            group = Some((rows.len(), name));
            rows.push(Row::Group {
                name: name.to_owned(),
                topics: 0,
            });
        }
        if let Some((at, _)) = group
            && let Row::Group { topics, .. } = &mut rows[at]
        {
            *topics += 1;
        }
        if !folded.contains(name) {
            let prefix = if prefix == 0 { 0 } else { prefix + 1 };
            rows.push(Row::Topic { key, prefix });
        }
    }
    // Topics without a group need no heading.
    if let [Row::Group { name, .. }, ..] = &rows[..]
        && name.is_empty()
    {
        rows.remove(0);
    }
    rows
}
