//! A node that makes messages, and what a host makes of them.

use std::time::Duration;

use bytes::Bytes;
use prost::Message as _;
use tickcast_core::{Now, work::NewUpdate};
use tickcast_protocol::value::Value;

use crate::feed::sparkplug::{
    Counts, Event, Host, Outcome,
    payload::{Metric, MetricValue, Payload},
};

/// 2026-01-01T00:00:00Z.
pub(super) const START_MS: u64 = 1_767_225_600_000;

/// A payload may have this many bytes.
const PAYLOAD_MAX_BYTES: usize = 64 * 1024;

/// A metric whose value is a text.
pub(super) fn text(name: Option<&str>, alias: Option<u64>, value: &str) -> Metric {
    Metric {
        name: name.map(Into::into),
        alias,
        datatype: Some(12),
        value: Some(MetricValue::Text(value.into())),
        ..Metric::default()
    }
}

/// A metric of some datatype.
pub(super) fn metric(name: &str, datatype: u32, value: MetricValue) -> Metric {
    Metric {
        name: Some(name.into()),
        datatype: Some(datatype),
        value: Some(value),
        ..Metric::default()
    }
}

/// The number of a session.
pub(super) fn session(number: u64) -> Metric {
    metric("bdSeq", 4, MetricValue::Long(number))
}

/// A payload that was sent at a time.
pub(super) fn payload(seq: Option<u64>, sent_ms: u64, metrics: Vec<Metric>) -> Bytes {
    let encoded = metrics.iter().map(|metric| metric.encode_to_vec().into());
    let payload = Payload {
        timestamp: Some(sent_ms),
        metrics: encoded.collect(),
        seq,
        ..Payload::default()
    };
    payload.encode_to_vec().into()
}

/// A host and its time.
pub(super) struct World {
    pub(super) host: Host,
    pub(super) uptime_ms: u64,
    pub(super) counts: Counts,
}

impl World {
    pub(super) fn new() -> Self {
        let mut world = Self {
            host: Host::new(PAYLOAD_MAX_BYTES),
            uptime_ms: 0,
            counts: Counts::default(),
        };
        world.host.connect(world.now());
        world
    }

    pub(super) fn now(&self) -> Now {
        let uptime = Duration::from_millis(self.uptime_ms);
        Now {
            uptime,
            wall_ns: (START_MS + self.uptime_ms) as i64 * 1_000_000,
        }
    }

    /// The time of now, as a node writes it.
    pub(super) fn now_ms(&self) -> u64 {
        START_MS + self.uptime_ms
    }

    /// Passes a message to the host.
    pub(super) fn take(&mut self, topic: &str, payload: &Bytes) -> Vec<Event> {
        assert!(self.host.take(topic, payload, false, self.now()), "{topic}");
        self.events()
    }

    /// The only result of a message.
    #[track_caller]
    pub(super) fn outcome(&mut self, topic: &str, payload: &Bytes) -> Outcome {
        match self.take(topic, payload).as_mut_slice() {
            [Event::Message(outcome)] => std::mem::take(&mut **outcome),
            events => panic!("{events:?}"),
        }
    }

    /// Lets time pass, and returns what happens.
    pub(super) fn wait(&mut self, ms: u64) -> Vec<Event> {
        let until_ms = self.uptime_ms + ms;
        let mut events = Vec::new();
        while let Some(due) = self.host.next_due()
            && due <= Duration::from_millis(until_ms)
        {
            // The host's times are whole milliseconds.
            self.uptime_ms = self.uptime_ms.max(due.as_millis() as u64);
            self.host.poll(self.now());
            events.extend(self.events());
        }
        self.uptime_ms = until_ms;
        events
    }

    pub(super) fn events(&mut self) -> Vec<Event> {
        let counts = self.host.take_counts();
        self.counts.births += counts.births;
        self.counts.deaths += counts.deaths;
        self.counts.late += counts.late;
        self.counts.gaps += counts.gaps;
        self.counts.rebirths += counts.rebirths;
        self.host.take_events()
    }
}

/// Topic and value of an update, for people.
pub(super) fn shown(update: &NewUpdate) -> String {
    let value = match &update.value {
        Value::Reading(reading) => reading.to_string(),
        Value::Text(text) => text.clone(),
        Value::Absent(word) => format!("absent {word}"),
        value => format!("{value:?}"),
    };
    format!("{}={value}", update.topic)
}

/// All updates of an outcome.
pub(super) fn updates(outcome: &Outcome) -> Vec<String> {
    outcome.decoded.updates.iter().map(shown).collect()
}

/// The topics of commands.
pub(super) fn commands(events: &[Event]) -> Vec<&str> {
    let topics = events.iter().filter_map(|event| match event {
        Event::Command(topic, _) => Some(topic.as_str()),
        Event::Message(_) | Event::Dead(_) => None,
    });
    topics.collect()
}
