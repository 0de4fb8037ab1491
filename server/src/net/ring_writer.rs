//! Writes to many clients in one system call, through io_uring.

use std::io;

use tickcast_core::shard::{Write, WriteMany, Written};
use tickcast_uring::Ring;

use super::{
    outlet::Outlet,
    stream::{Sealed, Stream},
};
use crate::tls::Arena;

/// Fewer clients than this are written to one by one, because io_uring would cost more than it
/// saves.
const SENDS_MIN: usize = 4;

/// Writes to many clients in one system call.
#[derive(Debug)]
pub(super) struct RingWriter {
    /// `None` after it has failed.
    ring: Option<Ring>,
    /// The results of the last call.
    results: Vec<io::Result<usize>>,
    /// The encrypted bytes of one call.
    arena: Arena,
    /// What is in the arena, one for each write.
    sealed: Vec<Option<Sealed>>,
}

impl RingWriter {
    /// Creates the ring; see [`Ring::new`].
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            ring: Some(Ring::new()?),
            results: Vec::new(),
            arena: Arena::default(),
            sealed: Vec::new(),
        })
    }
}

impl WriteMany<Outlet> for RingWriter {
    fn write_many(&mut self, writes: &[Write<'_, Outlet>], written: &mut Written) {
        let Some(ring) = self.ring.as_mut().filter(|_| writes.len() >= SENDS_MIN) else {
            written.resize(writes.len(), 0);
            return;
        };
        // All of it first: the kernel is given places in the arena, which may move as it grows.
        self.arena.clear();
        self.sealed.clear();
        self.sealed
            .extend(writes.iter().map(|write| match write.socket.stream() {
                Some(Stream::Secure(stream)) => stream.seal(write.slices(), &mut self.arena),
                _ => None,
            }));
        let mut sends = ring.sends();
        for (write, sealed) in writes.iter().zip(&self.sealed) {
            let (stream, sealed) = match (write.socket.stream(), sealed) {
                (Some(stream @ Stream::Plain(_)), _) => (stream, None),
                (Some(stream), Some(sealed)) => {
                    (stream, Some(&self.arena.bytes()[sealed.range.clone()]))
                }
                _ => continue,
            };
            match (sealed, write.is_apart) {
                (None, false) => sends.add(stream.as_fd(), write.slices()),
                (None, true) => sends.add_apart(stream.as_fd(), write.slices()),
                (Some(sealed), false) => sends.add(stream.as_fd(), [sealed]),
                (Some(sealed), true) => sends.add_apart(stream.as_fd(), [sealed]),
            }
        }
        if let Err(error) = sends.submit(&mut self.results) {
            tracing::warn!(%error, "io_uring failed; each write is a system call from now on");
            self.ring = None;
        }
        let mut of_sockets = self.results.iter();
        let mut accepted = || match of_sockets.next() {
            Some(Ok(bytes)) => *bytes,
            Some(Err(_)) | None => 0,
        };
        written.extend(writes.iter().zip(&self.sealed).map(|(write, sealed)| {
            match (write.socket.stream(), sealed) {
                (Some(Stream::Plain(_)), _) => accepted(),
                (Some(Stream::Secure(stream)), Some(sealed)) => {
                    let bytes = &self.arena.bytes()[sealed.range.clone()];
                    stream.sent(bytes, accepted());
                    sealed.plain_bytes
                }
                _ => 0,
            }
        }));
    }
}
