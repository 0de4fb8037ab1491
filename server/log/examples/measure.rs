//! Measures a log on a real disk: how fast it takes strips, how long a start takes, and how long
//! the first page of one topic takes.
//!
//! `cargo run --release -p tickcast-log --example measure -- DIR GIB UPDATES_PER_S`

#![allow(
    clippy::print_stdout,
    reason = "it is a command-line tool, which prints what it measures"
)]

use std::{
    error::Error,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use tickcast_core::tape::{Strip, StripBuilder};
use tickcast_log::{
    Entry, Folder, GoesOn, Limits, Log, LogSettings, Opening, Order, Question, Range, Reader,
    Wanted,
};
use tickcast_protocol::{
    message::{Epoch, Position, Quality, TopicInfo, Update},
    topic::Topic,
    value::Value,
};

const TOPICS: u32 = 1_000;

/// Updates of a strip under load: about 64 KiB.
const STRIP_UPDATES: u64 = 2_000;

/// Bytes after which the log is synced, as a server does.
const SYNC_BYTES: u64 = 1024 * 1024;

const START_NS: i64 = 1_767_268_800_000_000_000;

fn strip(first: Position, count: u64, interval_ns: i64) -> Result<Strip, Box<dyn Error>> {
    let mut builder = StripBuilder::new(first);
    if first == 1 {
        for id in 0..TOPICS {
            let topic = Topic::new(&format!("plant/line-{}/sensor-{id}", id % 10))?;
            builder.introduce(TopicInfo::new(id, topic));
        }
    }
    for position in first..first + count {
        builder.push(&Update {
            topic: (position % u64::from(TOPICS)) as u32,
            position,
            seq: position.div_ceil(u64::from(TOPICS)),
            source_time_ns: None,
            ingest_time_ns: START_NS + position as i64 * interval_ns,
            quality: Quality::Live,
            value: Value::Reading(position as f64 / 7.0),
        });
    }
    Ok(builder.build())
}

fn open(dir: &Path) -> Result<Log<Folder>, Box<dyn Error>> {
    let opening = Opening {
        goes_on: GoesOn::IfWhole,
        boot_id: [1; 16],
        new_epoch: Epoch(1),
        now_ns: START_NS,
    };
    let started = Instant::now();
    let (log, recovery) = Log::open(Folder::lock(dir)?, LogSettings::default(), opening)?;
    println!(
        "start with {:.2} GiB in {} closed segments: {:.0} ms ({:?})",
        log.bytes() as f64 / (1 << 30) as f64,
        log.segments().len(),
        started.elapsed().as_secs_f64() * 1e3,
        recovery.continuity,
    );
    Ok(log)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let (Some(dir), Some(gib), Some(rate)) = (args.next(), args.next(), args.next()) else {
        return Err("expected DIR GIB UPDATES_PER_S".into());
    };
    let (dir, gib) = (Path::new(&dir), gib.parse::<f64>()?);
    let interval_ns = 1_000_000_000 / rate.parse::<i64>()?;
    let mut log = open(dir)?;
    let (mut writing, mut encoding, mut longest) = (Duration::ZERO, Duration::ZERO, Duration::ZERO);
    let first = log.next();
    while (log.bytes() as f64) < gib * (1 << 30) as f64 {
        let started = Instant::now();
        let strip = Arc::new(strip(log.next(), STRIP_UPDATES, interval_ns)?);
        encoding += started.elapsed();
        let started = Instant::now();
        log.write(&[strip], START_NS)?;
        longest = longest.max(started.elapsed());
        if log.unsynced_bytes() >= SYNC_BYTES {
            log.sync()?;
        }
        writing += started.elapsed();
    }
    let updates = log.next() - first;
    if updates > 0 {
        println!(
            "{updates} updates in {:.1} s: {:.0} updates/s, {:.0} ns each; the longest write took \
             {:.1} ms; making them took {:.1} s",
            writing.as_secs_f64(),
            updates as f64 / writing.as_secs_f64(),
            writing.as_secs_f64() * 1e9 / updates as f64,
            longest.as_secs_f64() * 1e3,
            encoding.as_secs_f64(),
        );
    }
    drop(log);
    open(dir)?;
    read(dir, interval_ns)
}

/// Updates of a page.
const PAGE_UPDATES: usize = 500;

/// Reads the first page of one topic, from the middle of the log on.
fn read(dir: &Path, interval_ns: i64) -> Result<(), Box<dyn Error>> {
    let started = Instant::now();
    let mut reader = Reader::open(Folder::read_only(dir))?;
    println!("opening the reader: {} ms", started.elapsed().as_millis());
    let middle = (reader.first() + reader.end()) / 2;
    let question = Question {
        wanted: Wanted::Topic(Topic::new("plant/line-7/sensor-777")?),
        range: Range {
            from_ns: START_NS + middle as i64 * interval_ns,
            ..Range::ALL
        },
        order: Order::OldestFirst,
    };
    let limits = Limits {
        updates: PAGE_UPDATES,
        read_bytes: u64::MAX,
    };
    for page in ["first page", "again"] {
        let started = Instant::now();
        let mut updates = 0;
        reader.page(&question, None, limits, |entry| {
            updates += usize::from(matches!(entry, Entry::Update { .. }));
        })?;
        let ms = started.elapsed().as_secs_f64() * 1e3;
        println!("{page} of one topic by time: {updates} updates in {ms:.1} ms");
    }
    Ok(())
}
