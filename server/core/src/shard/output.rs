//! The output of a connection: its socket and the frames that wait for it.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice},
    time::Duration,
};

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use super::{
    link::Link,
    socket::{SLICES_MAX, Socket, Write},
};

/// Maximum bytes of answers and pongs that wait for a client that does not read. Above this limit
/// the server stops reading from the client until it has read some of them.
pub(super) const UNREAD_ANSWERS_MAX_BYTES: usize = 64 * 1024;

/// The result of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flushed {
    /// The kernel accepted everything.
    Clear,
    /// The kernel accepts no more for now.
    Blocked,
    /// The connection is broken.
    Broken,
}

/// The output of a connection; see the module.
#[derive(Debug)]
pub(super) struct Output<S> {
    socket: S,
    /// Frames that the kernel has not accepted yet. The first one may be a remainder.
    frames: VecDeque<Bytes>,
    /// Whether the first one is a remainder.
    has_begun: bool,
    bytes: usize,
    /// What the client's link takes.
    pub(super) link: Link,
    /// Uptime since which the kernel has accepted nothing.
    pub(super) blocked_since: Option<Duration>,
    /// Uptime at which the kernel had last accepted all bytes, those of a message among them.
    pub(super) sent: Duration,
    /// Whether a message, and not only control frames, is unsent.
    has_message: bool,
    /// Whether the connection is queued for a turn.
    pub(super) is_in_line: bool,
}

impl<S: Socket> Output<S> {
    pub(super) fn new(socket: S, uptime: Duration) -> Self {
        Self {
            socket,
            frames: VecDeque::new(),
            has_begun: false,
            bytes: 0,
            link: Link::default(),
            blocked_since: None,
            sent: uptime,
            has_message: false,
            is_in_line: false,
        }
    }

    /// Appends the frame of a message.
    pub(super) fn push(&mut self, frame: Bytes) {
        self.has_message = true;
        self.push_control(frame);
    }

    /// Appends a control frame.
    pub(super) fn push_control(&mut self, frame: Bytes) {
        self.bytes += frame.len();
        self.frames.push_back(frame);
    }

    /// Drops the frames of which the kernel has not accepted any byte, and makes the kernel accept
    /// more for what follows.
    pub(super) fn drop_frames_to_come(&mut self) {
        self.frames.truncate(usize::from(self.has_begun));
        self.bytes = self.frames.iter().map(Bytes::len).sum();
        self.socket.make_room();
    }

    /// Bytes that the kernel has not accepted yet.
    pub(super) fn unsent_bytes(&self) -> usize {
        self.bytes
    }

    /// Whether frames, or what the socket has made of them, still wait for the kernel.
    pub(super) fn has_unsent(&self) -> bool {
        self.bytes > 0 || self.is_blocked()
    }

    /// Whether the kernel accepted less than it was given.
    pub(super) fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// Whether its client does not read its answers and should therefore not be read either.
    pub(super) fn is_clogged(&self) -> bool {
        self.is_blocked() && self.bytes > UNREAD_ANSWERS_MAX_BYTES
    }

    /// The unsent frames, for [`WriteMany`](super::WriteMany).
    pub(super) fn unsent(&self) -> Write<'_, S> {
        Write {
            socket: &self.socket,
            frames: &self.frames,
            bytes_max: self.link.write_max(),
            is_apart: self.link.is_slow(),
        }
    }

    /// Records that the kernel has accepted the first `written` bytes, if these are all, as nearly
    /// always. Otherwise it does nothing, and [`flush`](Self::flush) has to follow.
    #[inline]
    pub(super) fn is_written(&mut self, written: usize, uptime: Duration) -> bool {
        if written != self.bytes || self.socket.is_holding() {
            return false;
        }
        self.advance_whole(uptime);
        self.clear(uptime);
        true
    }

    /// Hands the kernel as many bytes as it accepts; it has accepted the first `written` bytes
    /// already. Also returns the total number of bytes accepted.
    pub(super) fn flush(&mut self, mut written: usize, uptime: Duration) -> (Flushed, usize) {
        self.advance(written, uptime);
        loop {
            let result = match self.frames.is_empty() {
                true => match self.socket.try_flush() {
                    Ok(()) => break,
                    Err(error) => Err(error),
                },
                false => self.write_once(),
            };
            match result {
                Ok(accepted) if accepted == self.bytes => {
                    written += accepted;
                    self.advance_whole(uptime);
                }
                Ok(0) => return (Flushed::Broken, written),
                Ok(accepted) => {
                    written += accepted;
                    self.advance(accepted, uptime);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.block(written, uptime);
                    return (Flushed::Blocked, written);
                }
                Err(_) => return (Flushed::Broken, written),
            }
        }
        self.clear(uptime);
        (Flushed::Clear, written)
    }

    /// Records that nothing is unsent.
    #[inline]
    fn clear(&mut self, uptime: Duration) {
        self.blocked_since = None;
        if std::mem::take(&mut self.has_message) {
            self.sent = uptime;
        }
        if self.link.is_look_due() {
            self.look(uptime);
        }
    }

    /// Records that the kernel accepts no more for now.
    #[cold]
    fn block(&mut self, written: usize, uptime: Duration) {
        if written > 0 || self.blocked_since.is_none() {
            self.blocked_since = Some(uptime);
        }
        let path = || self.socket.path();
        if let Some(bound) = self.link.refused(uptime, path) {
            self.socket.bound(bound);
        }
        if self.link.is_look_due() {
            self.look(uptime);
        }
    }

    /// Looks at the way to the client.
    #[cold]
    fn look(&mut self, uptime: Duration) {
        if let Some(path) = self.socket.path()
            && let Some(bound) = self.link.look(&path, uptime)
        {
            self.socket.bound(bound);
        }
    }

    /// Writes once. One frame for a link that is not slow needs no list of slices.
    #[inline]
    fn write_once(&self) -> io::Result<usize> {
        match self.frames.front() {
            Some(frame) if self.frames.len() == 1 && !self.link.is_slow() => {
                self.socket.try_write(&[IoSlice::new(frame)])
            }
            _ => self.write_slices(),
        }
    }

    fn write_slices(&self) -> io::Result<usize> {
        let mut slices: SmallVec<[IoSlice<'_>; SLICES_MAX]> = SmallVec::new();
        let unsent = self.unsent();
        slices.extend(unsent.slices().map(IoSlice::new));
        if unsent.is_apart {
            self.socket.try_write_apart(&slices)
        } else {
            self.socket.try_write(&slices)
        }
    }

    /// Forgets all frames, which the kernel has accepted.
    #[inline]
    fn advance_whole(&mut self, uptime: Duration) {
        self.link.accepted(self.bytes, uptime);
        // There is usually one, for which this is faster than `clear`.
        while self.frames.pop_front().is_some() {}
        self.bytes = 0;
        self.has_begun = false;
    }

    fn advance(&mut self, mut accepted: usize, uptime: Duration) {
        if accepted == 0 {
            return;
        }
        self.link.accepted(accepted, uptime);
        self.bytes -= accepted;
        while let Some(front) = self.frames.front_mut() {
            if accepted < front.len() {
                front.advance(accepted);
                self.has_begun |= accepted > 0;
                return;
            }
            accepted -= front.len();
            self.frames.pop_front();
            self.has_begun = false;
        }
    }
}
