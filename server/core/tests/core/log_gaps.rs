//! What the log lacks as well: a gap with its count, up to where the log or the tape goes on.

use tickcast_core::shard::{LogBegin, LogPart};
use tickcast_protocol::message::{Gap, Position};

use crate::{
    bench::{Bench, Client},
    beyond_tape::{bench, positions, publish, resume},
};

/// Answers a read: the log has nothing there, and goes on at a position.
fn answer_begin(bench: &mut Bench, from: Position, position: Position, seqs: &[u64]) {
    let part = LogPart {
        begin: Some(LogBegin {
            position,
            seqs: seqs.to_vec(),
        }),
        ..LogPart::default()
    };
    let now = bench.now();
    bench.shard.take_window(from, part, now);
}

/// The gap of a client that has one.
fn only(gaps: &[Gap]) -> Gap {
    let [gap] = *gaps else {
        panic!("{gaps:?}");
    };
    gap
}

/// A client of a filter that has had the first 7 positions, and so reads the log from the 8th on.
fn reader(bench: &mut Bench, filter: &str, count: u64) -> Client {
    let client = resume(bench, filter, 7, count);
    bench.settle();
    assert_eq!(bench.reads(), [8]);
    client
}

#[test]
fn what_the_log_lacks_is_one_gap_up_to_the_tape_with_its_count() {
    for (answered, lacking) in [(0, 8), (2, 21)] {
        let mut bench = bench();
        publish(&mut bench, 100);
        let client = resume(&mut bench, "a", 7, 4);
        for _ in 0..answered {
            bench.settle();
            let reads = bench.reads();
            bench.answer_read(reads[0], 1);
        }
        bench.settle();
        assert_eq!(bench.reads(), [lacking]);
        bench.answer_read(lacking, 0);
        assert_eq!(bench.read_log(1), [0; 0]);
        let (batches, gaps) = client.received();
        let Gap { from, to, lost, .. } = only(&gaps);
        assert_eq!(from, lacking - 1);
        // Every second update, from 1 on.
        assert_eq!(lost, Some(to.div_ceil(2) - from.div_ceil(2)));
        let live = batches.iter().filter(|batch| !batch.snapshot);
        let received: Vec<_> = live.flat_map(|batch| &batch.updates).collect();
        let received: Vec<_> = received.iter().map(|update| update.position).collect();
        let expected = (8..=from)
            .chain(to + 1..=1_000)
            .filter(|position| position % 2 == 1);
        assert_eq!(received, expected.collect::<Vec<_>>());
    }
}

#[test]
fn after_a_part_that_the_log_lacks_a_client_goes_on_where_the_log_does() {
    for (filter, count, before) in [("#", 7, 500), ("a", 4, 250), ("b", 3, 250)] {
        let mut bench = bench();
        publish(&mut bench, 100);
        let client = reader(&mut bench, filter, count);
        answer_begin(&mut bench, 8, 501, &[250, 250]);
        assert_eq!(bench.read_log(5)[0], 501);
        let (batches, gaps) = client.received();
        let Gap { from, to, lost, .. } = only(&gaps);
        assert_eq!((from, to, lost), (7, 500, Some(before - count)));
        let live = batches.iter().filter(|batch| !batch.snapshot);
        let received: u64 = live.map(|batch| batch.updates.len() as u64).sum();
        assert_eq!(received, before);
    }
}

#[test]
fn a_part_that_the_log_lacks_without_updates_of_a_subscription_costs_it_nothing() {
    let mut bench = bench();
    publish(&mut bench, 50);
    bench.publish(&[("rare", 1.0)]);
    publish(&mut bench, 50);
    let client = reader(&mut bench, "rare", 0);
    answer_begin(&mut bench, 8, 501, &[250, 250]);
    assert_eq!(bench.read_log(5), [501]);
    assert_eq!((positions(&client), bench.stats.gaps.get()), (vec![501], 0));
}

#[test]
fn where_the_log_goes_on_after_the_last_batch_of_a_channel_the_gap_ends_with_that_batch() {
    let mut bench = bench();
    publish(&mut bench, 50);
    bench.publish(&[("rare", 1.0)]);
    publish(&mut bench, 50);
    let client = reader(&mut bench, "rare", 0);
    // The tape drops all that the channel has had, and goes on without it.
    publish(&mut bench, 50);
    answer_begin(&mut bench, 8, 1_101, &[550, 550, 1]);
    assert_eq!(bench.read_log(5), [0; 0]);
    let (batches, gaps) = client.received();
    let Gap { from, to, lost, .. } = only(&gaps);
    assert_eq!((from, to, lost), (7, 1_001, Some(1)));
    let newest = batches.iter().flat_map(|batch| &batch.updates);
    let newest: Vec<_> = newest.map(|update| update.position).collect();
    assert_eq!(newest, [501], "the newest value comes with the gap");
    bench.publish(&[("rare", 2.0)]);
    assert_eq!(positions(&client), [1_502]);
}

#[test]
fn a_log_that_goes_on_where_it_has_nothing_is_a_gap_up_to_the_tape() {
    let mut bench = bench();
    publish(&mut bench, 100);
    let client = reader(&mut bench, "a", 4);
    answer_begin(&mut bench, 8, 8, &[4, 3]);
    assert_eq!(bench.read_log(5), [0; 0]);
    let (batches, gaps) = client.received();
    let Gap { from, to, lost, .. } = only(&gaps);
    assert_eq!(from, 7);
    let live = batches.iter().filter(|batch| !batch.snapshot);
    let received: usize = live.map(|batch| batch.updates.len()).sum();
    assert!(to > 500 && received > 0, "{to}, {received}");
    // Every second update is one of it.
    assert_eq!(lost, Some(500 - 4 - received as u64));
}
