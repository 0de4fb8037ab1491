//! A connection with TLS.
//!
//! What is written is encrypted at once, and its bytes are spent: the next ones have the next
//! number. So what the kernel does not take is held here, [`SEAL_MAX_BYTES`] at most, and goes
//! first.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, IoSlice},
    ops::Range,
    task::{Context, Poll, ready},
};

use tokio::{io::ReadBuf, net::TcpStream};

use super::super::unsent::send_apart;
use crate::tls::{Arena, RECORD_MAX_BYTES, TlsSession};

/// Maximum number of bytes that are encrypted before the kernel has taken the last ones: the
/// longest frame of a client that catches up.
const SEAL_MAX_BYTES: usize = 64 * 1024;

/// Bytes requested from the kernel at once, on the stack.
const READ_BYTES: usize = 4096;

/// Maximum number of reads that bring no byte for the session before other tasks have their turn:
/// a record may be five reads long.
const EMPTY_READS_MAX: usize = 16;

thread_local! {
    /// For writes outside of a turn.
    static SCRATCH: RefCell<Arena> = RefCell::default();
}

/// A connection with TLS; see the module.
#[derive(Debug)]
pub(in crate::net) struct SecureStream {
    stream: TcpStream,
    state: RefCell<State>,
}

#[derive(Debug)]
struct State {
    session: TlsSession,
    /// Encrypted bytes that the kernel has not taken.
    held: Vec<u8>,
}

/// Encrypted bytes in an arena, and how many they are for the client.
#[derive(Debug, Clone)]
pub(in crate::net) struct Sealed {
    pub(in crate::net) range: Range<usize>,
    pub(in crate::net) plain_bytes: usize,
}

impl SecureStream {
    /// A connection whose handshake is finished.
    pub(in crate::net) fn new(stream: TcpStream, session: TlsSession) -> Self {
        let held = Vec::new();
        let state = RefCell::new(State { session, held });
        Self { stream, state }
    }

    /// The connection and its session, if the kernel has taken all that was encrypted.
    pub(in crate::net) fn into_parts(self) -> io::Result<(TcpStream, TlsSession)> {
        self.try_flush()?;
        Ok((self.stream, self.state.into_inner().session))
    }

    pub(in crate::net) fn tcp(&self) -> &TcpStream {
        &self.stream
    }

