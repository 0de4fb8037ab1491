//! One WebSocket connection: messages in, messages out.

mod error;

pub use error::{CloseReason, ConnectionError};

use std::{
    fmt,
    future::poll_fn,
    io,
    net::SocketAddr,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use tokio::{
    io::{ReadHalf, WriteHalf},
    time::Instant,
};

use super::{
    handshake::{self, ClientStream, ConnectOptions},
    topic_table::TopicTable,
};
use crate::{
    codec::{self, Encoding, SERVER_MESSAGE_MAX_BYTES},
    error::CloseCode,
    message::{ClientMessage, ServerMessage},
    topic::Topic,
    websocket::{ConnectError, WebSocket},
};

/// One WebSocket connection. All methods are cancel-safe: the next call continues the work of one
/// that was dropped.
pub struct Connection {
    encoding: Encoding,
    socket: WebSocket<ReadHalf<ClientStream>, WriteHalf<ClientStream>>,
    peer: SocketAddr,
    local: SocketAddr,
    topics: TopicTable,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.peer)
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a connection.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let upgraded = handshake::open(options).await?;
        let tcp = upgraded.stream.tcp();
        let ends = tcp
            .peer_addr()
            .and_then(|peer| Ok((peer, tcp.local_addr()?)));
        let (peer, local) = ends.map_err(|error| ConnectError::Lost { error })?;
        let (read_half, write_half) = tokio::io::split(upgraded.stream);
        Ok(Self {
            peer,
            local,
            encoding: options.encoding,
            socket: WebSocket::new(
                read_half,
                write_half,
                &upgraded.rest,
                SERVER_MESSAGE_MAX_BYTES,
            ),
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
        if self.socket.is_full() {
            return Err(ConnectionError::OutgoingFull);
        }
        let payload = codec::encode_client(message, self.encoding);
        match self.encoding {
            Encoding::Bincode => self.socket.queue_binary(payload),
            Encoding::Json => self.socket.queue_text(payload),
        }
        Ok(())
    }

    /// Bytes that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.socket.queued_bytes()
    }

    /// Waits until the system has accepted all queued bytes.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        Ok(poll_fn(|cx| self.poll_flush(cx)).await?)
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_flush(cx)
    }

    /// Queues a close frame. [`Self::next`] then returns the messages that are still on their way,
    /// and finally [`ConnectionError::Closed`].
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        self.socket.close(code.number(), reason);
    }

    /// Bytes received since the handshake.
    pub fn received_bytes(&self) -> u64 {
        self.socket.received_bytes()
    }

    /// When bytes were last received, even if they are only a part of a message.
    pub fn received_at(&self) -> Instant {
        self.socket.received_at()
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
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionError>> {
        let message = ready!(self.socket.poll_next(cx))?;
        if message.is_text != (self.encoding == Encoding::Json) {
            self.socket.end();
            return Poll::Ready(Err(ConnectionError::WrongKind));
        }
        Poll::Ready(Ok(message.payload))
    }
}
