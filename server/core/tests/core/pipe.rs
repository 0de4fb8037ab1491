//! A socket in memory that takes bytes while it has room.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    rc::Rc,
};

use tickcast_core::shard::Socket;

/// Room for everything that a test sends.
pub(crate) const AMPLE_BYTES: usize = 1 << 30;

/// The socket and, as its clone, the client's end of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pipe(Rc<RefCell<State>>);

#[derive(Debug, Default)]
struct State {
    bytes: Vec<u8>,
    room: usize,
    writes: usize,
    is_broken: bool,
    /// Writes that a signal interrupts from now on.
    interruptions: usize,
}

/// A frame as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) opcode: u8,
    pub(crate) payload: Vec<u8>,
}

impl Socket for Pipe {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let state = &mut *self.0.borrow_mut();
        state.writes += 1;
        if state.is_broken {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if state.interruptions > 0 {
            state.interruptions -= 1;
            return Err(io::ErrorKind::Interrupted.into());
        }
        if state.room == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut written = 0;
        for slice in slices {
            let len = slice.len().min(state.room);
            state.bytes.extend_from_slice(&slice[..len]);
            state.room -= len;
            written += len;
        }
        Ok(written)
    }
}

impl Pipe {
    /// Takes `bytes` more from now on.
    pub(crate) fn set_room(&self, bytes: usize) {
        self.0.borrow_mut().room = bytes;
    }

    /// Fails from now on.
    pub(crate) fn break_off(&self) {
        self.0.borrow_mut().is_broken = true;
    }

    /// Has a signal interrupt the next writes.
    pub(crate) fn interrupt(&self, writes: usize) {
        self.0.borrow_mut().interruptions = writes;
    }

    /// Number of times it was written to, with or without success.
    pub(crate) fn writes(&self) -> usize {
        self.0.borrow().writes
    }

    /// Takes all bytes that arrived.
    pub(crate) fn take_bytes(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.borrow_mut().bytes)
    }

    /// Takes the next whole frame.
    pub(crate) fn next_frame(&self) -> Option<Frame> {
        Frame::take(&mut self.0.borrow_mut().bytes)
    }
}

impl Frame {
    /// Takes the next whole frame of the bytes that a client got.
    pub(crate) fn take(bytes: &mut Vec<u8>) -> Option<Self> {
        let (header, len) = match *bytes.get(1)? {
            126 => {
                let len = u16::from_be_bytes(bytes.get(2..4)?.try_into().unwrap());
                (4, usize::from(len))
            }
            127 => {
                let len = u64::from_be_bytes(bytes.get(2..10)?.try_into().unwrap());
                (10, usize::try_from(len).unwrap())
            }
            len => (2, usize::from(len)),
        };
        if bytes.len() < header + len {
            return None;
        }
        let rest = bytes.split_off(header + len);
        let frame = std::mem::replace(bytes, rest);
        assert_eq!(frame[0] & 0xf0, 0x80, "a message is one frame");
        Some(Self {
            opcode: frame[0] & 0x0f,
            payload: frame[header..].to_vec(),
        })
    }
}
