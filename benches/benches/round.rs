//! One round of a shard: a strip in, a batch closed, one write to each subscriber. The sockets
//! accept everything at no cost, so everything except the kernel is measured.

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use tickcast_benches::pieces::{StripSource, at, shard};
use tickcast_protocol::{codec::Encoding, message::Mode};

fn by_subscribers(c: &mut Criterion) {
    let mut group = c.benchmark_group("round of 1 update");
    for subscribers in [100, 1_000, 10_000] {
        group.throughput(Throughput::Elements(subscribers as u64));
        for (name, encoding, mode) in [
            ("every bincode", Encoding::Bincode, Mode::Every),
            ("every json", Encoding::Json, Mode::Every),
            ("latest bincode", Encoding::Bincode, Mode::Latest),
        ] {
            let mut shard = shard(subscribers, encoding, mode, "#");
            let mut source = StripSource::new(1);
            group.bench_function(BenchmarkId::new(name, subscribers), |b| {
                b.iter_batched(
                    || [source.strip(1)],
                    |strips| shard.round(&strips, at(1)),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

fn by_updates(c: &mut Criterion) {
    const UPDATES: usize = 1_000;
    let mut group = c.benchmark_group("round of 1,000 updates to 200 subscribers");
    group.throughput(Throughput::Elements(UPDATES as u64));
    for topics in [1, 1_000] {
        for (name, mode) in [("every", Mode::Every), ("latest", Mode::Latest)] {
            let mut shard = shard(200, Encoding::Bincode, mode, "#");
            let mut source = StripSource::new(topics);
            group.bench_function(BenchmarkId::new(name, format!("{topics} topics")), |b| {
                b.iter_batched(
                    || [source.strip(UPDATES)],
                    |strips| shard.round(&strips, at(1)),
                    BatchSize::SmallInput,
                );
            });
        }
    }
    group.finish();
}

criterion_group!(benches, by_subscribers, by_updates);
criterion_main!(benches);
