//! A sequencer and a shard that begin with what a log has: they are as those before.

use std::{sync::Arc, time::Duration};

use proptest::prelude::*;
use tickcast_core::{
    restored::{Collector, Restored, RestoredTopic},
    sequencer::liveness::RESTORED_SILENCE_MAX,
    settings::CoreSettings,
    tape::{Strip, StripBuilder},
    work::{Ack, Asked, HistoryAnswer, HistoryQuestion, NewUpdate, Submission, TopicFacts},
};
use tickcast_protocol::{
    codec::{self, Encoding},
    message::{
        Batch, ClientMessage, EndedEpoch, Epoch, FilterRequest, Gap, Mode, Position, Quality,
        Resume, ServerMessage, Status, Subscribe, SubscribeResult, Update,
    },
    topic::Topic,
    value::Value,
};

use crate::bench::{Bench, EPOCH};

const TOPICS: [&str; 5] = ["a/1", "a/2", "b/1", "b/2", "c"];
const FEED: u8 = 1;

#[derive(Debug, Clone)]
enum Op {
    /// Updates of these topics: how each can be trusted, and a value.
    Publish(Vec<(usize, Quality, f64)>),
    /// The last topic tells a name of this one.
    Tell(usize),
    FeedDown,
    Strip,
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let quality = prop_oneof![
        4 => Just(Quality::Live),
        1 => Just(Quality::Historical),
        1 => Just(Quality::Retained),
    ];
    let update = (0..TOPICS.len(), quality, -9.0..9.0);
    prop_oneof![
        5 => prop::collection::vec(update, 1..20).prop_map(Op::Publish),
        1 => (0..TOPICS.len()).prop_map(Op::Tell),
        1 => Just(Op::FeedDown),
        3 => Just(Op::Strip),
        2 => (1..5_000u64).prop_map(Op::Pass),
    ]
}

/// What a log keeps of strips.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    topics: Vec<RestoredTopic>,
    strips: Vec<Arc<Strip>>,
}

impl Kept {
    pub(crate) fn take(&mut self, strip: Arc<Strip>) {
        for info in strip.topics() {
            match self.topics.get_mut(info.id as usize) {
                Some(known) => known.info = info.clone(),
                None => self.topics.push(RestoredTopic {
                    info: info.clone(),
                    seq: 0,
                    status: Status::Live,
                    since_ns: 0,
                    position: 0,
                    newest: Box::default(),
                }),
            }
        }
        for update in strip.updates() {
            let head = codec::decode_update_head_bincode(update.bincode).unwrap();
            let topic = &mut self.topics[update.topic as usize];
            topic.seq = head.seq;
            if head.quality != Quality::Historical || topic.position == 0 {
                topic.position = head.position;
                topic.newest = update.bincode.into();
            }
        }
        for change in strip.statuses() {
            let topic = &mut self.topics[change.topic as usize];
            (topic.status, topic.since_ns) = (change.status, change.since_ns);
        }
        self.strips.push(strip);
    }

    /// The position of the newest update.
    pub(crate) fn head(&self) -> Position {
        self.strips.last().map_or(0, |strip| strip.end() - 1)
    }

    /// What is left if the newest strips are lost.
    pub(crate) fn without_last(&self, strips: usize) -> Self {
        let mut kept = Self::default();
        let left = self.strips.len().saturating_sub(strips);
        for strip in &self.strips[..left] {
            kept.take(Arc::clone(strip));
        }
        kept
    }

    /// A bench that begins with it.
    fn restore(&self, settings: CoreSettings) -> Bench {
        self.restore_in(EPOCH, Vec::new(), settings)
    }

    /// A bench that begins with it in another epoch, which continues earlier ones.
    pub(crate) fn restore_in(
        &self,
        epoch: Epoch,
        continues: Vec<EndedEpoch>,
        settings: CoreSettings,
    ) -> Bench {
        let tape_bytes = settings.tape_bytes;
        let mut bench = Bench::in_epoch(epoch, settings);
        let mut collector = Collector::new(tape_bytes);
        for update in self.strips.iter().flat_map(|strip| strip.updates()) {
            let head = codec::decode_update_head_bincode(update.bincode).unwrap();
            collector.push(&head, update.bincode);
            let whole = codec::decode_update_bincode(update.bincode).unwrap();
            bench.sequencer.remember(&whole, update.bincode);
        }
        let restored = collector.finish(self.topics.clone(), self.head() + 1, continues);
        begin(&mut bench, &restored);
        bench
    }
}

