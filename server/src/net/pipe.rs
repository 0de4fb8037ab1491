//! A bounded pipe to the body of an HTTP answer that is made little by little.
//!
//! Its writer writes into it as into a socket. hyper reads from it, and ends the HTTP answer
//! correctly. A full pipe is like a full socket: the writer waits until there is room.

use std::{
    cell::RefCell,
    io::{self, ErrorKind},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame};
use tokio::sync::Notify;

use super::http_stream::HttpLink;

/// Capacity. An answer that is not read holds twice as much, in the pipe and in hyper. More would
/// save a fast client few wake-ups.
const PIPE_MAX_BYTES: usize = 4 * 1024;

#[derive(Debug, Default)]
struct State {
    bytes: BytesMut,
    end: Option<End>,
    reader: Option<Waker>,
    is_reader_gone: bool,
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

#[derive(Debug, Default)]
struct Shared {
    state: RefCell<State>,
    /// The connection that hyper writes to.
    connection: HttpLink,
    room: Notify,
    gone: Notify,
}

/// The writer's end of a pipe.
#[derive(Debug, Default)]
pub(super) struct Pipe(Rc<Shared>);

/// hyper's end of a pipe: the body of the answer.
#[derive(Debug)]
pub(super) struct PipeBody(Rc<Shared>);

impl Pipe {
    /// An empty pipe.
    pub(super) fn new(connection: HttpLink) -> Self {
        Self(Rc::new(Shared {
            connection,
            ..Shared::default()
        }))
    }

    /// The reading end. Call it once.
    pub(super) fn body(&self) -> PipeBody {
        PipeBody(Rc::clone(&self.0))
    }

    /// Writes as much as there is room for. Returns the number of bytes, or
    /// [`WouldBlock`](ErrorKind::WouldBlock).
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.state.borrow_mut();
        if state.is_reader_gone || state.end.is_some() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = PIPE_MAX_BYTES.saturating_sub(state.bytes.len());
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let part = &bytes[..bytes.len().min(room)];
        state.bytes.extend_from_slice(part);
        wake(&mut state);
        Ok(part.len())
    }

    /// Waits until there is room again, or the reader is gone.
    pub(super) async fn writable(&self) {
        loop {
            let is_due = {
                let state = self.0.state.borrow();
                state.bytes.len() < PIPE_MAX_BYTES || state.is_reader_gone
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
        let is_full = state.bytes.len() >= PIPE_MAX_BYTES;
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
            // Takes the whole buffer: a silent answer must hold none.
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
        let more = vec![7; PIPE_MAX_BYTES + 1];
        assert_eq!(pipe.try_write(&more).unwrap(), PIPE_MAX_BYTES);
        let full = pipe.try_write(&more).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let bytes = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(bytes.len(), PIPE_MAX_BYTES);
        pipe.writable().await;
        assert_eq!(pipe.try_write(b"ab").unwrap(), 2);
        pipe.end();
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(rest, "ab");
    }

    #[tokio::test]
    async fn an_answer_that_the_client_does_not_read_is_broken_off() {
        let pipe = Pipe::default();
        let mut body = pipe.body();
        pipe.try_write(&[7; PIPE_MAX_BYTES]).unwrap();
        pipe.end();
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn an_answer_that_breaks_off_later_first_gives_its_bytes() {
        let pipe = Pipe::default();
        let mut body = pipe.body();
        pipe.try_write(b"why").unwrap();
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
        let error = pipe.try_write(b"a").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
