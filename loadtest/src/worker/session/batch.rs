//! Hands the parts of a batch to its subscription and to the recorder.

use tickcast_protocol::message::TopicId;

use super::{
    followed::Followed,
    shared::WorkerShared,
    types::{Arrival, ReceiverTiming},
};
use crate::{
    ledger::TopicKey,
    scan::{BatchHead, BatchSink, Facts},
};

/// See the module.
pub(super) struct BatchReader<'a> {
    followed: &'a mut Followed,
    shared: &'a mut WorkerShared,
    arrival: Arrival<'a>,
    /// The index of the batch's subscription, if there is one.
    current: Option<usize>,
    is_snapshot: bool,
}

impl<'a> BatchReader<'a> {
    pub(super) fn new(
        followed: &'a mut Followed,
        shared: &'a mut WorkerShared,
        arrival: Arrival<'a>,
    ) -> Self {
        Self {
            followed,
            shared,
            arrival,
            current: None,
            is_snapshot: false,
        }
    }

    fn begin(&mut self, head: BatchHead) {
        self.shared.position = self.shared.position.max(head.to);
        let tally = self.shared.tally(self.arrival.timing);
        self.current = self.followed.find(head.channel);
        self.is_snapshot = head.snapshot;
        match self.current {
            Some(at) => self.followed.filters[at].receiver.batch(head, tally),
            None => tally.chain_breaks += 1,
        }
    }

    fn arrived(&mut self, key: TopicKey, facts: &Facts) {
        let timing = self.arrival.timing;
        if let Some(at) = self.current {
            let receiver = &mut self.followed.filters[at].receiver;
            let tally = self.shared.tally(timing);
            receiver.update(key, facts.position, facts.seq, tally);
        }
        if !self.is_snapshot && timing != ReceiverTiming::None {
            let is_probe = timing == ReceiverTiming::Probe;
            let recorder = &mut self.shared.recorder;
            recorder.arrived(facts, is_probe, self.arrival.received_ns);
        }
    }

    fn not_introduced(&mut self) {
        self.shared.tally(self.arrival.timing).not_introduced += 1;
    }
}

impl BatchSink<TopicId> for BatchReader<'_> {
    fn head(&mut self, head: BatchHead) {
        self.begin(head);
    }

    fn topic(&mut self, id: TopicId, name: &str) {
        if let Some(epoch) = self.followed.epoch
            && let Some(key) = self.shared.topics.introduce(epoch, id, name)
        {
            self.followed.introduce(key);
        }
    }

    fn update(&mut self, id: TopicId, facts: &Facts) {
        let epoch = self.followed.epoch;
        let key = epoch.and_then(|epoch| self.shared.topics.by_id(epoch, id));
        match key {
            Some(key) => {
                if !self.followed.is_introduced(key) {
                    self.not_introduced();
                }
                self.arrived(key, facts);
            }
            None => self.not_introduced(),
        }
    }
}

impl BatchSink<&str> for BatchReader<'_> {
    fn head(&mut self, head: BatchHead) {
        self.begin(head);
    }

    fn topic(&mut self, _: TopicId, _: &str) {}

    fn update(&mut self, name: &str, facts: &Facts) {
        let key = self.shared.topics.key(name);
        self.arrived(key, facts);
    }
}
