//! Both ends of a connection, with the rules of TCP as far as a program sees them.

use std::{
    collections::VecDeque,
    io::{self, ErrorKind, IoSlice},
    net::{Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

use rand::RngExt;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    carrier::carry,
    faults::{Faults, Rng, rng},
};

/// Makes connections, and knows how many ends are open.
#[derive(Debug, Clone, Default)]
pub(crate) struct Network(Arc<AtomicUsize>);

/// Counts an end as open until it is dropped.
#[derive(Debug)]
struct Open(Arc<AtomicUsize>);

impl Open {
    fn new(network: &Network) -> Self {
        network.0.fetch_add(1, Ordering::Relaxed);
        Self(Arc::clone(&network.0))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One direction.
#[derive(Debug)]
pub(super) struct Way {
    pub(super) faults: Faults,
    /// What the sender's kernel has taken and the receiver's has not.
    pub(super) sent: VecDeque<u8>,
    /// Whether the sender sends no more.
    pub(super) is_ended: bool,
    /// What the receiver has not read.
    pub(super) arrived: VecDeque<u8>,
    /// Whether nothing comes after that.
    pub(super) is_complete: bool,
    /// The time after which the sender's kernel gives up.
    pub(super) unread_timeout: Option<Duration>,
    /// Whether the receiver is gone.
    pub(super) is_deaf: bool,
    readers: Vec<Waker>,
    writers: Vec<Waker>,
    pub(super) carrier: Option<Waker>,
    rng: Rng,
}

/// Both directions.
#[derive(Debug)]
pub(super) struct Wire {
    pub(super) ways: [Way; 2],
    pub(super) is_reset: bool,
}

/// The connection, as its ends and its carriers share it.
pub(super) type Shared = Arc<Mutex<Wire>>;

/// One end of a connection.
#[derive(Debug)]
pub(crate) struct Socket {
    /// The direction that it writes to; it reads from the other one.
    side: usize,
    addresses: [SocketAddr; 2],
    wire: Shared,
    resets_on_drop: Mutex<bool>,
    _open: Open,
}

impl Network {
    /// How many ends are open.
    pub(crate) fn open(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }

    /// Both ends of a new connection: the one that connects, from `client`, and the one that
    /// accepts. `faults` are those of what they send.
    pub(crate) fn connect(
        &self,
        client: SocketAddr,
        faults: [Faults; 2],
        seed: &mut Rng,
    ) -> (Socket, Socket) {
        let server = SocketAddr::from((Ipv4Addr::LOCALHOST, 7400));
        let ways = faults.map(|faults| Way {
            faults,
            sent: VecDeque::new(),
            is_ended: false,
            arrived: VecDeque::new(),
            is_complete: false,
            unread_timeout: None,
            is_deaf: false,
            readers: Vec::new(),
            writers: Vec::new(),
            carrier: None,
            rng: rng(seed.random()),
        });
        let wire = Arc::new(Mutex::new(Wire {
            ways,
            is_reset: false,
        }));
        let end = |side: usize| {
            tokio::spawn(carry(Arc::clone(&wire), side, rng(seed.random())));
            Socket {
                side,
                addresses: if side == 0 {
                    [client, server]
                } else {
                    [server, client]
                },
                wire: Arc::clone(&wire),
                resets_on_drop: Mutex::new(false),
                _open: Open::new(self),
            }
        };
        let [client, server] = [0, 1].map(end);
        (client, server)
    }
}

pub(super) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wire {
    /// Ends both directions. What is on its way is gone, and what was not read too.
    pub(super) fn reset(&mut self) {
        self.is_reset = true;
        for way in &mut self.ways {
            way.sent.clear();
            way.arrived.clear();
            way.wake();
            way.wake_carrier();
        }
    }
}

impl Way {
    /// Wakes the tasks that wait for bytes or for room.
    pub(super) fn wake(&mut self) {
        self.readers.drain(..).for_each(Waker::wake);
        self.writers.drain(..).for_each(Waker::wake);
    }

    fn wake_carrier(&mut self) {
        if let Some(carrier) = self.carrier.take() {
            carrier.wake();
        }
    }

    fn room(&self) -> usize {
        self.faults.capacity.saturating_sub(self.sent.len())
    }
}

fn wait(wakers: &mut Vec<Waker>, cx: &Context<'_>) {
    if !wakers.iter().any(|waker| waker.will_wake(cx.waker())) {
        wakers.push(cx.waker().clone());
    }
}

impl Socket {
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn peer_addr(&self) -> SocketAddr {
        self.addresses[1]
    }

    /// Writes a part of what there is room for.
    pub(crate) fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut wire = lock(&self.wire);
        if wire.is_reset || wire.ways[self.side].is_ended {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let way = &mut wire.ways[self.side];
        let all: usize = slices.iter().map(|slice| slice.len()).sum();
        let room = way.room().min(all);
        if room == 0 && all > 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let taken = match way.rng.random_range(0..4) {
            0 if room > 0 => way.rng.random_range(1..=room),
            _ => room,
        };
        let bytes = slices.iter().flat_map(|slice| slice.iter());
        way.sent.extend(bytes.take(taken));
        way.wake_carrier();
        Ok(taken)
    }

    /// Waits until there is room, or no sense in writing.
    pub(crate) fn poll_write_ready(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = lock(&self.wire);
        let is_reset = wire.is_reset;
        let way = &mut wire.ways[self.side];
        if is_reset || way.is_ended || way.room() > 0 {
            return Poll::Ready(Ok(()));
        }
        wait(&mut way.writers, cx);
        Poll::Pending
    }

    /// Reads a part of what has arrived.
    pub(crate) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut wire = lock(&self.wire);
        if wire.is_reset {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        let way = &mut wire.ways[1 - self.side];
        if way.arrived.is_empty() && !way.is_complete {
            wait(&mut way.readers, cx);
            return Poll::Pending;
        }
        let available = way.arrived.len().min(buffer.remaining());
        let count = match way.rng.random_range(0..4) {
            0 if available > 0 => way.rng.random_range(1..=available),
            _ => available,
        };
        let bytes: Vec<u8> = way.arrived.drain(..count).collect();
        buffer.put_slice(&bytes);
        way.wake_carrier();
        Poll::Ready(Ok(()))
    }

    /// Sends no more after what was written.
    pub(crate) fn end_writing(&self) {
        let mut wire = lock(&self.wire);
        let way = &mut wire.ways[self.side];
        way.is_ended = true;
        way.wake();
        way.wake_carrier();
    }

    /// Resets the connection now.
    pub(crate) fn reset(&self) {
        lock(&self.wire).reset();
    }

    /// Resets the connection when this end is dropped.
    pub(crate) fn reset_on_drop(&self) {
        *lock(&self.resets_on_drop) = true;
    }

    /// Whether the kernel knows that the other end is gone: it has reset the connection, or its
    /// end of the stream has arrived.
    pub(crate) fn is_over(&self) -> bool {
        let wire = lock(&self.wire);
        wire.is_reset || wire.ways[1 - self.side].is_ended
    }

    /// Sets the time after which the kernel resets the connection because the other end takes
    /// nothing.
    pub(crate) fn set_unread_timeout(&self, timeout: Option<Duration>) {
        let mut wire = lock(&self.wire);
        let way = &mut wire.ways[self.side];
        way.unread_timeout = timeout;
        way.wake_carrier();
    }

    /// Bounds what the kernel takes.
    pub(crate) fn bound(&self, bytes: u32) {
        let mut wire = lock(&self.wire);
        let way = &mut wire.ways[self.side];
        way.faults.capacity = way.faults.capacity.min(bytes as usize);
    }

    /// Lets the kernel take more.
    pub(crate) fn make_room(&self, bytes: usize) {
        let mut wire = lock(&self.wire);
        let way = &mut wire.ways[self.side];
        way.faults.capacity = way.faults.capacity.max(bytes);
        way.wake();
    }
}

impl Drop for Socket {
    /// Bytes that will not be read reset the connection.
    fn drop(&mut self) {
        let resets = *lock(&self.resets_on_drop);
        let mut wire = lock(&self.wire);
        if wire.is_reset {
            return;
        }
        if resets || !wire.ways[1 - self.side].arrived.is_empty() {
            wire.reset();
            return;
        }
        wire.ways[1 - self.side].is_deaf = true;
        wire.ways[1 - self.side].wake_carrier();
        wire.ways[self.side].is_ended = true;
        wire.ways[self.side].wake_carrier();
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        (*self).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            std::task::ready!(self.poll_write_ready(cx))?;
            match self.try_write(&[IoSlice::new(bytes)]) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                result => return Poll::Ready(result),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end_writing();
        Poll::Ready(Ok(()))
    }
}
