//! Where the shard writes an event stream: into the connection, as chunks of HTTP (RFC 9112,
//! section 7.1).
//!
//! hyper writes the head of the answer and gives the connection back. So an event stream costs as
//! little memory as a WebSocket, and a client that does not read blocks its connection as there.

use std::{
    cell::RefCell,
    io::{self, ErrorKind, IoSlice},
    rc::Rc,
};

use hyper::Version;
use smallvec::SmallVec;

use super::{closing, event_ids::JointIds, stream::Stream};

/// Maximum number of bytes of events with joint ids that are made before the kernel has taken the
/// last ones. A stream that never reads holds them. More would save a fast stream few calls.
const JOINT_MAX_BYTES: usize = 8 * 1024;

/// Maximum number of bytes that a client may send after its request. They mean nothing, and they
/// are read to notice its end.
const DISCARD_MAX_BYTES: usize = 256 * 1024;

/// Slices of a write without a list on the heap: what is held, the head of a chunk, a frame, and
/// the end of the chunk. Lists are longer when a client has several frames to get.
const SLICES_USUAL: usize = 8;

/// The end of each line of a chunk.
const LINE_END: &[u8] = b"\r\n";

/// The last chunk, which says that the answer is complete.
const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// A chunk's head: its length in hexadecimal digits.
type Head = SmallVec<[u8; 18]>;

#[derive(Debug)]
struct State {
    /// Whether the answer has chunks. That to HTTP/1.0 ends with the connection.
    has_chunks: bool,
    /// Bytes that go first: those between two chunks that the kernel has not taken, and events with
    /// joint ids.
    held: Vec<u8>,
    /// Bytes that the chunk that has begun still lacks.
    missing: usize,
    /// Replaces the ids of events, if the stream has several filters.
    ids: Option<Box<JointIds>>,
}

#[derive(Debug)]
struct Shared {
    stream: Stream,
    state: RefCell<State>,
}

/// The body of an event stream; see the module.
#[derive(Debug, Clone)]
pub(super) struct EventChunks(Rc<Shared>);

impl EventChunks {
    /// The body of an answer whose head was sent, with its first bytes.
    pub(super) fn new(
        stream: Stream,
        version: Version,
        first: &str,
        ids: Option<JointIds>,
    ) -> Self {
        let mut state = State {
            has_chunks: version >= Version::HTTP_11,
            held: Vec::new(),
            missing: 0,
            ids: ids.map(Box::new),
        };
        state.hold(first.as_bytes());
        let state = RefCell::new(state);
        Self(Rc::new(Shared { stream, state }))
    }

    /// The connection.
    pub(super) fn stream(&self) -> &Stream {
        &self.0.stream
    }

