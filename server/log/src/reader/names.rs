//! The topics of a segment: which number has which name, and what else was known when.

use std::collections::BTreeMap;

use tickcast_protocol::{
    message::{Position, TopicId, TopicInfo},
    topic::{Filter, Topic},
};

/// Which topics are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// One topic.
    Topic(Topic),
    /// Topics that match one of the filters.
    Filters(Vec<Filter>),
}

impl Wanted {
    fn includes(&self, topic: &Topic) -> bool {
        match self {
            Self::Topic(wanted) => wanted == topic,
            Self::Filters(filters) => filters.iter().any(|filter| filter.matches(topic.as_str())),
        }
    }
}

/// The numbers of wanted topics.
#[derive(Debug)]
pub(super) struct Selected {
    numbers: Numbers,
    /// Number of topics that are known.
    known: usize,
}

/// Their numbers.
#[derive(Debug)]
enum Numbers {
    /// There is at most one.
    One(Option<TopicId>),
    /// For each number whether it is wanted.
    Many(Vec<bool>),
}

impl Selected {
    pub(super) fn has(&self, id: TopicId) -> bool {
        match &self.numbers {
            Numbers::One(one) => *one == Some(id),
            Numbers::Many(many) => many.get(id as usize).copied().unwrap_or(false),
        }
    }

    /// Whether a topic was introduced in a strip that cannot be read.
    pub(super) fn is_unknown(&self, id: TopicId) -> bool {
        id as usize >= self.known
    }
}

/// The topics of a segment.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// What was known when each topic was met first, by number.
    first: Vec<TopicInfo>,
    /// What else was known later, from a position on.
    later: BTreeMap<TopicId, Vec<(Position, TopicInfo)>>,
    bytes: usize,
}

impl Names {
    /// Adds what holds from a position on.
    ///
    /// # Errors
    ///
    /// If topics before it are missing.
    pub(super) fn introduce(&mut self, position: Position, info: TopicInfo) -> Result<(), String> {
        let (id, next) = (info.id, self.first.len());
        self.bytes += size_of::<TopicInfo>() + info.topic.as_str().len();
        match (id as usize).cmp(&next) {
            std::cmp::Ordering::Less => self.later.entry(id).or_default().push((position, info)),
            std::cmp::Ordering::Equal => self.first.push(info),
            std::cmp::Ordering::Greater => {
                return Err(format!("topic {id} is introduced, and {next} is next"));
            }
        }
        Ok(())
    }

    /// The number of topics.
    pub(super) fn len(&self) -> usize {
        self.first.len()
    }

    /// What was known about a topic at a position.
    pub(super) fn at(&self, id: TopicId, position: Position) -> Option<&TopicInfo> {
        let later = self.later.get(&id).map_or(&[][..], Vec::as_slice);
        let newest = later.iter().rfind(|(from, _)| *from <= position);
        newest.map_or_else(|| self.first.get(id as usize), |(_, info)| Some(info))
    }

    /// The numbers of wanted topics.
    pub(super) fn select(&self, wanted: &Wanted) -> Selected {
        let mut is_wanted = self.first.iter().map(|info| wanted.includes(&info.topic));
        let numbers = match wanted {
            Wanted::Topic(_) => {
                let found = is_wanted.position(|is_wanted| is_wanted);
                Numbers::One(found.map(|index| index as TopicId))
            }
            Wanted::Filters(_) => Numbers::Many(is_wanted.collect()),
        };
        Selected {
            numbers,
            known: self.first.len(),
        }
    }

    /// Bytes of memory that it takes, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.bytes
    }
}
