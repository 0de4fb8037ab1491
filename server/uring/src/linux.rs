//! The implementation for Linux.

use std::{
    fmt,
    io::{self, ErrorKind},
    marker::PhantomData,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    process,
};

use io_uring::{IoUring, Probe, opcode, squeue, types};

use crate::{
    SENDS_MAX,
    list::{List, Payload},
};

/// Flags of `send(2)`: return at once, and raise no signal if the other end is closed.
const FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Queues that are shared with the kernel.
pub struct Ring {
    /// Its queue is empty between calls. `None` after the kernel has refused requests.
    ring: Option<IoUring>,
    list: List,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring").finish_non_exhaustive()
    }
}

impl Ring {
    /// Creates the queues.
    ///
    /// # Errors
    ///
    /// The kernel is too old (before 5.6), forbids io_uring (`kernel.io_uring_disabled`, or a
    /// container's seccomp profile), or is out of memory.
    pub fn new() -> io::Result<Self> {
        let ring = IoUring::new(SENDS_MAX as u32)?;
        let mut probe = Probe::new();
        ring.submitter().register_probe(&mut probe)?;
        let needed = [opcode::Send::CODE, opcode::SendMsg::CODE];
        if !needed.into_iter().all(|code| probe.is_supported(code)) {
            return Err(ErrorKind::Unsupported.into());
        }
        Ok(Self {
            ring: Some(ring),
            list: List::default(),
        })
    }

    /// Starts an empty list of sends.
    pub fn sends(&mut self) -> Sends<'_> {
        self.list.clear();
        Sends {
            ring: self,
            bytes: PhantomData,
        }
    }
}

/// A list of sends. Nothing is sent before [`submit`](Self::submit).
///
/// The bytes and the sockets must outlive it, which its lifetime ensures.
#[derive(Debug)]
pub struct Sends<'a> {
    ring: &'a mut Ring,
    bytes: PhantomData<(&'a [u8], BorrowedFd<'a>)>,
}

impl<'a> Sends<'a> {
    /// Adds a send to one socket: all slices, one after another.
    pub fn add(&mut self, socket: BorrowedFd<'a>, slices: impl IntoIterator<Item = &'a [u8]>) {
        let slices = slices.into_iter();
        self.ring.list.add(socket.as_raw_fd(), slices, FLAGS);
    }

    /// Adds a send like [`add`](Self::add). The kernel appends no later bytes to these (`MSG_EOR`),
    /// so that the next send finds out whether there is room.
    pub fn add_apart(
        &mut self,
        socket: BorrowedFd<'a>,
        slices: impl IntoIterator<Item = &'a [u8]>,
    ) {
        let (slices, flags) = (slices.into_iter(), FLAGS | libc::MSG_EOR);
        self.ring.list.add(socket.as_raw_fd(), slices, flags);
    }

    /// Sends everything. Afterwards `accepted` has one entry for each send, in the order of
    /// [`add`](Self::add): the number of bytes that the socket accepted, or the reason why it
    /// accepted none.
    ///
    /// # Errors
    ///
    /// The kernel refused requests, and this ring cannot be used again. `accepted` has the sends
    /// that were made; the others are [`ErrorKind::WouldBlock`].
    pub fn submit(self, accepted: &mut Vec<io::Result<usize>>) -> io::Result<()> {
        let Ring { ring: owner, list } = self.ring;
        accepted.clear();
        accepted.resize_with(list.len(), || Err(ErrorKind::WouldBlock.into()));
        // It is put back when its queue is empty again. A failure in between drops the queue.
        let Some(mut ring) = owner.take() else {
            return Err(ErrorKind::Unsupported.into());
        };
        let mut payloads = list.payloads();
        for accepted in accepted.chunks_mut(SENDS_MAX) {
            let mut queue = ring.submission();
            for (index, (socket, payload, flags)) in
                (&mut payloads).take(accepted.len()).enumerate()
            {
                let request = request(socket, payload, flags).user_data(index as u64);
                // SAFETY: the request points to bytes that do not change. They are borrowed for as
                // long as `self` lives, or belong to its `Ring`. `perform` returns when the kernel
                // has finished the request, or has not seen it; in the second case the queue is
                // dropped.
                unsafe { queue.push(&request) }.expect("the queue was empty and has room");
            }
            drop(queue);
            perform(&mut ring, accepted)?;
        }
        *owner = Some(ring);
        Ok(())
    }
}

fn request(socket: RawFd, payload: Payload<'_>, flags: i32) -> squeue::Entry {
    let socket = types::Fd(socket);
    match payload {
        Payload::Slice(slice) => {
            let len = u32::try_from(slice.iov_len).unwrap_or(u32::MAX);
            let send = opcode::Send::new(socket, slice.iov_base.cast(), len);
            send.flags(flags).build()
        }
        Payload::Message(message) => {
            let send = opcode::SendMsg::new(socket, message);
            send.flags(flags as u32).build()
        }
    }
}

/// Submits the queue. Returns when all requests are finished, or when the kernel will not start any
/// more.
fn perform(ring: &mut IoUring, accepted: &mut [io::Result<usize>]) -> io::Result<()> {
    let mut left = accepted.len();
    while left > 0 {
        let submitted = ring.submit_and_wait(left);
        for done in ring.completion() {
            left -= 1;
            accepted[done.user_data() as usize] = match done.result() {
                count @ 0.. => Ok(count as usize),
                error => Err(io::Error::from_raw_os_error(-error)),
            };
        }
        match submitted {
            Ok(_) => {}
            // A signal interrupted the call.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            // No request is unfinished: the remaining ones were never started.
            Err(error) if ring.submission().len() == left => return Err(error),
            // The kernel may still read bytes that the caller would free.
            Err(_) => process::abort(),
        }
    }
    Ok(())
}
