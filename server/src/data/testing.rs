//! Logs for the tests of this room and of those that ask it.

use std::{path::Path, sync::Arc};

use tickcast_core::tape::{Strip, StripBuilder};
use tickcast_log::{Folder, GoesOn, Log, LogSettings, Opening};
use tickcast_protocol::{
    message::{Epoch, Position, Quality, TopicInfo, Update},
    topic::Topic,
    value::Value,
};

/// Opens the log of a folder.
pub(crate) fn open_log(path: &Path, settings: LogSettings) -> Log<Folder> {
    let opening = Opening {
        boot_id: [1; 16],
        goes_on: GoesOn::IfWhole,
        new_epoch: Epoch(7),
        now_ns: 0,
    };
    let folder = Folder::lock(path).unwrap();
    Log::open(folder, settings, opening).unwrap().0
}

/// Updates of the topic `a`, each of a second. The first one is at the position of its second.
pub(crate) fn strip(first: Position, count: u64) -> Arc<Strip> {
    let mut builder = StripBuilder::new(first);
    if first == 1 {
        builder.introduce(TopicInfo::new(0, Topic::new("a").unwrap()));
    }
    for position in first..first + count {
        builder.push(&Update {
            topic: 0,
            position,
            seq: position,
            source_time_ns: None,
            ingest_time_ns: position as i64 * 1_000_000_000,
            quality: Quality::Live,
            value: Value::Reading(1.0),
        });
    }
    Arc::new(builder.build())
}

/// Writes a log of some updates.
pub(crate) fn write_log(path: &Path, updates: u64) {
    const STRIP_MAX: u64 = 1_000;
    let mut log = open_log(path, LogSettings::default());
    while log.next() <= updates {
        let left = updates + 1 - log.next();
        let strip = strip(log.next(), left.min(STRIP_MAX));
        log.write(&[strip], 0).unwrap();
    }
}
