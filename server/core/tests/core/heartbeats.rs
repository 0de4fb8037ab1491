//! Heartbeats in virtual time.

use std::{
    cell::RefCell,
    io::{self, IoSlice},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::Sequencer,
    settings::CoreSettings,
    shard::{Shard, Socket},
    work::{NewUpdate, Submission},
};
use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, Epoch, Mode, Subscribe, TimeRequest},
    topic::Topic,
    value::Value,
};

/// First byte of a frame with a text.
const TEXT: u8 = 0x81;

/// A socket that takes everything and keeps the first byte of each frame.
#[derive(Clone, Default)]
struct Frames(Rc<RefCell<Vec<u8>>>);

impl Socket for Frames {
    fn try_write(&self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        let frames = slices.iter().map(|slice| slice[0]);
        self.0.borrow_mut().extend(frames);
        Ok(slices.iter().map(|slice| slice.len()).sum())
    }
}

#[derive(Debug, Clone)]
enum Op {
    /// A call of the timers comes late by this part (in percent) of a tick.
    Tick(u32),
    /// Time passes, but not the time until the next call of the timers.
    Wait(u32),
    Update,
    AskTime,
    Ping,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        8 => (0..100_u32).prop_map(Op::Tick),
        2 => (0..50_u32).prop_map(Op::Wait),
        1 => Just(Op::Update),
        1 => Just(Op::AskTime),
        3 => Just(Op::Ping),
    ]
}

proptest! {
    #[test]
    fn a_heartbeat_comes_in_time_after_each_message_and_after_the_first(
        heartbeat_ms in prop_oneof![10..3_000_u64, Just(10), Just(500), Just(10_000)],
        ops in proptest::collection::vec(op(), 1..200),
    ) {
        let heartbeat = Duration::from_millis(heartbeat_ms);
        let settings = CoreSettings {
            heartbeat,
            // Pings come between the heartbeats, and are no messages.
            ping: heartbeat / 3,
            pong_timeout: Duration::MAX,
            requests_per_s: 1_000_000,
            request_burst: 1_000_000,
            ..CoreSettings::default()
        };
        let tick = settings.tick();
        let mut now = Now { uptime: Duration::ZERO, wall_ns: 0 };
        let mut shard = Shard::new(0, Epoch(1), Arc::new(settings), Arc::default());
        let mut sequencer = Sequencer::new(1);
        let socket = Frames::default();
        let key = shard.connect(socket.clone(), Encoding::Json, Access::READER, now);
        let subscribe = Subscribe {
            id: 1,
            filters: vec!["a".into()],
            mode: Mode::Every,
            max_rate_hz: None,
        };
        shard.handle(key, ClientMessage::Subscribe(subscribe), now);
        while shard.catch_up(now) {}
        let (mut last_message, mut next_tick) = (now.uptime, tick);
        for op in ops {
            match op {
                Op::Tick(late_percent) => {
                    now.uptime = next_tick + tick * late_percent / 100;
                    next_tick = now.uptime + tick;
                    shard.tick(now);
                }
                Op::Wait(percent) => {
                    now.uptime = next_tick.min(now.uptime + tick * percent / 100);
                }
                Op::Update => {
                    let topic = Topic::new("a").unwrap();
                    let update = NewUpdate::live(topic, Value::Reading(1.0));
                    let submission = Submission {
                        updates: smallvec::smallvec![update],
                        ..Submission::default()
                    };
                    sequencer.push(submission, now);
                    shard.round(&[sequencer.take_strip().unwrap()], now);
                }
                Op::AskTime => {
                    let request = TimeRequest { id: 1, client_time_ns: 0 };
                    shard.handle(key, ClientMessage::Time(request), now);
                }
                Op::Ping => {
                    shard.heard(key, now);
                    shard.pong(key, b"", now);
                }
            }
            let silent = now.uptime - last_message;
            prop_assert!(silent <= heartbeat, "silent for {silent:?}");
            if socket.0.take().contains(&TEXT) {
                last_message = now.uptime;
            }
        }
    }
}