    /// Writes like [`Socket::try_write`](tickcast_core::shard::Socket::try_write). With `is_apart`
    /// the kernel appends no later bytes to these.
    pub(super) fn try_write(&self, slices: &[IoSlice<'_>], is_apart: bool) -> io::Result<usize> {
        let stream = &self.0.stream;
        let mut state = self.0.state.borrow_mut();
        match state.ids {
            None => state.write(slices, |slices| write(stream, slices, is_apart)),
            Some(_) => state.write_joint(slices, |slices| write(stream, slices, is_apart)),
        }
    }

    /// Hands the kernel what is held.
    pub(super) fn try_flush(&self) -> io::Result<()> {
        let stream = &self.0.stream;
        let mut state = self.0.state.borrow_mut();
        state.flush(&|slices: &[IoSlice<'_>]| write(stream, slices, false))?;
        stream.try_flush()
    }

    /// Whether something is held.
    pub(super) fn is_holding(&self) -> bool {
        !self.0.state.borrow().held.is_empty() || self.0.stream.is_holding()
    }

    /// Waits until the client has gone.
    pub(super) async fn gone(&self) {
        closing::discard(self.0.stream.clone(), DISCARD_MAX_BYTES).await;
    }

    /// Says that the answer is complete, if the kernel takes that now. A client that does not get
    /// it knows that its answer is not.
    pub(super) fn complete(&self) {
        self.0.state.borrow_mut().hold_last();
        let _ = self.try_flush();
    }
}

fn write(stream: &Stream, slices: &[IoSlice<'_>], is_apart: bool) -> io::Result<usize> {
    match is_apart {
        true => stream.try_write_apart(slices),
        false => stream.try_write(slices),
    }
}

impl State {
    /// The head of a chunk of this length.
    fn head(&self, bytes: usize) -> Head {
        match self.has_chunks {
            true => Head::from_slice(format!("{bytes:x}\r\n").as_bytes()),
            false => Head::new(),
        }
    }

    /// What follows a chunk.
    fn end(&self) -> &'static [u8] {
        if self.has_chunks { LINE_END } else { &[] }
    }

    /// Holds bytes as a chunk. One without bytes would be the last.
    fn hold(&mut self, bytes: &[u8]) {
        if !bytes.is_empty() {
            let head = self.head(bytes.len());
            self.held.extend_from_slice(&head);
            self.held.extend_from_slice(bytes);
            self.held.extend_from_slice(self.end());
        }
    }

    /// Holds the last chunk, unless another one is not complete.
    fn hold_last(&mut self) {
        if self.has_chunks && self.missing == 0 {
            self.held.extend_from_slice(LAST_CHUNK);
        }
    }

    /// Writes the slices as one chunk, or goes on with one that the kernel has not taken whole: its
    /// length is told, so the next bytes belong to it. Returns how many bytes of them were taken.
    fn write(
        &mut self,
        slices: &[IoSlice<'_>],
        write: impl Fn(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        let offered: usize = slices.iter().map(|slice| slice.len()).sum();
        let is_new = self.missing == 0;
        let head = if is_new {
            self.head(offered)
        } else {
            Head::new()
        };
        let chunk = if is_new { offered } else { self.missing };
        let mut all: SmallVec<[IoSlice<'_>; SLICES_USUAL]> = SmallVec::new();
        all.push(IoSlice::new(&self.held));
        all.push(IoSlice::new(&head));
        let mut left = chunk;
        for slice in slices {
            let part = &slice[..slice.len().min(left)];
            left -= part.len();
            all.push(IoSlice::new(part));
        }
        let end = if left == 0 { self.end() } else { &[] };
        all.push(IoSlice::new(end));
        all.retain(|slice| !slice.is_empty());
        let written = write(&all)?;
        drop(all);

        let (held, written) = split(written, self.held.len());
        self.held.drain(..held);
        let (of_head, written) = split(written, head.len());
        let (taken, written) = split(written, chunk - left);
        if is_new && (of_head > 0 || taken > 0) {
            // The chunk has begun.
            self.held.extend_from_slice(&head[of_head..]);
            self.missing = chunk;
        }
        self.missing -= taken;
        if taken == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        if self.missing == 0 {
            self.held.extend_from_slice(&end[written..]);
        }
        if self.held.is_empty() {
            self.held = Vec::new();
        }
        Ok(taken)
    }

    /// Writes the slices with the ids of all filters, as far as these may be held.
    fn write_joint(
        &mut self,
        slices: &[IoSlice<'_>],
        write: impl Fn(&[IoSlice<'_>]) -> io::Result<usize>,
    ) -> io::Result<usize> {
        self.flush(&write)?;
        let (mut events, mut taken) = (Vec::new(), 0);
        if let Some(ids) = &mut self.ids {
            for slice in slices {
                let mut rest = &slice[..];
                while !rest.is_empty() && events.len() < JOINT_MAX_BYTES {
                    let room = JOINT_MAX_BYTES - events.len();
                    let passed = ids.pass(&rest[..rest.len().min(room)], &mut events);
                    taken += passed;
                    rest = &rest[passed..];
                }
            }
        }
        self.hold(&events);
        match self.flush(&write) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(taken),
        }
    }

    /// Hands the kernel what is held.
    fn flush(&mut self, write: &impl Fn(&[IoSlice<'_>]) -> io::Result<usize>) -> io::Result<()> {
        while !self.held.is_empty() {
            let written = write(&[IoSlice::new(&self.held)])?;
            if written == 0 {
                return Err(ErrorKind::WriteZero.into());
            }
            self.held.drain(..written);
        }
        // A client that reads holds no memory here.
        self.held = Vec::new();
        Ok(())
    }
}

/// Splits a number of written bytes: those of a part, and those after it.
fn split(written: usize, part: usize) -> (usize, usize) {
    let of_part = written.min(part);
    (of_part, written - of_part)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use rand::{RngExt, SeedableRng, rngs::StdRng};

    use super::*;

    fn state(has_chunks: bool) -> State {
        State {
            has_chunks,
            held: Vec::new(),
            missing: 0,
            ids: None,
        }
    }

    /// A kernel that takes a part of what it is given, or nothing.
    struct Kernel {
        rng: RefCell<StdRng>,
        taken: RefCell<Vec<u8>>,
        refusals: Cell<usize>,
    }

    impl Kernel {
        fn new(seed: u64) -> Self {
            Self {
                rng: RefCell::new(StdRng::seed_from_u64(seed)),
                taken: RefCell::default(),
                refusals: Cell::new(0),
            }
        }

        fn write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            let bytes: Vec<_> = slices.iter().flat_map(|slice| slice.to_vec()).collect();
            assert!(!bytes.is_empty());
            let mut rng = self.rng.borrow_mut();
            let part = match rng.random_range(0..3) {
                0 => 0,
                1 => rng.random_range(1..=bytes.len()),
                _ => bytes.len(),
            };
            if part == 0 {
                self.refusals.set(self.refusals.get() + 1);
                return Err(ErrorKind::WouldBlock.into());
            }
            self.taken.borrow_mut().extend_from_slice(&bytes[..part]);
            Ok(part)
        }
    }

    /// The bytes of chunks, and what follows the last whole one.
    fn decode(mut chunks: &[u8]) -> (Vec<u8>, &[u8]) {
        let mut bytes = Vec::new();
        while let Some(end) = chunks.windows(2).position(|two| two == LINE_END) {
            let head = std::str::from_utf8(&chunks[..end]).unwrap();
            let length = usize::from_str_radix(head, 16).unwrap();
            let rest = &chunks[end + 2..];
            if length == 0 || rest.len() < length + 2 {
                break;
            }
            bytes.extend_from_slice(&rest[..length]);
            assert_eq!(&rest[length..length + 2], LINE_END);
            chunks = &rest[length + 2..];
        }
        (bytes, chunks)
    }

    /// Writes frames as a shard does: the rest of one that has begun, and those after it.
    fn write_all(state: &mut State, frames: &[Vec<u8>], kernel: &Kernel) {
        let mut rest: Vec<u8> = Vec::new();
        for frame in frames {
            rest.extend_from_slice(frame);
            // The kernel may take nothing until the next frame comes.
            let offered = rest.clone();
            let slices = [IoSlice::new(&offered[..1]), IoSlice::new(&offered[1..])];
            match state.write(&slices, |slices| kernel.write(slices)) {
                Ok(taken) => drop(rest.drain(..taken)),
                Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
            }
        }
        while !rest.is_empty() {
            let slices = [IoSlice::new(&rest)];
            if let Ok(taken) = state.write(&slices, |slices| kernel.write(slices)) {
                rest.drain(..taken);
            }
        }
    }

    #[test]
    fn chunks_have_all_bytes_however_few_of_them_the_kernel_takes_at_once() {
        for seed in 0..500 {
            let kernel = Kernel::new(seed);
            let mut rng = StdRng::seed_from_u64(seed);
            let frames: Vec<Vec<u8>> = (0..20)
                .map(|_| (0..rng.random_range(1..40)).map(|n| b'a' + n).collect())
                .collect();
            let mut state = state(true);
            state.hold(b"retry: 1\n\n");
            write_all(&mut state, &frames, &kernel);
            assert!(kernel.refusals.get() > 0, "{seed}");
            assert_eq!(state.missing, 0, "{seed}");
            state.hold_last();
            while state
                .flush(&|slices: &[IoSlice<'_>]| kernel.write(slices))
                .is_err()
            {}
            let taken = kernel.taken.take();
            let (bytes, end) = decode(&taken);
            let expected = [b"retry: 1\n\n".to_vec(), frames.concat()].concat();
            assert_eq!((bytes, end), (expected, LAST_CHUNK), "{seed}");
        }
    }

    #[test]
    fn an_answer_to_http_1_0_has_the_bytes_alone() {
        for seed in 0..50 {
            let kernel = Kernel::new(seed);
            let frames = vec![b"abc".to_vec(), b"defgh".to_vec()];
            let mut state = state(false);
            write_all(&mut state, &frames, &kernel);
            state.hold_last();
            assert!(state.held.is_empty());
            assert_eq!(kernel.taken.take(), b"abcdefgh");
        }
    }

    #[test]
    fn an_answer_in_the_middle_of_a_chunk_does_not_end_as_if_it_were_complete() {
        let mut state = state(true);
        let frame = [IoSlice::new(b"abcdef")];
        let head_and_half = |_: &[IoSlice<'_>]| Ok(6);
        assert_eq!(state.write(&frame, head_and_half).unwrap(), 3);
        state.hold_last();
        assert!(state.held.is_empty());
        // What follows belongs to the chunk, and the kernel takes it with the end.
        let all = |slices: &[IoSlice<'_>]| Ok(slices.iter().map(|slice| slice.len()).sum());
        assert_eq!(state.write(&[IoSlice::new(b"xyz12")], all).unwrap(), 3);
        state.hold_last();
        assert_eq!(state.held, LAST_CHUNK);
    }

    #[test]
    fn a_kernel_that_takes_nothing_leaves_no_chunk_begun() {
        let mut state = state(true);
        let full = |_: &[IoSlice<'_>]| Err(ErrorKind::WouldBlock.into());
        assert!(state.write(&[IoSlice::new(b"abc")], full).is_err());
        state.hold_last();
        assert_eq!(state.held, LAST_CHUNK);
    }

    #[test]
    fn of_events_with_joint_ids_8_kib_are_held_at_most() {
        let mut state = state(true);
        state.ids = Some(Box::new(JointIds::new(&[None, None])));
        let event = [b"data: ", &[b'x'; 20_000][..], b"\n\n"].concat();
        let full = |_: &[IoSlice<'_>]| Err(ErrorKind::WouldBlock.into());
        let taken = state.write_joint(&[IoSlice::new(&event)], full).unwrap();
        assert_eq!(taken, JOINT_MAX_BYTES);
        assert!(
            state.held.len() < JOINT_MAX_BYTES + 16,
            "{}",
            state.held.len()
        );
        // The next ones wait.
        let more = state
            .write_joint(&[IoSlice::new(&event)], full)
            .unwrap_err();
        assert_eq!(more.kind(), ErrorKind::WouldBlock);
    }
}
