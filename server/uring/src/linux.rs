//! The implementation for Linux.

use std::{
    fmt,
    io::{self, ErrorKind},
    marker::PhantomData,
    mem,
    os::fd::{AsRawFd, BorrowedFd, RawFd},
    process,
};

use io_uring::{IoUring, Probe, opcode, squeue, types};

use crate::SENDS_MAX;

/// Flags of `send(2)`: return at once, and raise no signal if the other end is closed.
const FLAGS: i32 = libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL;

/// Queues that are shared with the kernel.
pub struct Ring {
    /// Its queue is empty between calls. `None` after the kernel has refused requests.
    ring: Option<IoUring>,
    sends: Vec<Send>,
    /// The slices of all sends, one after another.
    slices: Vec<libc::iovec>,
    /// One message header for each send that does not have exactly one slice.
    messages: Vec<libc::msghdr>,
}

/// A socket, the range of its slices, and the flags of `send(2)`.
struct Send {
    socket: RawFd,
    flags: i32,
    first: usize,
    count: usize,
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
            sends: Vec::new(),
            slices: Vec::new(),
            messages: Vec::new(),
        })
    }

    /// Starts an empty list of sends.
    pub fn sends(&mut self) -> Sends<'_> {
        self.sends.clear();
        self.slices.clear();
        self.messages.clear();
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
        self.add_with(socket, slices, FLAGS);
    }

    /// Adds a send like [`add`](Self::add). The kernel appends no later bytes to these (`MSG_EOR`),
    /// so that the next send finds out whether there is room.
    pub fn add_apart(
        &mut self,
        socket: BorrowedFd<'a>,
        slices: impl IntoIterator<Item = &'a [u8]>,
    ) {
        self.add_with(socket, slices, FLAGS | libc::MSG_EOR);
    }

    fn add_with(
        &mut self,
        socket: BorrowedFd<'a>,
        slices: impl IntoIterator<Item = &'a [u8]>,
        flags: i32,
    ) {
        let first = self.ring.slices.len();
        let slices = slices.into_iter().map(|slice| libc::iovec {
            // The kernel only reads.
            iov_base: slice.as_ptr().cast_mut().cast(),
            iov_len: slice.len(),
        });
        self.ring.slices.extend(slices);
        self.ring.sends.push(Send {
            socket: socket.as_raw_fd(),
            flags,
            first,
            count: self.ring.slices.len() - first,
        });
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
        let Ring {
            ring: owner,
            sends,
            slices,
            messages,
        } = self.ring;
        accepted.clear();
        accepted.resize_with(sends.len(), || Err(ErrorKind::WouldBlock.into()));
        // It is put back when its queue is empty again. A failure in between drops the queue.
        let Some(mut ring) = owner.take() else {
            return Err(ErrorKind::Unsupported.into());
        };
        let several = sends.iter().filter(|send| send.count != 1);
        messages.extend(several.map(|send| message(&slices[send.first..][..send.count])));
        let mut messages = messages.iter();
        for (sends, accepted) in sends.chunks(SENDS_MAX).zip(accepted.chunks_mut(SENDS_MAX)) {
            let mut queue = ring.submission();
            for (index, send) in sends.iter().enumerate() {
                let request = request(send, slices, &mut messages).user_data(index as u64);
                // SAFETY: the request points to bytes that do not change. They are borrowed for as
                // long as `self` lives, or belong to its `Ring`. `perform` returns when the kernel
                // has finished the request, or has not seen it; in the second case the queue is
                // dropped.
                unsafe { queue.push(&request) }.expect("the queue was empty and has room");
            }
            drop(queue);
            perform(&mut ring, sends.len(), accepted)?;
        }
        *owner = Some(ring);
        Ok(())
    }
}

fn message(slices: &[libc::iovec]) -> libc::msghdr {
    // SAFETY: the type consists of numbers and pointers. All zeros is a message without address,
    // slices and control data.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = slices.as_ptr().cast_mut();
    message.msg_iovlen = slices.len() as _;
    message
}

fn request<'a>(
    send: &Send,
    slices: &[libc::iovec],
    messages: &mut impl Iterator<Item = &'a libc::msghdr>,
) -> squeue::Entry {
    let socket = types::Fd(send.socket);
    let flags = send.flags;
    match &slices[send.first..][..send.count] {
        [slice] => {
            let len = u32::try_from(slice.iov_len).unwrap_or(u32::MAX);
            let send = opcode::Send::new(socket, slice.iov_base.cast(), len);
            send.flags(flags).build()
        }
        _ => {
            let message = messages
                .next()
                .expect("there is a message for each send of several slices");
            let send = opcode::SendMsg::new(socket, message);
            send.flags(flags as u32).build()
        }
    }
}

/// Submits the queue. Returns when all requests are finished, or when the kernel will not start any
/// more.
fn perform(
    ring: &mut IoUring,
    requests: usize,
    accepted: &mut [io::Result<usize>],
) -> io::Result<()> {
    let mut left = requests;
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
