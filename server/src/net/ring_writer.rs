//! Writes to many clients in one system call, through io_uring.

use std::io;

use tickcast_core::shard::{Write, WriteMany, Written};
use tickcast_uring::Ring;

use super::outlet::Outlet;

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
}

impl RingWriter {
    /// Creates the ring; see [`Ring::new`].
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            ring: Some(Ring::new()?),
            results: Vec::new(),
        })
    }
}

impl WriteMany<Outlet> for RingWriter {
    fn write_many(&mut self, writes: &[Write<'_, Outlet>], written: &mut Written) {
        let Some(ring) = self.ring.as_mut().filter(|_| writes.len() >= SENDS_MIN) else {
            written.resize(writes.len(), 0);
            return;
        };
        let mut sends = ring.sends();
        for write in writes {
            if let Outlet::Tcp(stream) = write.socket {
                if write.is_apart {
                    sends.add_apart(stream.as_fd(), write.slices());
                } else {
                    sends.add(stream.as_fd(), write.slices());
                }
            }
        }
        if let Err(error) = sends.submit(&mut self.results) {
            tracing::warn!(%error, "io_uring failed; each write is a system call from now on");
            self.ring = None;
        }
        let mut of_sockets = self.results.iter();
        written.extend(writes.iter().map(|write| match write.socket {
            Outlet::Tcp(_) => match of_sockets.next() {
                Some(Ok(bytes)) => *bytes,
                Some(Err(_)) | None => 0,
            },
            Outlet::Events(_) => 0,
        }));
    }
}
