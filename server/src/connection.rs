//! What a shard keeps of a connection: its socket, what is still to be written, and when it was
//! last heard.

use std::{
    collections::VecDeque,
    fmt,
    io::{self, ErrorKind, IoSlice},
    time::Duration,
};

use bytes::{Buf, Bytes};
use smallvec::SmallVec;

use crate::{
    frame::Wire,
    subscription::{CATCH_UP_FRAME_MIN_BYTES, SubscriptionKey},
};

/// Buffers handed to the kernel in one system call, at most. Linux takes 1,024 (`IOV_MAX`); more
/// than this brings nothing, and the array lives on the stack.
const SLICES_MAX: usize = 64;

/// Answers and pongs that may wait for a client that does not read, in bytes. Above it the client
/// is not read either, until it has read some of them.
pub const UNREAD_ANSWERS_MAX_BYTES: usize = 64 * 1024;

/// Names a connection of a shard; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ConnectionKey {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl ConnectionKey {
    /// As one number.
    pub fn to_u64(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    /// From what [`to_u64`](Self::to_u64) gave.
    pub fn from_u64(number: u64) -> Self {
        Self {
            index: number as u32,
            generation: (number >> 32) as u32,
        }
    }
}

/// The writing side of a client's socket.
pub trait Socket {
    /// Writes what can be written without waiting: the number of bytes, or
    /// [`ErrorKind::WouldBlock`].
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize>;
}

/// Writes to several connections at once, in one system call where there is such a thing.
pub trait WriteMany<S>: fmt::Debug {
    /// Writes what can be written without waiting, and adds to `taken` how many bytes each socket
    /// took. After less than there was it is tried alone, which will tell why; so 0 is right for
    /// any error, and for a socket that this cannot write to.
    fn write_many(&mut self, writes: &[Write<'_, S>], taken: &mut Taken);
}

/// What one connection has waiting.
#[derive(Debug)]
pub struct Write<'a, S> {
    /// Where it goes.
    pub socket: &'a S,
    frames: &'a VecDeque<Bytes>,
}

impl<'a, S> Write<'a, S> {
    /// As much of it as one system call is given.
    pub fn slices(&self) -> impl Iterator<Item = &'a [u8]> + use<'a, S> {
        self.frames.iter().take(SLICES_MAX).map(|frame| &frame[..])
    }
}

/// Connections that are written to at once, at most: more would save nothing more.
pub const WRITE_MANY_MAX: usize = 64;

/// Bytes that each of several sockets took.
pub type Taken = SmallVec<[usize; WRITE_MANY_MAX]>;

/// Whether everything could be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flushed {
    /// Everything is with the kernel.
    Clear,
    /// The kernel takes no more for now.
    Blocked,
    /// The connection is broken.
    Broken,
}

/// Requests per second, with a burst: a token bucket (ITU-T I.371 calls it a virtual scheduling
/// algorithm). The time is passed in.
#[derive(Debug)]
pub struct TokenBucket {
    per_s: u32,
    burst: u32,
    tokens: f64,
    /// Refusals that are still put up with.
    patience: f64,
    filled: Duration,
}

/// So many times the burst may be refused at once before a client is given up: whoever minds
/// `retry_after_ms` never comes near, and an answer to each costs little.
const REFUSED_BURSTS_MAX: f64 = 10.0;

impl TokenBucket {
    /// A full bucket.
    pub fn new(per_s: u32, burst: u32, uptime: Duration) -> Self {
        Self {
            per_s,
            burst,
            tokens: burst.into(),
            patience: f64::from(burst) * REFUSED_BURSTS_MAX,
            filled: uptime,
        }
    }

    /// Takes a token, or says after how many milliseconds there will be one.
    pub fn take(&mut self, uptime: Duration) -> Result<(), u32> {
        let passed = uptime.saturating_sub(self.filled).as_secs_f64();
        self.filled = uptime;
        let burst = f64::from(self.burst);
        let gained = passed * f64::from(self.per_s);
        self.tokens = (self.tokens + gained).min(burst);
        self.patience = (self.patience + gained).min(burst * REFUSED_BURSTS_MAX);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        self.patience -= 1.0;
        Err(((1.0 - self.tokens) / f64::from(self.per_s.max(1)) * 1000.0).ceil() as u32)
    }

    /// Whether so much was refused that it will not end.
    pub fn is_exhausted(&self) -> bool {
        self.patience < 0.0
    }
}

