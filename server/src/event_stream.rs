//! Server-sent events for those without WebSocket (HTML Living Standard, section 9.2): what is
//! asked for in the address, and the way of the bytes out.
//!
//! To the shard an event stream is a connection like any other. It writes into a pipe as it writes
//! into a socket, and hyper, which knows how to end an HTTP answer, takes the bytes from there. A
//! full pipe is a socket that takes no more: then the client is behind and catches up later.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, IoSlice},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use hyper::{
    HeaderMap,
    body::{Body, Frame},
};
use tickcast_protocol::{
    message::{FilterRequest, Mode, Resume, Subscribe},
    topic::Filter,
};
use tokio::sync::Notify;

use crate::{channel::Pace, frame::parse_event_id};

/// The content type of an event stream.
pub const CONTENT_TYPE: &str = "text/event-stream";

/// The header in which a client says where it was, and what stands for it in the address: a
/// browser sends the header only when it comes back by itself.
const LAST_EVENT_ID: &str = "last-event-id";
const LAST_EVENT_ID_PARAMETER: &str = "last_event_id";

/// Milliseconds after which a client comes back, at least and at most; each is told another time,
/// so that not all come at once when a server ends.
const RETRY_MS: std::ops::RangeInclusive<u32> = 500..=2500;

/// Bytes between shard and hyper. What lies here is already old when it leaves, see
/// `UNSENT_MAX_BYTES` of the listener; less would mean more wake-ups.
const PIPE_MAX_BYTES: usize = 64 * 1024;

/// How long a client waits before it comes back, as the stream's first words.
pub fn retry() -> String {
    format!("retry: {}\n\n", rand::random_range(RETRY_MS))
}

/// What somebody wants to be told.
#[derive(Debug, Clone, PartialEq)]
pub struct Wish {
    /// Which topics.
    pub filter: Filter,
    mode: Mode,
    max_rate_hz: Option<f64>,
    resume: Option<Resume>,
}

impl Wish {
    /// Reads an address's query and the header `Last-Event-ID`, which wins. Else the reason for a
    /// refusal.
    pub fn parse(query: &str, headers: &HeaderMap) -> Result<Self, String> {
        let mut filter = None;
        let mut mode = Mode::default();
        let mut max_rate_hz = None;
        let mut last_event_id = None;
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "filter" if filter.is_some() => return Err("one filter at a time".to_owned()),
                "filter" => {
                    let parsed = Filter::new(&value);
                    filter = Some(parsed.map_err(|error| format!("filter {value:?}: {error}"))?);
                }
                "mode" => {
                    mode = match &*value {
                        "every" => Mode::Every,
                        "latest" => Mode::Latest,
                        _ => return Err(format!("mode {value:?}: use every or latest")),
                    }
                }
                "max_rate_hz" => {
                    let rate = value.parse();
                    let rate = rate.map_err(|_| format!("max_rate_hz {value:?}: not a number"))?;
                    max_rate_hz = Some(rate);
                }
                LAST_EVENT_ID_PARAMETER => last_event_id = Some(value.into_owned()),
                _ => {
                    return Err(format!(
                        "there is no parameter {name:?}: use filter, mode, max_rate_hz, \
                         {LAST_EVENT_ID_PARAMETER}"
                    ));
                }
            }
        }
        if Pace::grant(mode, max_rate_hz).is_none() {
            return Err("max_rate_hz must be finite and above 0".to_owned());
        }
        if let Some(id) = headers.get(LAST_EVENT_ID) {
            last_event_id = Some(String::from_utf8_lossy(id.as_bytes()).into_owned());
        }
        let resume = match last_event_id.as_deref() {
            None | Some("") => None,
            Some(id) => {
                Some(parse_event_id(id).ok_or_else(|| format!("{id:?} is no id of an event"))?)
            }
        };
        Ok(Self {
            filter: filter.unwrap_or_else(Filter::all),
            mode,
            max_rate_hz,
            resume,
        })
    }

    /// The same as a message of the protocol.
    pub fn into_request(self) -> Subscribe {
        Subscribe {
            id: 0,
            filters: vec![FilterRequest {
                filter: self.filter.as_str().to_owned(),
                resume: self.resume,
            }],
            mode: self.mode,
            max_rate_hz: self.max_rate_hz,
        }
    }
}

#[derive(Debug, Default)]
struct State {
    bytes: BytesMut,
    end: Option<End>,
    reader: Option<Waker>,
    is_reader_gone: bool,
}

#[derive(Debug, Clone, Copy)]
enum End {
    /// After what is in the pipe.
    Orderly,
    /// The client is not to take it for complete.
    Broken,
}

#[derive(Debug, Default)]
struct Shared {
    state: RefCell<State>,
    room: Notify,
    gone: Notify,
}

/// The shard's end of a pipe.
#[derive(Debug, Clone, Default)]
pub struct Pipe(Rc<Shared>);

