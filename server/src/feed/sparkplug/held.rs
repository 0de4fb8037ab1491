//! The sequence of a node's messages (section 6.4.5): which one is next, and those that came before
//! their turn.

use std::time::Duration;

use super::{
    bounds::{HELD_PER_NODE_MAX, REORDER_WINDOW},
    message::Message,
};

/// What is to be done with a message, by its place in the sequence.
#[derive(Debug)]
pub(super) enum Turn {
    /// It is the next one.
    Now(Message),
    /// It waits for the ones before it.
    Waits,
    /// It has been here before.
    Late(Message),
    /// It has no place: a number is 0 to 255.
    Invalid(Message),
}

/// The sequence of one node.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    /// The number of the next message.
    next: u8,
    /// Whether the node numbers its messages. Some do not.
    is_numbered: bool,
    /// Messages after a missing one, each with its distance from the next one.
    held: Vec<(u8, Message)>,
    held_bytes: usize,
    /// Since when one is missing.
    missing_since: Option<Duration>,
    /// When the newest message was sent, by the node's clock.
    newest_ms: Option<u64>,
}

impl Sequence {
    /// Begins again after the birth of a node. Returns the messages that waited: it is not known to
    /// which session they belong.
    pub(super) fn restart(&mut self, birth: &Message) -> Vec<Message> {
        let held = self.take_held();
        *self = Self {
            next: number(birth.seq()).unwrap_or_default().wrapping_add(1),
            is_numbered: birth.seq().is_some(),
            newest_ms: birth.sent_ms(),
            ..Self::default()
        };
        held.into_iter().map(|(_, message)| message).collect()
    }

    /// Finds the turn of a message.
    pub(super) fn take(&mut self, mut message: Message, now: Duration) -> Turn {
        if message.seq().is_none() && !self.is_numbered {
            return Turn::Now(message);
        }
        self.is_numbered = true;
        let Some(number) = number(message.seq()) else {
            return Turn::Invalid(message);
        };
        let distance = number.wrapping_sub(self.next);
        if distance == 0 {
            self.passed(&message);
            return Turn::Now(message);
        }
        let is_older = match (message.sent_ms(), self.newest_ms) {
            (Some(sent), Some(newest)) => sent <= newest,
            _ => false,
        };
        let is_before = distance >= 128 && is_older;
        if is_before || self.held.iter().any(|(at, _)| *at == distance) {
            return Turn::Late(message);
        }
        self.missing_since.get_or_insert(now);
        message.detach();
        self.held_bytes += message.len_bytes();
        self.held.push((distance, message));
        Turn::Waits
    }

    fn passed(&mut self, message: &Message) {
        self.next = self.next.wrapping_add(1);
        self.newest_ms = self.newest_ms.max(message.sent_ms());
        for (distance, _) in &mut self.held {
            // A message at distance 0 is taken before the next one comes.
            *distance = distance.wrapping_sub(1);
        }
    }

    /// A message that waited, if its turn has come.
    pub(super) fn release(&mut self) -> Option<Message> {
        let index = self.held.iter().position(|(distance, _)| *distance == 0)?;
        let (_, message) = self.held.swap_remove(index);
        self.held_bytes -= message.len_bytes();
        self.passed(&message);
        if self.held.is_empty() {
            self.missing_since = None;
        }
        Some(message)
    }

    /// Gives up what is missing. Returns the messages that waited, in order, each with whether one
    /// is missing before it.
    pub(super) fn give_up(&mut self) -> Vec<(bool, Message)> {
        let held = self.take_held();
        let start = self.next;
        let messages = held.into_iter().map(|(distance, message)| {
            let number = start.wrapping_add(distance);
            let is_after_gap = number != self.next;
            self.next = number.wrapping_add(1);
            self.newest_ms = self.newest_ms.max(message.sent_ms());
            (is_after_gap, message)
        });
        messages.collect()
    }

    fn take_held(&mut self) -> Vec<(u8, Message)> {
        self.held_bytes = 0;
        self.missing_since = None;
        let mut held = std::mem::take(&mut self.held);
        held.sort_unstable_by_key(|(distance, _)| *distance);
        held
    }

    /// When the missing message is given up.
    pub(super) fn due(&self) -> Option<Duration> {
        let since = self.missing_since?;
        match self.held.len() >= HELD_PER_NODE_MAX {
            true => Some(since),
            false => Some(since + REORDER_WINDOW),
        }
    }

    /// Bytes of the messages that wait.
    pub(super) fn held_bytes(&self) -> usize {
        self.held_bytes
    }
}

/// The number of a message. An encoder may leave 0 out.
fn number(seq: Option<u64>) -> Option<u8> {
    u8::try_from(seq.unwrap_or_default()).ok()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::feed::sparkplug::{address::Kind, payload::Payload};

    #[test]
    fn a_message_that_waits_keeps_no_other_bytes_of_its_buffer() {
        let buffer = Bytes::from(vec![7; 64 * 1024]);
        let metrics = vec![buffer.slice(10..20), buffer.slice(20..21)];
        let message = |seq| Message {
            origin: "spBv1.0/G/NDATA/E".into(),
            kind: Kind::Data,
            device: None,
            payload: Payload {
                metrics: metrics.clone(),
                body: Some(buffer.clone()),
                seq: Some(seq),
                ..Payload::default()
            },
        };
        let mut sequence = Sequence::default();
        assert!(matches!(
            sequence.take(message(2), Duration::ZERO),
            Turn::Waits
        ));
        // 11 bytes, and not 65,536, beside what each part costs.
        assert!((11..1000).contains(&sequence.held_bytes()));
        assert!(matches!(
            sequence.take(message(0), Duration::ZERO),
            Turn::Now(_)
        ));
        assert!(matches!(
            sequence.take(message(1), Duration::ZERO),
            Turn::Now(_)
        ));
        let message = sequence.release().unwrap();
        assert_eq!(message.payload.metrics, metrics);
        assert_eq!((message.payload.body, sequence.held_bytes()), (None, 0));
        drop(metrics);
        assert!(buffer.is_unique(), "something still shares the buffer");
    }
}
