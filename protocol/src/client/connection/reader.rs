//! The receiving half of a connection: frames, one after the other.

use std::{
    convert::Infallible,
    io::{self, Cursor},
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, ready},
};

use bytes::{Bytes, BytesMut};
use fastwebsockets::{OpCode, Payload, Role, WebSocketError, WebSocketRead};
use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    net::tcp::OwnedReadHalf,
    time::Instant,
};

use super::error::ConnectionError;
use crate::codec::SERVER_MESSAGE_MAX_BYTES;

type SocketReader = WebSocketRead<tokio::io::Chain<Cursor<Bytes>, CountedHalf>>;

/// Reading a frame must not be interrupted, or its first bytes are lost. So the future that reads
/// it owns the socket, and stays here when the caller drops its own future.
type Reading = Pin<Box<dyn Future<Output = ReadResult> + Send>>;

type ReadResult = (SocketReader, Result<IncomingFrame, WebSocketError>);

/// A frame of the server.
pub(super) struct IncomingFrame {
    pub(super) fin: bool,
    pub(super) opcode: OpCode,
    pub(super) payload: BytesMut,
}

/// Reads frames, and notices when bytes arrive.
pub(super) struct FrameReader {
    /// `None` after the end.
    reading: Option<Reading>,
    counter: Arc<AtomicU64>,
    received_bytes: u64,
    received_at: Instant,
}

impl FrameReader {
    /// `rest` is what arrived together with the handshake's answer.
    pub(super) fn new(half: OwnedReadHalf, rest: &[u8]) -> Self {
        let received_bytes = rest.len() as u64;
        let counter = Arc::new(AtomicU64::new(received_bytes));
        let counted = CountedHalf {
            half,
            bytes: Arc::clone(&counter),
        };
        // A copy, because the original keeps hyper's whole buffer alive.
        let rest = Cursor::new(Bytes::copy_from_slice(rest));
        // The `FrameWriter` writes frames, so the crate's own writer gets a sink.
        let (mut reader, _) = fastwebsockets::after_handshake_split(
            AsyncReadExt::chain(rest, counted),
            tokio::io::sink(),
            Role::Client,
        );
        reader.set_auto_close(false);
        reader.set_auto_pong(false);
        // The crate also refuses a frame of exactly the maximum.
        reader.set_max_message_size(SERVER_MESSAGE_MAX_BYTES + 1);
        Self {
            reading: Some(read_one(reader)),
            counter,
            received_bytes,
            received_at: Instant::now(),
        }
    }

    /// Bytes received since the handshake.
    pub(super) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    /// When bytes were last received.
    pub(super) fn received_at(&self) -> Instant {
        self.received_at
    }

    /// The next frame. After an error there are no more frames.
    pub(super) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<IncomingFrame, ConnectionError>> {
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
        let frame = result.map_err(from_websocket_error)?;
        self.reading = Some(read_one(reader));
        Poll::Ready(Ok(frame))
    }

    /// Reads no more frames.
    pub(super) fn end(&mut self) {
        self.reading = None;
    }
}

/// Counts received bytes: a long message shows its progress nowhere else.
struct CountedHalf {
    half: OwnedReadHalf,
    bytes: Arc<AtomicU64>,
}

impl AsyncRead for CountedHalf {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let result = Pin::new(&mut self.half).poll_read(cx, buffer);
        let read = (buffer.filled().len() - before) as u64;
        // The same task reads and loads the counter, so no ordering is needed.
        self.bytes.fetch_add(read, Ordering::Relaxed);
        result
    }
}

fn read_one(mut reader: SocketReader) -> Reading {
    Box::pin(async move {
        let result = reader
            .read_frame(&mut |_| async { Ok::<(), Infallible>(()) })
            .await
            .map(|frame| IncomingFrame {
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