/// hyper's end of a pipe: the body of the answer.
#[derive(Debug)]
pub struct PipeBody(Rc<Shared>);

impl Pipe {
    /// A pipe with its first bytes.
    pub fn new(first: &[u8]) -> Self {
        let pipe = Self::default();
        pipe.0.state.borrow_mut().bytes.extend_from_slice(first);
        pipe
    }

    /// The other end. To be called once.
    pub fn body(&self) -> PipeBody {
        PipeBody(Rc::clone(&self.0))
    }

    /// As [`Socket::try_write`](crate::connection::Socket::try_write).
    pub fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.0.state.borrow_mut();
        if state.is_reader_gone || state.end.is_some() {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = PIPE_MAX_BYTES - state.bytes.len();
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut left = room;
        for slice in slices {
            let part = &slice[..slice.len().min(left)];
            state.bytes.extend_from_slice(part);
            left -= part.len();
        }
        wake(&mut state);
        Ok(room - left)
    }

    /// Waits until there is room again, or nobody reads any more.
    pub async fn writable(&self) {
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

    /// Waits until nobody reads any more.
    pub async fn gone(&self) {
        if !self.0.state.borrow().is_reader_gone {
            self.0.gone.notified().await;
        }
    }

    /// Ends the answer: in order, unless the client has not even taken what is here.
    pub fn end(&self) {
        let mut state = self.0.state.borrow_mut();
        let is_full = state.bytes.len() == PIPE_MAX_BYTES;
        state.end = Some(if is_full { End::Broken } else { End::Orderly });
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
        if !state.bytes.is_empty() {
            // Not split off: a silent stream shall hold no buffer.
            let bytes = std::mem::take(&mut state.bytes).freeze();
            self.0.room.notify_one();
            return Poll::Ready(Some(Ok(Frame::data(bytes))));
        }
        if state.end.is_some() {
            return Poll::Ready(None);
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
    use tickcast_protocol::message::Epoch;

    use super::*;

    fn parse(query: &str) -> Result<Wish, String> {
        Wish::parse(query, &HeaderMap::new())
    }

    #[test]
    fn an_address_says_what_is_wanted() {
        let wish = parse("filter=market/%23&mode=every").unwrap();
        assert_eq!(wish.filter.as_str(), "market/#");
        assert_eq!(wish.mode, Mode::Every);
        assert_eq!(parse("").unwrap().filter, Filter::all());
        assert_eq!(parse("max_rate_hz=2.5").unwrap().max_rate_hz, Some(2.5));
        for wrong in [
            "filter=a&filter=b",
            "filter=a%23",
            "mode=all",
            "max_rate_hz=0",
            "max_rate_hz=x",
            "topic=a",
            "last_event_id=7",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn where_a_client_was_comes_from_the_header_or_from_the_address() {
        let resume = |position| {
            Some(Resume {
                epoch: Epoch(1),
                position,
                count: None,
                snapshot: None,
            })
        };
        let query = "last_event_id=0000000000000001:7";
        assert_eq!(parse(query).unwrap().resume, resume(7));
        let mut headers = HeaderMap::new();
        headers.insert(LAST_EVENT_ID, "0000000000000001:8".parse().unwrap());
        assert_eq!(Wish::parse(query, &headers).unwrap().resume, resume(8));
        headers.insert(LAST_EVENT_ID, "8".parse().unwrap());
        assert!(Wish::parse(query, &headers).is_err());
    }

    #[tokio::test]
    async fn a_pipe_takes_what_fits_and_says_when_there_is_room_again() {
        let pipe = Pipe::default();
        let mut body = pipe.body();
        let half = vec![7; PIPE_MAX_BYTES / 2 + 1];
        let slices = [IoSlice::new(&half), IoSlice::new(&half)];
        assert_eq!(pipe.try_write(&slices).unwrap(), PIPE_MAX_BYTES);
        let full = pipe.try_write(&slices).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        let taken = body.frame().await.unwrap().unwrap().into_data().unwrap();
        assert_eq!(taken.len(), PIPE_MAX_BYTES);
        pipe.writable().await;
        assert_eq!(pipe.try_write(&[IoSlice::new(b"ab")]).unwrap(), 2);
        pipe.end();
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(rest, "ab");
    }

    #[tokio::test]
    async fn an_answer_that_nobody_takes_is_broken_off() {
        let pipe = Pipe::default();
        let mut body = pipe.body();
        let full = vec![7; PIPE_MAX_BYTES];
        pipe.try_write(&[IoSlice::new(&full)]).unwrap();
        pipe.end();
        assert!(body.frame().await.unwrap().is_err());
    }

    #[tokio::test]
    async fn a_pipe_without_a_reader_is_broken() {
        let pipe = Pipe::default();
        drop(pipe.body());
        pipe.gone().await;
        pipe.writable().await;
        let error = pipe.try_write(&[IoSlice::new(b"a")]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
    }
}
