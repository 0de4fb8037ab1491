//! What a log holds as lines of a recording, which the replay feed, the monitor and the load tester
//! read.

use tickcast_protocol::{
    codec::{self, CodecError},
    message::TopicInfo,
    recording::RecordedLine,
};

use crate::read::Entry;

impl Entry<'_> {
    /// The topic of an update or a status.
    pub fn info(&self) -> Option<&TopicInfo> {
        match self {
            Self::Update { info, .. } | Self::Status { info, .. } => Some(info),
            Self::Publish(_) | Self::Missing { .. } | Self::Flaw { .. } => None,
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
                let (topic, unit) = (info.topic.clone(), info.unit.clone());
                Some(update.map(|update| RecordedLine::of_update(topic, update, unit, true)))
            }
            Self::Status { change, info, .. } => Some(Ok(RecordedLine::of_status(
                info.topic.clone(),
                change.status,
                change.since_ns,
                true,
            ))),
            Self::Publish(_) | Self::Missing { .. } | Self::Flaw { .. } => None,
        }
    }
}
