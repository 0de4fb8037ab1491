//! Encoding and decoding one update, and one batch of a hundred.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use tickcast_benches::pieces::{topic, update};
use tickcast_protocol::{
    codec,
    message::{Batch, ServerMessage, TopicId},
};

const UPDATES_PER_BATCH: u64 = 100;

fn one_update(c: &mut Criterion) {
    let mut group = c.benchmark_group("update");
    group.throughput(Throughput::Elements(1));
    let mut out = Vec::with_capacity(1024);
    let by_id = update(7 as TopicId, 4711);
    group.bench_function("encode bincode", |b| {
        b.iter(|| {
            out.clear();
            codec::append_update_bincode(black_box(&by_id), &mut out);
        });
    });
    let by_name = update(topic(7), 4711);
    group.bench_function("encode json", |b| {
        b.iter(|| {
            out.clear();
            codec::append_update_json(black_box(&by_name), &mut out);
        });
    });
    group.finish();
}

fn one_batch(c: &mut Criterion) {
    let mut group = c.benchmark_group("batch of 100");
    group.throughput(Throughput::Elements(UPDATES_PER_BATCH));
    let batch = ServerMessage::Batch(Batch {
        channel: 3,
        from: 0,
        to: UPDATES_PER_BATCH,
        snapshot: false,
        topics: vec![],
        updates: (1..=UPDATES_PER_BATCH)
            .map(|nth| update(nth as TopicId, nth))
            .collect(),
    });
    let bytes = codec::encode_server_bincode(&batch);
    group.bench_function("decode bincode", |b| {
        b.iter(|| codec::decode_server_bincode(black_box(&bytes)));
    });
    let batch = ServerMessage::Batch(Batch {
        channel: 3,
        from: 0,
        to: UPDATES_PER_BATCH,
        snapshot: false,
        topics: vec![],
        updates: (1..=UPDATES_PER_BATCH)
            .map(|nth| update(topic(nth as usize), nth))
            .collect(),
    });
    let bytes = codec::encode_server_json(&batch);
    group.bench_function("decode json", |b| {
        b.iter(|| codec::decode_server_json(black_box(&bytes)));
    });
    group.finish();
}

criterion_group!(benches, one_update, one_batch);
criterion_main!(benches);
