//! What a sequencer decides by, as data: one that goes on with it makes the same strips of the same
//! work. A restored one ([`Restored`](crate::restored::Restored)) has what clients see, and learns
//! the rest again.

use std::sync::Arc;

use bincode::{Decode, Encode};
use tickcast_protocol::{
    message::{Position, Seq},
    topic::Topic,
};

use super::{
    Sequencer, facts::FactsSnapshot, liveness::LivenessSnapshot, publishers::PublishersSnapshot,
};
use crate::{candles::OutagesSnapshot, now::Now, tape::StripBuilder};

/// Everything that decides what a sequencer makes of work, besides its settings, and when updates
/// of feeds are missing. The histories are not in it, nor how many topics single clients may
/// introduce.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub struct SequencerSnapshot {
    next: Position,
    topics: Vec<TopicSnapshot>,
    facts: FactsSnapshot,
    liveness: LivenessSnapshot,
    publishers: PublishersSnapshot,
    /// `None` if the sequencer keeps no candles.
    outages: Option<OutagesSnapshot>,
}

#[derive(Debug, Clone, PartialEq, Encode, Decode)]
struct TopicSnapshot {
    name: Topic,
    unit: Option<Arc<str>>,
    seq: Seq,
}

impl SequencerSnapshot {
    /// The position of the newest update.
    pub fn position(&self) -> Position {
        self.next - 1
    }
}

impl Sequencer {
    /// What it decides by. All strips must have been taken.
    pub fn snapshot(&self) -> SequencerSnapshot {
        debug_assert!(self.open.is_empty());
        let topics = self.topics.iter().map(|(name, known)| TopicSnapshot {
            name: name.clone(),
            unit: known.unit.clone(),
            seq: known.seq,
        });
        SequencerSnapshot {
            next: self.open.next(),
            topics: topics.collect(),
            facts: self.facts.snapshot(),
            liveness: self.liveness.snapshot(),
            publishers: self.publishers.snapshot(),
            outages: self.long_history.outages(),
        }
    }

    /// Goes on as another one would, that had the same settings. To be called before the first
    /// [`push`](Self::push).
    pub fn resume(&mut self, snapshot: &SequencerSnapshot, now: Now) {
        for topic in &snapshot.topics {
            let (name, unit) = (topic.name.clone(), topic.unit.clone());
            self.topics.restore(name, unit, topic.seq);
        }
        self.facts.resume(&snapshot.facts);
        let names = snapshot.topics.iter().map(|topic| &topic.name);
        self.liveness.resume(&snapshot.liveness, names, now);
        self.publishers.resume(&snapshot.publishers);
        let has_all = self.remembered == snapshot.position();
        self.long_history
            .resume(snapshot.outages.as_ref(), has_all, now.wall_ns);
        self.open = StripBuilder::new(snapshot.next);
    }
}
