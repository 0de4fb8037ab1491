//! Catching up: in frames and steps of bounded length, so that no other client waits for it.

use tickcast_core::settings::CoreSettings;
use tickcast_protocol::{
    codec::Encoding,
    message::{Mode, Resume},
    value::Value,
};

use crate::bench::{Bench, Client, EPOCH};

const EVERY: (Mode, Option<f64>) = (Mode::Every, None);

fn bench() -> Bench {
    Bench::new(CoreSettings::default())
}

fn text(len: usize) -> Value {
    Value::Text("x".repeat(len))
}

impl Bench {
    /// One call, and whether there is more to do.
    fn catch_up_once(&mut self) -> bool {
        let now = self.now();
        self.shard.catch_up(now)
    }
}

fn have_all(clients: &[Client]) -> usize {
    let has_all = |client: &&Client| !client.pipe.take_bytes().is_empty();
    clients.iter().filter(has_all).count()
}

#[test]
fn long_catching_up_goes_in_frames_that_grow_from_8_to_64_kib() {
    let mut bench = bench();
    let names: Vec<_> = (0..400).map(|n| format!("t/{n}")).collect();
    let updates = names.iter().map(|name| (name.as_str(), text(1_000)));
    bench.publish_values(updates.collect());
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "#", EVERY, None);
    let mut lens = Vec::new();
    while bench.shard.has_catching_up() {
        bench.catch_up_once();
        let frames = client.frames();
        lens.extend(frames.iter().map(|frame| frame.payload.len() / 1_024));
    }
    // A frame is closed with the first update that reaches the limit.
    let (_, whole) = lens.split_last().expect("there are frames");
    assert!(whole.is_sorted(), "{lens:?}");
    let is_of = |limit: usize, len: usize| (limit..limit + 3).contains(&len);
    for limit in [8, 16, 32, 64] {
        assert!(whole.iter().any(|&len| is_of(limit, len)), "{lens:?}");
    }
    assert!(whole.iter().all(|&len| len < 64 + 3), "{lens:?}");
}

#[test]
fn one_call_writes_four_mebibytes_at_most() {
    const LEN: usize = 60_000;
    let mut bench = bench();
    bench.publish_values(vec![("a", text(LEN))]);
    let clients: Vec<_> = (0..100).map(|_| bench.reader(Encoding::Json)).collect();
    for client in &clients {
        bench.subscribe(client, "a", EVERY, None);
    }
    assert!(bench.catch_up_once());
    let served = have_all(&clients);
    let expected = (4 << 20) / LEN;
    assert!((expected - 1..=expected + 1).contains(&served), "{served}");
    while bench.catch_up_once() {}
    assert_eq!(have_all(&clients), 100 - served);
}

#[test]
fn a_connection_gets_one_frame_at_a_time_for_all_its_subscriptions() {
    let mut bench = bench();
    bench.publish_values(vec![("a", text(20_000)), ("b", text(20_000))]);
    let client = bench.reader(Encoding::Json);
    bench.subscribe(&client, "a", EVERY, None);
    bench.subscribe(&client, "b", EVERY, None);
    assert!(bench.catch_up_once());
    assert_eq!(client.updates().len(), 1);
    while bench.catch_up_once() {}
    assert_eq!(client.updates().len(), 1);
}

#[test]
fn small_frames_of_several_subscriptions_go_together() {
    let mut bench = bench();
    bench.publish(&[("a", 1.0), ("b", 1.0), ("c", 1.0)]);
    let client = bench.reader(Encoding::Json);
    for filter in ["a", "b", "c"] {
        bench.subscribe(&client, filter, EVERY, None);
    }
    let writes = client.pipe.writes();
    assert!(!bench.catch_up_once());
    assert_eq!(
        (client.updates().len(), client.pipe.writes()),
        (3, writes + 1)
    );
}

#[test]
fn one_call_reads_a_hundred_thousand_updates_of_the_tape_at_most() {
    let mut bench = bench();
    bench.publish(&[("b", 1.0)]);
    bench.publish(&vec![("a", 1.0); 150_000]);
    bench.publish(&[("b", 2.0)]);
    let resume = Resume {
        epoch: EPOCH,
        position: 1,
        count: Some(1),
        snapshot: None,
    };
    let clients = [(); 2].map(|()| bench.reader(Encoding::Json));
    // Another subscriber has the channel at its end.
    let live = bench.reader(Encoding::Json);
    bench.subscribe(&live, "b", EVERY, None);
    for client in &clients {
        bench.subscribe(client, "b", EVERY, Some(resume));
    }
    let mut calls = 0;
    let mut received = Vec::new();
    loop {
        calls += 1;
        let has_more = bench.catch_up_once();
        let updates = clients.each_ref().map(|client| client.updates().len());
        received.push(updates);
        if !has_more {
            break;
        }
        assert!(calls < 10);
    }
    // 300,002 updates have to be read, by two clients in turn.
    assert!((3..=4).contains(&calls), "{received:?}");
    assert_eq!(received[0], [0, 0]);
    let sums = received
        .iter()
        .fold([0, 0], |[a, b], [x, y]| [a + x, b + y]);
    assert_eq!(sums, [1, 1]);
}
