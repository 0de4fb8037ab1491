//! Clients that the tape has left behind read on from the log, and no other client waits for them.

use std::time::Duration;

use tickcast_core::{settings::CoreSettings, shard::LOG_READS_MAX};
use tickcast_protocol::{
    codec::Encoding,
    message::{ClientMessage, Mode, Position, Resume, ServerMessage, Unsubscribe},
};

use crate::bench::{Bench, Client, EPOCH};

const EVERY: (Mode, Option<f64>) = (Mode::Every, None);

/// Updates of each strip.
const UPDATES: u64 = 10;

/// A few strips.
const TAPE_BYTES: usize = 4_000;

pub(crate) fn bench() -> Bench {
    let settings = CoreSettings {
        tape_bytes: TAPE_BYTES,
        ..CoreSettings::default()
    };
    Bench::new(settings).with_log()
}

/// Publishes strips: updates of `a` and `b` in turn.
pub(crate) fn publish(bench: &mut Bench, strips: usize) {
    for _ in 0..strips {
        let names = ["a", "b"].into_iter().cycle().take(UPDATES as usize);
        let updates: Vec<_> = names.map(|name| (name, 1.0)).collect();
        bench.publish(&updates);
    }
}

/// A client of a filter that was there at a position, when it had got a number of updates.
pub(crate) fn resume(bench: &mut Bench, filter: &str, position: Position, count: u64) -> Client {
    let client = bench.reader(Encoding::Json);
    resume_as(bench, &client, filter, position, count);
    client
}

fn resume_as(bench: &mut Bench, client: &Client, filter: &str, position: Position, count: u64) {
    let resume = Resume {
        epoch: EPOCH,
        position,
        count: Some(count),
        snapshot: None,
    };
    let accepted = bench.subscribe(client, filter, EVERY, Some(resume));
    assert_eq!((accepted.position, accepted.count), (position, count));
}

pub(crate) fn positions(client: &Client) -> Vec<Position> {
    let updates = client.updates().into_iter();
    updates
        .map(|(_, position, is_snapshot)| {
            assert!(!is_snapshot);
            position
        })
        .collect()
}

#[test]
fn a_client_that_comes_back_beyond_the_tape_gets_everything() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let client = resume(&mut bench, "#", 7, 7);
    let reads = bench.read_log(3);
    assert!(reads.len() > 25 && reads.is_sorted(), "{reads:?}");
    assert_eq!(reads[0], 8);
    assert_eq!(positions(&client), (8..=1_000).collect::<Vec<_>>());
    assert_eq!(bench.stats.log_reads.get(), reads.len() as u64);
    assert!(bench.stats.log_read_bytes.get() > 10_000);
    assert_eq!(bench.stats.gaps.get(), 0);
    // It is live now.
    publish(&mut bench, 1);
    assert_eq!(positions(&client), (1_001..=1_010).collect::<Vec<_>>());
}

#[test]
fn the_tape_is_not_counted_again_for_each_part_of_the_log() {
    /// Steps for each update: it takes 21 to read it and to write it in JSON, and 19 more if the
    /// tape is counted for each part.
    const STEPS_PER_UPDATE: u64 = 30;
    let settings = CoreSettings {
        tape_bytes: 10 * TAPE_BYTES,
        ..CoreSettings::default()
    };
    let mut bench = Bench::new(settings).with_log();
    publish(&mut bench, 400);
    let client = resume(&mut bench, "#", 7, 7);
    let before = bench.stats.steps.get();
    let mut parts = 0;
    loop {
        bench.settle();
        let reads = bench.reads();
        let &[from] = &reads[..] else {
            break;
        };
        bench.answer_read(from, 3);
        // Meanwhile the tape drops what was counted before.
        publish(&mut bench, 1);
        parts += 1;
    }
    let got = positions(&client);
    let last = 7 + got.len() as Position;
    assert_eq!(got, (8..=last).collect::<Vec<_>>());
    assert!(parts > 100 && last >= 4_000, "{parts} parts up to {last}");
    let steps = bench.stats.steps.get() - before;
    assert!(steps < STEPS_PER_UPDATE * last, "{steps} steps for {last}");
}

#[test]
fn the_windows_and_the_readers_are_counted_and_the_memory_is_free_afterwards() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let client = resume(&mut bench, "#", 7, 7);
    bench.settle();
    let tick = |bench: &mut Bench| {
        let now = bench.now();
        bench.shard.tick(now);
        (
            bench.stats.log_readers.get(),
            bench.stats.log_window_bytes.get() > 0,
        )
    };
    assert_eq!(tick(&mut bench), (1, false));
    let reads = bench.reads();
    bench.answer_read(reads[0], 3);
    assert_eq!(tick(&mut bench), (1, true));
    bench.read_log(3);
    assert_eq!(positions(&client).len(), 993);
    assert_eq!(tick(&mut bench), (0, true));
    bench.pass(Duration::from_secs(5));
    assert_eq!(tick(&mut bench), (0, false));
}

