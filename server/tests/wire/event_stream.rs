//! `/v1/stream` as curl receives it: the promises of the WebSocket, in server-sent events.

use std::{path::Path, process::Stdio};

use tickcast_core::wire::{event_id, parse_event_id};
use tickcast_protocol::{
    client::Chain,
    codec::decode_server_json,
    message::{Accepted, Lineage, ServerMessage, Start, SubscribeResult, Update},
    topic::Topic,
    value::Value,
};
use tickcast_server_testkit::{
    Program,
    raw::{ask, get},
    soon,
    subscriber::{Publisher, number, publication},
    until,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader, Lines},
    process::{Child, ChildStdout, Command},
};

/// A part of an event stream (HTML Living Standard, section 9.2.6).
#[derive(Debug)]
pub(crate) enum Item {
    Event {
        message: Box<ServerMessage<Topic>>,
        id: Option<String>,
    },
    Comment,
    Retry(u32),
}

/// A curl that reads an event stream.
pub(crate) struct Curl {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Curl {
    pub(crate) fn start(server: &Program, query: &str, last_event_id: Option<&str>) -> Self {
        let mut command = Command::new("curl");
        command
            .args(["--no-buffer", "--silent", "--fail"])
            .arg(format!("http://{}/v1/stream?{query}", server.address))
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some(id) = last_event_id {
            command.args(["--header", &format!("Last-Event-ID: {id}")]);
        }
        let mut child = command.spawn().expect("curl is installed");
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// The next item, or `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<Item> {
        soon("something of an event stream", async {
            let mut item = None;
            while let Some(line) = self.lines.next_line().await.unwrap() {
                if line.is_empty() {
                    return item;
                } else if let Some(json) = line.strip_prefix("data: ") {
                    let message = Box::new(decode_server_json(json.as_bytes()).unwrap());
                    item = Some(Item::Event { message, id: None });
                } else if let Some(number) = line.strip_prefix("retry: ") {
                    item = Some(Item::Retry(number.parse().unwrap()));
                } else if let Some(place) = line.strip_prefix("id: ") {
                    match &mut item {
                        Some(Item::Event { id, .. }) => *id = Some(place.to_owned()),
                        other => panic!("an id for {other:?}"),
                    }
                } else {
                    assert!(line.starts_with(": "), "{line}");
                    item = Some(Item::Comment);
                }
            }
            None
        })
        .await
    }
}

/// A subscriber that checks that nothing is missing, and that each id is its position.
struct Reader {
    curl: Curl,
    accepted: Accepted,
    chain: Chain,
    id: String,
    lost: u64,
    /// Whether the mode is `every`, in which the server knows all counts.
    is_every: bool,
}

impl Reader {
    async fn start(server: &Program, query: &str, last_event_id: Option<&str>) -> Self {
        let mut curl = Curl::start(server, query, last_event_id);
        let Some(Item::Retry(retry_ms)) = curl.next().await else {
            panic!("it begins with the time to wait");
        };
        assert!((500..=2500).contains(&retry_ms));
        let Some(Item::Event { message, id: None }) = curl.next().await else {
            panic!("the welcome comes first");
        };
        assert!(matches!(*message, ServerMessage::Welcome(_)));
        let Some(Item::Event { message, id }) = curl.next().await else {
            panic!("the answer comes next");
        };
        let ServerMessage::Subscribed(subscribed) = *message else {
            panic!("the answer comes next");
        };
        let [SubscribeResult::Accepted(accepted)] = &subscribed.results[..] else {
            panic!("{subscribed:?}");
        };
        let token = last_event_id.map(|id| parse_event_id(id).unwrap());
        let (chain, check) = Chain::resume(accepted, token.as_ref(), &Lineage::new(accepted.epoch));
        check.unwrap();
        Self {
            curl,
            accepted: accepted.clone(),
            chain,
            id: id.unwrap(),
            lost: 0,
            is_every: query.contains("mode=every"),
        }
    }

