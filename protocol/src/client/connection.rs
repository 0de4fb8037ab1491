//! One WebSocket connection: messages in, messages out.

use std::{
    convert::Infallible,
    fmt,
    future::poll_fn,
    io::{self, Cursor},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use fastwebsockets::{Frame, OpCode, Payload, Role, WebSocketError, WebSocketRead};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::tcp::{OwnedReadHalf, OwnedWriteHalf},
    time::Instant,
};

use super::{
    handshake::{self, ConnectError, ConnectOptions},
    topics::{TopicTable, TopicTableError},
};
use crate::{
    codec::{self, CodecError, Encoding, SERVER_MESSAGE_MAX_BYTES},
    error::CloseCode,
    message::{ClientMessage, ServerMessage},
    topic::Topic,
};

/// Bytes that wait to be sent while the server takes none. Beyond it messages are refused and
/// pongs left out.
pub const OUTGOING_MAX_BYTES: usize = 1024 * 1024;

/// Status that stands for "the close frame had none" (RFC 6455, section 7.1.5).
const NO_STATUS: u16 = 1005;

/// Longest head of a frame: two bytes, eight of length, four of mask (RFC 6455, section 5.2). The
/// crate asks for two more.
const FRAME_HEAD_MAX_BYTES: usize = 16;

/// What the server's close frame says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseReason {
    /// See [`CloseCode`]; 1005 if the frame had none.
    pub code: u16,
    /// For people.
    pub reason: String,
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match CloseCode::from_number(self.code) {
            Some(code) => write!(f, "{code}")?,
            None => write!(f, "code {}", self.code)?,
        }
        if !self.reason.is_empty() {
            write!(f, ", {}", self.reason)?;
        }
        Ok(())
    }
}

/// Why a connection gives no more messages, or takes none.
#[derive(Debug, thiserror::Error)]
pub enum ConnectionError {
    /// The server closed it in order.
    #[error("closed by the server: {0}")]
    Closed(CloseReason),
    /// It broke, or ended without a close frame.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A frame that RFC 6455 forbids.
    #[error("{0}")]
    Frame(String),
    /// A message that is longer than [`SERVER_MESSAGE_MAX_BYTES`].
    #[error("a message of more than {SERVER_MESSAGE_MAX_BYTES} bytes")]
    TooLong,
    /// Text where the subprotocol is binary, or the other way round.
    #[error("a frame of the other kind than the subprotocol's")]
    WrongKind,
    /// Not a message.
    #[error("{0}")]
    Codec(#[from] CodecError),
    /// An update of nobody knows what.
    #[error("{0}")]
    Topic(#[from] TopicTableError),
    /// [`OUTGOING_MAX_BYTES`] wait already: the message was not taken.
    #[error("{OUTGOING_MAX_BYTES} bytes are waiting to be sent")]
    OutgoingFull,
}

type Reader = WebSocketRead<tokio::io::Chain<Cursor<Bytes>, Counted>>;

/// Reading a frame must not be interrupted, or its first bytes are lost. So the future that reads
/// one owns the reader, and lives on here when the caller's is dropped.
type Reading = Pin<Box<dyn Future<Output = (Reader, Result<Incoming, WebSocketError>)> + Send>>;

/// Counts what comes in, because a long message shows its progress nowhere else.
struct Counted {
    half: OwnedReadHalf,
    bytes: Arc<AtomicU64>,
}

impl AsyncRead for Counted {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.half).poll_read(cx, buffer);
        let read = (buffer.filled().len() - before) as u64;
        // One task reads and counts; nothing is ordered by this.
        self.bytes.fetch_add(read, Ordering::Relaxed);
        result
    }
}

struct Incoming {
    fin: bool,
    opcode: OpCode,
    payload: BytesMut,
}

/// One WebSocket connection. All methods are cancel-safe: what they have not done, the next call
/// goes on with.
pub struct Connection {
    encoding: Encoding,
    /// `None` after the end.
    reading: Option<Reading>,
    /// What has come of a message in fragments.
    fragments: Option<BytesMut>,
    counter: Arc<AtomicU64>,
    received_bytes: u64,
    received_at: Instant,
    writer: OwnedWriteHalf,
    outgoing: BytesMut,
    is_close_sent: bool,
    topics: TopicTable,
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("peer", &self.writer.peer_addr().ok())
            .field("encoding", &self.encoding)
            .finish_non_exhaustive()
    }
}

