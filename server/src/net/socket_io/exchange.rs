//! What polls bring to a session and take from it.
//!
//! A session is a connection of one shard, and its polls are requests that any shard's thread may
//! accept. So this is shared by threads. The shard writes frames here while no WebSocket is there,
//! and a poll takes them; a full exchange is like a full socket.

use std::{
    io::{self, ErrorKind, IoSlice},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use bytes::{Bytes, BytesMut};
use tokio::sync::{Notify, mpsc};

use super::payload::Payload;
use crate::net::arrival::Arrived;

/// Capacity for frames, in bytes. They are old when a poll takes them, so more would only make them
/// older.
const FRAMES_MAX_BYTES: usize = 16 * 1024;

/// Maximum number of packets that wait for the session. A client that sends more waits for the
/// answer to its request.
const PACKETS_MAX: usize = 32;

/// What a session gets from its polls.
#[derive(Debug)]
pub(super) enum Incoming {
    /// A packet of the client.
    Packet(String),
    /// A WebSocket that wants to take the place of the polls, with bytes that were read from it.
    WebSocket(Box<Arrived>, Bytes),
}

/// Why a poll is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// The session has ended.
    Gone,
    /// Another poll or another request with packets is under way.
    Overlap,
}

/// The exchange; see the module.
#[derive(Debug)]
pub(super) struct Exchange {
    state: Mutex<State>,
    /// Wakes the shard's writer.
    room: Notify,
    /// Wakes the poll.
    data: Notify,
    /// Wakes the session.
    session: Notify,
    incoming: mpsc::Sender<Incoming>,
}

#[derive(Debug)]
struct State {
    /// WebSocket frames. While no poll is under way they begin with a header.
    frames: BytesMut,
    is_polling: bool,
    is_posting: bool,
    /// When the last poll began or ended.
    polled: Instant,
    /// Whether a WebSocket asks to take over: polls end at once.
    is_probed: bool,
    /// Whether the frames wait for a WebSocket.
    is_upgrading: bool,
    /// Whether a poll has told the client of the end.
    is_told: bool,
    is_ended: bool,
}

impl Exchange {
    /// An exchange, and the session's end of it.
    pub(super) fn new() -> (Self, mpsc::Receiver<Incoming>) {
        let (incoming, receiver) = mpsc::channel(PACKETS_MAX);
        let state = State {
            frames: BytesMut::new(),
            is_polling: false,
            is_posting: false,
            polled: Instant::now(),
            is_probed: false,
            is_upgrading: false,
            is_told: false,
            is_ended: false,
        };
        let exchange = Self {
            state: Mutex::new(state),
            room: Notify::new(),
            data: Notify::new(),
            session: Notify::new(),
            incoming,
        };
        (exchange, receiver)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes like [`Socket::try_write`](tickcast_core::shard::Socket::try_write).
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut state = self.state();
        if state.is_ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = match state.is_upgrading {
            true => 0,
            false => FRAMES_MAX_BYTES.saturating_sub(state.frames.len()),
        };
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let mut left = room;
        for slice in slices {
            let part = &slice[..slice.len().min(left)];
            state.frames.extend_from_slice(part);
            left -= part.len();
        }
        self.data.notify_one();
        Ok(room - left)
    }

    /// Waits until a write may have room, or shows the end.
    pub(super) async fn writable(&self) {
        loop {
            {
                let state = self.state();
                let has_room = state.frames.len() < FRAMES_MAX_BYTES && !state.is_upgrading;
                if has_room || state.is_ended {
                    return;
                }
            }
            self.room.notified().await;
        }
    }

    /// Begins a poll.
    pub(super) fn begin_poll(&self) -> Result<(), Refused> {
        let mut state = self.state();
        if state.is_ended && state.is_told {
            return Err(Refused::Gone);
        }
        if state.is_polling || state.is_upgrading {
            return Err(Refused::Overlap);
        }
        state.is_polling = true;
        state.polled = Instant::now();
        Ok(())
    }

    /// Waits for the next part of a poll's answer, and takes it. Returns whether it is the last.
    pub(super) async fn next_part(&self, payload: &mut Payload, out: &mut Vec<u8>) -> bool {
        loop {
            if let Some(is_last) = self.take_part(payload, out) {
                return is_last;
            }
            self.data.notified().await;
        }
    }