    /// Encrypts as much as may be written together. `None` if that is nothing, because the kernel
    /// has not taken what was encrypted before, or because the session is broken. The caller sends
    /// it, and tells [`sent`](Self::sent).
    pub(in crate::net) fn seal<'a>(
        &self,
        slices: impl Iterator<Item = &'a [u8]>,
        arena: &mut Arena,
    ) -> Option<Sealed> {
        let mut state = self.state.borrow_mut();
        if !state.held.is_empty() {
            return None;
        }
        let start = arena.used();
        let plain_bytes = state.seal(slices, arena).ok()?;
        let range = start..arena.used();
        Some(Sealed { range, plain_bytes })
    }

    /// Whether the kernel has not taken all that was encrypted.
    pub(super) fn is_holding(&self) -> bool {
        !self.state.borrow().held.is_empty()
    }

    /// Keeps what the kernel has not taken.
    pub(in crate::net) fn sent(&self, sealed: &[u8], taken: usize) {
        if taken < sealed.len() {
            let mut state = self.state.borrow_mut();
            state.held.extend_from_slice(&sealed[taken..]);
        }
    }

    /// Encrypts and writes as much as possible without waiting.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>], is_apart: bool) -> io::Result<usize> {
        self.try_flush()?;
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            let slices = slices.iter().map(|slice| &**slice);
            let mut state = self.state.borrow_mut();
            let plain_bytes = state.seal(slices, scratch)?;
            let sealed = scratch.bytes();
            let taken = match self.send(sealed, is_apart) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                other => other?,
            };
            state.held.extend_from_slice(&sealed[taken..]);
            Ok(plain_bytes)
        })
    }

    /// Hands the kernel what is held.
    pub(super) fn try_flush(&self) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        while !state.held.is_empty() {
            let taken = self.send(&state.held, false)?;
            if taken == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            state.held.drain(..taken);
        }
        // A client that reads holds no memory here.
        state.held = Vec::new();
        Ok(())
    }

    fn send(&self, sealed: &[u8], is_apart: bool) -> io::Result<usize> {
        match is_apart {
            _ if sealed.is_empty() => Ok(0),
            true => send_apart(&self.stream, &[IoSlice::new(sealed)]),
            false => self.stream.try_write(sealed),
        }
    }

    /// Says that nothing more will be written, if the kernel takes it.
    pub(super) fn close(&self) {
        SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            let mut state = self.state.borrow_mut();
            let State { session, held } = &mut *state;
            if session.close(scratch).is_ok() {
                held.extend_from_slice(scratch.bytes());
            }
        });
        if let Err(error) = self.try_flush() {
            // The client does not read, or was faster.
            tracing::trace!(%error, "cannot send the end of the TLS session");
        }
    }

    pub(super) fn poll_read(
        &self,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        for _ in 0..EMPTY_READS_MAX {
            // The session may have bytes although the socket has none.
            let taken = {
                let mut state = self.state.borrow_mut();
                state.session.take(buffer.initialize_unfilled())
            };
            if let Some(taken) = taken {
                buffer.advance(taken);
                return Poll::Ready(Ok(()));
            }
            ready!(self.stream.poll_read_ready(cx))?;
            match self.read_some() {
                // The end without the end of the session: each protocol here knows its own end.
                Ok(0) => return Poll::Ready(Ok(())),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Reads and decrypts. Returns the number of bytes read.
    fn read_some(&self) -> io::Result<usize> {
        let mut bytes = [0; READ_BYTES];
        let len = self.stream.try_read(&mut bytes)?;
        let received = SCRATCH.with_borrow_mut(|scratch| {
            scratch.clear();
            let mut state = self.state.borrow_mut();
            let received = state.session.receive(&bytes[..len], scratch);
            // An alert, or the answer to a change of keys.
            state.held.extend_from_slice(scratch.bytes());
            received
        });
        let is_held = !self.state.borrow().held.is_empty();
        if is_held
            && let Err(error) = self.try_flush()
            && error.kind() != ErrorKind::WouldBlock
        {
            return Err(error);
        }
        received.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        Ok(len)
    }
}

impl State {
    /// Encrypts slices up to the limit. Short ones share a record.
    fn seal<'a>(
        &mut self,
        slices: impl Iterator<Item = &'a [u8]>,
        arena: &mut Arena,
    ) -> io::Result<usize> {
        let mut sealed = 0;
        let mut seal = |text: &[u8]| {
            let result = self.session.seal(text, arena);
            result.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
        };
        let mut slices = slices.filter(|slice| !slice.is_empty()).peekable();
        let mut joined = Vec::new();
        while let Some(slice) = slices.next() {
            let slice = &slice[..slice.len().min(SEAL_MAX_BYTES - sealed)];
            sealed += slice.len();
            let has_more = slices.peek().is_some() && sealed < SEAL_MAX_BYTES;
            let is_short = joined.len() + slice.len() < RECORD_MAX_BYTES;
            if joined.is_empty() && !(has_more && is_short) {
                slice.chunks(RECORD_MAX_BYTES).try_for_each(&mut seal)?;
            } else if has_more && is_short {
                joined.extend_from_slice(slice);
            } else {
                joined.extend_from_slice(slice);
                joined.chunks(RECORD_MAX_BYTES).try_for_each(&mut seal)?;
                joined.clear();
            }
            if sealed == SEAL_MAX_BYTES {
                break;
            }
        }
        Ok(sealed)
    }
}
