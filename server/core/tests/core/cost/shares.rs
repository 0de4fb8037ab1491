//! A client that always asks for more: its share of the time, and its memory.

use std::{
    io::{self, IoSlice},
    sync::Arc,
    time::Duration,
};

use tickcast_core::{
    Now,
    permissions::Access,
    sequencer::{History, Sequencer},
    settings::CoreSettings,
    shard::{SLICE_MAX_STEPS, STEPS_PER_REQUEST, Shard, Socket},
    work::{Submission, Work},
};
use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, FilterRequest, HistoryRequest, Resume},
};

use super::{EPOCH, EXCESS_STEPS, HISTORY, TOPICS, World, plain, subscribe, update};

#[test]
fn a_client_that_always_has_work_gets_a_small_share_of_the_shard() {
    const MS: Duration = Duration::from_millis(1);
    const SECONDS: u32 = 5;
    let mut world = World::new(Encoding::Json, plain());
    let before = world.stats.steps.get();
    // Half of the tape is read for each.
    let resume = |nth| FilterRequest {
        filter: format!("+/line{}/+/x{nth}", nth % 100),
        resume: Some(Resume {
            epoch: EPOCH,
            position: TOPICS as u64 / 2,
            count: None,
            snapshot: None,
        }),
    };
    let request = subscribe((0..1_000).map(resume));
    assert!(world.shard.handle(world.key, request, world.now).is_none());
    let first = (world.stats.steps.get() - before) as usize;
    assert!(first <= SLICE_MAX_STEPS + EXCESS_STEPS, "{first}");
    for _ in 0..SECONDS * 1_000 {
        world.now.uptime += MS;
        // As often as a shard without other work.
        while world.shard.work(world.now) {}
        assert!(world.shard.is_busy(world.key), "not enough work");
    }
    let settings = CoreSettings::default();
    let requests = settings.request_burst + SECONDS * settings.requests_per_s;
    let allowed = f64::from(requests) * STEPS_PER_REQUEST as f64;
    let steps = (world.stats.steps.get() - before) as f64;
    assert!(
        (0.9..1.01).contains(&(steps / allowed)),
        "{steps} steps of {allowed}"
    );
    // The rest is dropped with the connection.
    world.reconnect();
    let left = [&world.stats.subscriptions, &world.stats.channels];
    assert_eq!(left.map(|number| number.get()), [0, 0]);
}

/// A socket that accepts nothing.
#[derive(Clone, Copy)]
struct Unread;

impl Socket for Unread {
    fn try_write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
        Err(io::ErrorKind::WouldBlock.into())
    }
}

/// As a session does: a client is read while its output has room and no request is under way.
#[test]
fn a_client_that_reads_no_history_costs_the_memory_of_one_answer() {
    let now = Now {
        uptime: Duration::ZERO,
        wall_ns: 0,
    };
    let mut sequencer = Sequencer::new(10).with_history(History::new(HISTORY));
    for _ in 0..4_096 {
        let updates = [update("a")].into_iter().collect();
        sequencer.push(
            Submission {
                updates,
                ..Submission::default()
            },
            now,
        );
    }
    let strips: Vec<_> = std::iter::from_fn(|| sequencer.take_strip()).collect();
    let mut shard = Shard::new(0, EPOCH, Arc::default(), Arc::default());
    shard.round(&strips, now);
    let key = shard.connect(Unread, Encoding::Json, Access::READER, now);
    let mut questions = 0;
    for id in 0..90 {
        if shard.reading_pause(key, now).is_some() || shard.is_busy(key) {
            continue;
        }
        let request = HistoryRequest {
            id,
            topic: "a".into(),
            limit: None,
            before: None,
        };
        let work = shard.handle(key, ClientMessage::History(request), now);
        let Some(Work::History(question)) = work else {
            panic!("{work:?}");
        };
        questions += 1;
        // No second question before the answer.
        assert!(shard.is_busy(key));
        shard.answer_history(vec![sequencer.answer(question, now)]);
        while shard.work(now) {}
    }
    let unsent = shard.slowest(1, now)[0].1.unsent_bytes;
    assert_eq!(questions, 1);
    assert!((100_000..1_000_000).contains(&unsent), "{unsent}");
}
