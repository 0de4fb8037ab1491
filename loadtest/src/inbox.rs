//! Bytes of a connection to whole messages. Pure.

use crate::websocket::{Opcode, WebSocketError, parse_frame};

/// What a frame left unfinished is kept in a buffer of its own. One that grew beyond this for a
/// large message is given back afterwards: thousands of connections must not each keep a large one.
const KEPT_BYTES: usize = 16 * 1024;

/// What one connection has received but not understood yet.
#[derive(Debug, Default)]
pub struct Inbox {
    partial: Vec<u8>,
    /// A message in fragments.
    message: Vec<u8>,
}

/// Why to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxError<E> {
    /// The server breaks RFC 6455.
    WebSocket(WebSocketError),
    /// The one who gets the messages wants no more.
    Handler(E),
}

impl<E> From<WebSocketError> for InboxError<E> {
    fn from(error: WebSocketError) -> Self {
        Self::WebSocket(error)
    }
}

impl Inbox {
    /// Takes bytes that are not frames yet: all that came so far.
    pub fn keep(&mut self, bytes: &[u8]) -> &[u8] {
        self.partial.extend_from_slice(bytes);
        &self.partial
    }

    /// Forgets the first `len` bytes and hands out the rest.
    pub fn split_off(&mut self, len: usize) -> Vec<u8> {
        let rest = self.partial.split_off(len);
        self.partial = Vec::new();
        rest
    }

    /// Forgets everything, for a new connection.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes the next bytes and hands out the messages and control frames that are complete, where
    /// they lie if they lie in one piece. A message may have `max_bytes`.
    pub fn feed<E>(
        &mut self,
        bytes: &[u8],
        max_bytes: usize,
        handle: &mut impl FnMut(Opcode, &[u8]) -> Result<(), E>,
    ) -> Result<(), InboxError<E>> {
        if self.partial.is_empty() {
            let used = self.frames(bytes, max_bytes, handle)?;
            self.partial.extend_from_slice(&bytes[used..]);
            return Ok(());
        }
        let mut partial = std::mem::take(&mut self.partial);
        partial.extend_from_slice(bytes);
        let used = self.frames(&partial, max_bytes, handle)?;
        partial.drain(..used);
        if partial.capacity() <= KEPT_BYTES || !partial.is_empty() {
            self.partial = partial;
        }
        Ok(())
    }

    /// Handles the whole frames at the start of `bytes` and says how long they are.
    fn frames<E>(
        &mut self,
        bytes: &[u8],
        max_bytes: usize,
        handle: &mut impl FnMut(Opcode, &[u8]) -> Result<(), E>,
    ) -> Result<usize, InboxError<E>> {
        let mut used = 0;
        while let Some(frame) = parse_frame(&bytes[used..], max_bytes)? {
            let payload = &bytes[used..][frame.payload.clone()];
            used += frame.payload.end;
            let is_fragment = !frame.fin || frame.opcode == Opcode::Continuation;
            if !is_fragment {
                handle(frame.opcode, payload).map_err(InboxError::Handler)?;
                continue;
            }
            self.message.extend_from_slice(payload);
            if self.message.len() > max_bytes {
                return Err(WebSocketError::TooLong(self.message.len() as u64).into());
            }
            if frame.fin {
                let message = std::mem::take(&mut self.message);
                handle(Opcode::Continuation, &message).map_err(InboxError::Handler)?;
            }
        }
        Ok(used)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A server's frame: short ones only.
    fn frame(fin: bool, opcode: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![u8::from(fin) << 7 | opcode, payload.len() as u8];
        frame.extend_from_slice(payload);
        frame
    }

    proptest! {
        #[test]
        fn messages_come_out_whole_however_the_bytes_are_cut(
            messages in proptest::collection::vec(
                (proptest::collection::vec(any::<u8>(), 0..100), 0usize..3),
                1..8,
            ),
            cuts in proptest::collection::vec(1usize..40, 1..40),
        ) {
            let mut bytes = Vec::new();
            for (message, fragments) in &messages {
                if *fragments == 0 {
                    bytes.extend(frame(true, 2, message));
                } else {
                    let middle = message.len() / 2;
                    bytes.extend(frame(false, 2, &message[..middle]));
                    bytes.extend(frame(true, 9, b"ping"));
                    bytes.extend(frame(true, 0, &message[middle..]));
                }
            }
            let mut inbox = Inbox::default();
            let mut found = Vec::new();
            let mut handle = |opcode: Opcode, payload: &[u8]| {
                if opcode != Opcode::Ping {
                    found.push(payload.to_vec());
                }
                Ok::<_, ()>(())
            };
            let mut rest = &bytes[..];
            for cut in cuts.iter().cycle() {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                inbox.feed(now, 1 << 20, &mut handle).unwrap();
                rest = later;
                if rest.is_empty() {
                    break;
                }
            }
            let sent: Vec<_> = messages.into_iter().map(|(message, _)| message).collect();
            prop_assert_eq!(found, sent);
        }
    }

    #[test]
    fn a_message_whose_fragments_are_too_long_together_is_refused() {
        let mut inbox = Inbox::default();
        let mut bytes = frame(false, 2, &[0; 60]);
        bytes.extend(frame(true, 0, &[0; 60]));
        let refused = inbox.feed(&bytes, 100, &mut |_, _| Ok::<_, ()>(()));
        let too_long = InboxError::WebSocket(WebSocketError::TooLong(120));
        assert_eq!(refused, Err(too_long));
    }
}
