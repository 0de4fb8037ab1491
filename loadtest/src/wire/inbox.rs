//! Turns the bytes of a connection into whole messages. Pure.

use super::websocket::{Opcode, WebSocketError, parse_frame};

/// An unfinished frame waits in a buffer of its own. A buffer that grew beyond this for a large
/// message is freed afterwards: thousands of connections must not each keep a large one.
const KEPT_BYTES: usize = 16 * 1024;

/// Bytes that one connection has received and that are not a whole message yet.
#[derive(Debug, Default)]
pub struct Inbox {
    partial: Vec<u8>,
    /// The fragments of a message so far.
    message: Vec<u8>,
}

/// Why no more messages are handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxError<E> {
    /// The server violates RFC 6455.
    WebSocket(WebSocketError),
    /// The handler returned an error.
    Handler(E),
}

impl<E> From<WebSocketError> for InboxError<E> {
    fn from(error: WebSocketError) -> Self {
        Self::WebSocket(error)
    }
}

impl Inbox {
    /// Keeps bytes that are not frames yet (a handshake's). Returns all that were kept so far.
    pub fn keep(&mut self, bytes: &[u8]) -> &[u8] {
        self.partial.extend_from_slice(bytes);
        &self.partial
    }

    /// Drops the first `len` of the kept bytes and returns the rest.
    pub fn split_off(&mut self, len: usize) -> Vec<u8> {
        let rest = self.partial.split_off(len);
        self.partial = Vec::new();
        rest
    }

    /// Takes the next bytes, and hands out the messages and control frames that are complete.
    /// Payloads are not copied if they lie in one piece. A message may have at most `max_bytes`.
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

    /// Handles the whole frames at the start of `bytes`, and returns their length.
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
        fn messages_come_out_whole_wherever_the_bytes_are_cut(
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
    fn a_message_is_refused_if_its_fragments_are_too_long_together() {
        let mut inbox = Inbox::default();
        let mut bytes = frame(false, 2, &[0; 60]);
        bytes.extend(frame(true, 0, &[0; 60]));
        let refused = inbox.feed(&bytes, 100, &mut |_, _| Ok::<_, ()>(()));
        let too_long = InboxError::WebSocket(WebSocketError::TooLong(120));
        assert_eq!(refused, Err(too_long));
    }
}
