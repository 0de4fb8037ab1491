//! The replay feed: recordings that come with the server, and how they are played.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use tickcast_core::work::NewUpdate;
use tickcast_protocol::{
    message::{Quality, TimeNs},
    topic::Topic,
    value::{Side, Value},
};
use tickcast_server::testing::{
    FeedSettings, Source,
    replay::{Clock, ReplayFile, ReplaySettings, SourceTime, Speed},
};
use tickcast_server_testkit::{broker::recording, feed::RunningFeed};

pub(crate) fn file(topic: &str, path: PathBuf) -> ReplayFile {
    ReplayFile {
        topic: Topic::new(topic).unwrap(),
        path,
    }
}

pub(crate) fn replay(files: Vec<ReplayFile>) -> ReplaySettings {
    ReplaySettings {
        files,
        speed: Speed::Max,
        ..ReplaySettings::default()
    }
}

pub(crate) async fn play(settings: ReplaySettings) -> (Vec<NewUpdate>, u64) {
    let mut feed = RunningFeed::start(Source::Replay(settings), Vec::new());
    let updates = feed.rest().await;
    let metrics = feed.metrics.clone();
    feed.stop().await;
    assert_eq!(metrics.submitted.get(), updates.len() as u64);
    // What the rows became adds up.
    assert_eq!(
        metrics.received.get() + metrics.further.get(),
        metrics.submitted.get() + metrics.silent.get()
    );
    (updates, metrics.undecodable.get())
}

/// Replays a recording that comes with the server, and compares each row with the text of its file.
async fn check_recording(
    name: &str,
    header_rows: usize,
    rows: usize,
    expected: impl Fn(&[&str]) -> String,
) -> Vec<NewUpdate> {
    let text = fs::read_to_string(recording(name)).unwrap();
    let (updates, undecodable) = play(replay(vec![file("t", recording(name))])).await;
    assert_eq!((updates.len(), undecodable), (rows, 0));
    // One sensor has written an hour twice. The rows are replayed in order.
    let mut lines: Vec<_> = text.lines().skip(header_rows).collect();
    lines.sort_by_key(|line| line.split(',').next());
    for (update, line) in updates.iter().zip(lines) {
        let fields: Vec<_> = line.split(',').collect();
        assert_eq!(as_text(&update.value), expected(&fields), "{line}");
    }
    updates
}

/// A value with all digits of its numbers.
pub(crate) fn as_text(value: &Value) -> String {
    match value {
        Value::Reading(number) => format!("{number:?}"),
        Value::Quote(quote) => {
            let (bid, ask) = quote.bid.zip(quote.ask).expect("both sides");
            format!("{bid} {ask}")
        }
        Value::Trade(trade) => format!("{} {} {:?}", trade.price, trade.size, trade.side),
        other => format!("{other:?}"),
    }
}

fn times(updates: &[NewUpdate]) -> (TimeNs, TimeNs) {
    let time = |update: &NewUpdate| update.source_time_ns.unwrap();
    (time(&updates[0]), time(&updates[updates.len() - 1]))
}

#[tokio::test]
async fn every_quote_of_eurusd_is_replayed_exactly() {
    let quote = |fields: &[&str]| format!("{} {}", fields[1], fields[2]);
    let updates = check_recording("eurusd-quotes.csv", 0, 9_500, quote).await;
    // 17:00:00.065 in New York is 22:00:00.065 UTC.
    assert_eq!(times(&updates).0, 1_577_916_000_065_000_000);
}

#[tokio::test]
async fn every_quote_of_usdjpy_is_replayed_exactly() {
    let quote = |fields: &[&str]| format!("{} {}", fields[1], fields[2]);
    let updates = check_recording("usdjpy-quotes.csv", 1, 1_000, quote).await;
    assert_eq!(times(&updates).0, 1_357_077_600_295_000_000);
}

#[tokio::test]
async fn every_trade_of_btcusdt_is_replayed_exactly() {
    let trade = |fields: &[&str]| {
        // The buyer was the maker: then the taker sold.
        let side = if fields[4] == "True" {
            Side::Sell
        } else {
            Side::Buy
        };
        format!("{} {} {:?}", fields[2], fields[3], Some(side))
    };
    let updates = check_recording("btcusdt-trades.csv", 1, 2_001, trade).await;
    assert_eq!(times(&updates).0, 1_610_064_000_278_000_000);
}

#[tokio::test]
async fn every_reading_of_the_sensors_is_replayed_exactly() {
    let reading = |fields: &[&str]| format!("{:?}", fields[1].parse::<f64>().unwrap());
    for (name, rows, first_ns) in [
        ("machine-temperature.csv", 22_695, 1_386_018_900_000_000_000),
        ("ambient-temperature.csv", 7_267, 1_372_896_000_000_000_000),
        ("ec2-cpu.csv", 4_032, 1_392_388_200_000_000_000),
    ] {
        let updates = check_recording(name, 1, rows, reading).await;
        assert_eq!(times(&updates).0, first_ns, "{name}");
    }
}

