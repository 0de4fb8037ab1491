//! The sending half of a connection.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use fastwebsockets::Frame;
use tokio::io::AsyncWrite;

/// Bytes that may wait to be sent while the server accepts none. Above it messages are refused and
/// pongs left out.
pub const OUTGOING_MAX_BYTES: usize = 1024 * 1024;

/// Longest header of a frame: two bytes, eight of length, four of mask (RFC 6455, section 5.2).
/// `fastwebsockets` requires two more.
const FRAME_HEADER_MAX_BYTES: usize = 16;

/// Writes frames as fast as the socket accepts them.
pub(super) struct FrameWriter<W> {
    half: W,
    outgoing: BytesMut,
}

impl<W: AsyncWrite + Unpin> FrameWriter<W> {
    pub(super) fn new(half: W) -> Self {
        Self {
            half,
            outgoing: BytesMut::new(),
        }
    }

    /// Bytes that wait to be sent.
    pub(super) fn queued_bytes(&self) -> usize {
        self.outgoing.len()
    }

    /// Whether [`OUTGOING_MAX_BYTES`] are waiting.
    pub(super) fn is_full(&self) -> bool {
        self.outgoing.len() >= OUTGOING_MAX_BYTES
    }

    /// Queues a frame. Clients mask what they send (RFC 6455, section 5.3).
    pub(super) fn queue(&mut self, mut frame: Frame<'_>) {
        frame.mask();
        let mut header = [0; FRAME_HEADER_MAX_BYTES];
        let header_len = frame.fmt_head(&mut header);
        self.outgoing.extend_from_slice(&header[..header_len]);
        self.outgoing.extend_from_slice(&frame.payload);
    }

    /// Discards the queued bytes.
    pub(super) fn clear(&mut self) {
        self.outgoing.clear();
    }

    /// Writes until the system has accepted all queued bytes.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.outgoing.is_empty() {
            match ready!(Pin::new(&mut self.half).poll_write(cx, &self.outgoing)) {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => self.outgoing.advance(written),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        // TLS may hold some of it.
        Pin::new(&mut self.half).poll_flush(cx)
    }
}
