//! The client's end of a WebSocket to any server: whole messages in, messages out. It knows nothing
//! of Tickcast's protocol.
//!
//! [`connect`] to the server of a [`ServerUrl`], put TLS around the stream if its scheme says so,
//! switch to WebSocket with [`upgrade`], and go on with a [`WebSocket`].

mod connect_error;
mod server_url;
mod tcp;
mod upgrade;

mod error;
mod fragments;
mod message;
mod reader;
mod writer;

pub use connect_error::{ConnectError, UrlError};
pub use error::{CloseFrame, WebSocketError};
pub use message::Message;
pub use server_url::ServerUrl;
pub use tcp::connect;
pub use upgrade::{UpgradedStream, upgrade};
pub use writer::OUTGOING_MAX_BYTES;

use std::{
    fmt,
    future::poll_fn,
    io,
    task::{Context, Poll, Waker, ready},
};

use fastwebsockets::{Frame, OpCode, Payload};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::Instant,
};

use self::{
    fragments::Fragments,
    reader::{FrameReader, IncomingFrame},
    writer::FrameWriter,
};

/// Stands for "the close frame had no code" (RFC 6455, section 7.1.5).
const NO_STATUS: u16 = 1005;

/// The client's end of a WebSocket after the handshake. All methods are cancel-safe: the next call
/// continues the work of one that was dropped.
pub struct WebSocket<R, W> {
    reader: FrameReader<R>,
    fragments: Fragments,
    writer: FrameWriter<W>,
    is_close_sent: bool,
}

impl<R, W> fmt::Debug for WebSocket<R, W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket")
            .field("is_close_sent", &self.is_close_sent)
            .finish_non_exhaustive()
    }
}

impl<R, W> WebSocket<R, W>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin,
{
    /// A WebSocket on both halves of a stream. `rest` is what arrived together with the handshake's
    /// answer. A longer message than `message_max_bytes` ends it.
    pub fn new(reader: R, writer: W, rest: &[u8], message_max_bytes: usize) -> Self {
        Self {
            reader: FrameReader::new(reader, rest, message_max_bytes),
            fragments: Fragments::new(message_max_bytes),
            writer: FrameWriter::new(writer),
            is_close_sent: false,
        }
    }

    /// The next message. Meanwhile pings are answered and queued messages sent.
    pub async fn next(&mut self) -> Result<Message, WebSocketError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    /// See [`Self::next`].
    pub fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, WebSocketError>> {
        loop {
            if let Poll::Ready(Err(_)) = self.writer.poll_flush(cx) {
                // Reading goes on: what the server sent before it left is of value, above all its
                // close frame. The end of the connection shows there as well.
                self.writer.clear();
            }
            let frame = ready!(self.reader.poll_frame(cx))?;
            match self.frame(frame) {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Ok(message)),
                Err(error) => {
                    self.reader.end();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// Queues a text. The next [`Self::flush`] or [`Self::next`] sends it.
    pub fn queue_text(&mut self, text: Vec<u8>) {
        self.writer.queue(Frame::text(Payload::Owned(text)));
    }

    /// Queues a binary message.
    pub fn queue_binary(&mut self, bytes: Vec<u8>) {
        self.writer.queue(Frame::binary(Payload::Owned(bytes)));
    }

    /// Queues a ping.
    pub fn queue_ping(&mut self) {
        self.writer
            .queue(Frame::new(true, OpCode::Ping, None, Payload::Borrowed(&[])));
    }

    /// Whether [`OUTGOING_MAX_BYTES`] wait to be sent, so that no more may be queued.
    pub fn is_full(&self) -> bool {
        self.writer.is_full()
    }

    /// Bytes that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.writer.queued_bytes()
    }

    /// Waits until the system has accepted all queued bytes.
    pub async fn flush(&mut self) -> io::Result<()> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// See [`Self::flush`].
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.poll_flush(cx)
    }

    /// Queues a close frame. [`Self::next`] then returns the messages that are still on their way,
    /// and finally [`WebSocketError::Closed`].
    pub fn close(&mut self, code: u16, reason: &str) {
        if !self.is_close_sent {
            self.is_close_sent = true;
            self.writer.queue(Frame::close(code, reason.as_bytes()));
        }
    }

    /// Reads no more.
    pub fn end(&mut self) {
        self.reader.end();
    }

    /// Bytes received since the handshake.
    pub fn received_bytes(&self) -> u64 {
        self.reader.received_bytes()
    }

    /// When bytes were last received, even if they are only a part of a message.
    pub fn received_at(&self) -> Instant {
        self.reader.received_at()
    }

    /// Handles one frame. Returns the message that it completes, if it does.
    fn frame(&mut self, frame: IncomingFrame) -> Result<Option<Message>, WebSocketError> {
        match frame.opcode {
            OpCode::Ping => {
                if !self.writer.is_full() {
                    self.writer
                        .queue(Frame::pong(Payload::Bytes(frame.payload)));
                }
                Ok(None)
            }
            OpCode::Pong => Ok(None),
            OpCode::Close => Err(self.closed_by_server(&frame.payload)),
            OpCode::Text | OpCode::Binary => self.fragments.first(frame),
            OpCode::Continuation => self.fragments.next(&frame),
        }
    }

    /// Answers a close frame, as far as that is possible without waiting. The server has all that
    /// it needs, and the caller should learn of the end now.
    fn closed_by_server(&mut self, payload: &[u8]) -> WebSocketError {
        let (code, reason) = match payload {
            [] => (NO_STATUS, ""),
            [high, low, reason @ ..] => match std::str::from_utf8(reason) {
                Ok(reason) => (u16::from_be_bytes([*high, *low]), reason),
                Err(_) => {
                    return WebSocketError::Frame(
                        "the reason in the close frame is not UTF-8".into(),
                    );
                }
            },
            _ => return WebSocketError::Frame("a close frame of one byte".into()),
        };
        if !self.is_close_sent {
            self.is_close_sent = true;
            self.writer.queue(Frame::close_raw(Payload::Borrowed(
                &payload[..payload.len().min(2)],
            )));
            // An error here says no more than the close frame.
            let _ = self
                .writer
                .poll_flush(&mut Context::from_waker(Waker::noop()));
        }
        WebSocketError::Closed(CloseFrame {
            code,
            reason: reason.to_owned(),
        })
    }
}