#[tokio::test]
async fn several_files_are_replayed_at_the_same_time() {
    let files = vec![
        file("a", recording("usdjpy-quotes.csv")),
        file("b", recording("btcusdt-trades.csv")),
    ];
    let (updates, _) = play(replay(files)).await;
    let count = |topic: &str| {
        let of_topic = updates
            .iter()
            .filter(|update| update.topic.as_str() == topic);
        of_topic.count()
    };
    assert_eq!((count("a"), count("b")), (1_000, 2_001));
}

#[tokio::test]
async fn a_recording_of_the_monitor_is_replayed_with_its_topics_units_and_times() {
    let path = recording("recorded.jsonl");
    let settings = || replay(vec![path.to_str().unwrap().parse().unwrap()]);
    let (updates, undecodable) = play(settings()).await;
    assert_eq!(undecodable, 0);
    let told: Vec<_> = updates
        .iter()
        .map(|update| (update.topic.as_str(), as_text(&update.value)))
        .collect();
    let expected = [
        ("market/BTC-USDT/trade", "39432.48 0.000263 Some(Sell)"),
        ("market/EUR-USD/quote", "1.12164 1.12172"),
        ("plant/line-1/temperature", "73.96"),
        ("plant/line-1/door", "Text(\"closed\")"),
        ("market/BTC-USDT/trade", "39432.50 0.1 Some(Buy)"),
        ("plant/line-1/temperature", "74.02"),
    ];
    assert_eq!(told, expected.map(|(topic, text)| (topic, text.to_owned())));
    assert_eq!(updates[2].quality, Quality::Retained);
    assert_eq!(updates[2].unit.as_deref(), Some("°C"));
    assert_eq!(updates[1].source_time_ns, Some(1_610_064_000_349_000_000));
    assert_eq!(updates[5].source_time_ns, Some(1_610_064_002_000_000_000));

    // A recording with its own topics takes no other topic.
    let named = replay(vec![file("t", path.clone())]);
    let feed = FeedSettings {
        name: "r".into(),
        source: Source::Replay(named),
    };
    let error = feed.check().unwrap_err().to_string();
    assert!(error.contains("names its topics itself"), "{error}");

    // Damaged lines are counted, and the others are replayed.
    let folder = tempfile::tempdir().unwrap();
    let damaged = folder.path().join("damaged.jsonl");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&damaged, text.replacen("{\"topic\":\"plant", "{\"to", 1)).unwrap();
    let (updates, undecodable) =
        play(replay(vec![damaged.to_str().unwrap().parse().unwrap()])).await;
    assert_eq!((updates.len(), undecodable), (5, 1));
}

/// A file with three readings, ten seconds apart.
fn three_rows(folder: &tempfile::TempDir, name: &str, first_s: i64) -> ReplayFile {
    let rows: String = (0..3)
        .map(|row| format!("{},{row}\n", 1_700_000_000 + first_s + 10 * row))
        .collect();
    let path = folder.path().join(name);
    fs::write(&path, format!("timestamp,value\n{rows}")).unwrap();
    file(name, path)
}

#[tokio::test]
async fn recorded_time_passes_at_the_set_speed() {
    let folder = tempfile::tempdir().unwrap();
    let settings = ReplaySettings {
        speed: Speed::Times(100.0),
        ..replay(vec![three_rows(&folder, "a", 1_000)])
    };
    let start = Instant::now();
    let (updates, _) = play(settings).await;
    assert_eq!(updates.len(), 3);
    assert!(start.elapsed() >= Duration::from_millis(200));
    assert_eq!(
        times(&updates),
        (1_700_001_000_000_000_000, 1_700_001_020_000_000_000)
    );
}

#[tokio::test]
async fn a_repeated_replay_starts_again_until_it_is_stopped() {
    let folder = tempfile::tempdir().unwrap();
    for speed in [Speed::Times(10_000.0), Speed::Max] {
        let settings = ReplaySettings {
            speed,
            repeat: true,
            ..replay(vec![three_rows(&folder, "a", 1_000)])
        };
        let mut feed = RunningFeed::start(Source::Replay(settings), Vec::new());
        for _ in 0..4 {
            for row in 0..3 {
                assert_eq!(feed.next().await.value, Value::Reading(f64::from(row)));
            }
        }
        feed.stop().await;
    }
}

#[tokio::test]
async fn a_common_clock_keeps_the_recorded_distance_between_files() {
    let folder = tempfile::tempdir().unwrap();
    let files = || {
        vec![
            three_rows(&folder, "late", 1_100),
            three_rows(&folder, "early", 1_000),
        ]
    };
    let settings = ReplaySettings {
        speed: Speed::Times(200.0),
        clock: Clock::Common,
        ..replay(files())
    };
    let (updates, _) = play(settings).await;
    let topics: Vec<_> = updates.iter().map(|update| update.topic.as_str()).collect();
    assert_eq!(topics, ["early", "early", "early", "late", "late", "late"]);
}