impl Connection {
    /// Opens a connection.
    pub async fn connect(options: &ConnectOptions) -> Result<Self, ConnectError> {
        let opened = handshake::open(options).await?;
        let (read_half, writer) = opened.stream.into_split();
        // A copy, because the rest keeps hyper's whole buffer alive.
        let rest = Cursor::new(Bytes::copy_from_slice(&opened.rest));
        let counter = Arc::new(AtomicU64::new(opened.rest.len() as u64));
        let counted = Counted {
            half: read_half,
            bytes: Arc::clone(&counter),
        };
        // Frames are written by `queue_frame`, so nothing is given for the other half.
        let (mut reader, _) = fastwebsockets::after_handshake_split(
            AsyncReadExt::chain(rest, counted),
            tokio::io::sink(),
            Role::Client,
        );
        reader.set_auto_close(false);
        reader.set_auto_pong(false);
        // It refuses a frame of exactly the maximum, too.
        reader.set_max_message_size(SERVER_MESSAGE_MAX_BYTES + 1);
        Ok(Self {
            encoding: options.encoding,
            reading: Some(read_one(reader)),
            fragments: None,
            counter,
            received_bytes: opened.rest.len() as u64,
            received_at: Instant::now(),
            writer,
            outgoing: BytesMut::new(),
            is_close_sent: false,
            topics: TopicTable::default(),
        })
    }

    /// The next message, with topics by name. After an error of [`CodecError`] or
    /// [`TopicTableError`] the connection can still be used; any other is the end.
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

    /// The bytes of the next message, for those who decode it themselves, for instance with
    /// [`codec::decode_server_bincode`]. Meanwhile pings are answered and queued messages sent.
    pub async fn next_payload(&mut self) -> Result<Bytes, ConnectionError> {
        poll_fn(|cx| self.poll_payload(cx)).await
    }

    /// Turns the bytes of a message into a message, with topics by name.
    pub fn decode(&mut self, payload: &[u8]) -> Result<ServerMessage<Topic>, ConnectionError> {
        Ok(match self.encoding {
            Encoding::Bincode => self
                .topics
                .resolve(codec::decode_server_bincode(payload)?)?,
            Encoding::Json => codec::decode_server_json(payload)?,
        })
    }

    /// Sends a message, that is, waits until the system has taken all bytes.
    pub async fn send(&mut self, message: &ClientMessage) -> Result<(), ConnectionError> {
        self.queue(message)?;
        self.flush().await
    }

    /// Sends the bytes of a message that was encoded before.
    pub async fn send_payload(&mut self, payload: &[u8]) -> Result<(), ConnectionError> {
        self.queue_payload(payload)?;
        self.flush().await
    }

    /// Leaves a message to be sent by the next [`Self::flush`] or [`Self::next`].
    pub fn queue(&mut self, message: &ClientMessage) -> Result<(), ConnectionError> {
        self.queue_payload(&codec::encode_client(message, self.encoding))
    }

    /// The same for the bytes of a message that was encoded before.
    pub fn queue_payload(&mut self, payload: &[u8]) -> Result<(), ConnectionError> {
        if self.outgoing.len() >= OUTGOING_MAX_BYTES {
            return Err(ConnectionError::OutgoingFull);
        }
        let payload = Payload::Borrowed(payload);
        self.queue_frame(match self.encoding {
            Encoding::Bincode => Frame::binary(payload),
            Encoding::Json => Frame::text(payload),
        });
        Ok(())
    }

    /// Bytes that wait to be sent.
    pub fn queued_bytes(&self) -> usize {
        self.outgoing.len()
    }

    /// Waits until all queued bytes were taken by the system.
    pub async fn flush(&mut self) -> Result<(), ConnectionError> {
        Ok(poll_fn(|cx| self.poll_flush(cx)).await?)
    }

    /// Queues a close frame. [`Self::next`] then gives what is still on its way, and at last
    /// [`ConnectionError::Closed`].
    pub fn close(&mut self, code: CloseCode, reason: &str) {
        if !self.is_close_sent {
            self.is_close_sent = true;
            self.queue_frame(Frame::close(code.number(), reason.as_bytes()));
        }
    }

    /// Bytes that came in since the handshake.
    pub fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// When something came in last, be it a part of a long message.
    pub fn received_at(&self) -> Instant {
        self.received_at
    }

    /// Gives this connection the names that another one of the same server has learnt. They are
    /// forgotten if the epoch is another one.
    pub fn set_topics(&mut self, topics: TopicTable) {
        self.topics = topics;
    }

    /// Takes out what was learnt, for the next connection.
    pub fn take_topics(&mut self) -> TopicTable {
        std::mem::take(&mut self.topics)
    }

    /// The socket's own address.
    pub fn local_addr(&self) -> io::Result<std::net::SocketAddr> {
        self.writer.local_addr()
    }

