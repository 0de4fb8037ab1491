//! The metrics of a node or of one of its devices, and their values.

use std::sync::Arc;

use hashbrown::{HashMap, HashSet};
use tickcast_core::{sequencer::UNIT_MAX_BYTES, work::NewUpdate};
use tickcast_protocol::{
    message::TimeNs,
    topic::{TOPIC_MAX_BYTES, Topic, TopicError},
};

use super::{
    datatype::DataType,
    message::{Message, is_internal},
    names::Names,
    outcome::Outcome,
    payload::Metric,
    unpack::decode_metric,
    value,
};
use crate::feed::decode::{bad, time::plausible};

/// The state of a node or device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum State {
    /// Its birth is known, and its metrics come.
    Born,
    /// It was born, but may have changed since: only a birth says what its metrics are now.
    Orphaned,
    /// It has told no birth, or it has died.
    #[default]
    Dead,
}

/// The metrics of one node or device.
#[derive(Debug, Default)]
pub(super) struct Scope {
    pub(super) state: State,
    /// Whether a message may be missing that has changed the aliases.
    pub(super) is_doubtful: bool,
    metrics: Vec<Defined>,
    by_name: HashMap<Box<str>, usize>,
    /// An alias that two metrics have means none of them.
    by_alias: HashMap<u64, Option<usize>>,
}

/// A metric as its birth defines it.
#[derive(Debug)]
struct Defined {
    /// None for a metric that is part of the protocol.
    topic: Option<Topic>,
    unit: Option<Arc<str>>,
    datatype: Option<DataType>,
    /// Whether its value is bad or stale, as its quality says.
    is_doubtful: bool,
}

/// The times of a message.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// The server's clock.
    pub(super) now_ns: TimeNs,
    /// When the message was sent, in ms.
    pub(super) sent_ms: Option<u64>,
}

impl Scope {
    /// Topics that are not dead yet.
    pub(super) fn topics(&self) -> Vec<Topic> {
        match self.state {
            State::Dead => Vec::new(),
            State::Born | State::Orphaned => {
                let topics = self
                    .metrics
                    .iter()
                    .filter_map(|metric| metric.topic.clone());
                topics.collect()
            }
        }
    }

    /// Number of metrics.
    pub(super) fn len(&self) -> usize {
        self.metrics.len()
    }

    /// Ends the life of the node or device. Returns the topics that are dead therefore.
    pub(super) fn die(&mut self) -> Vec<Topic> {
        let topics = self.topics();
        *self = Self::default();
        topics
    }

    /// Until the next birth nothing is known for sure.
    pub(super) fn orphan(&mut self) {
        if self.state == State::Born {
            self.state = State::Orphaned;
        }
    }

    /// Takes a birth: replaces all definitions, and reads the values. Metrics of the former birth
    /// that are missing are dead. There is room for this many metrics.
    pub(super) fn birth(
        &mut self,
        message: &Message,
        names: &mut Names,
        room: usize,
        now_ns: TimeNs,
        outcome: &mut Outcome,
    ) {
        let former = self.topics();
        *self = Self {
            state: State::Born,
            ..Self::default()
        };
        let times = Times {
            now_ns,
            sent_ms: message.sent_ms(),
        };
        for bytes in &message.payload.metrics {
            let device = message.device.as_deref();
            match decode_metric(bytes) {
                Ok(_) if self.metrics.len() >= room => outcome.decoded.left_out += 1,
                Ok(metric) => self.define(metric, device, names, times, outcome),
                Err(error) => outcome.unreadable(error),
            }
        }
        let present = self
            .metrics
            .iter()
            .filter_map(|metric| metric.topic.as_ref());
        let present: HashSet<&Topic> = present.collect();
        let missing = former.into_iter().filter(|topic| !present.contains(topic));
        outcome.dead.extend(missing);
    }

