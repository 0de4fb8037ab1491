//! What a workload is.

use std::time::Duration;

use tickcast_loadtest::{busy_loop::PublishRate, dialect::TopicSelection};
use tickcast_protocol::message::Mode;

use crate::compare::contender::Contender;

/// The measured time of a quick workload, in all.
const QUICK: Duration = Duration::from_secs(2);

/// One workload: subscribers with some of the topics, and a rate of updates.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// The letter that names it.
    pub letter: &'static str,
    /// Its title in reports.
    pub title: &'static str,
    /// Connections that subscribe.
    pub subscribers: usize,
    /// Update `i` belongs to topic `i % topics`.
    pub topics: u64,
    /// Topics of each subscriber.
    pub topics_each: u64,
    /// When updates are due.
    pub rate: PublishRate,
    /// Bytes of each payload.
    pub payload_bytes: usize,
    /// What subscribers ask Tickcast for.
    pub mode: Mode,
    /// Batches per second in mode `latest`.
    pub max_rate_hz: Option<f64>,
    /// Subscribers that do not read while the workload is measured.
    pub stalled: usize,
    /// Whether this is the shorter version, see [`Workload::quick`].
    pub is_quick: bool,
    /// Tickcast's shards.
    pub shards: usize,
    /// Size of Tickcast's tape, if it is not the default.
    pub tape_bytes: Option<usize>,
    /// Number of turns in which it is measured; see [`turn_groups`](super::turn_groups).
    pub turns: usize,
    /// Publishing before the first measurement starts.
    pub warm_up: Duration,
    /// Publishing before each further measurement.
    pub run_up: Duration,
    /// The measured time of each turn.
    pub steady: Duration,
    /// The contender by whose figures the others' are divided.
    pub reference: Contender,
    /// The contenders that take part.
    pub contenders: &'static [Contender],
    /// Why other contenders do not take part. Empty if all do.
    pub others: &'static str,
}

impl Workload {
    /// A shorter version that shows whether everything works, with rough results.
    pub fn quick(self) -> Self {
        let mut quick = Self {
            is_quick: true,
            ..self
        };
        if self.turns > 1 {
            quick.turns = QUICK.div_duration_f64(self.steady) as usize;
        } else if self.stalled == 0 {
            quick.steady = self.steady.min(QUICK);
        }
        quick
    }

    /// How long a turn runs before it is measured.
    pub fn unmeasured(&self, turn: usize) -> Duration {
        match turn {
            0 => self.warm_up,
            _ => self.run_up,
        }
    }

    /// Variants of one workload have its letter, followed by a word.
    pub(super) fn takes_turns_with(&self, other: &Self) -> bool {
        let base = |workload: &Self| workload.letter.split('-').next();
        self.turns > 1 && other.turns > 1 && base(self) == base(other)
    }

    /// The share of the updates published in some time that arrived in that time, if all should
    /// arrive.
    pub fn kept_up(&self, published: u64, received: u64) -> Option<f64> {
        let is_paced = matches!(self.rate, PublishRate::PerSecond(_));
        let wanted = published as f64 * self.fan_out();
        (is_paced && self.mode == Mode::Every && self.stalled == 0)
            .then(|| (received as f64 / wanted).min(1.0))
    }

    /// The topics of a subscriber.
    pub fn selection(&self, subscriber: usize) -> TopicSelection {
        // Evenly spread, so that each topic has as many subscribers as the others.
        let first = subscriber as u64 * self.topics / self.subscribers as u64;
        TopicSelection {
            first,
            count: self.topics_each,
            topics: self.topics,
        }
    }

    /// Whether a subscriber is to stall. Stalled subscribers are spread evenly.
    pub fn stalls(&self, subscriber: usize) -> bool {
        let until = |subscriber: usize| subscriber * self.stalled / self.subscribers;
        until(subscriber + 1) > until(subscriber)
    }

    /// Number of subscribers that get an update.
    pub fn fan_out(&self) -> f64 {
        self.subscribers as f64 * self.topics_each as f64 / self.topics as f64
    }
}
