//! A bounded pipe from a shard to the body of an HTTP answer.
//!
//! The shard writes into it as into a socket. hyper reads from it, and ends the HTTP answer
//! correctly. A full pipe is like a full socket: the client is behind and catches up later.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame};
use tickcast_core::shard::{KernelBound, Path, UNSENT_START_BYTES};
use tokio::sync::Notify;

use super::{event_ids::JointIds, http_stream::HttpLink};

/// The capacity between shard and hyper is this part of what the kernel may hold unsent, because
/// hyper holds as much again.
const PIPE_PART: usize = 2;

/// Largest capacity. A stream that never reads holds about twice as much, in the pipe and in hyper.
/// More would save a fast stream few wake-ups.
const PIPE_MAX_BYTES: usize = 8 * 1024;

/// Capacity until the client's link is known.
const PIPE_START_BYTES: usize = UNSENT_START_BYTES as usize / PIPE_PART;

#[derive(Debug)]
struct State {
    bytes: BytesMut,
    /// Capacity, in bytes. These bytes are old when they are sent, like those in the kernel.
    max_bytes: usize,
    end: Option<End>,
    reader: Option<Waker>,
    is_reader_gone: bool,
    /// Replaces the ids of events, if the stream has several filters.
    ids: Option<Box<JointIds>>,
}

#[derive(Debug, Clone, Copy)]
enum End {
    /// Ends the answer after the bytes in the pipe.
    Orderly,
    /// Breaks the answer off, so that the client does not take it for complete.
    Broken,
    /// Does so after the bytes in the pipe.
    BrokenLater,
}

impl Default for State {
    fn default() -> Self {
        Self {
            bytes: BytesMut::new(),
            max_bytes: PIPE_START_BYTES,
            end: None,
            reader: None,
            is_reader_gone: false,
            ids: None,
        }
    }
}

#[derive(Debug, Default)]
struct Shared {
    state: RefCell<State>,
    /// The connection that hyper writes to.
    connection: HttpLink,
    room: Notify,
    gone: Notify,
}

/// The shard's end of a pipe.
#[derive(Debug, Clone, Default)]
pub(super) struct Pipe(Rc<Shared>);

/// hyper's end of a pipe: the body of the answer.
#[derive(Debug)]
pub(super) struct PipeBody(Rc<Shared>);

impl Pipe {
    /// A pipe with its first bytes.
    pub(super) fn new(first: &[u8], connection: HttpLink) -> Self {
        let pipe = Self(Rc::new(Shared {
            connection,
            ..Shared::default()
        }));
        pipe.0.state.borrow_mut().bytes.extend_from_slice(first);
        pipe
    }

    /// Replaces the ids of the events that are written into it.
    pub(super) fn with_ids(self, ids: Option<JointIds>) -> Self {
        self.0.state.borrow_mut().ids = ids.map(Box::new);
        self
    }

    /// What the kernel knows about the way to the client.
    pub(super) fn path(&self) -> Option<Path> {
        self.0.connection.path()
    }

    /// Bounds what the kernel holds. The capacity becomes a part of what it may hold unsent.
    pub(super) fn bound(&self, bound: KernelBound) {
        self.0.connection.bound(bound);
        let part = bound.unsent as usize / PIPE_PART;
        self.0.state.borrow_mut().max_bytes = part.min(PIPE_MAX_BYTES);
        self.0.room.notify_one();
    }

    /// The reading end. Call it once.
    pub(super) fn body(&self) -> PipeBody {
        PipeBody(Rc::clone(&self.0))
    }

    /// Writes like [`Socket::try_write`](tickcast_core::shard::Socket::try_write).
    /// With `is_apart` hyper's writes to the connection are small and kept apart.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>], is_apart: bool) -> io::Result<usize> {
        let mut state = self.0.state.borrow_mut();
        if state.is_reader_gone || state.end.is_some() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let write_max = if is_apart { state.max_bytes } else { 0 };
        self.0.connection.set_write_max(write_max);
        let room = state.max_bytes.saturating_sub(state.bytes.len());
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let written = state.append(slices, room);
        wake(&mut state);
        Ok(written)
    }

    /// Waits until there is room again, or the reader is gone.
    pub(super) async fn writable(&self) {
        loop {
            let is_due = {
                let state = self.0.state.borrow();
                state.bytes.len() < state.max_bytes || state.is_reader_gone
            };
            if is_due {
                return;
            }
            self.0.room.notified().await;
        }
    }

    /// Waits until the reader is gone.
    pub(super) async fn gone(&self) {
        if !self.0.state.borrow().is_reader_gone {
            self.0.gone.notified().await;
        }
    }

    /// Ends the answer: in order, unless the pipe is full because the client reads nothing.
    pub(super) fn end(&self) {
        let mut state = self.0.state.borrow_mut();
        let is_full = state.bytes.len() >= state.max_bytes;
        state.end = Some(if is_full { End::Broken } else { End::Orderly });
        wake(&mut state);
    }

    /// Breaks the answer off after the bytes in the pipe, so that the client does not take it for
    /// complete.
    pub(super) fn break_off(&self) {
        let mut state = self.0.state.borrow_mut();
        state.end = Some(End::BrokenLater);
        wake(&mut state);
    }
}