    fn take_part(&self, payload: &mut Payload, out: &mut Vec<u8>) -> Option<bool> {
        let mut state = self.state();
        payload.take(&mut state.frames, out);
        if state.frames.is_empty() {
            // An idle session holds no memory here.
            state.frames = BytesMut::new();
        }
        self.room.notify_one();
        if !payload.is_whole() {
            // The shard writes the rest of the frame unless it has gone.
            return match state.is_ended {
                true => Some(true),
                false => (!out.is_empty()).then_some(false),
            };
        }
        if state.is_ended && !payload.is_closed() && !payload.is_full() {
            payload.push("1", out);
        }
        if state.is_probed && !payload.has_any() {
            payload.push("6", out);
        }
        if !payload.has_any() {
            return None;
        }
        if payload.is_closed() {
            // The client does not answer the end, as it would over a WebSocket.
            state.is_ended = true;
            self.session.notify_one();
        }
        state.is_told |= state.is_ended;
        state.is_polling = false;
        state.polled = Instant::now();
        Some(true)
    }

    /// Ends the session, because a poll's client has gone with a part of its answer.
    pub(super) fn lose(&self) {
        self.end();
        self.session.notify_one();
    }

    /// Ends a poll that has taken nothing.
    pub(super) fn give_up_poll(&self) {
        let mut state = self.state();
        state.is_polling = false;
        state.polled = Instant::now();
    }

    /// Begins a request with packets.
    pub(super) fn begin_post(&self) -> Result<(), Refused> {
        let mut state = self.state();
        if state.is_ended {
            return Err(Refused::Gone);
        }
        match std::mem::replace(&mut state.is_posting, true) {
            true => Err(Refused::Overlap),
            false => Ok(()),
        }
    }

    /// Ends a request with packets.
    pub(super) fn end_post(&self) {
        self.state().is_posting = false;
    }

    /// Hands a packet to the session, which may have to be waited for. Returns whether the session
    /// takes it.
    pub(super) async fn push(&self, packet: String) -> bool {
        self.incoming.send(Incoming::Packet(packet)).await.is_ok()
    }

    /// Hands a WebSocket to the session. It is closed if the session takes none.
    pub(super) fn offer(&self, stream: Arrived, read: Bytes) {
        let offer = Incoming::WebSocket(Box::new(stream), read);
        if let Err(error) = self.incoming.try_send(offer) {
            tracing::debug!(%error, "a session of Socket.IO takes no WebSocket");
        }
    }

    /// Lets polls end at once, or not any more.
    pub(super) fn set_probed(&self, is_probed: bool) {
        self.state().is_probed = is_probed;
        self.data.notify_one();
    }

    /// Ends the polls, so that a WebSocket takes over. Returns the frames that no poll has taken;
    /// `None` if a poll is under way.
    pub(super) fn begin_upgrade(&self) -> Option<BytesMut> {
        let mut state = self.state();
        if state.is_polling || state.is_ended {
            return None;
        }
        state.is_upgrading = true;
        Some(std::mem::take(&mut state.frames))
    }

    /// Wakes the shard's writer, which now writes to the WebSocket.
    pub(super) fn upgraded(&self) {
        self.state().is_upgrading = false;
        self.room.notify_one();
    }

    /// Ends the session. A poll tells the client.
    pub(super) fn end(&self) {
        self.state().is_ended = true;
        self.data.notify_one();
        self.room.notify_one();
    }

