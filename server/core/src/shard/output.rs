//! The output of a connection: its socket and the frames that wait for it.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice},
    time::Duration,
};

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use super::socket::{SLICES_MAX, Socket, Write};

/// Answers and pongs that may wait for a client that does not read, in bytes. Above it the client
/// is not read either, until it has read some of them.
pub(super) const UNREAD_ANSWERS_MAX_BYTES: usize = 64 * 1024;

/// Whether everything could be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    /// The kernel has everything.
    Clear,
    /// The kernel takes no more for now.
    Blocked,
    /// The connection is broken.
    Broken,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Output<S> {
    socket: S,
    /// Frames that the kernel has not taken yet; of the first one perhaps only the rest.
    frames: VecDeque<Bytes>,
    bytes: usize,
    /// Since when the kernel has taken nothing, as uptime.
    pub(super) blocked_since: Option<Duration>,
    /// When the kernel last took something, as uptime.
    pub(super) sent: Duration,
    /// Whether the connection is in the line of those that wait for their turn.
    pub(super) is_in_line: bool,
}

impl<S: Socket> Output<S> {
    pub(super) fn new(socket: S, uptime: Duration) -> Self {
        Self {
            socket,
            frames: VecDeque::new(),
            bytes: 0,
            blocked_since: None,
            sent: uptime,
            is_in_line: false,
        }
    }

    /// Adds a frame after those that wait.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Bytes that the kernel has not taken yet.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the kernel took less than it was given.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// Whether its client does not read its answers, so that it should not be read either.
    pub(super) fn is_clogged(&self) -> bool {
        self.is_blocked() && self.bytes > UNREAD_ANSWERS_MAX_BYTES
    }

    /// The frames that wait, for [`WriteMany`](super::WriteMany).
    pub(super) fn unsent(&self) -> Write<'_, S> {
        Write {
            socket: &self.socket,
            frames: &self.frames,
        }
    }

    /// Gives the kernel as much as it takes. It has taken the first `written` bytes already.
    /// Returns the bytes it took in all, too.
    pub(super) fn flush(&mut self, mut written: usize, uptime: Duration) -> (Flushed, usize) {
        self.advance(written);
        while !self.frames.is_empty() {
            match self.write_once() {
                Ok(0) => return (Flushed::Broken, written),
                Ok(taken) => {
                    written += taken;
                    self.advance(taken);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if written > 0 {
                        self.sent = uptime;
                    }
                    if written > 0 || self.blocked_since.is_none() {
                        self.blocked_since = Some(uptime);
                    }
                    return (Flushed::Blocked, written);
                }
                Err(_) => return (Flushed::Broken, written),
            }
        }
        self.blocked_since = None;
        self.sent = uptime;
        (Flushed::Clear, written)
    }

    fn write_once(&self) -> io::Result<usize> {
        let mut slices: SmallVec<[IoSlice<'_>; SLICES_MAX]> = SmallVec::new();
        slices.extend(self.unsent().slices().map(IoSlice::new));
        self.socket.try_write(&slices)
    }

    fn advance(&mut self, mut taken: usize) {
        self.bytes -= taken;
        while let Some(front) = self.frames.front_mut() {
            if taken < front.len() {
                front.advance(taken);
                return;
            }
            taken -= front.len();
            self.frames.pop_front();
        }
    }
}
