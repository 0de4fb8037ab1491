//! The last frames of a connection: nothing follows a close frame, and a client that does not read
//! finds one when it reads again.

use std::{
    cell::{Cell, RefCell},
    io::{self, IoSlice},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use tickcast_core::{
    Now,
    permissions::Access,
    settings::CoreSettings,
    shard::{CLOSE_TIMEOUT, ConnectionKey, Event, Shard, Socket},
    stats::ShardStats,
    wire,
};
use tickcast_protocol::{
    codec::Encoding,
    error::{CloseCode, ErrorCode},
    message::{ClientMessage, Epoch, List},
};

use crate::pipe::Frame;

const ROOM_BYTES: usize = 1_000;

/// A socket that takes bytes until it is full.
#[derive(Clone, Default)]
struct Full(Rc<State>);

#[derive(Default)]
struct State {
    taken: RefCell<Vec<u8>>,
    room: Cell<usize>,
    has_more_room: Cell<bool>,
}

impl Socket for Full {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let mut written = 0;
        for slice in slices {
            let len = slice.len().min(self.0.room.get());
            self.0.taken.borrow_mut().extend_from_slice(&slice[..len]);
            self.0.room.set(self.0.room.get() - len);
            written += len;
        }
        match written {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            _ => Ok(written),
        }
    }

    fn make_room(&self) {
        if self.0.has_more_room.get() {
            self.0.room.set(self.0.room.get() + ROOM_BYTES);
        }
    }
}

struct World {
    shard: Shard<Full>,
    stats: Arc<ShardStats>,
    socket: Full,
    key: ConnectionKey,
    settings: Arc<CoreSettings>,
}

fn at(uptime: Duration) -> Now {
    Now { uptime, wall_ns: 0 }
}

impl World {
    fn new(room: usize) -> Self {
        let settings = Arc::new(CoreSettings::default());
        let stats = Arc::<ShardStats>::default();
        let mut shard = Shard::new(0, Epoch(1), Arc::clone(&settings), Arc::clone(&stats));
        let socket = Full::default();
        socket.0.room.set(room);
        let access = Access { may_publish: true };
        let now = at(Duration::ZERO);
        let key = shard.connect(socket.clone(), Encoding::Json, access, now);
        Self {
            shard,
            stats,
            socket,
            key,
            settings,
        }
    }

    fn taken(&self) -> Vec<u8> {
        self.socket.0.taken.borrow().clone()
    }

    fn is_broken(&mut self) -> bool {
        self.shard.take_events().contains(&Event::Broken(self.key))
    }

    fn closes(&self, label: &str) -> u64 {
        let mut closes = self.stats.closes();
        closes.find(|(code, _)| code == label).unwrap().1
    }

    /// The frames that the socket took: first byte and payload.
    fn frames(&self) -> Vec<(u8, Vec<u8>)> {
        let mut taken = self.taken();
        let mut frames = Vec::new();
        while let Some(frame) = Frame::take(&mut taken) {
            // Each is the last of its message.
            frames.push((0x80 | frame.opcode, frame.payload));
        }
        assert!(taken.is_empty(), "the last frame is whole");
        frames
    }
}

#[test]
fn nothing_follows_a_close_frame() {
    let mut world = World::new(1 << 20);
    let now = at(Duration::from_secs(1));
    let (key, code) = (world.key, CloseCode::Normal);
    world
        .shard
        .close(key, wire::close_answer(Some(1000)), Some(1000), now);
    let closed = world.taken();
    // A second close frame, a pong, an answer that comes late, a request, and timers.
    world.shard.close_with(key, code, code.text(), now);
    world.shard.pong(key, b"x", now);
    world
        .shard
        .refuse_work(key, Some(1), ErrorCode::Draining, now);
    let list = ClientMessage::List(List { id: 1 });
    assert_eq!(world.shard.handle(key, list, now), None);
    let refusal = tickcast_core::Refusal::from(ErrorCode::Malformed);
    world.shard.refuse_message(key, None, refusal, now);
    world.shard.drain(Duration::ZERO, now);
    for seconds in 1..CLOSE_TIMEOUT.as_secs() {
        world.shard.tick(at(Duration::from_secs(1 + seconds)));
    }
    assert!(!world.is_broken());
    assert_eq!(world.taken(), closed);
    assert_eq!(world.frames().last(), Some(&(0x88, vec![0x03, 0xe8])));
    assert_eq!(world.closes("1000"), 1);
    assert!(world.shard.heard(key, now));
    assert!(!world.shard.is_unread(key));
    world
        .shard
        .tick(at(Duration::from_millis(1_001) + CLOSE_TIMEOUT));
    assert!(world.is_broken());
}

/// The room of the socket ends at any byte of the welcome or of the answers after it.
#[test]
fn a_client_that_reads_nothing_gets_the_rest_of_a_frame_and_a_close_frame() {
    let complete = World::new(1 << 20);
    let welcome = complete.taken().len();
    for room in [0, 1, 100, welcome - 1, welcome, welcome + 1, welcome + 20] {
        for has_more_room in [true, false] {
            let mut world = World::new(room);
            world.socket.0.has_more_room.set(has_more_room);
            for id in 1..=50 {
                let list = ClientMessage::List(List { id });
                world.shard.handle(world.key, list, at(Duration::ZERO));
            }
            let timeout = world.settings.write_timeout;
            world.shard.tick(at(timeout));
            assert_eq!(world.taken().len(), room);
            assert_eq!(world.closes("4000"), 0);
            let late = at(timeout + Duration::from_millis(1));
            world.shard.tick(late);
            assert_eq!(world.closes("4000"), 1);
            assert!(!world.is_broken());
            assert!(world.shard.is_unread(world.key));
            // The client reads at last.
            if !has_more_room {
                assert_eq!(world.taken().len(), room);
                world.socket.0.room.set(ROOM_BYTES);
                world.shard.on_writable(world.key, late);
            }
            let begun = usize::from(room > 0) + usize::from(room > welcome);
            let frames = world.frames();
            assert_eq!(frames.len(), begun + 1, "{room}");
            let close = [&4000_u16.to_be_bytes()[..], b"write timeout"].concat();
            assert_eq!(frames.last(), Some(&(0x88, close)));
            assert!(!world.shard.has_unsent_frames(world.key));
            // It does not answer.
            world.shard.tick(at(late.uptime + CLOSE_TIMEOUT));
            assert!(!world.is_broken());
            world
                .shard
                .tick(at(late.uptime + CLOSE_TIMEOUT + Duration::from_millis(1)));
            assert!(world.is_broken());
            assert!(world.shard.is_unread(world.key));
        }
    }
}