#[test]
fn a_client_that_is_blocked_for_long_gets_everything_when_it_reads_again() {
    for encoding in [Encoding::Json, Encoding::Bincode] {
        let mut bench = bench();
        let client = bench.reader(encoding);
        bench.subscribe_by_id(&client, EVERY, None);
        bench.settle();
        client.pipe.take_bytes();
        client.pipe.set_room(0);
        publish(&mut bench, 100);
        bench.unblock(&client);
        bench.read_log(3);
        assert_eq!(
            (bench.stats.gaps.get(), bench.stats.log_reads.get() > 0),
            (0, true)
        );
        let received: Vec<_> = match encoding {
            Encoding::Json => positions(&client),
            Encoding::Bincode => {
                let messages = client.messages_by_id().into_iter();
                let updates = messages.flat_map(|message| match message {
                    ServerMessage::Batch(batch) => batch.updates,
                    _ => Vec::new(),
                });
                updates.map(|update| update.position).collect()
            }
        };
        assert_eq!(received, (1..=1_000).collect::<Vec<_>>());
    }
}

/// Live updates are sent, and the first client of the log is served for a time if it is due.
/// Returns how many updates each client has got.
fn serve_first(bench: &mut Bench, clients: &[Client], elapsed: Duration) -> Vec<usize> {
    let now = bench.now();
    publish(bench, 1);
    let is_due = bench.shard.is_log_due(now);
    bench.shard.catch_up(now);
    if is_due {
        bench.shard.rest_log(elapsed, None, now);
    }
    let got = clients.iter().map(|client| positions(client).len());
    got.collect()
}

#[test]
fn clients_that_come_back_from_the_log_rest_while_live_ones_are_served() {
    const MILLISECOND: Duration = Duration::from_millis(1);
    let mut bench = bench();
    let live = bench.reader(Encoding::Json);
    bench.subscribe(&live, "#", EVERY, None);
    bench.settle();
    publish(&mut bench, 400);
    let clients = [7, 8].map(|position| resume(&mut bench, "#", position, position));
    bench.settle();
    for from in bench.reads() {
        bench.answer_read(from, 380);
    }
    // They find out in this call that the log has what they lack.
    let now = bench.now();
    assert!(bench.shard.catch_up(now));
    positions(&live);
    let mut got = [0, 0];
    for first in [0, 1, 0] {
        let counts = serve_first(&mut bench, &clients, 10 * MILLISECOND);
        assert!(counts[first] > 0 && counts[1 - first] == 0, "{counts:?}");
        got[first] += counts[first];
        assert_eq!(positions(&live).len(), UPDATES as usize);
        // Two of them have two twenty-fifths of the time.
        let due = bench.shard.next_due().unwrap();
        while bench.now().uptime < due {
            assert_eq!(serve_first(&mut bench, &clients, MILLISECOND), [0, 0]);
            assert_eq!(positions(&live).len(), UPDATES as usize);
            bench.pass(MILLISECOND);
        }
    }
    assert_eq!(bench.now().uptime, 3 * 125 * MILLISECOND);
    bench.read_log(380);
    for (client, got) in clients.iter().zip(got) {
        let left = positions(client);
        let last = bench.shard.position();
        assert_eq!(left.last(), Some(&last));
        assert_eq!(left.len(), (last - left[0] + 1) as usize);
        assert!(got > 0);
    }
}

#[test]
fn without_a_log_nothing_is_asked_and_the_gap_comes_at_once() {
    let settings = CoreSettings {
        tape_bytes: TAPE_BYTES,
        ..CoreSettings::default()
    };
    let mut bench = Bench::new(settings);
    publish(&mut bench, 100);
    let client = resume(&mut bench, "#", 7, 7);
    bench.settle();
    assert_eq!(bench.reads(), [0; 0]);
    assert_eq!(client.received().1.len(), 1);
}

#[test]
fn a_client_that_lacks_nothing_goes_on_although_the_tape_has_dropped_its_last_batch() {
    let settings = CoreSettings {
        tape_bytes: TAPE_BYTES,
        ..CoreSettings::default()
    };
    for mut bench in [bench(), Bench::new(settings)] {
        bench.publish(&[("quiet", 1.0)]);
        publish(&mut bench, 50);
        let client = resume(&mut bench, "quiet", 1, 1);
        publish(&mut bench, 50);
        assert_eq!(bench.read_log(1), [0; 0]);
        assert_eq!((positions(&client).len(), bench.stats.gaps.get()), (0, 0));
        bench.publish(&[("quiet", 2.0)]);
        assert_eq!(positions(&client), [1_002]);
    }
}

#[test]
fn a_client_of_topics_that_have_no_update_does_not_read_the_log() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let client = resume(&mut bench, "none/#", 7, 0);
    assert_eq!(bench.read_log(1), [0; 0]);
    bench.publish(&[("none/1", 1.0)]);
    assert_eq!(
        (positions(&client), bench.stats.gaps.get()),
        (vec![1_001], 0)
    );
}

