//! One WebSocket connection: messages in, messages out.

mod error;

mod fragments;
mod reader;
mod writer;

pub use error::{CloseReason, ConnectionError};
pub use writer::OUTGOING_MAX_BYTES;

use std::{
    fmt,
    future::poll_fn,
    io,
    task::{Context, Poll, Waker, ready},
};

use bytes::Bytes;
use fastwebsockets::{Frame, OpCode, Payload};
use tokio::time::Instant;

use self::{
    fragments::Fragments,
    reader::{FrameReader, IncomingFrame},
    writer::FrameWriter,
};
use super::{
    handshake::{self, ConnectError, ConnectOptions},
    topic_table::TopicTable,
};
use crate::{
    codec::{self, Encoding},
    error::CloseCode,
    message::{ClientMessage, ServerMessage},
    topic::Topic,
};

/// Stands for "the close frame had no code" (RFC 6455, section 7.1.5).
const NO_STATUS: u16 = 1005;

/// One WebSocket connection. All methods are cancel-safe: the next call continues the work of one
/// that was dropped.
pub struct Connection {
    encoding: Encoding,
    reader: FrameReader,
    fragments: Fragments,
    writer: FrameWriter,
    is_close_sent: bool,
    topics: TopicTable,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.writer.half().peer_addr().ok())
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a connection.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let upgraded = handshake::open(options).await?;
        let (read_half, write_half) = upgraded.stream.into_split();
        Ok(Self {
            encoding: options.encoding,
            reader: FrameReader::new(read_half, &upgraded.rest),
            fragments: Fragments::new(options.encoding),
            writer: FrameWriter::new(write_half),
            is_close_sent: false,
            topics: TopicTable::default(),
        })
    }

    /// The next message, with topics by name. Meanwhile pings are answered and queued messages
    /// sent.
    ///
    /// After [`ConnectionError::Codec`] or [`ConnectionError::Topic`] the connection can still be
    /// used. Any other error is final.
    pub async fn next(&mut self) -> Result<ServerMessage<Topic>, ConnectionError> {
        poll_fn(|cx| self.poll_next(cx)).await
    }

    pub(super) fn poll_next(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<ServerMessage<Topic>, ConnectionError>> {
        let payload = ready!(self.poll_payload(cx))?;
        Poll::Ready(self.decode(&payload))
    }

    /// Like [`Self::next`], but returns the message's bytes, for callers that decode them
    /// themselves, for example with [`codec::decode_server_bincode`].
    pub async fn next_payload(&mut self) -> Result<Bytes, ConnectionError> {
        poll_fn(|cx| self.poll_payload(cx)).await
    }

    /// Decodes the bytes of a message, with topics by name.
    pub fn decode(&mut self, payload: &[u8]) -> Result<ServerMessage<Topic>, ConnectionError> {
        Ok(match self.encoding {
            Encoding::Bincode => self
                .topics
                .resolve(codec::decode_server_bincode(payload)?)?,
            Encoding::Json => codec::decode_server_json(payload)?,
        })
    }

    /// Sends a message: returns when the system has accepted all bytes.
    pub async fn send(&mut self, message: &ClientMessage) -> Result<(), ConnectionError> {
        self.queue(message)?;
        self.flush().await
    }

    /// Queues a message. The next [`Self::flush`] or [`Self::next`] sends it.
    pub fn queue(&mut self, message: &ClientMessage) -> Result<(), ConnectionError> {
        if self.writer.is_full() {
            return Err(ConnectionError::OutgoingFull);
        }
        let payload = Payload::Owned(codec::encode_client(message, self.encoding));
        self.writer.queue(match self.encoding {
            Encoding::Bincode => Frame::binary(payload),
            Encoding::Json => Frame::text(payload),
        });
        Ok(())
    }

    /// Bytes that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.writer.queued_bytes()
    }

    /// Waits until the system has accepted all queued bytes.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        Ok(poll_fn(|cx| self.poll_flush(cx)).await?)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.writer.poll_flush(cx)
    }

    /// Queues a close frame. [`Self::next`] then returns the messages that are still on their way,
    /// and finally [`ConnectionError::Closed`].
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        if !self.is_close_sent {
            self.is_close_sent = true;
            self.writer
                .queue(Frame::close(code.number(), reason.as_bytes()));
        }
    }

    /// Bytes received since the handshake.
    pub fn received_bytes(&self) -> u64 {
        self.reader.received_bytes()
    }

    /// When bytes were last received, even if they are only a part of a message.
    pub fn received_at(&self) -> Instant {
        self.reader.received_at()
    }

    /// Gives this connection the topic names that an earlier one to the same server has learned. A
    /// welcome of another epoch clears them.
    pub fn set_topics(&mut self, topics: TopicTable) {
        self.topics = topics;
    }

    /// Takes the learned topic names, for the next connection.
    pub fn take_topics(&mut self) -> TopicTable {
        std::mem::take(&mut self.topics)
    }

    /// The socket's own address.
    pub fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.writer.half().local_addr()
    }

    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionError>> {
        loop {
            if let Poll::Ready(Err(_)) = self.writer.poll_flush(cx) {
                // Reading goes on: what the server sent before it left is of value, above all its
                // close frame. The end of the connection shows there as well.
                self.writer.clear();
            }
            let frame = ready!(self.reader.poll_frame(cx))?;
            match self.frame(frame) {
                Ok(None) => {}
                Ok(Some(payload)) => return Poll::Ready(Ok(payload)),
                Err(error) => {
                    self.reader.end();
                    return Poll::Ready(Err(error));
                }
            }
        }
    }

    /// Handles one frame. Returns the message that it completes, if it does.
    fn frame(&mut self, frame: IncomingFrame) -> Result<Option<Bytes>, ConnectionError> {
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
    fn closed_by_server(&mut self, payload: &[u8]) -> ConnectionError {
        let (code, reason) = match payload {
            [] => (NO_STATUS, ""),
            [high, low, reason @ ..] => match std::str::from_utf8(reason) {
                Ok(reason) => (u16::from_be_bytes([*high, *low]), reason),
                Err(_) => {
                    return ConnectionError::Frame(
                        "the reason in the close frame is not UTF-8".into(),
                    );
                }
            },
            _ => return ConnectionError::Frame("a close frame of one byte".into()),
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
        ConnectionError::Closed(CloseReason {
            code,
            reason: reason.to_owned(),
        })
    }
}