/// See the module.
#[derive(Debug)]
pub struct Connection<S> {
    pub(crate) socket: S,
    pub(crate) generation: u32,
    pub(crate) wire: Wire,
    pub(crate) may_publish: bool,
    pub(crate) requests: TokenBucket,
    /// Requests for history that have not been answered.
    pub(crate) questions: u32,
    pub(crate) subscriptions: SmallVec<[SubscriptionKey; 2]>,
    /// Those of the subscriptions that are behind and have something to do.
    pub(crate) behind: VecDeque<SubscriptionKey>,
    /// Frames that are not with the kernel yet; of the first one perhaps only the rest.
    queue: VecDeque<Bytes>,
    queue_bytes: usize,
    /// Since when the kernel has taken nothing, as uptime.
    pub(crate) blocked_since: Option<Duration>,
    /// It is in the line of those who wait for their turn, with something to write.
    pub(crate) is_dirty: bool,
    pub(crate) is_catching_up: bool,
    /// Length of its next frame when it catches up.
    pub(crate) catch_up_frame_bytes: usize,
    pub(crate) last_sent: Duration,
    pub(crate) last_received: Duration,
    pub(crate) ping_sent: Option<Duration>,
    /// Since when a close frame is under way, as uptime.
    pub(crate) closing_since: Option<Duration>,
    /// When a drain will close it, as uptime.
    pub(crate) close_due: Option<Duration>,
}

impl<S: Socket> Connection<S> {
    pub(crate) fn new(
        socket: S,
        generation: u32,
        wire: Wire,
        may_publish: bool,
        requests: TokenBucket,
        uptime: Duration,
    ) -> Self {
        Self {
            socket,
            generation,
            wire,
            may_publish,
            requests,
            questions: 0,
            subscriptions: SmallVec::new(),
            behind: VecDeque::new(),
            queue: VecDeque::new(),
            queue_bytes: 0,
            blocked_since: None,
            is_dirty: false,
            is_catching_up: false,
            catch_up_frame_bytes: CATCH_UP_FRAME_MIN_BYTES,
            last_sent: uptime,
            last_received: uptime,
            ping_sent: None,
            closing_since: None,
            close_due: None,
        }
    }

    /// Adds a frame behind those that wait.
    pub(crate) fn push(&mut self, frame: Bytes) {
        self.queue_bytes += frame.len();
        self.queue.push_back(frame);
    }

    /// Bytes that are not with the kernel yet.
    pub(crate) fn unsent_bytes(&self) -> usize {
        self.queue_bytes
    }

    pub(crate) fn is_blocked(&self) -> bool {
        self.blocked_since.is_some()
    }

    /// What waits, for [`WriteMany`].
    pub(crate) fn unsent(&self) -> Write<'_, S> {
        Write {
            socket: &self.socket,
            frames: &self.queue,
        }
    }

    /// Gives the kernel as much as it takes, of which it has taken some bytes already. Returns the
    /// bytes it took in all, too.
    pub(crate) fn flush(&mut self, taken: usize, uptime: Duration) -> (Flushed, usize) {
        self.advance(taken);
        let mut written = taken;
        while !self.queue.is_empty() {
            match self.write_once() {
                Ok(0) => return (Flushed::Broken, written),
                Ok(taken) => {
                    written += taken;
                    self.advance(taken);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if written > 0 {
                        self.last_sent = uptime;
                    }
                    if written > 0 || self.blocked_since.is_none() {
                        self.blocked_since = Some(uptime);
                    }
                    self.catch_up_frame_bytes = CATCH_UP_FRAME_MIN_BYTES;
                    return (Flushed::Blocked, written);
                }
                Err(_) => return (Flushed::Broken, written),
            }
        }
        self.blocked_since = None;
        self.last_sent = uptime;
        (Flushed::Clear, written)
    }

    fn write_once(&self) -> io::Result<usize> {
        let mut slices: SmallVec<[IoSlice<'_>; SLICES_MAX]> = SmallVec::new();
        slices.extend(self.unsent().slices().map(IoSlice::new));
        self.socket.try_write(&slices)
    }

    fn advance(&mut self, mut taken: usize) {
        self.queue_bytes -= taken;
        while let Some(front) = self.queue.front_mut() {
            if taken < front.len() {
                front.advance(taken);
                return;
            }
            taken -= front.len();
            self.queue.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_bucket_allows_its_burst_and_then_its_rate() {
        let at = Duration::from_millis;
        let mut bucket = TokenBucket::new(20, 3, at(0));
        for _ in 0..3 {
            assert_eq!(bucket.take(at(0)), Ok(()));
        }
        assert_eq!(bucket.take(at(0)), Err(50));
        assert_eq!(bucket.take(at(25)), Err(25));
        assert_eq!(bucket.take(at(51)), Ok(()));
        assert_eq!(bucket.take(at(10_000)), Ok(()));
    }

    #[test]
    fn a_token_bucket_is_exhausted_by_ten_refused_bursts_and_recovers_at_its_rate() {
        let at = Duration::from_millis;
        let mut bucket = TokenBucket::new(20, 3, at(0));
        for _ in 0..3 + 30 {
            let _ = bucket.take(at(0));
            assert!(!bucket.is_exhausted());
        }
        assert_eq!(bucket.take(at(0)), Err(50));
        assert!(bucket.is_exhausted());
        assert_eq!(bucket.take(at(100)), Ok(()));
        assert!(!bucket.is_exhausted());
    }
}
