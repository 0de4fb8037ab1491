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
use fastwebsockets::{OpCode, Payload, Role, WebSocketError as FrameError, WebSocketRead};
use tokio::{
    io::{AsyncRead, AsyncReadExt, ReadBuf},
    time::Instant,
};

use super::error::WebSocketError;

type SocketReader<R> = WebSocketRead<tokio::io::Chain<Cursor<Bytes>, CountedHalf<R>>>;

/// Reading a frame must not be interrupted, or its first bytes are lost. So the future that reads
/// it owns the socket, and stays here when the caller drops its own future.
type Reading<R> = Pin<Box<dyn Future<Output = ReadResult<R>> + Send>>;

type ReadResult<R> = (SocketReader<R>, Result<IncomingFrame, FrameError>);

/// A frame of the server.
pub(super) struct IncomingFrame {
    pub(super) fin: bool,
    pub(super) opcode: OpCode,
    pub(super) payload: BytesMut,
}

/// Reads frames, and notices when bytes arrive.
pub(super) struct FrameReader<R> {
    /// `None` after the end.
    reading: Option<Reading<R>>,
    message_max_bytes: usize,
    counter: Arc<AtomicU64>,
    received_bytes: u64,
    received_at: Instant,
}

impl<R: AsyncRead + Unpin + Send + 'static> FrameReader<R> {
    /// `rest` is what arrived together with the handshake's answer.
    pub(super) fn new(half: R, rest: &[u8], message_max_bytes: usize) -> Self {
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
        reader.set_max_message_size(message_max_bytes + 1);
        Self {
            reading: Some(read_one(reader)),
            message_max_bytes,
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
    ) -> Poll<Result<IncomingFrame, WebSocketError>> {
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
        let frame = result.map_err(|error| self.error(error))?;
        self.reading = Some(read_one(reader));
        Poll::Ready(Ok(frame))
    }

    /// Reads no more frames.
    pub(super) fn end(&mut self) {
        self.reading = None;
    }

    fn error(&self, error: FrameError) -> WebSocketError {
        match error {
            FrameError::IoError(error) => WebSocketError::Io(error),
            FrameError::UnexpectedEOF => WebSocketError::Io(io::ErrorKind::UnexpectedEof.into()),
            FrameError::FrameTooLarge => WebSocketError::TooLong {
                max_bytes: self.message_max_bytes,
            },
            error => WebSocketError::Frame(error.to_string()),
        }
    }
}

/// Counts received bytes: a long message shows its progress nowhere else.
struct CountedHalf<R> {
    half: R,
    bytes: Arc<AtomicU64>,
}

impl<R: AsyncRead + Unpin> AsyncRead for CountedHalf<R> {
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

fn read_one<R: AsyncRead + Unpin + Send + 'static>(mut reader: SocketReader<R>) -> Reading<R> {
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
