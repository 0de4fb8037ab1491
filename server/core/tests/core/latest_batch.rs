//! Batches of newest values that are more than one turn may make.

use std::time::Duration;

use tickcast_core::{
    settings::CoreSettings,
    work::{NewUpdate, Submission},
};
use tickcast_protocol::{
    codec::{self, Encoding},
    message::{ClientMessage, Mode, ServerMessage, Unsubscribe},
    topic::Topic,
    value::Value,
};

use crate::{
    bench::{Bench, Client},
    pipe::Frame,
};

const PACED: (Mode, Option<f64>) = (Mode::Latest, Some(10.0));
const INTERVAL: Duration = Duration::from_millis(100);

/// Far less than the batches below take.
const STEPS: usize = 40;

const TOPICS: usize = 3_000;

fn names() -> Vec<String> {
    // Not in the order in which they are sorted.
    (0..TOPICS)
        .map(|n| format!("t{}", n * 1_237 % TOPICS))
        .collect()
}

impl Bench {
    /// Gives the sequencer a new value of each topic.
    fn submit(&mut self, names: &[String]) {
        let values = names.iter().map(|name| {
            let topic = Topic::new(name).unwrap();
            NewUpdate::live(topic, Value::Reading(1.0))
        });
        let submission = Submission {
            updates: values.collect(),
            ..Submission::default()
        };
        let now = self.now();
        self.sequencer.push(submission, now);
    }

    /// The same, and applies them.
    fn update(&mut self, names: &[String]) {
        self.submit(names);
        self.turn();
    }

    /// Runs turns until the long batch is under way.
    fn begin_batch(&mut self) {
        self.pass(INTERVAL);
        let now = self.now();
        self.shard.turn(&[], now);
        assert!(self.shard.is_applying(), "it is made in one turn");
    }

    /// Runs one turn with what the sequencer has.
    fn one_turn(&mut self) {
        let now = self.now();
        let strips: Vec<_> = std::iter::from_fn(|| self.sequencer.take_strip()).collect();
        self.shard.turn(&strips, now);
    }
}

/// A shard with a paced client of all topics, whose next batch has all of them.
fn with_long_batch(max_steps: Option<usize>, encoding: Encoding) -> (Bench, Client) {
    let mut bench = Bench::new(CoreSettings::default());
    if let Some(steps) = max_steps {
        bench = bench.with_max_steps(steps);
    }
    let client = bench.reader(encoding);
    bench.subscribe_by_id(&client, PACED, None);
    bench.settle();
    // The interval begins with this value.
    bench.update(&["first".into()]);
    bench.settle();
    client.frames();
    bench.update(&names());
    let newer: Vec<_> = names().into_iter().step_by(3).collect();
    bench.update(&newer);
    (bench, client)
}

#[test]
fn a_batch_that_is_made_in_parts_has_the_same_bytes() {
    for encoding in [Encoding::Bincode, Encoding::Json] {
        let frames = [None, Some(STEPS)].map(|max_steps| {
            let (mut bench, client) = with_long_batch(max_steps, encoding);
            bench.pass(INTERVAL);
            bench.settle();
            let conflated = bench.stats.conflated.get();
            let frames = client.frames().into_iter();
            let frames: Vec<_> = frames.map(|frame| (frame.opcode, frame.payload)).collect();
            (frames, conflated)
        });
        let [whole, in_parts] = frames;
        assert_eq!((whole.0.len(), whole.1), (1, TOPICS.div_ceil(3) as u64));
        assert_eq!(whole, in_parts);
    }
}

/// Bytes at which the tests close a batch.
const BATCH_BYTES: usize = 10_000;

/// The longest update and topic of the tests, and what is around them in a message.
const EXCESS_BYTES: usize = 400;

#[test]
fn a_batch_that_is_too_long_for_a_message_comes_in_parts_with_positions_of_their_own() {
    for encoding in [Encoding::Bincode, Encoding::Json] {
        let frames = [None, Some(BATCH_BYTES)].map(|max_bytes| {
            let (mut bench, client) = with_long_batch(None, encoding);
            if let Some(max_bytes) = max_bytes {
                bench = bench.with_batch_max_bytes(max_bytes);
            }
            bench.pass(INTERVAL);
            bench.settle();
            assert_eq!(bench.stats.conflated.get(), TOPICS.div_ceil(3) as u64);
            (client.frames(), bench.shard.position())
        });
        let [(whole, head), (parts, _)] = frames;
        assert_eq!(whole.len(), 1);
        let bytes = whole[0].payload.len();
        assert!(parts.len() >= bytes / BATCH_BYTES, "{} parts", parts.len());
        for part in &parts {
            let bytes = part.payload.len();
            assert!(bytes < BATCH_BYTES + EXCESS_BYTES, "{bytes} bytes");
        }
        if encoding == Encoding::Json {
            continue;
        }
        let batch = |frame: &Frame| match codec::decode_server_bincode(&frame.payload).unwrap() {
            ServerMessage::Batch(batch) => batch,
            other => panic!("{other:?}"),
        };
        let whole = batch(&whole[0]);
        let mut position = whole.from;
        let mut updates = Vec::new();
        let mut known = Vec::new();
        for part in parts.iter().map(batch) {
            assert_eq!(part.from, position);
            position = part.to;
            known.extend(part.topics.iter().map(|info| info.id));
            for update in &part.updates {
                assert!(part.from < update.position && update.position <= part.to);
                assert!(known.contains(&update.topic), "{update:?}");
            }
            updates.extend(part.updates);
        }
        assert_eq!((position, known.len()), (head, TOPICS));
        assert_eq!(updates, whole.updates);
    }
}

