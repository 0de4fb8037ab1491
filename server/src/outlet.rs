//! Where a shard writes to: the sockets of clients, and the bodies of HTTP answers.

use std::{
    io::{self, ErrorKind, IoSlice},
    os::fd::AsFd,
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, ready},
    time::Duration,
};

use tickcast_uring::Ring;
use tokio::{
    io::{AsyncRead, ReadBuf},
    net::TcpStream,
};

use crate::{
    connection::{Socket, Taken, Write, WriteMany},
    event_stream::Pipe,
};

/// A TCP connection, which the shard writes to and its session reads from.
///
/// Not tokio's halves: when their writing half is dropped it shuts the connection down in order,
/// also one that is to be cut off.
#[derive(Debug, Clone)]
pub struct Stream(Rc<TcpStream>);

impl Stream {
    /// A connection that is set up.
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Rc::new(stream))
    }
}

/// Where a shard writes to.
#[derive(Debug, Clone)]
pub enum Outlet {
    /// A TCP connection.
    Tcp(Stream),
    /// The body of an HTTP answer.
    Events(Pipe),
}

impl Socket for Outlet {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match (self, slices) {
            (Self::Tcp(stream), [slice]) => stream.0.try_write(slice),
            (Self::Tcp(stream), _) => stream.0.try_write_vectored(slices),
            (Self::Events(pipe), _) => pipe.try_write(slices),
        }
    }
}

impl Outlet {
    /// Waits until it takes bytes, which is tried by writing. Returns whether it may ever.
    pub(crate) async fn writable(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.0.writable().await.is_ok(),
            Self::Events(pipe) => {
                pipe.writable().await;
                true
            }
        }
    }

    /// Who is at the other end. The kernel is asked, because the address is not worth the memory in
    /// every connection.
    pub(crate) fn client(&self) -> String {
        match self {
            Self::Tcp(stream) => match stream.0.peer_addr() {
                Ok(address) => address.to_string(),
                Err(_) => "gone".to_owned(),
            },
            Self::Events(_) => "an event stream".to_owned(),
        }
    }

    /// What the client has not taken by now, it shall not be offered for minutes to come.
    pub(crate) fn break_off(&self) {
        match self {
            Self::Tcp(stream) => {
                let socket = socket2::SockRef::from(&*stream.0);
                if let Err(error) = socket.set_linger(Some(Duration::ZERO)) {
                    tracing::debug!(%error, "SO_LINGER");
                }
            }
            Self::Events(pipe) => pipe.end(),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.0.poll_read_ready(cx))?;
            match self.0.try_read(buffer.initialize_unfilled()) {
                Ok(count) => {
                    buffer.advance(count);
                    return Poll::Ready(Ok(()));
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// So few clients are written to one by one: the way through io_uring costs more than it saves.
const SENDS_MIN: usize = 4;

/// Writes to many clients in one system call.
#[derive(Debug)]
pub struct RingWriter {
    /// None any more once it has failed.
    ring: Option<Ring>,
    /// Of the last call.
    taken: Vec<io::Result<usize>>,
}

impl RingWriter {
    /// See [`Ring::new`].
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            ring: Some(Ring::new()?),
            taken: Vec::new(),
        })
    }
}

impl WriteMany<Outlet> for RingWriter {
    fn write_many(&mut self, writes: &[Write<'_, Outlet>], taken: &mut Taken) {
        let Some(ring) = self.ring.as_mut().filter(|_| writes.len() >= SENDS_MIN) else {
            taken.resize(writes.len(), 0);
            return;
        };
        let mut sends = ring.sends();
        for write in writes {
            if let Outlet::Tcp(stream) = write.socket {
                sends.add(stream.0.as_fd(), write.slices());
            }
        }
        if let Err(error) = sends.submit(&mut self.taken) {
            tracing::warn!(%error, "io_uring failed: from now on there is one system call for each write");
            self.ring = None;
        }
        let mut of_sockets = self.taken.iter();
        taken.extend(writes.iter().map(|write| match write.socket {
            Outlet::Tcp(_) => match of_sockets.next() {
                Some(Ok(bytes)) => *bytes,
                Some(Err(_)) | None => 0,
            },
            Outlet::Events(_) => 0,
        }));
    }
}
