//! The reader of what another server sends over WebSocket.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use tickcast_protocol::websocket::WebSocket;
use tokio::io::sink;

/// Longest message that the reader accepts here. A fuzzer quickly exceeds this limit.
const MESSAGE_MAX_BYTES: usize = 200;

/// A server's WebSocket frames.
pub fn websocket(bytes: &[u8]) {
    let messages = read_messages(bytes, bytes.len());
    for (_, payload) in &messages.0 {
        assert!(payload.len() <= MESSAGE_MAX_BYTES);
    }
    assert!(!messages.1.is_empty(), "the end has a reason");
    // The result is the same if the first bytes arrive with the handshake.
    assert_eq!(read_messages(bytes, bytes.len().min(3)), messages);
}

/// All messages, and why there are no more.
fn read_messages(bytes: &[u8], with_handshake: usize) -> (Vec<(bool, Vec<u8>)>, String) {
    let (first, rest) = bytes.split_at(with_handshake);
    let rest = std::io::Cursor::new(rest.to_vec());
    let mut socket = WebSocket::new(rest, sink(), first, MESSAGE_MAX_BYTES);
    let mut messages = Vec::new();
    loop {
        match now(socket.next()) {
            Ok(message) => messages.push((message.is_text, message.payload.to_vec())),
            Err(error) => return (messages, error.to_string()),
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
