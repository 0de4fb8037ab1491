//! Reads a client's WebSocket: checks its frames before they cost anything, and joins them to
//! messages.
//!
//! The files in reading order:
//!
//! * `inbound`: what the reader returns
//! * `headers`: which frames are accepted
//! * `budget`: memory that several connections share
//! * `message`: a message that has begun
//! * this file: [`MessageReader`], which reads bytes and makes messages of them
//!
//! This room knows no shard and no settings: a fuzz target runs it on any bytes.

mod budget;
mod headers;
mod inbound;
mod message;
#[cfg(test)]
mod tests;

use std::{
    future::poll_fn,
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use budget::Lease;
use bytes::{Buf, Bytes, BytesMut};
use fastwebsockets::unmask;
use headers::{Frame, FrameKind, Headers};
use message::PartialMessage;
use tokio::{
    io::{AsyncRead, ReadBuf},
    task::yield_now,
    time::{Instant, timeout_at},
};

pub(crate) use budget::Budget;
pub use inbound::{Inbound, InboundError, Violation};

/// Bytes requested from the kernel at once. A few requests fit, and the buffer is on the stack.
const READ_BYTES: usize = 4096;

/// Maximum number of bytes that are read before other tasks have their turn. The most expensive
/// bytes are those of empty fragments: the 45,000 of a turn take less than a millisecond.
const TURN_BYTES: usize = 256 * 1024;

/// Reads a client's messages.
#[derive(Debug)]
pub struct MessageReader<R> {
    stream: R,
    /// Bytes that were read but not used yet.
    pending: BytesMut,
    headers: Headers,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// The payload of a control frame.
    control: Vec<u8>,
    /// Boxed, because most clients are silent most of the time.
    message: Option<Box<PartialMessage>>,
    message_max_bytes: usize,
    message_timeout: Option<Duration>,
    lease: Option<Lease>,
    bytes_read: u64,
    /// Bytes read since other tasks had their turn.
    turn_bytes: usize,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    /// A reader of a stream whose first bytes, `read`, came with the handshake.
    pub fn new(stream: R, read: &Bytes, message_max_bytes: usize) -> Self {
        Self {
            stream,
            pending: BytesMut::from(&read[..]),
            headers: Headers::new(message_max_bytes),
            frame: None,
            control: Vec::new(),
            message: None,
            message_max_bytes,
            message_timeout: None,
            lease: None,
            bytes_read: 0,
            turn_bytes: 0,
        }
    }

    /// A message has to be complete within this time.
    pub fn with_message_timeout(self, timeout: Duration) -> Self {
        Self {
            message_timeout: Some(timeout),
            ..self
        }
    }

    /// Takes the memory for long messages from a budget. It is returned with the next call of
    /// [`next`](Self::next) after the message.
    pub(crate) fn with_budget(self, budget: &Arc<Budget>) -> Self {
        Self {
            lease: Some(budget.lease()),
            ..self
        }
    }

    /// Number of bytes read so far.
    pub(crate) fn bytes_read(&self) -> u64 {
        self.bytes_read
    }

    /// Waits until [`next`](Self::next) can make progress, or has an error to return.
    pub async fn readable(&mut self) {
        if self.pending.is_empty() {
            // An error occurs again in `next`, which returns it.
            let _ = self.fill().await;
        }
    }

    /// Returns the next message or control frame. Cancel-safe.
    pub async fn next(&mut self) -> Result<Inbound, InboundError> {
        if let (None, Some(lease)) = (&self.message, &mut self.lease) {
            lease.resize(0);
        }
        loop {
            if let Some(inbound) = self.take().map_err(InboundError::Violation)? {
                return Ok(inbound);
            }
            if !self.fill().await? {
                return Err(InboundError::Lost);
            }
        }
    }

    /// Uses pending bytes, up to the end of a message or control frame.
    fn take(&mut self) -> Result<Option<Inbound>, Violation> {
        loop {
            let mut frame = match self.frame.take() {
                Some(frame) => frame,
                None => match self.headers.read(&mut self.pending)? {
                    Some(frame) => frame,
                    None => return Ok(None),
                },
            };
            self.take_payload(&mut frame)?;
            if frame.rest > 0 {
                self.frame = Some(frame);
                return Ok(None);
            }
            if let Some(inbound) = self.end_frame(frame)? {
                return Ok(Some(inbound));
            }
        }
    }

    /// Moves pending bytes of a frame's payload to its message.
    fn take_payload(&mut self, frame: &mut Frame) -> Result<(), Violation> {
        let len = usize::try_from(frame.rest)
            .map_or(self.pending.len(), |rest| rest.min(self.pending.len()));
        let payload = &mut self.pending[..len];
        unmask(payload, frame.mask);
        frame.mask.rotate_left(len % 4);
        frame.rest -= len as u64;
        let message = match frame.kind {
            FrameKind::Close | FrameKind::Ping | FrameKind::Pong => {
                self.control.extend_from_slice(payload);
                self.pending.advance(len);
                return Ok(());
            }
            FrameKind::Continuation => &mut self.message,
            FrameKind::Text | FrameKind::Binary => {
                let is_text = frame.kind == FrameKind::Text;
                self.message
                    .get_or_insert_with(|| Box::new(PartialMessage::new(is_text)));
                &mut self.message
            }
        };
        let Some(message) = message else {
            return Ok(());
        };
        message.reserve(len, self.message_max_bytes, self.lease.as_mut())?;
        message.bytes.extend_from_slice(payload);
        self.pending.advance(len);
        message.check_text(frame.rest == 0 && frame.is_final)
    }

    /// Returns what a frame completes.
    fn end_frame(&mut self, frame: Frame) -> Result<Option<Inbound>, Violation> {
        let inbound = match frame.kind {
            FrameKind::Ping => Inbound::Ping(std::mem::take(&mut self.control)),
            FrameKind::Pong => {
                self.control = Vec::new();
                Inbound::Pong
            }
            FrameKind::Close => Inbound::Close(close_code(&std::mem::take(&mut self.control))?),
            _ if !frame.is_final => return Ok(None),
            _ => match self.message.take() {
                None => return Ok(None),
                Some(message) if message.is_text => Inbound::Text(message.bytes),
                Some(message) => Inbound::Binary(message.bytes),
            },
        };
        Ok(Some(inbound))
    }

    /// Reads bytes. Returns `false` at the end of the stream.
    async fn fill(&mut self) -> Result<bool, InboundError> {
        if self.turn_bytes >= TURN_BYTES {
            self.turn_bytes = 0;
            yield_now().await;
        }
        let ready = poll_fn(|cx| Poll::Ready(self.poll_fill(cx))).await;
        let filled = match (ready, self.deadline()) {
            (Poll::Ready(filled), _) => filled,
            (Poll::Pending, None) => poll_fn(|cx| self.poll_fill(cx)).await,
            // Boxed, because a timer is long and most clients are silent between messages.
            (Poll::Pending, Some(deadline)) => {
                let filled = timeout_at(deadline, poll_fn(|cx| self.poll_fill(cx)));
                Box::pin(filled)
                    .await
                    .map_err(|_| InboundError::Violation(Violation::UNFINISHED))?
            }
        };
        filled.map_err(|_| InboundError::Lost)
    }

    /// When the current message has to be complete.
    fn deadline(&mut self) -> Option<Instant> {
        let (message, timeout) = (self.message.as_mut()?, self.message_timeout?);
        Some(
            *message
                .deadline
                .get_or_insert_with(|| Instant::now() + timeout),
        )
    }

    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut bytes = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        let read = Pin::new(&mut self.stream).poll_read(cx, &mut buffer);
        let Poll::Ready(read) = read else {
            // Frees the memory while there is nothing to read.
            self.pending = BytesMut::new();
            self.turn_bytes = 0;
            return Poll::Pending;
        };
        read?;
        let read = buffer.filled();
        self.turn_bytes += read.len();
        self.bytes_read += read.len() as u64;
        self.pending.extend_from_slice(read);
        Poll::Ready(Ok(!read.is_empty()))
    }
}

/// The code in a close frame's payload, checked according to RFC 6455, sections 5.5.1 and 7.4.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let (code, reason) = match *payload {
        [] => return Ok(None),
        [_] => return Err(Violation::protocol("a close frame has one byte")),
        [high, low, ref reason @ ..] => (u16::from_be_bytes([high, low]), reason),
    };
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::NOT_UTF8);
    }
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Some(code)),
        _ => Err(Violation::protocol("the close code is not allowed")),
    }
}