fn begin(bench: &mut Bench, restored: &Restored) {
    let now = bench.now();
    bench.sequencer.restore(restored, now);
    bench.shard.restore(restored);
}

pub(crate) fn settings() -> CoreSettings {
    CoreSettings {
        request_burst: 10_000,
        ..CoreSettings::default()
    }
}

fn carry_out(bench: &mut Bench, op: &Op, told: &mut u32) {
    let mut updates = Vec::new();
    match op {
        Op::Publish(all) => {
            updates.extend(all.iter().map(|&(topic, quality, value)| NewUpdate {
                quality,
                ..NewUpdate::live(Topic::new(TOPICS[topic]).unwrap(), Value::Reading(value))
            }));
        }
        Op::Tell(topic) => {
            *told += 1;
            let facts = TopicFacts {
                name: Some(told.to_string().into()),
                ..TopicFacts::default()
            };
            let teller = Topic::new(TOPICS[TOPICS.len() - 1]).unwrap();
            updates.push(NewUpdate {
                facts: Some([(Topic::new(TOPICS[*topic]).unwrap(), facts)].into()),
                ..NewUpdate::live(teller, Value::Text("told".into()))
            });
        }
        Op::FeedDown => {
            let now = bench.now();
            bench.sequencer.feed_down(FEED.into(), now);
        }
        Op::Strip => {}
        Op::Pass(ms) => bench.pass(Duration::from_millis(*ms)),
    }
    if !updates.is_empty() {
        let now = bench.now();
        let submission = Submission {
            updates: updates.into(),
            feed: Some(FEED.into()),
            ..Submission::default()
        };
        bench.sequencer.push(submission, now);
    }
}

/// Takes all strips, and applies them.
pub(crate) fn strips(bench: &mut Bench) -> Vec<Arc<Strip>> {
    let strips: Vec<_> = std::iter::from_fn(|| bench.sequencer.take_strip()).collect();
    let now = bench.now();
    bench.shard.turn(&strips, now);
    while bench.shard.is_applying() {
        bench.shard.turn(&[], now);
    }
    strips
}

/// What a client gets that resumes everything, or a part, or begins.
fn gets(
    bench: &mut Bench,
    filter: &str,
    mode: Mode,
    position: Option<Position>,
) -> (Position, u64, Vec<Batch<Topic>>, Vec<Gap>) {
    let client = bench.reader(Encoding::Json);
    let resume = position.map(|position| Resume {
        epoch: EPOCH,
        position,
        count: (filter == "#").then_some(position),
        snapshot: None,
    });
    let request = Subscribe {
        id: 1,
        filters: vec![FilterRequest {
            filter: filter.to_owned(),
            resume,
        }],
        mode,
        max_rate_hz: None,
    };
    bench.ask(&client, ClientMessage::Subscribe(request));
    bench.settle();
    let (mut accepted, mut batches, mut gaps) = (None, Vec::new(), Vec::new());
    for message in client.messages() {
        match message {
            ServerMessage::Subscribed(subscribed) => match &subscribed.results[..] {
                [SubscribeResult::Accepted(one)] => accepted = Some((one.position, one.count)),
                other => panic!("{other:?}"),
            },
            // The number of a channel is the shard's own.
            ServerMessage::Batch(batch) => batches.push(Batch {
                channel: 0,
                ..batch
            }),
            ServerMessage::Gap(gap) => gaps.push(Gap { channel: 0, ..gap }),
            _ => {}
        }
    }
    let (position, count) = accepted.expect("it is accepted");
    bench.shard.disconnect(client.key);
    (position, count, batches, gaps)
}

fn history(bench: &mut Bench, topic: &str) -> HistoryAnswer {
    let question = HistoryQuestion {
        from: Ack {
            shard: 0,
            connection: 0,
            id: None,
        },
        topic: Topic::new(topic).unwrap(),
        asked: Asked::Updates {
            limit: 1_000,
            before: None,
        },
    };
    let now = bench.now();
    bench.sequencer.answer(question, now)
}

