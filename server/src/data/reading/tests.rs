use tickcast_core::candles::{CandlesQuestion, Intervals, LongHistory, LongHistorySettings};
use tickcast_log::{LogSettings, Range, Wanted};
use tickcast_protocol::{
    message::{CandleState, Interval, Quality},
    topic::Filter,
    value::Value,
};

use super::*;
use crate::data::testing::{open_log, strip, write_log};

#[tokio::test]
async fn what_was_delivered_and_is_not_in_the_log_is_told_as_missing() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 10);
    let (thread, reads) = ReadingThread::new(folder.path().to_owned());
    let asking = async {
        let ask = async |order, to_ns, after| {
            let question = Question {
                wanted: Wanted::Filters(vec![Filter::all()]),
                range: Range {
                    to: 15,
                    to_ns,
                    ..Range::ALL
                },
                order,
            };
            let part = reads.part(&question, after, 100).await.unwrap();
            assert_eq!((part.next, part.first), (None, 1));
            let lines = part.told.iter().map(|told| match told {
                Told::Update(position, _) => (*position, *position),
                Told::Missing(first, last) => (*first, *last),
            });
            lines.collect::<Vec<_>>()
        };
        let oldest = ask(Order::OldestFirst, i64::MAX, Some(8)).await;
        assert_eq!(oldest, [(9, 9), (10, 10), (11, 15)]);
        let newest = ask(Order::NewestFirst, i64::MAX, None).await;
        assert_eq!(newest[..2], [(11, 15), (10, 10)]);
        assert_eq!(ask(Order::NewestFirst, i64::MAX, Some(2)).await, [(1, 1)]);
        // What is missing came later than was asked for.
        let early = ask(Order::OldestFirst, 3_000_000_000, None).await;
        assert_eq!(early, [(1, 1), (2, 2)]);
        drop(reads);
    };
    let (result, ()) = tokio::join!(thread.run(), asking);
    result.unwrap();
}

#[tokio::test]
async fn a_log_that_cannot_be_read_is_an_error_of_the_answer_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (thread, reads) = ReadingThread::new(path.clone());
    let question = Question {
        wanted: Wanted::Filters(vec![Filter::all()]),
        range: Range {
            to: 10,
            ..Range::ALL
        },
        order: Order::OldestFirst,
    };
    let asking = async {
        let error = reads.part(&question, None, 100).await.unwrap_err();
        assert!(error.contains("the log cannot be read"), "{error}");
        write_log(&path, 10);
        let part = reads.part(&question, None, 100).await.unwrap();
        assert_eq!(part.told.len(), 10);
        drop(reads);
    };
    let (result, ()) = tokio::join!(thread.run(), asking);
    result.unwrap();
}

/// The rows of a memory that has the last three updates of the log.
fn excerpt_of_memory() -> Box<Excerpt> {
    let settings = LongHistorySettings { bytes: 1 << 20 };
    let mut history = LongHistory::new(settings);
    history.begins_at(8);
    for second in 8..=10 {
        let (value, now) = (Value::Reading(1.0), second * 1_000_000_000);
        history.push(0, None, &value, Quality::Live, now);
    }
    let question = CandlesQuestion {
        interval: Interval::Second,
        limit: 100,
        from_ns: None,
        before_ns: None,
    };
    let mut excerpt = history.excerpt(Some(0), &question, 10, 20_000_000_000);
    while !excerpt.advance(100).1 {}
    Box::new(excerpt)
}

fn states(excerpt: &Excerpt) -> Vec<CandleState> {
    match excerpt.intervals(0..excerpt.len()) {
        Intervals::Rows(rows) => rows.iter().map(|row| row.state).collect(),
        Intervals::Candles(candles) => panic!("{candles:?}"),
    }
}

