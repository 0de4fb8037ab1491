//! The list of sends: where the bytes of each one are, in the form in which the kernel reads them.
//!
//! Nothing here is a system call, so that Miri can run the tests of this file.

use std::{mem, os::fd::RawFd};

/// The sends of one call. The bytes that they point to must outlive them.
#[derive(Default)]
pub(crate) struct List {
    sends: Vec<Send>,
    /// The slices of all sends, one after another.
    slices: Vec<libc::iovec>,
    /// One message header for each send that does not have exactly one slice.
    messages: Vec<libc::msghdr>,
}

/// A socket, the flags of `send(2)`, and the range of its slices.
struct Send {
    socket: RawFd,
    flags: i32,
    first: usize,
    count: usize,
}

/// What the kernel is asked to send.
#[derive(Clone, Copy)]
pub(crate) enum Payload<'a> {
    /// One slice.
    Slice(&'a libc::iovec),
    /// None or several slices, through a message header that points to them.
    Message(&'a libc::msghdr),
}

impl List {
    /// Removes all sends.
    pub(crate) fn clear(&mut self) {
        self.sends.clear();
        self.slices.clear();
        self.messages.clear();
    }

    /// Number of sends.
    pub(crate) fn len(&self) -> usize {
        self.sends.len()
    }

    /// Adds a send of slices to a socket, with the flags of `send(2)`.
    pub(crate) fn add<'a>(
        &mut self,
        socket: RawFd,
        slices: impl Iterator<Item = &'a [u8]>,
        flags: i32,
    ) {
        let first = self.slices.len();
        let slices = slices.map(|slice| libc::iovec {
            // The kernel only reads.
            iov_base: slice.as_ptr().cast_mut().cast(),
            iov_len: slice.len(),
        });
        self.slices.extend(slices);
        self.sends.push(Send {
            socket,
            flags,
            first,
            count: self.slices.len() - first,
        });
    }

    /// The socket, the payload and the flags of each send, in the order of [`add`](Self::add). The
    /// pointers are valid until the list changes.
    pub(crate) fn payloads(&mut self) -> impl Iterator<Item = (RawFd, Payload<'_>, i32)> {
        let slices = &self.slices;
        let several = self.sends.iter().filter(|send| send.count != 1);
        self.messages.clear();
        self.messages
            .extend(several.map(|send| message(send.of(slices))));
        let mut messages = self.messages.iter();
        self.sends.iter().map(move |send| {
            let payload = match send.of(slices) {
                [slice] => Payload::Slice(slice),
                _ => Payload::Message(
                    messages
                        .next()
                        .expect("there is a message for each send of several slices"),
                ),
            };
            (send.socket, payload, send.flags)
        })
    }
}

impl Send {
    fn of<'a>(&self, slices: &'a [libc::iovec]) -> &'a [libc::iovec] {
        &slices[self.first..][..self.count]
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a payload as the kernel does: through its pointers.
    fn read(payload: Payload<'_>) -> Vec<u8> {
        let slices = match payload {
            Payload::Slice(slice) => std::slice::from_ref(slice),
            // SAFETY: the header points to as many slices as it says, which live in the list.
            Payload::Message(message) => unsafe {
                std::slice::from_raw_parts(message.msg_iov, message.msg_iovlen as _)
            },
        };
        let bytes = |slice: &libc::iovec| {
            // SAFETY: the slice points to bytes of the test, which live longer.
            unsafe { std::slice::from_raw_parts(slice.iov_base.cast::<u8>(), slice.iov_len) }
        };
        slices.iter().flat_map(bytes).copied().collect()
    }

    #[test]
    fn each_payload_is_the_bytes_that_were_added() {
        let bytes: Vec<u8> = (0..=255).collect();
        let mut list = List::default();
        for round in 0..3 {
            list.clear();
            let mut expected = Vec::new();
            for nth in 0..100 {
                // None to three slices, of which some are empty.
                let slices = (0..nth % 4).map(|at| &bytes[at * nth..][..(nth + round) % 3]);
                expected.push((nth as RawFd, slices.clone().flatten().copied().collect()));
                list.add(nth as RawFd, slices, nth as i32);
            }
            let is_single = |nth: usize| nth % 4 == 1;
            assert_eq!(list.len(), 100);
            for _ in 0..2 {
                let payloads: Vec<_> = list.payloads().collect();
                for (nth, (_, payload, flags)) in payloads.iter().enumerate() {
                    assert_eq!(matches!(payload, Payload::Slice(_)), is_single(nth));
                    assert_eq!(*flags, nth as i32);
                }
                let read: Vec<_> = payloads
                    .into_iter()
                    .map(|(socket, payload, _)| (socket, read(payload)))
                    .collect();
                assert_eq!(read, expected);
            }
        }
    }
}
