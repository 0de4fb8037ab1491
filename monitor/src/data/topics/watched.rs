//! What is kept of a topic while it is charted, inspected or a sparkline.

use tickcast_protocol::{
    message::{Status, TimeNs, Update},
    topic::Topic,
};

use super::{
    messages::{Message, MessageLog},
    states::{StateHistory, StatusHistory},
};
use crate::data::{history::SeriesBySource, long_history::TopicLongHistory};

/// What is kept of a topic while it is charted, inspected or a sparkline.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched {
    pub(crate) states: StateHistory,
    pub(crate) statuses: StatusHistory,
    pub(crate) long: TopicLongHistory,
    /// Only while charts show source times.
    pub(crate) by_source: Option<SeriesBySource>,
    /// Only while it is inspected.
    pub(crate) messages: Option<MessageLog>,
}

impl Watched {
    /// An update came.
    pub(super) fn update(&mut self, update: &Update<Topic>) {
        self.states.push(update.ingest_time_ns, &update.value);
        if let Some(messages) = &mut self.messages {
            messages.push(Message::of(update));
        }
    }

    /// A page of history came.
    pub(super) fn fill(&mut self, updates: &[Update<Topic>]) {
        let values = updates.iter();
        self.states
            .fill(values.map(|update| (update.ingest_time_ns, &update.value)));
        if let Some(messages) = &mut self.messages {
            messages.fill(updates.iter().map(Message::of));
        }
    }

    /// The status is this one now.
    pub(super) fn status(&mut self, since_ns: TimeNs, status: Status) {
        self.statuses.push(since_ns, status);
    }

    /// Positions and seqs start again.
    pub(super) fn epoch_changed(&mut self) {
        self.long.epoch_changed();
        if let Some(messages) = &mut self.messages {
            messages.epoch_changed();
        }
    }
}
