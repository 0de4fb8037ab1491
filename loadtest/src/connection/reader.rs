//! Reads the connections of one thread.

use tickcast_protocol::message::TimeNs;

use super::{error::ClientConnectionError, websocket_client::ClientConnection};
use crate::schedule::RunClock;

/// Bytes read at a time. A thousand updates fit, so that one call usually empties a socket. Larger
/// buffers do not fit the core's cache.
const BUFFER_BYTES: usize = 256 * 1024;

/// What all connections of a thread share: one buffer, and the clock that is read after each read
/// of a socket.
#[derive(Debug)]
pub struct SocketReader {
    buffer: Box<[u8]>,
    clock: RunClock,
    message_max_bytes: usize,
    /// Bytes received so far.
    pub bytes: u64,
}

impl SocketReader {
    /// A reader of messages with at most `message_max_bytes`.
    pub fn new(clock: RunClock, message_max_bytes: usize) -> Self {
        Self {
            buffer: vec![0; BUFFER_BYTES].into(),
            clock,
            message_max_bytes,
            bytes: 0,
        }
    }

    /// Reads until the socket is empty. `handle` gets each message, the moment at which it was read
    /// and the place for answers.
    pub fn read_all<E>(
        &mut self,
        connection: &mut ClientConnection,
        handle: &mut impl FnMut(&[u8], TimeNs, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), ClientConnectionError<E>> {
        loop {
            let len = self.read_some(connection, BUFFER_BYTES, handle)?;
            if !connection.may_have_more(len, BUFFER_BYTES) {
                return Ok(());
            }
        }
    }

    /// Reads once, at most `max_bytes`. Returns the number of bytes read.
    pub fn read_some<E>(
        &mut self,
        connection: &mut ClientConnection,
        max_bytes: usize,
        handle: &mut impl FnMut(&[u8], TimeNs, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, ClientConnectionError<E>> {
        let buffer = &mut self.buffer[..max_bytes.min(BUFFER_BYTES)];
        let len = connection.receive(buffer)?;
        if len > 0 {
            let received_ns = self.clock.now_ns();
            self.bytes += len as u64;
            let bytes = &self.buffer[..len];
            connection.received(bytes, received_ns, self.message_max_bytes, handle)?;
        }
        Ok(len)
    }
}
