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
