//! Matching one topic name against one filter, and finding a filter's topics among 100,000.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use tickcast_benches::pieces::topic;
use tickcast_core::shard::{Steps, Topics};
use tickcast_protocol::{message::TopicInfo, topic::Filter};

const TOPICS: usize = 100_000;

fn matching(c: &mut Criterion) {
    let mut group = c.benchmark_group("filter");
    let name = topic(4711);
    for text in [
        "#",
        "market/+/trade",
        "market/INSTRUMENT-4711/trade",
        "plant/#",
    ] {
        let filter = Filter::new(text).expect("a filter");
        group.bench_function(format!("match {text}"), |b| {
            b.iter(|| black_box(&filter).matches(black_box(name.as_str())));
        });
    }
    group.finish();
}

fn searching(c: &mut Criterion) {
    let mut topics = Topics::default();
    for number in 0..TOPICS {
        let info = TopicInfo::new(number as u32, topic(number));
        topics.introduce(info, Default::default(), &mut Steps::unlimited());
    }
    let mut group = c.benchmark_group("topics of a filter among 100,000");
    for text in [
        "market/+/trade",
        "+/INSTRUMENT-4711/+",
        "market/INSTRUMENT-4711/trade",
        "plant/#",
    ] {
        let filter = Filter::new(text).expect("a filter");
        group.bench_function(text, |b| {
            b.iter(|| {
                let steps = &mut Steps::unlimited();
                let mut search = topics.search(black_box(&filter), steps);
                let mut found = Vec::new();
                topics.advance(&mut search, steps, |id| found.push(id));
                found
            });
        });
    }
    group.finish();
}

criterion_group!(benches, matching, searching);
criterion_main!(benches);
