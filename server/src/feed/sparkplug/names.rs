//! The topics of a node's metrics: `GROUP/NODE/METRIC` and `GROUP/NODE/DEVICE/METRIC`.

use hashbrown::{HashMap, HashSet};
use tickcast_protocol::topic::Topic;

use super::bounds::{METRICS_PER_NODE_MAX, NAMESAKES_MAX};
use crate::feed::decode::DecodeError;

/// The topics of one node. A metric keeps its topic through all births.
#[derive(Debug)]
pub(super) struct Names {
    /// `GROUP/NODE`.
    prefix: String,
    /// By device and metric.
    topics: HashMap<Box<str>, Topic>,
    taken: HashSet<Topic>,
}

/// The topic of a metric.
pub(super) struct Named {
    pub(super) topic: Topic,
    /// Whether the name had to be changed, and this is the first time.
    pub(super) is_renamed: bool,
}

impl Names {
    pub(super) fn new(group: &str, node: &str) -> Self {
        Self {
            prefix: format!("{group}/{node}"),
            topics: HashMap::new(),
            taken: HashSet::new(),
        }
    }

    /// Number of metrics that have a topic.
    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    /// The topic of a metric. `None` if the node has had too many metrics.
    pub(super) fn topic(
        &mut self,
        device: Option<&str>,
        name: &str,
    ) -> Result<Option<Named>, DecodeError> {
        // MQTT forbids the null character in topics, so no device is taken for another.
        let key = format!("{}\0{name}", device.unwrap_or_default());
        if let Some(topic) = self.topics.get(key.as_str()) {
            let topic = topic.clone();
            return Ok(Some(Named {
                topic,
                is_renamed: false,
            }));
        }
        if self.topics.len() >= METRICS_PER_NODE_MAX {
            return Ok(None);
        }
        let levels: String = name.chars().map(level_char).collect();
        let prefix = &self.prefix;
        let base = match device {
            Some(device) => format!("{prefix}/{device}/{levels}"),
            None => format!("{prefix}/{levels}"),
        };
        let mut topic = Topic::new(&base)?;
        // A metric "a/b" of the node and a metric "b" of its device "a" are still two series.
        let mut number = 2;
        while self.taken.contains(&topic) {
            if number > NAMESAKES_MAX {
                return Ok(None);
            }
            topic = Topic::new(&format!("{base}_{number}"))?;
            number += 1;
        }
        self.taken.insert(topic.clone());
        self.topics.insert(key.into(), topic.clone());
        let is_renamed = number > 2 || levels != name;
        Ok(Some(Named { topic, is_renamed }))
    }
}

/// A character of a metric's name as one of a topic. `/` separates levels there as here (6.4.2).
fn level_char(character: char) -> char {
    match character {
        '+' | '#' => '_',
        control if control.is_control() => '_',
        other => other,
    }
}