/// Compares everything that can be seen of two benches.
fn compare(before: &mut Bench, after: &mut Bench) {
    assert_eq!(after.sequencer.position(), before.sequencer.position());
    assert_eq!(after.shard.position(), before.shard.position());
    assert_eq!(after.shard.topics().len(), before.shard.topics().len());
    for id in 0..before.shard.topics().len() as u32 {
        let (one, other) = (&before.shard.topics()[id], &after.shard.topics()[id]);
        assert_eq!(other.info, one.info);
        assert_eq!((other.seq, other.status), (one.seq, one.status));
        assert_eq!(other.status_since_ns, one.status_since_ns);
        assert_eq!(
            before.shard.topics().position(id),
            after.shard.topics().position(id)
        );
        let liveness = |bench: &Bench| bench.sequencer.liveness().status(id);
        assert_eq!(liveness(after), liveness(before));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        before.shard.append_latest(&[id], &mut first);
        after.shard.append_latest(&[id], &mut second);
        assert_eq!(second, first);
    }
    for topic in TOPICS {
        assert_eq!(history(after, topic), history(before, topic));
    }
    let head = before.shard.position();
    for filter in ["#", "a/+", "c"] {
        for mode in [Mode::Every, Mode::Latest] {
            for position in [None, Some(0), Some(head / 2), Some(head)] {
                assert_eq!(
                    gets(after, filter, mode, position),
                    gets(before, filter, mode, position),
                    "{filter} {mode:?} {position:?}"
                );
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 3))]

    #[test]
    fn a_server_that_begins_with_a_log_is_as_the_one_before(
        first in prop::collection::vec(op(), 0..30),
        second in prop::collection::vec(op(), 0..15),
    ) {
        let mut before = Bench::new(settings());
        // What is told about a topic before its first value is not in a log.
        let mut kept = live(&mut before, TOPICS.len());
        let mut told = 0;
        for op in &first {
            carry_out(&mut before, op, &mut told);
            if matches!(op, Op::Strip) {
                strips(&mut before).into_iter().for_each(|strip| kept.take(strip));
            }
        }
        strips(&mut before).into_iter().for_each(|strip| kept.take(strip));
        let mut after = kept.restore(settings());
        while after.now().uptime < before.now().uptime {
            let missing = before.now().uptime - after.now().uptime;
            after.pass(missing);
        }
        compare(&mut before, &mut after);
        // A feed that was not heard since is not known to be that of a topic.
        for op in second.iter().filter(|op| !matches!(op, Op::FeedDown)) {
            let mut also_told = told;
            carry_out(&mut before, op, &mut told);
            carry_out(&mut after, op, &mut also_told);
            let (one, other) = (strips(&mut before), strips(&mut after));
            let bytes = |strips: &[Arc<Strip>]| -> Vec<(Position, Vec<u8>)> {
                let updates = strips.iter().flat_map(|strip| strip.updates());
                updates.map(|update| (update.position, update.bincode.to_vec())).collect()
            };
            prop_assert_eq!(bytes(&other), bytes(&one));
        }
        compare(&mut before, &mut after);
    }
}

fn live(bench: &mut Bench, count: usize) -> Kept {
    let mut kept = Kept::default();
    for number in 0..count {
        let update = Op::Publish(vec![(number % TOPICS.len(), Quality::Live, 1.0)]);
        carry_out(bench, &update, &mut 0);
        strips(bench).into_iter().for_each(|strip| kept.take(strip));
    }
    kept
}

#[test]
fn topics_that_are_not_heard_again_are_stale_after_a_minute() {
    let kept = live(&mut Bench::new(settings()), TOPICS.len());
    let mut bench = kept.restore(settings());
    let heard = Op::Publish(vec![(2, Quality::Live, 2.0)]);
    carry_out(&mut bench, &heard, &mut 0);
    bench.pass(RESTORED_SILENCE_MAX - Duration::from_millis(1));
    bench.turn();
    assert_eq!(bench.sequencer.liveness().counts(), [5, 0, 0]);
    let due = bench.sequencer.liveness().next_due();
    assert_eq!(due, Some(bench.now().uptime + Duration::from_millis(1)));
    bench.pass(Duration::from_millis(1));
    bench.turn();
    assert_eq!(bench.sequencer.liveness().counts(), [1, 4, 0]);
    assert_eq!(bench.sequencer.liveness().next_due(), None);
    assert_eq!(bench.shard.topics()[0].status, Status::Stale);
    assert_eq!(bench.shard.topics()[2].status, Status::Live);
}

