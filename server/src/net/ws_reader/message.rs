//! A message that has begun: its bytes, and whether they are UTF-8 so far.

use tokio::time::Instant;

use super::{budget::Lease, inbound::Violation};

/// Bytes of a message that every connection may hold without asking the budget: as many as the
/// longest message of a subscriber has.
const FREE_BYTES: usize = 64 * 1024;

/// A message whose last byte has not arrived yet.
#[derive(Debug)]
pub(super) struct PartialMessage {
    pub is_text: bool,
    pub bytes: Vec<u8>,
    /// Number of the bytes that are complete characters, if it is a text.
    checked: usize,
    /// When the message has to be complete. Set when the reader has to wait for the rest.
    pub deadline: Option<Instant>,
}

impl PartialMessage {
    pub(super) fn new(is_text: bool) -> Self {
        Self {
            is_text,
            bytes: Vec::new(),
            checked: 0,
            deadline: None,
        }
    }

    /// Makes room for more bytes. Doubles the memory each time, up to the longest message.
    pub(super) fn reserve(
        &mut self,
        more: usize,
        message_max_bytes: usize,
        lease: Option<&mut Lease>,
    ) -> Result<(), Violation> {
        let (len, held) = (self.bytes.len(), self.bytes.capacity());
        if len + more <= held {
            return Ok(());
        }
        let capacity = (2 * held).min(message_max_bytes).max(len + more);
        if let Some(lease) = lease
            && !lease.resize(capacity.saturating_sub(FREE_BYTES))
        {
            return Err(Violation::NO_MEMORY);
        }
        self.bytes.reserve_exact(capacity - len);
        Ok(())
    }

    /// Refuses a text at its first byte that cannot be UTF-8 (RFC 6455, section 8.1). `is_complete`
    /// tells whether the last byte has arrived.
    pub(super) fn check_text(&mut self, is_complete: bool) -> Result<(), Violation> {
        if !self.is_text {
            return Ok(());
        }
        match std::str::from_utf8(&self.bytes[self.checked..]) {
            Ok(_) => self.checked = self.bytes.len(),
            // The end of a character may follow.
            Err(error) if error.error_len().is_none() && !is_complete => {
                self.checked += error.valid_up_to();
            }
            Err(_) => return Err(Violation::NOT_UTF8),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ws_reader::Budget;

    #[test]
    fn the_memory_of_a_message_doubles_up_to_the_longest_message() {
        const MAX: usize = 1000;
        let mut message = PartialMessage::new(false);
        let mut capacities = vec![];
        for _ in 0..MAX {
            message.reserve(1, MAX, None).unwrap();
            message.bytes.push(7);
            capacities.push(message.bytes.capacity());
        }
        capacities.dedup();
        assert_eq!(capacities, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, MAX]);
    }

    #[test]
    fn a_message_has_the_memory_that_its_lease_was_asked_for() {
        let budget = Budget::new(FREE_BYTES);
        let mut lease = budget.lease();
        let mut message = PartialMessage::new(false);
        for (len, expected) in [(FREE_BYTES, 0), (FREE_BYTES + 1, FREE_BYTES)] {
            let more = len - message.bytes.len();
            message.reserve(more, 1 << 30, Some(&mut lease)).unwrap();
            message.bytes.resize(len, 7);
            assert_eq!(message.bytes.capacity(), FREE_BYTES + expected);
        }
        let more = FREE_BYTES;
        let refused = message.reserve(more, 1 << 30, Some(&mut lease));
        assert_eq!(refused, Err(Violation::NO_MEMORY));
    }

    #[test]
    fn no_character_of_a_text_is_checked_twice() {
        let mut message = PartialMessage::new(true);
        let text = "aäb€c".as_bytes();
        for (len, expected) in [
            (1, 1),
            (2, 1),
            (3, 3),
            (4, 4),
            (5, 4),
            (6, 4),
            (7, 7),
            (8, 8),
        ] {
            message.bytes = text[..len].to_vec();
            message.check_text(len == text.len()).unwrap();
            assert_eq!(message.checked, expected, "{len}");
        }
    }
}
