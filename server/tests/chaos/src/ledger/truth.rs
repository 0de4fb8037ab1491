//! The tape as all subscribers and publishers together know it.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::message::Update;

/// Findings that are kept; further ones are only counted.
const FINDINGS_MAX: usize = 50;

/// Everything that is known of every epoch.
#[derive(Debug, Default)]
pub struct Truth {
    epochs: HashMap<String, Epoch>,
    findings: Vec<String>,
    findings_count: u64,
}

/// What a run saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Epochs.
    pub epochs: usize,
    /// Updates that at least one subscriber got.
    pub updates: u64,
    /// Updates that were acknowledged to their publisher.
    pub acknowledged: u64,
    /// Acknowledged updates that no subscriber got: the server ended, or all were in a gap.
    pub unseen: u64,
}

#[derive(Debug, Default)]
struct Epoch {
    /// The fingerprint of each position's content.
    contents: HashMap<u64, u64>,
    /// The position of each topic's seqs.
    seqs: HashMap<(String, u64), u64>,
    /// The position of each value that was published only once.
    unique: HashMap<String, u64>,
    /// The newest position of each topic.
    newest: HashMap<String, u64>,
    acknowledged: HashMap<u64, String>,
}

impl Truth {
    /// Notes an update that a subscriber got.
    pub fn deliver(&mut self, epoch: &str, update: &Update) {
        let mut hasher = DefaultHasher::new();
        update.hash_content(&mut hasher);
        let content = hasher.finish();
        let Update {
            ref topic,
            position,
            seq,
            ..
        } = *update;
        let known = self.epochs.entry(epoch.to_owned()).or_default();
        match known.contents.entry(position) {
            Entry::Occupied(entry) if *entry.get() == content => return,
            Entry::Occupied(_) => {
                let finding = format!("epoch {epoch}: two contents at {position}: {update:?}");
                return self.find(finding);
            }
            Entry::Vacant(entry) => entry.insert(content),
        };
        let mut contradictions = Vec::new();
        if let Some(other) = known.seqs.insert((topic.clone(), seq), position) {
            contradictions.push(format!("{topic} has seq {seq} at {other} and {position}"));
        }
        if let Some(text) = unique_text(update)
            && let Some(other) = known.unique.insert(text.clone(), position)
        {
            contradictions.push(format!("{text} is doubled, at {other} and {position}"));
        }
        let newest = known.newest.entry(topic.clone()).or_default();
        *newest = position.max(*newest);
        for finding in contradictions {
            self.find(format!("epoch {epoch}: {finding}"));
        }
    }

    /// Notes that a publisher's update is on the tape.
    pub fn acknowledge(&mut self, epoch: &str, position: u64, value: String) {
        let known = self.epochs.entry(epoch.to_owned()).or_default();
        if let Some(other) = known.acknowledged.insert(position, value.clone()) {
            self.find(format!(
                "epoch {epoch}: {position} was acknowledged for {other} and {value}"
            ));
        }
    }

    /// Notes a contradiction.
    pub fn find(&mut self, finding: String) {
        self.findings_count += 1;
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// The newest position of each topic in an epoch.
    pub fn newest(&self, epoch: &str) -> HashMap<String, u64> {
        let known = self.epochs.get(epoch);
        known.map(|known| known.newest.clone()).unwrap_or_default()
    }

    /// Compares acknowledgements with the tape. Returns all findings and the counts.
    pub fn conclude(mut self) -> (Vec<String>, u64, Counts) {
        let mut counts = Counts::default();
        let epochs = std::mem::take(&mut self.epochs);
        for (epoch, known) in epochs {
            counts.epochs += 1;
            counts.updates += known.contents.len() as u64;
            for (position, value) in known.acknowledged {
                counts.acknowledged += 1;
                match (known.unique.get(&value), known.contents.get(&position)) {
                    (Some(&at), _) if at == position => {}
                    (None, None) => counts.unseen += 1,
                    (at, _) => self.find(format!(
                        "epoch {epoch}: {value} was acknowledged at {position}, but is at {at:?}"
                    )),
                }
            }
        }
        (self.findings, self.findings_count, counts)
    }
}

/// The text of a value that its publisher never repeats.
fn unique_text(update: &Update) -> Option<String> {
    let text = update.content.strip_prefix("{\"text\":\"unique ")?;
    let (number, _) = text.split_once('"')?;
    Some(format!("unique {number}"))
}

impl Update {
    fn hash_content(&self, hasher: &mut impl Hasher) {
        (&self.topic, self.seq, &self.content).hash(hasher);
    }
}