    fn poll_payload(&mut self, cx: &mut Context<'_>) -> Poll<Result<Bytes, ConnectionError>> {
        loop {
            if let Poll::Ready(Err(_)) = self.poll_flush(cx) {
                // What the server sent before it went away is worth reading, above all its close
                // frame; the end shows there as well.
                self.outgoing.clear();
            }
            let Some(reading) = &mut self.reading else {
                return Poll::Ready(Err(io::Error::from(io::ErrorKind::NotConnected).into()));
            };
            let poll = reading.as_mut().poll(cx);
            let received_bytes = self.counter.load(Ordering::Relaxed);
            if received_bytes != self.received_bytes {
                self.received_bytes = received_bytes;
                self.received_at = Instant::now();
            }
            let (reader, result) = ready!(poll);
            self.reading = None;
            let incoming = result.map_err(from_websocket_error)?;
            if let Some(payload) = self.incoming(incoming)? {
                self.reading = Some(read_one(reader));
                return Poll::Ready(Ok(payload));
            }
            self.reading = Some(read_one(reader));
        }
    }

    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            match ready!(Pin::new(&mut self.writer).poll_write(cx, &self.outgoing)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => self.outgoing.advance(written),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Handles one frame; gives the message that it completes, if it does.
    fn incoming(&mut self, frame: Incoming) -> Result<Option<Bytes>, ConnectionError> {
        match frame.opcode {
            OpCode::Ping => {
                if self.outgoing.len() < OUTGOING_MAX_BYTES {
                    self.queue_frame(Frame::pong(Payload::Bytes(frame.payload)));
                }
                Ok(None)
            }
            OpCode::Pong => Ok(None),
            OpCode::Close => Err(self.closed_by_server(&frame.payload)),
            OpCode::Text | OpCode::Binary => self.first_fragment(frame),
            OpCode::Continuation => self.next_fragment(&frame),
        }
    }

    fn first_fragment(&mut self, frame: Incoming) -> Result<Option<Bytes>, ConnectionError> {
        let wanted = match self.encoding {
            Encoding::Bincode => OpCode::Binary,
            Encoding::Json => OpCode::Text,
        };
        if frame.opcode != wanted {
            return Err(ConnectionError::WrongKind);
        }
        if self.fragments.is_some() {
            return Err(ConnectionError::Frame(
                "a message begins inside of another".into(),
            ));
        }
        if frame.fin {
            return Ok(Some(frame.payload.freeze()));
        }
        self.fragments = Some(frame.payload);
        Ok(None)
    }

    fn next_fragment(&mut self, frame: &Incoming) -> Result<Option<Bytes>, ConnectionError> {
        let Some(fragments) = &mut self.fragments else {
            return Err(ConnectionError::Frame(
                "a message goes on that has not begun".into(),
            ));
        };
        if fragments.len() + frame.payload.len() > SERVER_MESSAGE_MAX_BYTES {
            return Err(ConnectionError::TooLong);
        }
        fragments.extend_from_slice(&frame.payload);
        if !frame.fin {
            return Ok(None);
        }
        Ok(self.fragments.take().map(BytesMut::freeze))
    }

    /// Answers a close frame, as far as that can be done without waiting: the server has what it
    /// needs, and the caller wants to know now.
    fn closed_by_server(&mut self, payload: &[u8]) -> ConnectionError {
        let (code, reason) = match payload {
            [] => (NO_STATUS, ""),
            [high, low, reason @ ..] => match std::str::from_utf8(reason) {
                Ok(reason) => (u16::from_be_bytes([*high, *low]), reason),
                Err(_) => return ConnectionError::Frame("a close frame without UTF-8".into()),
            },
            _ => return ConnectionError::Frame("a close frame of one byte".into()),
        };
        if !self.is_close_sent {
            self.is_close_sent = true;
            self.queue_frame(Frame::close_raw(Payload::Borrowed(
                &payload[..payload.len().min(2)],
            )));
            let waker = std::task::Waker::noop();
            // An error here tells no more than the close frame does.
            let _ = self.poll_flush(&mut Context::from_waker(waker));
        }
        ConnectionError::Closed(CloseReason {
            code,
            reason: reason.to_owned(),
        })
    }

    /// Clients mask what they send (RFC 6455, section 5.3).
    fn queue_frame(&mut self, mut frame: Frame<'_>) {
        frame.mask();
        let mut head = [0; FRAME_HEAD_MAX_BYTES];
        let head_len = frame.fmt_head(&mut head);
        self.outgoing.extend_from_slice(&head[..head_len]);
        self.outgoing.extend_from_slice(&frame.payload);
    }
}

fn read_one(mut reader: Reader) -> Reading {
    Box::pin(async move {
        let result = reader
            .read_frame(&mut |_| async { Ok::<(), Infallible>(()) })
            .await
            .map(|frame| Incoming {
                fin: frame.fin,
                opcode: frame.opcode,
                payload: match frame.payload {
                    Payload::Bytes(bytes) => bytes,
                    other => BytesMut::from(&*other),
                },
            });
        (reader, result)
    })
}

fn from_websocket_error(error: WebSocketError) -> ConnectionError {
    match error {
        WebSocketError::IoError(error) => ConnectionError::Io(error),
        WebSocketError::UnexpectedEOF => ConnectionError::Io(io::ErrorKind::UnexpectedEof.into()),
        WebSocketError::FrameTooLarge => ConnectionError::TooLong,
        error => ConnectionError::Frame(error.to_string()),
    }
}