#[test]
fn the_tape_keeps_as_much_as_fits_and_nothing_before_a_hole() {
    let kept = live(&mut Bench::new(settings()), 20);
    let updates = |strips: &[Arc<Strip>]| -> Vec<Position> {
        let updates = strips.iter().flat_map(|strip| strip.updates());
        updates.map(|update| update.position).collect()
    };
    let collect = |max_bytes, without: &[Position], next| {
        let mut collector = Collector::new(max_bytes);
        for update in kept.strips.iter().flat_map(|strip| strip.updates()) {
            if !without.contains(&update.position) {
                let head = codec::decode_update_head_bincode(update.bincode).unwrap();
                collector.push(&head, update.bincode);
            }
        }
        updates(&collector.finish(Vec::new(), next, Vec::new()).strips)
    };
    let all: Vec<_> = (1..=20).collect();
    assert_eq!(collect(1 << 20, &[], 21), all);
    assert_eq!(collect(1 << 20, &[3, 12], 21), &all[12..]);
    // The log is known to have had more than can be read.
    assert_eq!(collect(1 << 20, &[], 25), [0; 0]);
    let long = Value::Text("x".repeat(40_000));
    let mut bench = Bench::new(settings());
    let mut kept = Kept::default();
    for _ in 0..20 {
        bench.publish_values(vec![]);
        let now = bench.now();
        let update = NewUpdate::live(Topic::new("a").unwrap(), long.clone());
        let submission = Submission {
            updates: [update].into_iter().collect(),
            ..Submission::default()
        };
        bench.sequencer.push(submission, now);
        strips(&mut bench)
            .into_iter()
            .for_each(|strip| kept.take(strip));
    }
    let small = CoreSettings {
        tape_bytes: 200_000,
        ..settings()
    };
    let mut after = kept.restore(small);
    let (_, _, batches, gaps) = gets(&mut after, "#", Mode::Every, Some(2));
    assert_eq!(gaps.len(), 1, "{gaps:?}");
    assert!(gaps[0].to >= 14 && gaps[0].to < 20, "{gaps:?}");
    assert_eq!(gaps[0].lost, Some(gaps[0].to - 2));
    let last = batches.last().and_then(|batch| batch.updates.last());
    assert_eq!(last.map(|update| update.position), Some(20));
}

#[test]
fn a_collector_keeps_the_newest_strips_that_its_bound_has_room_for() {
    let mut written = StripBuilder::new(1);
    for position in 1..=40 {
        written.push(&Update {
            topic: 0,
            position,
            seq: position,
            source_time_ns: None,
            ingest_time_ns: 5,
            quality: match position % 4 {
                0 => Quality::Historical,
                _ => Quality::Live,
            },
            value: Value::Text("x".repeat(8_000)),
        });
    }
    let written = written.build();
    let collected = |max_bytes: usize| {
        let mut collector = Collector::new(max_bytes);
        for update in written.updates() {
            let head = codec::decode_update_head_bincode(update.bincode).unwrap();
            collector.push(&head, update.bincode);
        }
        collector.finish(Vec::new(), 41, Vec::new()).strips
    };
    let all = collected(usize::MAX);
    let costs: Vec<_> = all.iter().map(|strip| strip.cost_bytes()).collect();
    assert!(costs.len() > 3, "{costs:?}");
    let historical = |strip: &Strip| {
        let indices = 0..strip.len();
        let historical = indices.filter(|index| strip.is_historical(*index));
        historical
            .map(|index| strip.get(index).position)
            .collect::<Vec<_>>()
    };
    let marked: Vec<_> = all.iter().flat_map(|strip| historical(strip)).collect();
    assert_eq!(marked, (4..=40).step_by(4).collect::<Vec<_>>());
    for kept in 1..costs.len() {
        let enough: usize = costs.iter().rev().take(kept).sum();
        for (max_bytes, expected) in [(enough, kept), (enough - 1, kept.max(2) - 1)] {
            let strips = collected(max_bytes);
            let firsts = strips.iter().map(|strip| strip.first());
            let newest = all[all.len() - expected..]
                .iter()
                .map(|strip| strip.first());
            assert!(firsts.eq(newest), "{kept} {max_bytes}");
        }
    }
}
