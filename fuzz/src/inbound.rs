//! The reader of WebSocket messages.

use std::{
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use bytes::Bytes;
use tickcast_server::testing::{Inbound, InboundError, MessageReader, Violation};
use tokio::io::{AsyncRead, ReadBuf};

/// Longest message that the reader accepts here. A fuzzer quickly exceeds this limit.
const MESSAGE_MAX_BYTES: usize = 200;

/// A client's WebSocket frames.
pub fn inbound(bytes: &[u8]) {
    let (messages, end) = read_messages(bytes, bytes.len().max(1));
    for message in &messages {
        match message {
            Inbound::Text(text) => {
                assert!(text.len() <= MESSAGE_MAX_BYTES && std::str::from_utf8(text).is_ok());
            }
            Inbound::Binary(payload) => assert!(payload.len() <= MESSAGE_MAX_BYTES),
            Inbound::Ping(payload) => assert!(payload.len() <= 125),
            Inbound::Pong | Inbound::Close(None) => {}
            Inbound::Close(Some(code)) => assert!((1000..5000).contains(code)),
        }
    }
    // The result is the same for any division into reads.
    for piece in [1, 2, 5] {
        assert_eq!(read_messages(bytes, piece), (messages.clone(), end));
    }
}

/// All messages, and the violation that ends the connection, if there is one.
fn read_messages(bytes: &[u8], piece: usize) -> (Vec<Inbound>, Option<Violation>) {
    // The first bytes arrive with the handshake.
    let (first, rest) = bytes.split_at(piece.min(bytes.len()));
    let stream = Pieces { bytes: rest, piece };
    let mut reader = MessageReader::new(stream, &Bytes::copy_from_slice(first), MESSAGE_MAX_BYTES);
    let mut messages = Vec::new();
    loop {
        match now(reader.next()) {
            Ok(message) => messages.push(message),
            Err(InboundError::Lost) => return (messages, None),
            Err(InboundError::Violation(violation)) => return (messages, Some(violation)),
        }
    }
}

/// The result of a future that never waits.
fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("waits for bytes that have arrived already"),
    }
}

/// A stream that returns at most `piece` bytes per read.
struct Pieces<'a> {
    bytes: &'a [u8],
    piece: usize,
}

impl AsyncRead for Pieces<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = self.piece.min(self.bytes.len()).min(out.remaining());
        let (piece, rest) = self.bytes.split_at(len);
        out.put_slice(piece);
        self.bytes = rest;
        Poll::Ready(Ok(()))
    }
}
