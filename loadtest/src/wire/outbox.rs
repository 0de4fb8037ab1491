//! Bytes that wait until a socket takes them.

use std::{
    fmt,
    io::{self, ErrorKind, Write},
};

/// See the module.
#[derive(Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    written: usize,
}

impl fmt::Debug for Outbox {
    /// Without the bytes, which may hold a token.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outbox")
            .field("waiting", &self.waiting())
            .finish_non_exhaustive()
    }
}

impl Outbox {
    /// An outbox with memory for some bytes.
    pub fn with_capacity(bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            written: 0,
        }
    }

    /// Where to append bytes.
    pub fn bytes_mut(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Bytes that the socket has not taken yet.
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Whether the socket has taken everything.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Writes until the outbox is empty or the socket takes no more. Returns whether it is empty.
    pub fn flush(&mut self, socket: &mut impl Write) -> io::Result<bool> {
        while self.written < self.bytes.len() {
            match socket.write(&self.bytes[self.written..]) {
                Ok(len) => self.written += len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.clear();
        Ok(true)
    }

    /// Drops all bytes, and keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.written = 0;
    }

    /// Gives the memory back. Thousands of connections must not each keep a buffer.
    pub fn release(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A socket that takes three bytes at a time, up to a limit.
    struct Socket {
        taken: Vec<u8>,
        limit: usize,
    }

    impl Write for Socket {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(3).min(self.limit - self.taken.len());
            if len == 0 {
                return Err(ErrorKind::WouldBlock.into());
            }
            self.taken.extend_from_slice(&bytes[..len]);
            Ok(len)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn bytes_that_a_socket_does_not_take_wait_in_their_order() {
        let mut socket = Socket {
            taken: Vec::new(),
            limit: 4,
        };
        let mut outbox = Outbox::default();
        outbox.bytes_mut().extend_from_slice(b"abcdef");
        assert!(!outbox.flush(&mut socket).unwrap());
        assert_eq!(outbox.waiting(), 2);
        outbox.bytes_mut().extend_from_slice(b"gh");
        socket.limit = 100;
        assert!(outbox.flush(&mut socket).unwrap());
        assert_eq!(socket.taken, b"abcdefgh");
        assert!(outbox.is_empty() && outbox.waiting() == 0);
    }
}