impl State {
    /// Appends bytes, and returns how many were taken: as many as there is room for, or with joint
    /// ids, which are longer than those that they replace, up to the line that fills it.
    fn append(&mut self, slices: &[IoSlice<'_>], room: usize) -> usize {
        let Some(ids) = &mut self.ids else {
            let mut left = room;
            for slice in slices {
                let part = &slice[..slice.len().min(left)];
                self.bytes.extend_from_slice(part);
                left -= part.len();
            }
            return room - left;
        };
        let mut written = 0;
        for slice in slices {
            let mut rest = &slice[..];
            while !rest.is_empty() {
                let Some(left) = self.max_bytes.checked_sub(self.bytes.len() + 1) else {
                    return written;
                };
                let part = &rest[..rest.len().min(left + 1)];
                let taken = ids.pass(part, &mut self.bytes);
                written += taken;
                rest = &rest[taken..];
            }
        }
        written
    }
}

fn wake(state: &mut State) {
    if let Some(reader) = state.reader.take() {
        reader.wake();
    }
}

impl Body for PipeBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut state = self.0.state.borrow_mut();
        if let Some(End::Broken) = state.end {
            return Poll::Ready(Some(Err(ErrorKind::TimedOut.into())));
        }
        // What hyper holds is old when it is sent: it gets the next bytes when it has none.
        if !state.bytes.is_empty() && self.0.connection.take_flushed(context) {
            // Takes the whole buffer: a silent stream must hold none.
            let bytes = std::mem::take(&mut state.bytes).freeze();
            self.0.room.notify_one();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if let Some(end) = state.end
            && state.bytes.is_empty()
        {
            let is_broken = matches!(end, End::BrokenLater);
            // hyper forgets what it has not written when the answer breaks off.
            if is_broken && !self.0.connection.take_flushed(context) {
                return Poll::Pending;
            }
            return Poll::Ready(is_broken.then(|| Err(ErrorKind::TimedOut.into())));
        }
        state.reader = Some(context.waker().clone());
        Poll::Pending
    }
}

impl Drop for PipeBody {
    fn drop(&mut self) {
        self.0.connection.set_write_max(0);
        self.0.state.borrow_mut().is_reader_gone = true;
        self.0.room.notify_one();
        self.0.gone.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn a_pipe_accepts_bytes_up_to_its_capacity_and_reports_new_room() {
        let pipe = Pipe::default();
        let mut body = pipe.body();
        let half = vec![7; PIPE_START_BYTES / 2 + 1];
        let slices = [IoSlice::new(&half), IoSlice::new(&half)];
        assert_eq!(pipe.try_write(&slices, false).unwrap(), PIPE_START_BYTES);
        let full = pipe.try_write(&slices, false).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(bytes.len(), PIPE_START_BYTES);
        pipe.writable().await;
        assert_eq!(pipe.try_write(&[IoSlice::new(b"ab")], false).unwrap(), 2);
        pipe.end();
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(rest, "ab");
    }

    #[tokio::test]
    async fn an_answer_that_the_client_does_not_read_is_broken_off() {
        let pipe = Pipe::default();
        let mut body = pipe.body();
        let full = vec![7; PIPE_START_BYTES];
        pipe.try_write(&[IoSlice::new(&full)], false).unwrap();
        pipe.end();
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_later_first_gives_its_bytes() {
        let pipe = Pipe::default();
        let mut body = pipe.body();
        pipe.try_write(&[IoSlice::new(b"why")], false).unwrap();
        pipe.break_off();
        let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(bytes, "why");
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_pipe_without_a_reader_is_broken() {
        let pipe = Pipe::default();
        drop(pipe.body());
        pipe.gone().await;
        pipe.writable().await;
        let error = pipe.try_write(&[IoSlice::new(b"a")], false).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