#[tokio::test]
async fn rows_that_memory_lacks_come_from_the_log_while_they_are_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log");
    let (thread, reads) = ReadingThread::new(path.clone());
    let topic = Topic::new("a").unwrap();
    let asking = async {
        // A log that cannot be read: the oldest row may lack updates.
        let memory = reads
            .deepen(&topic, excerpt_of_memory(), || true)
            .await
            .unwrap()
            .excerpt;
        let mut expected = [CandleState::Complete; 3];
        expected[0] = CandleState::Incomplete;
        assert_eq!(states(&memory), expected);
        write_log(&path, 10);
        assert_eq!(
            reads.deepen(&topic, excerpt_of_memory(), || false).await,
            None
        );
        let all = reads
            .deepen(&topic, excerpt_of_memory(), || true)
            .await
            .unwrap()
            .excerpt;
        assert_eq!(states(&all), [CandleState::Complete; 10]);
        assert!(!all.has_more());
        // No other topic is counted.
        let topic = Topic::new("b").unwrap();
        let memory = reads
            .deepen(&topic, excerpt_of_memory(), || true)
            .await
            .unwrap()
            .excerpt;
        assert_eq!(memory.len(), 3);
        drop(reads);
    };
    let (result, ()) = tokio::join!(thread.run(), asking);
    result.unwrap();
}

#[tokio::test]
async fn a_window_has_what_follows_a_position_up_to_the_tape() {
    let folder = tempfile::tempdir().unwrap();
    write_log(folder.path(), 10);
    let (thread, reads) = ReadingThread::new(folder.path().to_owned());
    let asking = async {
        let ask = async |from, until| {
            let window = reads.window(from, until).await;
            assert_eq!(window.begin, None);
            let ends = window
                .strips
                .iter()
                .map(|strip| (strip.first(), strip.end()));
            ends.collect::<Vec<_>>()
        };
        assert_eq!(ask(1, 3).await, [(1, 11)]);
        assert_eq!(ask(10, 10).await, [(1, 11)]);
        // The log ends before it.
        assert_eq!(ask(11, 20).await, []);
        // What is needed is before the strips.
        assert_eq!(ask(5, 0).await, []);
        drop(reads);
    };
    let (result, ()) = tokio::join!(thread.run(), asking);
    result.unwrap();
}

#[tokio::test]
async fn a_window_that_the_log_lacks_says_where_the_log_goes_on_before_the_tape() {
    let folder = tempfile::tempdir().unwrap();
    let settings = LogSettings {
        segment_bytes: 4_096,
        ..LogSettings::default()
    };
    let mut log = open_log(folder.path(), settings);
    while log.segments().len() < 3 {
        log.write(&[strip(log.next(), 10)], 0).unwrap();
    }
    let segments: Vec<_> = log.segments().cloned().collect();
    for removed in &segments[..2] {
        let name = format!("{:010}.seg", removed.number);
        std::fs::remove_file(folder.path().join(name)).unwrap();
    }
    let (thread, reads) = ReadingThread::new(folder.path().to_owned());
    let asking = async {
        let first = segments[2].first;
        let window = reads.window(1, first).await;
        let begin = LogBegin {
            position: first,
            seqs: vec![first - 1],
        };
        assert_eq!((window.strips.len(), window.begin), (0, Some(begin)));
        // The tape begins before it.
        assert_eq!(reads.window(1, first - 1).await.begin, None);
        let window = reads.window(first, first).await;
        assert_eq!((window.strips.len(), window.begin), (1, None));
        drop(reads);
    };
    let (result, ()) = tokio::join!(thread.run(), asking);
    result.unwrap();
}

#[tokio::test]
async fn a_window_of_a_log_that_cannot_be_read_is_empty() {
    let folder = tempfile::tempdir().unwrap();
    let (thread, reads) = ReadingThread::new(folder.path().join("log"));
    let asking = async {
        assert!(reads.window(1, 10).await.strips.is_empty());
        drop(reads);
    };
    let (result, ()) = tokio::join!(thread.run(), asking);
    result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_window_that_is_never_read_is_empty_after_a_time() {
    let (_thread, reads) = ReadingThread::new(PathBuf::new());
    let start = tokio::time::Instant::now();
    assert!(reads.window(1, 10).await.strips.is_empty());
    assert_eq!(start.elapsed(), WINDOW_TIMEOUT);
}
