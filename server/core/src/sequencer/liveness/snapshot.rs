//! What is known of the status of all topics, as data.

use std::{cmp::Reverse, time::Duration};

use bincode::{Decode, Encode};
use tickcast_protocol::{message::TopicId, topic::Topic};

use super::{Liveness, Tracked};
use crate::now::Now;

/// What a [`Liveness`] knows besides its rules.
#[derive(Debug, Clone, PartialEq, Encode, Decode)]
pub(in crate::sequencer) struct LivenessSnapshot {
    topics: Vec<Tracked>,
    /// The wills that apply, by the index of their rule and the levels that its wildcards stand
    /// for.
    over: Vec<(u16, String)>,
    due: Vec<(Duration, TopicId)>,
}

impl Liveness {
    /// What it knows. All changes must have been taken.
    pub(in crate::sequencer) fn snapshot(&self) -> LivenessSnapshot {
        debug_assert!(self.changes.is_empty());
        let wills = (0..).zip(&self.wills);
        let over = wills.flat_map(|(index, will)| {
            let reaches = will.reaches.iter().filter(|(_, reach)| reach.is_over);
            reaches.map(move |(levels, _)| (index, levels.clone()))
        });
        let mut over: Vec<_> = over.collect();
        over.sort_unstable();
        let mut due: Vec<_> = self.due.iter().map(|&Reverse(entry)| entry).collect();
        due.sort_unstable();
        LivenessSnapshot {
            topics: self.topics.iter().cloned().collect(),
            over,
            due,
        }
    }

    /// Goes on with what another one knew, that had the same rules. It must know no topic yet.
    pub(in crate::sequencer) fn resume<'t>(
        &mut self,
        snapshot: &LivenessSnapshot,
        names: impl Iterator<Item = &'t Topic>,
        now: Now,
    ) {
        for (index, levels) in &snapshot.over {
            if let Some(will) = self.wills.get_mut(usize::from(*index)) {
                will.reaches.entry(levels.clone()).or_default().is_over = true;
            }
        }
        for (id, (name, tracked)) in names.zip(&snapshot.topics).enumerate() {
            self.add(name, now);
            self.counts[self.topics[id].status as usize] -= 1;
            self.counts[tracked.status as usize] += 1;
            self.topics[id] = tracked.clone();
        }
        self.due
            .extend(snapshot.due.iter().map(|&entry| Reverse(entry)));
    }
}