#[tokio::test]
async fn source_times_are_the_recorded_times_or_the_current_time() {
    let folder = tempfile::tempdir().unwrap();
    let now_ns = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        TimeNs::try_from(now.as_nanos()).unwrap()
    };
    let before_ns = now_ns();
    let settings = ReplaySettings {
        source_time: SourceTime::Now,
        unit: Some("°C".into()),
        ..replay(vec![three_rows(&folder, "a", 1_000)])
    };
    let (updates, _) = play(settings).await;
    let (first_ns, last_ns) = times(&updates);
    assert!(before_ns <= first_ns && first_ns <= last_ns && last_ns <= now_ns());
    assert_eq!(updates[0].unit.as_deref(), Some("°C"));
}

#[tokio::test]
async fn invalid_rows_are_counted_and_skipped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("bad.csv");
    let long = "x".repeat(200_000);
    let text = format!("timestamp,value\n1,1\nsoon,2\n3\n4,four\n5,5\n\"{long}\n6,6\n");
    fs::write(&path, text).unwrap();
    let settings = ReplaySettings {
        format: "time_unit=s".parse().unwrap(),
        ..replay(vec![file("t", path)])
    };
    let (updates, undecodable) = play(settings).await;
    let values: Vec<_> = updates.into_iter().map(|update| update.value).collect();
    // The line with an open quotation mark takes none of the others with it.
    assert_eq!(values, [1.0, 5.0, 6.0].map(Value::Reading));
    assert_eq!(undecodable, 4);
}

#[tokio::test]
async fn columns_are_given_by_name_or_number() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own.csv");
    let check = async |format: &str, text: &str, time_ns: TimeNs, value: &str| {
        fs::write(&path, text).unwrap();
        let settings = ReplaySettings {
            format: format.parse().unwrap(),
            ..replay(vec![file("t", path.clone())])
        };
        let (updates, _) = play(settings).await;
        assert_eq!(updates.len(), 1, "{format}");
        assert_eq!(updates[0].source_time_ns, Some(time_ns), "{format}");
        assert_eq!(as_text(&updates[0].value), value, "{format}");
    };
    check(
        "time=when,time_unit=ms,price=p,size=q,side=s",
        "q,p,when,s\n2.50,1.10,1500,SELL\n",
        1_500_000_000,
        "1.10 2.50 Some(Sell)",
    )
    .await;
    check(
        "header=no,delimiter=tab,time=2,utc_offset=+01:00,bid=1,ask=3",
        "1.1\t1970-01-01 01:00:01\t1.2\n",
        1_000_000_000,
        "1.1 1.2",
    )
    .await;
    check(
        "time=t,time_unit=us,text=event",
        "t,event\n7,\"open, wide\"\n",
        7_000,
        "Text(\"open, wide\")",
    )
    .await;
}

#[test]
fn settings_that_cannot_be_replayed_are_an_error_before_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let check = |text: Option<&str>, format: &str, part: &str| {
        let path = folder.path().join("file.csv");
        match text {
            Some(text) => fs::write(&path, text).unwrap(),
            None => {
                let _ = fs::remove_file(&path);
            }
        }
        let settings = FeedSettings {
            name: "r".into(),
            source: Source::Replay(ReplaySettings {
                format: format.parse().unwrap(),
                ..replay(vec![file("t", path.clone())])
            }),
        };
        let error = settings.check().unwrap_err().to_string();
        let path = path.display().to_string();
        assert!(error.contains(&path) && error.contains(part), "{error}");
    };
    check(None, "auto", "No such file");
    check(Some(""), "auto", "it is empty");
    check(Some("a,b\n1,2\n"), "auto", "it begins with \"a,b\"");
    check(Some("timestamp,value\n"), "auto", "there are no rows");
    check(
        Some("timestamp,value\n1700000000,x\n"),
        "auto",
        "line 2: value \"x\"",
    );
    check(
        Some("t,value\n1,2\n"),
        "readings",
        "no column \"timestamp\"",
    );
    check(
        Some("1,2\n"),
        "header=no,time=t,value=2",
        "must be a number",
    );
    check(
        Some("1,2\n"),
        "header=no,time=1,value=3",
        "there is no column 3",
    );

    let check = |settings: ReplaySettings, part: &str| {
        let settings = FeedSettings {
            name: "r".into(),
            source: Source::Replay(settings),
        };
        let error = settings.check().unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    };
    check(replay(Vec::new()), "no file to replay");
    let ec2 = || replay(vec![file("t", recording("ec2-cpu.csv"))]);
    for speed in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let settings = ReplaySettings {
            speed: Speed::Times(speed),
            ..ec2()
        };
        check(settings, "the speed");
    }
}