    /// The updates of the next batch, and whether it is of a snapshot.
    async fn batch(&mut self) -> Option<(Vec<Update<Topic>>, bool)> {
        loop {
            let (message, id) = match self.curl.next().await? {
                Item::Event { message, id } => (message, id),
                Item::Comment => continue,
                Item::Retry(_) => panic!("once is enough"),
            };
            let batch = match *message {
                ServerMessage::Batch(batch) => {
                    self.chain.batch(&batch).unwrap();
                    Some((batch.updates, batch.snapshot))
                }
                ServerMessage::Gap(gap) => {
                    self.chain.gap(&gap).unwrap();
                    self.lost += gap.lost.unwrap();
                    None
                }
                ServerMessage::Draining(_) => continue,
                other => panic!("{other:?}"),
            };
            self.id = id.unwrap();
            let (mine, theirs) = (self.chain.token(), parse_event_id(&self.id).unwrap());
            if self.is_every {
                assert_eq!(self.id, event_id(&mine));
            }
            assert_eq!(
                (mine.position, mine.snapshot),
                (theirs.position, theirs.snapshot)
            );
            if batch.is_some() {
                return batch;
            }
        }
    }

    /// The next `count` live updates.
    async fn take(&mut self, count: usize) -> Vec<f64> {
        let mut numbers = Vec::new();
        while numbers.len() < count {
            let (updates, is_snapshot) = self.batch().await.unwrap();
            if !is_snapshot {
                numbers.extend(updates.iter().map(number));
            }
        }
        numbers
    }
}

async fn without_feed(more: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], more].concat()).await
}

fn numbers(range: std::ops::Range<u32>) -> Vec<f64> {
    range.map(f64::from).collect()
}

