//! What a log holds as lines of a recording, which the replay feed, the monitor and the load tester
//! read.

use tickcast_protocol::{
    codec::{self, CodecError},
    message::{Quality, TopicInfo},
    recording::RecordedLine,
};

use crate::read::Entry;

impl Entry<'_> {
    /// The topic of an update or a status.
    pub fn info(&self) -> Option<&TopicInfo> {
        match self {
            Self::Update { info, .. } | Self::Status { info, .. } => Some(info),
            Self::Missing { .. } | Self::Flaw { .. } => None,
        }
    }

    /// An update or a status as a line; `None` if it is neither.
    ///
    /// # Errors
    ///
    /// If the update's bytes are not those of an update.
    pub fn recorded(&self) -> Option<Result<RecordedLine, CodecError>> {
        match self {
            Self::Update { bytes, info, .. } => {
                let update = codec::decode_update_bincode(bytes);
                Some(update.map(|update| RecordedLine {
                    topic: info.topic.clone(),
                    time: update.ingest_time_ns,
                    seq: update.seq,
                    every: true,
                    unit: info.unit.clone(),
                    quality: update.quality,
                    source_time: update.source_time_ns,
                    value: Some(update.value),
                    status: None,
                }))
            }
            Self::Status { change, info, .. } => Some(Ok(RecordedLine {
                topic: info.topic.clone(),
                time: change.since_ns,
                seq: 0,
                every: true,
                unit: None,
                quality: Quality::Live,
                source_time: None,
                value: None,
                status: Some(change.status),
            })),
            Self::Missing { .. } | Self::Flaw { .. } => None,
        }
    }
}