#[test]
fn a_batch_of_all_updates_is_closed_when_it_is_long() {
    for encoding in [Encoding::Bincode, Encoding::Json] {
        let mut bench = Bench::new(CoreSettings::default()).with_batch_max_bytes(BATCH_BYTES);
        let client = bench.reader(encoding);
        bench.subscribe_by_id(&client, (Mode::Every, None), None);
        bench.update(&names());
        bench.settle();
        client.frames();
        bench.update(&names());
        bench.settle();
        let frames = client.frames();
        let longest = frames.iter().map(|frame| frame.payload.len()).max();
        assert!(longest > Some(BATCH_BYTES), "{longest:?}");
        assert!(longest < Some(BATCH_BYTES + EXCESS_BYTES), "{longest:?}");
        assert_eq!(bench.stats.deliveries.get(), 2 * TOPICS as u64);
    }
}

#[test]
fn updates_wait_for_a_batch_that_is_being_made_and_come_with_the_next_one() {
    let (mut bench, client) = with_long_batch(Some(STEPS), Encoding::Bincode);
    let head = bench.shard.position();
    bench.begin_batch();
    bench.submit(&["t0".into()]);
    let mut turns = 0;
    while client.frames().is_empty() {
        assert_eq!(bench.shard.position(), head, "the batch is not finished");
        bench.one_turn();
        turns += 1;
    }
    assert!(turns > TOPICS / STEPS, "{turns}");
    bench.pass(INTERVAL);
    bench.settle();
    let messages = client.messages_by_id();
    let [ServerMessage::Batch(batch)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!(
        (batch.from, batch.to, batch.updates.len()),
        (head, head + 1, 1)
    );
}

#[test]
fn a_channel_that_ends_while_its_batch_is_made_holds_nothing_up() {
    let (mut bench, client) = with_long_batch(Some(STEPS), Encoding::Json);
    bench.begin_batch();
    let request = Unsubscribe {
        id: 2,
        channels: vec![0],
    };
    bench.ask(&client, ClientMessage::Unsubscribe(request));
    bench.settle();
    let messages = client.messages();
    assert!(
        matches!(&messages[..], [ServerMessage::Unsubscribed(_)]),
        "{messages:?}"
    );
    bench.update(&["t1".into()]);
    bench.settle();
    assert_eq!(bench.stats.channels.get(), 0);
}

/// Where a batch is open between two turns, a new client has its values and waits for it.
#[test]
fn a_client_that_subscribes_while_a_batch_is_made_waits_for_its_end() {
    for (pace, turns) in [PACED, (Mode::Latest, None)]
        .into_iter()
        .flat_map(|pace| (1..8).map(move |turns| (pace, turns)))
    {
        let mut bench = Bench::new(CoreSettings::default()).with_max_steps(STEPS);
        let first = bench.reader(Encoding::Bincode);
        bench.subscribe_by_id(&first, pace, None);
        bench.settle();
        for _ in 0..2 {
            bench.submit(&names());
            bench.pass(INTERVAL);
        }
        for _ in 0..turns {
            bench.one_turn();
        }
        assert!(bench.shard.is_applying());
        let late = bench.reader(Encoding::Bincode);
        bench.subscribe_by_id(&late, pace, None);
        let mut frames = 0;
        for _ in 0..100 {
            let now = bench.now();
            bench.shard.catch_up(now);
            frames += late.frames().len();
        }
        // The answer, the snapshot, and what is in the open batch.
        assert!(frames <= 3, "{frames} frames after {turns} turns, {pace:?}");
        bench.settle();
        bench.pass(INTERVAL);
        bench.settle();
        first.frames();
        late.frames();
        bench.update(&names()[..1]);
        bench.pass(INTERVAL);
        bench.settle();
        let received = [&first, &late].map(|client| client.messages_by_id());
        let [ServerMessage::Batch(batch)] = &received[0][..] else {
            panic!("{received:?}");
        };
        assert_eq!((batch.to - batch.from, batch.updates.len()), (1, 1));
        assert_eq!(received[0], received[1]);
    }
}
