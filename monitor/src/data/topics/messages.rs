//! The last messages of a topic that is inspected.

use std::collections::VecDeque;

use tickcast_protocol::{
    message::{Position, Quality, Seq, TimeNs, Update},
    topic::Topic,
    value::Value,
};

/// The most messages of a topic.
pub(crate) const MESSAGES_MAX: usize = 500;

/// The most bytes of their payloads: some pictures of a camera.
const BYTES_MAX: usize = 8 * 1024 * 1024;

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Message {
    pub(crate) position: Position,
    pub(crate) seq: Seq,
    /// When it was put on the tape.
    pub(crate) time_ns: TimeNs,
    /// When it happened, by the source's clock.
    pub(crate) source_ns: Option<TimeNs>,
    pub(crate) quality: Quality,
    pub(crate) value: Value,
}

/// The last messages of a topic, oldest first.
#[derive(Debug, Clone, Default)]
pub(crate) struct MessageLog {
    messages: VecDeque<Message>,
    bytes: usize,
    dropped: u64,
}

impl Message {
    pub(super) fn of(update: &Update<Topic>) -> Self {
        Self {
            position: update.position,
            seq: update.seq,
            time_ns: update.ingest_time_ns,
            source_ns: update.source_time_ns,
            quality: update.quality,
            value: update.value.clone(),
        }
    }

    /// The length of its payload.
    pub(crate) fn bytes(&self) -> usize {
        match &self.value {
            Value::Text(text) | Value::Absent(text) => text.len(),
            Value::Bytes(bytes) => bytes.len(),
            _ => 0,
        }
    }
}

impl MessageLog {
    /// Adds a message that is newer than all others. One that is known is not added again.
    pub(crate) fn push(&mut self, message: Message) {
        if let Some(last) = self.messages.back()
            && last.position >= message.position
        {
            return;
        }
        self.bytes += message.bytes();
        self.messages.push_back(message);
        while self.messages.len() > MESSAGES_MAX
            || (self.bytes > BYTES_MAX && self.messages.len() > 1)
        {
            if let Some(oldest) = self.messages.pop_front() {
                self.bytes -= oldest.bytes();
                self.dropped += 1;
            }
        }
    }

    /// Adds older messages, ascending, as far as there is room for them.
    pub(crate) fn fill(&mut self, older: impl DoubleEndedIterator<Item = Message>) {
        let first = self.messages.front().map(|message| message.position);
        for message in older.rev() {
            if first.is_some_and(|first| message.position >= first) {
                continue;
            }
            let bytes = message.bytes();
            if self.messages.len() == MESSAGES_MAX || self.bytes + bytes > BYTES_MAX {
                break;
            }
            self.bytes += bytes;
            self.messages.push_front(message);
        }
    }

    /// Positions start again: the messages so far stay before all that come.
    pub(crate) fn epoch_changed(&mut self) {
        for message in &mut self.messages {
            message.position = 0;
        }
    }

    /// The messages, oldest first.
    pub(crate) fn iter(
        &self,
    ) -> impl DoubleEndedIterator<Item = &Message> + ExactSizeIterator + Clone {
        self.messages.iter()
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.messages.len()
    }

    /// A message by its place, oldest first.
    pub(crate) fn get(&self, at: usize) -> Option<&Message> {
        self.messages.get(at)
    }

    /// How many were dropped to stay within the bounds.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(position: Position, bytes: usize) -> Message {
        Message {
            position,
            seq: position,
            time_ns: 0,
            source_ns: None,
            quality: Quality::Live,
            value: Value::Bytes(vec![0; bytes]),
        }
    }

    fn positions(log: &MessageLog) -> Vec<Position> {
        log.iter().map(|message| message.position).collect()
    }

    #[test]
    fn the_last_messages_are_kept_within_both_bounds() {
        let mut log = MessageLog::default();
        for position in 1..=MESSAGES_MAX as u64 + 5 {
            log.push(message(position, 1));
        }
        log.push(message(3, 1));
        assert_eq!((log.len(), log.dropped()), (MESSAGES_MAX, 5));
        log.push(message(1_000, BYTES_MAX));
        assert_eq!(positions(&log), [1_000]);
        log.push(message(1_001, BYTES_MAX + 1));
        assert_eq!(positions(&log), [1_001], "the newest is always kept");
    }

    #[test]
    fn older_messages_are_filled_in_before_the_others() {
        let mut log = MessageLog::default();
        log.push(message(10, 1));
        log.fill([4, 6, 10].map(|position| message(position, 1)).into_iter());
        log.fill([1, 2].map(|position| message(position, 1)).into_iter());
        assert_eq!(positions(&log), [1, 2, 4, 6, 10]);
        log.epoch_changed();
        log.push(message(1, 1));
        assert_eq!(positions(&log), [0, 0, 0, 0, 0, 1]);
    }
}