    /// Waits until the client has gone: a poll has failed, or there was none for some time.
    pub(super) async fn gone(&self, absence_max: Duration) {
        loop {
            let left = {
                let state = self.state();
                if state.is_ended {
                    return;
                }
                match state.is_polling {
                    true => absence_max,
                    false => absence_max.saturating_sub(state.polled.elapsed()),
                }
            };
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = self.session.notified() => {}
                () = tokio::time::sleep(left) => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tickcast_core::wire;

    use super::*;

    fn write(exchange: &Exchange, bytes: &[u8]) -> io::Result<usize> {
        exchange.try_write(&[IoSlice::new(bytes)])
    }

    async fn poll(exchange: &Exchange) -> String {
        exchange.begin_poll().unwrap();
        let (mut payload, mut out) = (Payload::default(), Vec::new());
        while !exchange.next_part(&mut payload, &mut out).await {}
        String::from_utf8(out).unwrap()
    }

    #[tokio::test]
    async fn a_poll_takes_what_was_written_and_the_next_one_waits() {
        let (exchange, _incoming) = Exchange::new();
        for text in ["a", "b"] {
            write(&exchange, &wire::text_frame(text.as_bytes())).unwrap();
        }
        assert_eq!(poll(&exchange).await, "a\u{1e}b");
        exchange.begin_poll().unwrap();
        assert_eq!(exchange.begin_poll(), Err(Refused::Overlap));
        assert!(exchange.begin_upgrade().is_none());
        let (mut payload, mut out) = (Payload::default(), Vec::new());
        assert_eq!(exchange.take_part(&mut payload, &mut out), None);
        let frame = wire::text_frame(b"cd");
        write(&exchange, &frame[..3]).unwrap();
        assert_eq!(exchange.take_part(&mut payload, &mut out), Some(false));
        write(&exchange, &frame[3..]).unwrap();
        assert_eq!(exchange.take_part(&mut payload, &mut out), Some(true));
        assert_eq!(out, b"cd");
    }

    #[tokio::test]
    async fn a_full_exchange_is_like_a_full_socket() {
        let (exchange, _incoming) = Exchange::new();
        let text = vec![b'x'; FRAMES_MAX_BYTES + 10];
        let frame = wire::text_frame(&text);
        let accepted = write(&exchange, &frame).unwrap();
        assert_eq!(accepted, FRAMES_MAX_BYTES);
        let full = write(&exchange, &frame[accepted..]).unwrap_err();
        assert_eq!(full.kind(), ErrorKind::WouldBlock);
        exchange.begin_poll().unwrap();
        let (mut payload, mut out) = (Payload::default(), Vec::new());
        assert!(!exchange.next_part(&mut payload, &mut out).await);
        exchange.writable().await;
        write(&exchange, &frame[accepted..]).unwrap();
        assert!(exchange.next_part(&mut payload, &mut out).await);
        assert_eq!(out, text);
    }

    #[tokio::test]
    async fn an_upgrade_ends_the_poll_and_takes_the_rest() {
        let (exchange, _incoming) = Exchange::new();
        exchange.set_probed(true);
        assert_eq!(poll(&exchange).await, "6");
        let frame = wire::text_frame(b"rest");
        write(&exchange, &frame).unwrap();
        assert_eq!(exchange.begin_upgrade().unwrap(), &frame[..]);
        assert_eq!(
            write(&exchange, b"x").unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        assert_eq!(exchange.begin_poll(), Err(Refused::Overlap));
    }

    #[tokio::test]
    async fn the_end_is_told_once() {
        let (exchange, _incoming) = Exchange::new();
        exchange.end();
        assert_eq!(
            write(&exchange, b"x").unwrap_err().kind(),
            ErrorKind::BrokenPipe
        );
        assert_eq!(exchange.begin_post(), Err(Refused::Gone));
        assert_eq!(poll(&exchange).await, "1");
        assert_eq!(exchange.begin_poll(), Err(Refused::Gone));
        exchange.gone(Duration::from_secs(60)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_does_not_poll_is_gone() {
        let (exchange, _incoming) = Exchange::new();
        exchange.gone(Duration::ZERO).await;
        exchange.begin_poll().unwrap();
        let absent = exchange.gone(Duration::from_millis(1));
        let waited = tokio::time::timeout(Duration::from_millis(50), absent).await;
        assert!(waited.is_err(), "a poll is under way");
    }

    #[tokio::test]
    async fn requests_with_packets_come_one_at_a_time() {
        let (exchange, mut incoming) = Exchange::new();
        exchange.begin_post().unwrap();
        assert_eq!(exchange.begin_post(), Err(Refused::Overlap));
        assert!(exchange.push("42[]".to_owned()).await);
        exchange.end_post();
        exchange.begin_post().unwrap();
        assert!(matches!(incoming.recv().await, Some(Incoming::Packet(text)) if text == "42[]"));
        drop(incoming);
        assert!(!exchange.push("42[]".to_owned()).await);
    }
}