#[tokio::test]
async fn a_snapshot_comes_first_and_then_each_update() {
    let server = without_feed(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a/x", 0..3).await;
    publisher.readings("a/y", 7..8).await;
    publisher.readings("b", 9..10).await;
    let mut reader = Reader::start(&server, "filter=a/%2B&mode=every", None).await;
    assert_eq!(reader.accepted.start, Start::Fresh);
    let (updates, is_snapshot) = reader.batch().await.unwrap();
    assert!(is_snapshot);
    assert_eq!(updates.iter().map(number).collect::<Vec<_>>(), [2.0, 7.0]);
    publisher.readings("a/new", 10..60).await;
    assert_eq!(reader.take(50).await, numbers(10..60));
}

#[tokio::test]
async fn newest_values_come_at_most_at_the_maximum_rate() {
    let server = without_feed(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let mut reader = Reader::start(&server, "filter=a&max_rate_hz=20", None).await;
    assert_eq!(reader.accepted.max_rate_hz, Some(20.0));
    let mut batches = 0;
    publisher.readings("a", 0..1).await;
    assert_eq!(reader.take(1).await, [0.0]);
    for number in 1..=200 {
        publisher.readings("a", number..number + 1).await;
    }
    while reader.take(1).await != [200.0] {
        batches += 1;
    }
    assert!(batches < 200, "nothing was left out");
}

#[tokio::test]
async fn a_stream_resumes_at_the_last_event_id() {
    let server = without_feed(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let mut got = Vec::new();
    let mut id: Option<String> = None;
    for round in 0..8 {
        let (first, last) = (round * 100, round * 100 + 100);
        publisher.readings("a", first..first + 50).await;
        let mut reader = Reader::start(&server, "filter=a&mode=every", id.as_deref()).await;
        if round == 0 {
            // Earlier updates come as a snapshot, all later ones live.
            let (updates, is_snapshot) = reader.batch().await.unwrap();
            assert!(is_snapshot && number(&updates[0]) == 49.0);
            got = numbers(0..50);
        } else {
            assert_eq!(reader.accepted.start, Start::Resumed);
        }
        publisher.readings("a", first + 50..last).await;
        // Cut in the middle: updates that are not read now come again.
        while got.len() < last as usize - 20 {
            got.extend(reader.take(1).await);
        }
        id = Some(reader.id.clone());
        // Dropping the reader kills curl.
        drop(reader);
    }
    let address = format!("filter=a&mode=every&last_event_id={}", id.unwrap());
    let mut curl = Curl::start(&server, &address, None);
    while got.len() < 800 {
        if let Item::Event { message, .. } = curl.next().await.unwrap()
            && let ServerMessage::Batch(batch) = *message
        {
            got.extend(batch.updates.iter().map(number));
        }
    }
    assert_eq!(got, numbers(0..800));
}

#[tokio::test]
async fn a_stream_that_resumes_too_late_is_told_how_many_updates_are_lost() {
    let server = without_feed(&["--tape", "1MiB"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let mut reader = Reader::start(&server, "filter=a&mode=every", None).await;
    publisher.readings("a", 0..1).await;
    assert_eq!(reader.take(1).await, [0.0]);
    let id = reader.id.clone();
    drop(reader);
    let text = "x".repeat(2_000);
    for _ in 0..60 {
        let updates = (0..25).map(|_| publication("a", Value::Text(text.clone())));
        publisher.publish(updates.collect()).await;
    }
    let mut reader = Reader::start(&server, "filter=a&mode=every", Some(&id)).await;
    let mut live = 0;
    while reader.lost + live < 1_500 {
        let (updates, is_snapshot) = reader.batch().await.unwrap();
        if !is_snapshot {
            live += updates.len() as u64;
        }
    }
    assert_eq!(reader.lost + live, 1_500);
    assert!(reader.lost > 0 && live > 0);
}

/// A server with a log, whose tape holds about a thousand updates, an event stream that has got 100
/// updates and is away now, and 5,000 updates since: the id of its last event.
async fn away_for_longer_than_the_tape(folder: &Path) -> (Program, String) {
    let folder = folder.to_str().unwrap();
    let server = without_feed(&["--tape", "64KiB", "--data", folder]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let mut reader = Reader::start(&server, "filter=a&mode=every", None).await;
    publisher.readings("a", 0..100).await;
    assert_eq!(reader.take(100).await, numbers(0..100));
    for first in (100..5_100).step_by(100) {
        publisher.readings("a", first..first + 100).await;
    }
    (server, reader.id)
}

#[tokio::test]
async fn a_stream_away_for_longer_than_the_tape_gets_everything_from_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let (server, id) = away_for_longer_than_the_tape(folder.path()).await;
    let mut reader = Reader::start(&server, "filter=a&mode=every", Some(&id)).await;
    assert_eq!(reader.accepted.start, Start::Resumed);
    assert_eq!(reader.take(5_000).await, numbers(100..5_100));
    assert_eq!(reader.lost, 0);
    assert!(server.metric("tickcast_data_reads_total").await > 0);
}

#[tokio::test]
async fn an_event_id_of_another_epoch_starts_afresh() {
    let server = without_feed(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a", 0..5).await;
    let id = "0000000000000001:3:3";
    let mut curl = Curl::start(&server, "filter=a&mode=every", Some(id));
    let start = loop {
        if let Item::Event { message, .. } = curl.next().await.unwrap()
            && let ServerMessage::Subscribed(subscribed) = *message
        {
            match &subscribed.results[..] {
                [SubscribeResult::Accepted(accepted)] => break accepted.start,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!(start, Start::EpochChanged);
}

#[tokio::test]
async fn comments_keep_a_quiet_stream_alive_and_no_pong_is_expected() {
    let server = without_feed(&[
        "--heartbeat",
        "100ms",
        "--ping",
        "100ms",
        "--pong-timeout",
        "100ms",
    ])
    .await;
    let mut reader = Reader::start(&server, "filter=a", None).await;
    let mut comments = 0;
    while comments < 3 {
        match reader.curl.next().await.unwrap() {
            Item::Comment => comments += 1,
            Item::Event { message, .. } => assert!(matches!(*message, ServerMessage::Batch(_))),
            Item::Retry(_) => panic!("once is enough"),
        }
    }
}

#[tokio::test]
async fn a_stream_that_is_not_read_lags_and_catches_up() {
    // Without history, whose memory is not a cost of a stream.
    let server = without_feed(&[
        "--write-timeout",
        "60s",
        "--tape",
        "8MiB",
        "--history-updates",
        "0",
    ])
    .await;
    let mut publisher = Publisher::start(&server.url()).await;
    let mut reader = Reader::start(&server, "filter=a&mode=every", None).await;
    let text = "x".repeat(4_000);
    let mut published = 0;
    let before = server.memory_bytes();
    // More than the pipes, sockets and buffers in between hold, and more than the tape.
    for _ in 0..400 {
        let updates = (0..10).map(|_| publication("a", Value::Text(text.clone())));
        publisher.publish(updates.collect()).await;
        published += 10;
    }
    assert!(server.metric("tickcast_blocked_total").await >= 1);
    let grown = server.memory_bytes().saturating_sub(before);
    assert!(grown < 40 * 1024 * 1024, "{grown} bytes for one stream");
    let mut live = 0;
    while reader.lost + live < published {
        let (updates, is_snapshot) = reader.batch().await.unwrap();
        if !is_snapshot {
            live += updates.len() as u64;
        }
    }
    assert_eq!(reader.lost + live, published);
    assert!(reader.lost > 0, "the tape had it all");
}

#[tokio::test]
async fn a_stream_that_is_never_read_is_disconnected() {
    let server = without_feed(&["--write-timeout", "1s"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let mut reader = Reader::start(&server, "filter=a&mode=every", None).await;
    let text = "x".repeat(4_000);
    until("the client is disconnected", async || {
        let updates = (0..10).map(|_| publication("a", Value::Text(text.clone())));
        publisher.publish(updates.collect()).await;
        server.metric("tickcast_closes_total{code=\"4000\"").await == 1
    })
    .await;
    // It reads the kernel's buffer, and then finds the response incomplete.
    while let Some(line) = reader.curl.lines.next_line().await.unwrap() {
        assert!(line.len() < 1_000_000);
    }
    let status = soon("curl ends", reader.curl.child.wait()).await.unwrap();
    assert!(!status.success());
}

#[tokio::test]
async fn a_server_that_drains_announces_it_and_ends_the_stream() {
    let server = without_feed(&["--drain", "200ms"]).await;
    let mut reader = Reader::start(&server, "filter=a", None).await;
    server.terminate().await;
    let mut is_told = false;
    while let Some(item) = reader.curl.next().await {
        if let Item::Event { message, .. } = item {
            is_told |= matches!(*message, ServerMessage::Draining(_));
        }
    }
    assert!(is_told);
    let status = soon("curl ends", reader.curl.child.wait()).await.unwrap();
    assert!(status.success(), "{status}");
    assert!(server.end().await.success());
}

#[tokio::test]
async fn a_stream_that_is_closed_is_forgotten() {
    let server = without_feed(&[]).await;
    let reader = Reader::start(&server, "filter=a", None).await;
    assert_eq!(server.metric("tickcast_subscriptions").await, 1);
    drop(reader);
    until("it is forgotten", async || {
        server.metric("tickcast_subscriptions").await == 0
            && server.metric("tickcast_connections{").await == 0
    })
    .await;
}

#[tokio::test]
async fn an_invalid_or_forbidden_request_is_refused_before_the_stream_begins() {
    let server = without_feed(&["--subscribe-allow", "plant/#"]).await;
    for (query, status) in [
        ("filter=market/%23", 403),
        ("", 403),
        ("filter=plant/%23/x", 400),
        ("filter=plant/a&mode=some", 400),
        ("filter=plant/a&max_rate_hz=-1", 400),
        ("filter=plant/a&last_event_id=x", 400),
        ("filter=plant/a&fitler=b", 400),
    ] {
        let answer = get(server.address, &format!("/v1/stream?{query}")).await;
        assert_eq!(answer.status, status, "{query}: {}", answer.body);
        assert!(answer.body.ends_with('\n') && answer.body.len() > 10);
    }
    let path = "/v1/stream?filter=plant/a";
    let foreign = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://other\r\n");
    assert_eq!(ask(server.address, &foreign).await.status, 403);
    let head = ask(
        server.address,
        &format!("HEAD {path} HTTP/1.1\r\nHost: localhost\r\n"),
    )
    .await;
    assert_eq!(head.status, 200);
    assert!(head.head.contains("content-type: text/event-stream"));
    // A stream has no length.
    assert!(!head.head.contains("content-length"), "{}", head.head);
    let post = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n");
    assert_eq!(ask(server.address, &post).await.status, 405);
}
