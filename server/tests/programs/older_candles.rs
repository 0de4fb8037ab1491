//! Rows older than what a start reads of the log: they are those of a server that has never
//! stopped.

use std::{
    path::Path,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use tickcast_core::tape::StripBuilder;
use tickcast_log::{Folder, GoesOn, Log, LogSettings, Opening};
use tickcast_protocol::{
    client::Connection,
    message::{
        CandleState, Candles, CandlesRequest, ClientMessage, Epoch, Interval, Position, Quality,
        Row, ServerMessage, TimeNs, TopicId, TopicInfo, Update,
    },
    topic::Topic,
    value::Value,
};
use tickcast_server_testkit::{
    Program,
    raw::get,
    subscriber::{ENCODINGS, Publisher, answer, connect},
};

use crate::data;

const SECOND: TimeNs = 1_000_000_000;

/// Readings, one in a second.
const READINGS: i64 = 1_200;

/// From this reading on, texts of another topic come with each: together they are longer than the
/// 256 MiB that a start reads, so that about 1,100 readings are before these.
const TEXTS_FROM: i64 = READINGS - 100;
const TEXTS: usize = 50;
const TEXT_BYTES: usize = 60_000;

fn value(reading: i64) -> f64 {
    (reading * 7 % 31) as f64 / 4.0
}

/// The readings before which the server was off for a moment.
const STOPS: [i64; 2] = [100, 600];

fn open_log(dir: &Path, now_ns: TimeNs) -> Log<Folder> {
    let opening = Opening {
        goes_on: GoesOn::IfWhole,
        boot_id: [1; 16],
        new_epoch: Epoch(7),
        now_ns,
    };
    let folder = Folder::lock(dir).unwrap();
    Log::open(folder, LogSettings::default(), opening)
        .unwrap()
        .0
}

/// Writes a log whose first reading came in at a time.
fn write_log(dir: &Path, begin: TimeNs) {
    let mut log = open_log(dir, begin);
    let mut position: Position = 1;
    let mut seqs = [0; 2];
    for reading in 0..READINGS {
        let now = begin + reading * SECOND;
        if STOPS.contains(&reading) {
            log.end(now - SECOND).unwrap();
            drop(log);
            log = open_log(dir, now);
        }
        let mut builder = StripBuilder::new(position);
        if reading == 0 {
            for (id, name) in ["a", "b"].into_iter().enumerate() {
                let info = TopicInfo::new(id as TopicId, Topic::new(name).unwrap());
                builder.introduce(info);
            }
        }
        let texts = if reading >= TEXTS_FROM { TEXTS } else { 1 };
        let text = |_| (1, Value::Text("x".repeat(TEXT_BYTES)));
        let updates = (0..texts)
            .map(text)
            .chain([(0, Value::Reading(value(reading)))]);
        for (topic, value) in updates {
            seqs[topic as usize] += 1;
            builder.push(&Update {
                topic,
                position,
                seq: seqs[topic as usize],
                source_time_ns: None,
                ingest_time_ns: now,
                quality: Quality::Live,
                value,
            });
            position += 1;
        }
        log.write(&[Arc::new(builder.build())], now).unwrap();
    }
    log.end(begin + READINGS * SECOND).unwrap();
}

/// The rows of a server that has had all readings, and was off after the last one and at the stops.
fn expected(begin: TimeNs, interval: Interval) -> Vec<Row> {
    let nanos = interval.nanos();
    let start = |reading: &i64| (begin + reading * SECOND).div_euclid(nanos) * nanos;
    let readings: Vec<_> = (0..READINGS).collect();
    let groups = readings.chunk_by(|one, other| start(one) == start(other));
    let last = begin + (READINGS - 1) * SECOND;
    let row = |group: &[i64]| {
        let start_ns = start(&group[0]);
        let values: Vec<_> = group.iter().copied().map(value).collect();
        let is_hit = |stop: i64| {
            let start = begin + stop * SECOND;
            start > start_ns && start - SECOND < start_ns + nanos
        };
        let is_whole =
            start_ns >= begin && start_ns + nanos <= last && !STOPS.into_iter().any(is_hit);
        Row {
            start_ns,
            state: match is_whole {
                true => CandleState::Complete,
                false => CandleState::Incomplete,
            },
            first: values[0],
            max: values.iter().copied().fold(f64::MIN, f64::max),
            min: values.iter().copied().fold(f64::MAX, f64::min),
            last: values[values.len() - 1],
            // Quarters add up exactly.
            sum: values.iter().sum(),
            count: values.len() as u64,
        }
    };
    groups.map(row).collect()
}

async fn page(client: &mut Connection, request: CandlesRequest) -> Candles {
    let message = ClientMessage::Candles(request);
    client.send(&message).await.unwrap();
    answer(client, |message| match message {
        ServerMessage::Candles(candles) => Some(candles),
        ServerMessage::Error(error) => panic!("{error:?}"),
        _ => None,
    })
    .await
}

/// All rows up to a time, asked for in pages.
async fn rows(
    client: &mut Connection,
    interval: Interval,
    limit: u32,
    before_ns: TimeNs,
) -> Vec<Row> {
    let mut all = Vec::new();
    let mut before_ns = Some(before_ns);
    loop {
        let request = CandlesRequest {
            id: 7,
            topic: "a".into(),
            interval,
            limit: Some(limit),
            from_ns: None,
            before_ns,
        };
        let Candles { rows, more, .. } = page(client, request).await;
        assert!(rows.len() <= limit as usize);
        before_ns = rows.first().map(|row| row.start_ns);
        all.splice(0..0, rows);
        if !more {
            return all;
        }
    }
}

#[tokio::test]
async fn rows_older_than_what_a_start_reads_come_from_the_log_without_a_seam() {
    let folder = tempfile::tempdir().unwrap();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let now = now.as_nanos() as TimeNs;
    let minute = Interval::Minute.nanos();
    let begin = (now - 2 * Interval::Hour.nanos()).div_euclid(minute) * minute;
    write_log(folder.path(), begin);
    let end = begin + READINGS * SECOND;
    for (memory, live) in [("64MiB", 0), ("64KiB", 3)] {
        let server = data::start(folder.path(), &["--long-history-memory", memory]).await;
        // What comes in later changes nothing.
        if live > 0 {
            let mut publisher = Publisher::start(&server.url()).await;
            publisher.readings("a", 1..=live).await;
        }
        for (encoding, limit) in ENCODINGS.into_iter().zip([1_000, 70]) {
            let mut client = connect(&server.url(), encoding).await;
            for interval in [Interval::Second, Interval::Minute, Interval::Minutes5] {
                let found = rows(&mut client, interval, limit, end).await;
                assert_eq!(found, expected(begin, interval), "{memory} {interval:?}");
            }
        }
        // A day has what was before the start, and what came after it.
        let mut client = connect(&server.url(), ENCODINGS[0]).await;
        let days = rows(&mut client, Interval::Day, 10, TimeNs::MAX).await;
        let count: u64 = days.iter().map(|day| day.count).sum();
        assert_eq!(count, READINGS as u64 + u64::from(live), "{days:?}");
        assert_eq!(days[0].first, value(0));
        assert_eq!(minutes(&server, end).await, [60; READINGS as usize / 60]);
        // Without the log most of them would be missing.
        assert!(server.metric("tickcast_data_candle_reads_total").await > 0);
        stop(server).await;
    }
}

/// The number of readings in each minute up to a time, over HTTP.
async fn minutes(server: &Program, mut before_ns: TimeNs) -> Vec<u64> {
    let mut all = Vec::new();
    loop {
        let query = format!("/v1/candles?topic=a&interval=1m&before_ns={before_ns}");
        let answer = get(server.address, &query).await;
        let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
        let rows = json["rows"].as_array().unwrap();
        let counts = rows.iter().map(|row| row["count"].as_u64().unwrap());
        all.splice(0..0, counts);
        if json["more"] == false {
            return all;
        }
        before_ns = rows[0]["start_ns"].as_str().unwrap().parse().unwrap();
    }
}

async fn stop(server: Program) {
    server.terminate().await;
    assert!(server.end().await.success());
}
