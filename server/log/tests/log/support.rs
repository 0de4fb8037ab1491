//! Strips, and what is in a log.

use std::{collections::BTreeMap, sync::Arc};

use tickcast_core::tape::{PublishedOnce, StatusChange, Strip, StripBuilder};
use tickcast_log::{
    Disk, Entry, GoesOn, Log, LogSettings, Opening, Range, Recovery, Topics, read,
    testing::MemoryDisk,
};
use tickcast_protocol::{
    message::{Epoch, Position, Quality, Seq, Status, TopicInfo, Update},
    topic::Topic,
    value::Value,
};

/// Small segments, so that a short history has several.
pub(crate) const SETTINGS: LogSettings = LogSettings {
    segment_bytes: 4096,
    bytes_max: None,
    age_max_ns: None,
};

/// The opening of a server in a boot of the machine.
pub(crate) fn opening(boot: u8, epoch: u64) -> Opening {
    Opening {
        goes_on: GoesOn::IfWhole,
        boot_id: [boot; 16],
        new_epoch: Epoch(epoch),
        now_ns: 1_000,
    }
}

pub(crate) fn open(disk: &MemoryDisk, opening: Opening) -> (Log<MemoryDisk>, Recovery) {
    Log::open(disk.clone(), SETTINGS, opening).unwrap()
}

/// Makes strips as the sequencer does.
#[derive(Debug, Default, Clone)]
pub(crate) struct Source {
    topics: BTreeMap<u32, Seq>,
    time_ns: i64,
}

impl Source {
    /// Continues after what a log knows.
    pub(crate) fn after(topics: &Topics) -> Self {
        let topics = topics.list().iter();
        Self {
            topics: topics.map(|topic| (topic.info.id, topic.seq)).collect(),
            time_ns: 5_000,
        }
    }

    /// A strip of updates on some topics, with texts of a length.
    pub(crate) fn strip(&mut self, first: Position, updates: usize, text: usize) -> Arc<Strip> {
        let mut builder = StripBuilder::new(first);
        for index in 0..updates {
            let position = first + index as Position;
            let topic = (position % 7).min(self.topics.len() as u64) as u32;
            let seq = self.topics.entry(topic).or_insert_with(|| {
                let name = Topic::new(&format!("plant/{topic}")).unwrap();
                builder.introduce(TopicInfo {
                    unit: (topic == 1).then(|| "°C".to_owned()),
                    ..TopicInfo::new(topic, name)
                });
                0
            });
            *seq += 1;
            self.time_ns += 10;
            builder.push(&Update {
                topic,
                position,
                seq: *seq,
                source_time_ns: position.is_multiple_of(3).then_some(-5),
                ingest_time_ns: self.time_ns,
                quality: match position % 11 {
                    5 => Quality::Historical,
                    _ => Quality::Live,
                },
                value: Value::Text("x".repeat(text)),
            });
        }
        if first % 5 == 1 && self.topics.contains_key(&0) {
            builder.change_statuses([StatusChange {
                topic: 0,
                status: if first.is_multiple_of(2) {
                    Status::Dead
                } else {
                    Status::Live
                },
                since_ns: self.time_ns,
            }]);
        }
        Arc::new(builder.build())
    }
}

/// The updates of strips by position, as they are on the tape.
pub(crate) fn updates<'a>(
    strips: impl IntoIterator<Item = &'a Arc<Strip>>,
) -> Vec<(Position, Vec<u8>)> {
    let strips = strips.into_iter();
    let updates = strips.flat_map(|strip| strip.updates());
    updates
        .map(|update| (update.position, update.bincode.to_vec()))
        .collect()
}

/// What a log holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) updates: Vec<(Position, Vec<u8>)>,
    pub(crate) statuses: usize,
    pub(crate) publishes: Vec<PublishedOnce>,
    pub(crate) missing: Vec<(Position, Position)>,
    pub(crate) flaws: Vec<String>,
}

pub(crate) fn held(disk: &impl Disk) -> Held {
    held_in(disk, Range::ALL)
}

pub(crate) fn held_in(disk: &impl Disk, range: Range) -> Held {
    let mut held = Held::default();
    read(disk, range, |entry| match entry {
        Entry::Update { head, bytes, info } => {
            assert_eq!(info.topic.as_str(), format!("plant/{}", head.topic));
            assert_eq!(info.unit.as_deref(), (head.topic == 1).then_some("°C"));
            held.updates.push((head.position, bytes.to_vec()));
        }
        Entry::Status { .. } => held.statuses += 1,
        Entry::Publish(publish) => held.publishes.push(publish),
        Entry::Missing { first, end } => held.missing.push((first, end)),
        Entry::Flaw { name, offset, flaw } => {
            held.flaws.push(format!("{name} at {offset}: {flaw}"));
        }
    })
    .unwrap();
    held
}
