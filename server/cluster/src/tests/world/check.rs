//! What must hold when nothing fails any more.

use std::collections::{BTreeMap, BTreeSet};

use tickcast_protocol::{codec::decode_update_bincode, value::Value};

use super::{Loss, Place, World};
use crate::Delivered;

impl World {
    pub(crate) fn check(&self) {
        let books: Vec<_> = self
            .places
            .iter()
            .map(|place| place.node.replica().book())
            .collect();
        for (index, place) in self.places.iter().enumerate() {
            assert!(place.node.is_member(), "node {index} is a member");
            assert!(place.node.is_idle(), "all work of node {index} is written");
            assert!(place.ordered.is_empty(), "node {index} was told");
            for (feed, runs) in place.runs.iter().enumerate() {
                let owner = books[index].feeds().owner(feed as u16);
                assert_eq!(*runs, owner == Some(place.node.id()), "{index} {feed}");
            }
        }
        for book in &books {
            assert_eq!(book, &books[0]);
            assert_eq!(book.members().len(), self.places.len(), "no ghost is left");
            assert!(book.feeds().all().all(|(_, owner)| owner.is_some()));
        }
        let first = self.places[0].node.replica();
        for place in &self.places {
            let replica = place.node.replica();
            assert_eq!(replica.newest(), first.newest());
            assert_eq!(replica.last_words(), first.last_words());
        }
        let lineage = books[0].lineage().unwrap();
        for Loss { epoch, kept } in &self.losses {
            let told = lineage.kept(*epoch);
            assert!(
                told.is_none_or(|told| told <= *kept),
                "{epoch}: {told:?} {kept}"
            );
        }
        self.check_updates();
    }

    /// What is on the tape, as a node that comes later reads it.
    fn check_updates(&self) {
        let mut place = Place::new(99, 0, None, None);
        let mut values: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        let mut names = Vec::new();
        let mut next = 1;
        let mut time_ns = 0;
        for (sequence, stored) in (1..).zip(&self.stream) {
            let delivered = Delivered {
                sequence,
                time_ns: stored.time_ns,
                bytes: &stored.bytes,
            };
            let read = place.node.read(delivered, self.now).unwrap();
            let last = place.node.replica().chain().last();
            assert_eq!(last.digest, self.made[sequence as usize - 1].0);
            for strip in read.strips {
                for info in strip.topics() {
                    if info.id as usize == names.len() {
                        names.push(info.topic.to_string());
                    }
                }
                for update in strip.updates() {
                    assert_eq!(update.position, next);
                    next += 1;
                    let decoded = decode_update_bincode(update.bincode).unwrap();
                    assert!(time_ns <= decoded.ingest_time_ns, "time goes back");
                    time_ns = decoded.ingest_time_ns;
                    let name = names[update.topic as usize].clone();
                    if let Value::Reading(value) = decoded.value {
                        values.entry(name).or_default().push(value as u64);
                    }
                }
            }
        }
        for (topic, values) in &values {
            if self.is_shortened && topic.starts_with("once/") {
                // What the stream has lost may be sent again after what came later.
                let distinct: BTreeSet<_> = values.iter().collect();
                assert_eq!(distinct.len(), values.len(), "{topic}: {values:?}");
                continue;
            }
            // A node writes in order, and two nodes never run a feed at once.
            assert!(values.is_sorted_by(|a, b| a < b), "{topic}: {values:?}");
        }
        let all: BTreeSet<u64> = values.into_values().flatten().collect();
        for place in &self.places {
            for (value, position) in &place.acked {
                let is_there = all.contains(value);
                assert!(
                    is_there || self.lost.contains(value),
                    "{value} was acknowledged at {position}"
                );
            }
        }
    }
}