#[test]
fn a_client_that_lacks_nothing_does_not_read_the_log() {
    let mut bench = bench();
    bench.publish(&[("quiet", 1.0)]);
    publish(&mut bench, 100);
    let client = resume(&mut bench, "quiet", 1, 1);
    assert_eq!(bench.read_log(1), [0; 0]);
    bench.publish(&[("quiet", 2.0)]);
    assert_eq!(positions(&client), [1_002]);
}

#[test]
fn the_log_is_read_no_further_than_to_the_last_update_of_a_subscription() {
    let mut bench = bench();
    publish(&mut bench, 2);
    bench.publish(&[("rare", 1.0)]);
    publish(&mut bench, 100);
    let client = resume(&mut bench, "rare", 7, 0);
    assert_eq!(bench.read_log(2).len(), 2);
    assert_eq!(positions(&client), [21]);
}

#[test]
fn clients_that_come_back_together_share_what_is_read() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let clients = [(); 5].map(|()| resume(&mut bench, "#", 7, 7));
    let reads = bench.read_log(3);
    let mut once = reads.clone();
    once.dedup();
    assert_eq!(reads, once);
    for client in clients {
        assert_eq!(positions(&client), (8..=1_000).collect::<Vec<_>>());
    }
}

#[test]
fn a_client_has_one_read_under_way_and_a_shard_a_few() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let client = bench.reader(Encoding::Json);
    resume_as(&mut bench, &client, "a", 20, 10);
    resume_as(&mut bench, &client, "b", 40, 20);
    bench.settle();
    assert_eq!(bench.reads(), [21]);
    let others: Vec<_> = (1..=10).map(|n| resume(&mut bench, "#", n, n)).collect();
    bench.settle();
    let mut under_way = bench.reads();
    assert_eq!(under_way.len(), LOG_READS_MAX - 1);
    under_way.push(21);
    while let Some(from) = under_way.pop() {
        bench.answer_read(from, 5);
        bench.settle();
        under_way.extend(bench.reads());
        assert!(under_way.len() <= LOG_READS_MAX);
    }
    let mut of_client = positions(&client);
    of_client.sort_unstable();
    let is_missing = |position: &Position| position.is_multiple_of(2) && *position <= 40;
    let expected: Vec<_> = (21..=1_000)
        .filter(|position| !is_missing(position))
        .collect();
    assert_eq!(of_client, expected);
    for (n, other) in (1..=10).zip(&others) {
        assert_eq!(positions(other), (n + 1..=1_000).collect::<Vec<_>>());
    }
}

#[test]
fn a_read_that_is_never_answered_holds_up_no_other_client() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let stuck = bench.reader(Encoding::Json);
    resume_as(&mut bench, &stuck, "a", 7, 4);
    let others = [(); 20].map(|()| resume(&mut bench, "a", 7, 4));
    let live = bench.reader(Encoding::Json);
    bench.subscribe(&live, "#", EVERY, None);
    bench.subscribe(&stuck, "b", EVERY, None);
    bench.settle();
    assert_eq!(bench.reads(), [8]);
    for client in [&live, &stuck] {
        client.pipe.take_bytes();
    }
    publish(&mut bench, 1);
    assert_eq!(positions(&live), (1_001..=1_010).collect::<Vec<_>>());
    // Its other subscription, too.
    assert_eq!(positions(&stuck), [1_002, 1_004, 1_006, 1_008, 1_010]);
    assert!(others.iter().all(|client| positions(client).is_empty()));
}

#[test]
fn for_clients_that_are_gone_nothing_is_read_and_a_late_answer_is_harmless() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let clients: Vec<_> = (1..=8).map(|n| resume(&mut bench, "#", n, n)).collect();
    bench.settle();
    let under_way = bench.reads();
    assert_eq!(under_way, [2, 3, 4, 5]);
    for client in &clients[..7] {
        bench.shard.disconnect(client.key);
    }
    // Another client has their slots and keys.
    let other = resume(&mut bench, "#", 990, 990);
    for from in under_way {
        bench.answer_read(from, 5);
    }
    assert_eq!(bench.reads(), [9]);
    bench.settle();
    assert_eq!(positions(&other), (991..=1_000).collect::<Vec<_>>());
    bench.shard.disconnect(clients[7].key);
    bench.answer_read(9, 5);
    assert_eq!(bench.read_log(5), [0; 0]);
}

#[test]
fn a_subscription_that_has_ended_gets_nothing_of_a_late_answer() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let client = bench.reader(Encoding::Json);
    let resume = Resume {
        epoch: EPOCH,
        position: 7,
        count: Some(7),
        snapshot: None,
    };
    let channel = bench.subscribe(&client, "#", EVERY, Some(resume)).channel;
    bench.settle();
    assert_eq!(bench.reads(), [8]);
    let request = Unsubscribe {
        id: 2,
        channels: vec![channel],
    };
    bench.ask(&client, ClientMessage::Unsubscribe(request));
    bench.answer_read(8, 5);
    assert_eq!(bench.read_log(5), [0; 0]);
    assert_eq!(positions(&client), [0; 0]);
    // It comes back, and is served.
    resume_as(&mut bench, &client, "#", 900, 900);
    bench.read_log(5);
    assert_eq!(positions(&client), (901..=1_000).collect::<Vec<_>>());
}