    fn define(
        &mut self,
        metric: Metric,
        device: Option<&str>,
        names: &mut Names,
        times: Times,
        outcome: &mut Outcome,
    ) {
        let name = match metric.given_name() {
            None => {
                let error = bad("metric", "", "a metric of a birth has no name");
                return outcome.unreadable(error);
            }
            Some(name) if name.len() > TOPIC_MAX_BYTES => {
                let reason = TopicError::TooLong(name.len()).to_string();
                return outcome.unreadable(bad("metric", name, &reason));
            }
            Some(name) => name.to_owned(),
        };
        let topic = match is_internal(&name) {
            true => None,
            false => match names.topic(device, &name) {
                Ok(Some(named)) => {
                    if named.is_renamed {
                        outcome.decoded.renamed = Some((name.clone(), named.topic.to_string()));
                    }
                    Some(named.topic)
                }
                Ok(None) => {
                    outcome.decoded.left_out += 1;
                    return;
                }
                Err(error) => return outcome.unreadable(error),
            },
        };
        let unit = value::unit(&metric);
        let fitting = unit.filter(|unit| unit.len() <= UNIT_MAX_BYTES);
        outcome.decoded.left_out += u64::from(unit.is_some() && fitting.is_none());
        let index = self.metrics.len();
        self.metrics.push(Defined {
            topic,
            unit: fitting.map(Into::into),
            datatype: DataType::from_code(metric.datatype.unwrap_or_default()),
            is_doubtful: false,
        });
        if let Some(alias) = metric.alias {
            let entry = self.by_alias.entry(alias);
            entry
                .and_modify(|known| *known = None)
                .or_insert(Some(index));
        }
        self.by_name.insert(name.clone().into(), index);
        self.put(index, &name, metric, times, outcome);
    }

    /// Takes data. Returns whether a birth is needed.
    pub(super) fn data(
        &mut self,
        message: &Message,
        now_ns: TimeNs,
        is_doubtful: bool,
        outcome: &mut Outcome,
    ) -> bool {
        let mut needs_birth = self.is_doubtful || is_doubtful;
        let is_doubtful = needs_birth;
        let times = Times {
            now_ns,
            sent_ms: message.sent_ms(),
        };
        for bytes in &message.payload.metrics {
            let metric = match decode_metric(bytes) {
                Ok(metric) => metric,
                Err(error) => {
                    outcome.unreadable(error);
                    continue;
                }
            };
            let index = match (metric.given_name(), metric.alias) {
                (Some(name), _) => self.by_name.get(name).copied(),
                (None, Some(alias)) if !is_doubtful => self.by_alias.get(&alias).copied().flatten(),
                (None, _) => None,
            };
            match index {
                Some(index) => {
                    let name = metric.given_name().unwrap_or_default().to_owned();
                    self.put(index, &name, metric, times, outcome);
                }
                None => {
                    outcome.unresolved += 1;
                    needs_birth = true;
                }
            }
        }
        needs_birth
    }

    /// Reads the value of a metric.
    fn put(
        &mut self,
        index: usize,
        name: &str,
        mut metric: Metric,
        times: Times,
        outcome: &mut Outcome,
    ) {
        let Defined {
            topic,
            unit,
            datatype,
            is_doubtful,
        } = &mut self.metrics[index];
        let Some(topic) = topic else {
            outcome.decoded.passed_over += 1;
            return;
        };
        let quality = value::quality(&metric, is_doubtful);
        let name = || match name.is_empty() {
            true => topic.as_str(),
            false => name,
        };
        // Data may repeat the datatype (6.4.6).
        let given = metric.datatype.filter(|&code| code != 0);
        let datatype = given.map_or(*datatype, DataType::from_code);
        let read = match datatype {
            Some(datatype) => value::read(&mut metric, datatype),
            None => Err("its datatype is unknown".to_owned()),
        };
        let (value, is_rounded) = match read {
            Ok(read) => read,
            Err(reason) => return outcome.unreadable(bad("metric", name(), &reason)),
        };
        let decoded = &mut outcome.decoded;
        decoded.rounded += u64::from(is_rounded);
        let source_time_ns = source_time(metric.timestamp.or(times.sent_ms), times.now_ns);
        decoded.times_ignored += u64::from(source_time_ns.is_err());
        decoded.updates.push(NewUpdate {
            topic: topic.clone(),
            value,
            source_time_ns: source_time_ns.unwrap_or_default(),
            quality,
            unit: unit.clone(),
            facts: None,
        });
    }
}

/// A time in ns from one in ms, or an error if it cannot be the time of a value.
fn source_time(ms: Option<u64>, now_ns: TimeNs) -> Result<Option<TimeNs>, ()> {
    let Some(ms) = ms else {
        return Ok(None);
    };
    let ns = TimeNs::try_from(ms).ok();
    let ns = ns.and_then(|ms| ms.checked_mul(1_000_000));
    match ns.filter(|&ns| plausible(ns, now_ns)) {
        Some(ns) => Ok(Some(ns)),
        None => Err(()),
    }
}
