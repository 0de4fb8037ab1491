//! Publishes that are on the tape once are in the log with their updates.

use std::sync::Arc;

use tickcast_core::{
    tape::{PublishedOnce, Strip, StripBuilder},
    work::Once,
};
use tickcast_log::testing::MemoryDisk;
use tickcast_protocol::{
    message::{Position, Quality, TopicInfo, Update},
    topic::Topic,
    value::Value,
};

use crate::support::{held, open, opening};

/// A strip of some updates and publishes, all of which end at its last update.
fn strip(first: Position, updates: u64, numbers: &[u64]) -> Arc<Strip> {
    let mut strip = StripBuilder::new(first);
    if first == 1 && updates > 0 {
        strip.introduce(TopicInfo {
            id: 0,
            topic: Topic::new("plant/0").unwrap(),
            unit: None,
            name: None,
            state_class: None,
        });
    }
    for position in first..first + updates {
        strip.push(&Update {
            topic: 0,
            position,
            seq: position,
            source_time_ns: None,
            ingest_time_ns: 5,
            quality: Quality::Live,
            value: Value::Reading(1.0),
        });
    }
    for publish in publishes(first + updates - 1, numbers) {
        strip.publish_once(publish);
    }
    Arc::new(strip.build())
}

fn publishes(position: Position, numbers: &[u64]) -> Vec<PublishedOnce> {
    let publish = |number: &u64| PublishedOnce {
        once: Once {
            publisher: u64::MAX - 1,
            number: *number,
        },
        position,
    };
    numbers.iter().map(publish).collect()
}

#[test]
fn publishes_are_there_again_after_the_end_and_after_a_torn_strip() {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let strips = [
        strip(1, 0, &[1]),
        strip(1, 2, &[2, 3]),
        strip(3, 1, &[]),
        strip(4, 1, &[u64::MAX]),
    ];
    log.write(&strips, 9).unwrap();
    drop(log);
    let mut expected = publishes(0, &[1]);
    expected.extend(publishes(2, &[2, 3]));
    let mut all = expected.clone();
    all.extend(publishes(4, &[u64::MAX]));
    let whole = held(&disk);
    assert_eq!((whole.publishes, whole.updates.len()), (all, 4));

    // The last record is not whole: it goes with its publishes.
    let (name, mut bytes) = disk.files().into_iter().next().unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[end] = 0;
    disk.set(&name, bytes);
    let (log, recovery) = open(&disk, opening(1, 10));
    assert!(recovery.cut.is_some());
    assert_eq!(log.next(), 4);
    drop(log);
    let held = held(&disk);
    assert_eq!((held.publishes, held.updates.len()), (expected, 3));
}
