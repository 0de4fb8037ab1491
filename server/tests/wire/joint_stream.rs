//! `/v1/stream` with several filters: each has the promises of a stream by itself, and the last id
//! continues all of them.

use std::path::Path;

use tickcast_core::wire::{event_id, parse_event_id};
use tickcast_protocol::{
    client::Chain,
    message::{Resume, ServerMessage, Start, SubscribeResult, Update},
    value::Value,
};
use tickcast_server_testkit::{
    Program, copy_folder,
    raw::get,
    subscriber::{Publisher, number, publication},
};

use crate::event_stream::{Curl, Item};

const QUERY: &str = "filter=a/%23&filter=b/%2B&filter=c&mode=every";

/// One filter of a stream.
#[derive(Debug)]
struct Filter {
    channel: u32,
    start: Start,
    chain: Chain,
    got: Vec<f64>,
    snapshots: usize,
    lost: u64,
    /// What the answer says that the server has lost.
    truncated: Option<u64>,
}

/// A client of a stream, which checks each filter's chain and each id.
struct Reader {
    curl: Curl,
    filters: Vec<Filter>,
    id: String,
}

impl Reader {
    async fn start(server: &Program, id: Option<&str>) -> Self {
        let mut curl = Curl::start(server, QUERY, id);
        let mut lineage = None;
        let (subscribed, id_now) = loop {
            let Item::Event { message, id } = curl.next().await.unwrap() else {
                continue;
            };
            match *message {
                ServerMessage::Welcome(welcome) => lineage = Some(welcome.lineage()),
                ServerMessage::Subscribed(subscribed) => break (subscribed, id.unwrap()),
                other => panic!("{other:?}"),
            }
        };
        let lineage = lineage.expect("the welcome comes first");
        let tokens: Vec<Option<Resume>> = match id {
            Some(id) => id.split(',').map(parse_event_id).collect(),
            None => vec![None; 3],
        };
        let filters = subscribed.results.iter().zip(&tokens);
        let filters = filters.map(|(result, token)| {
            let SubscribeResult::Accepted(accepted) = result else {
                panic!("{result:?}");
            };
            let (chain, check) = Chain::resume(accepted, token.as_ref(), &lineage);
            check.unwrap();
            Filter {
                channel: accepted.channel,
                start: accepted.start,
                chain,
                got: Vec::new(),
                snapshots: 0,
                lost: 0,
                truncated: accepted.lost,
            }
        });
        let reader = Self {
            curl,
            filters: filters.collect(),
            id: id_now,
        };
        reader.check_id();
        reader
    }

    /// The id must be where all filters are.
    fn check_id(&self) {
        let tokens = self.filters.iter().map(|filter| filter.chain.token());
        let ids: Vec<_> = tokens.map(|token| event_id(&token)).collect();
        assert_eq!(self.id, ids.join(","));
    }

    async fn next(&mut self) {
        let (message, id) = loop {
            if let Item::Event { message, id } = self.curl.next().await.unwrap() {
                break (message, id);
            }
        };
        let channel = match &*message {
            ServerMessage::Batch(batch) => batch.channel,
            ServerMessage::Gap(gap) => gap.channel,
            _ => return,
        };
        let mut filters = self.filters.iter_mut();
        let filter = filters.find(|filter| filter.channel == channel).unwrap();
        match &*message {
            ServerMessage::Batch(batch) => {
                filter.chain.batch(batch).unwrap();
                match batch.snapshot {
                    true => filter.snapshots += batch.updates.len(),
                    // A text only fills the tape.
                    false => {
                        let is_reading =
                            |update: &&Update<_>| matches!(update.value, Value::Reading(_));
                        let readings = batch.updates.iter().filter(is_reading);
                        filter.got.extend(readings.map(number));
                    }
                }
            }
            ServerMessage::Gap(gap) => {
                filter.chain.gap(gap).unwrap();
                filter.lost += gap.lost.unwrap();
            }
            other => panic!("{other:?}"),
        }
        self.id = id.unwrap();
        self.check_id();
    }

    async fn until(&mut self, is_done: impl Fn(&[Filter]) -> bool) {
        while !is_done(&self.filters) {
            self.next().await;
        }
    }
}

async fn server(more: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "1"], more].concat()).await
}

#[tokio::test]
async fn each_filter_has_its_snapshot_and_goes_on_at_the_last_id_without_loss_or_doubles() {
    let server = server(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a/x", 0..10).await;
    publisher.readings("b/x", 0..10).await;
    publisher.readings("d", 0..10).await;
    let mut got = [vec![], vec![]];
    let mut id: Option<String> = None;
    for round in 1..=8 {
        let range = 10 * round..10 * round + 10;
        let mut reader = Reader::start(&server, id.as_deref()).await;
        let expected = if round == 1 {
            Start::Fresh
        } else {
            Start::Resumed
        };
        assert!(reader.filters.iter().all(|filter| filter.start == expected));
        if round == 1 {
            reader
                .until(|filters| filters[0].snapshots + filters[1].snapshots == 2)
                .await;
        }
        publisher.readings("a/x", range.clone()).await;
        publisher.readings("b/x", range.clone()).await;
        // Cut in the middle of both; what is not read comes again.
        let some = 3 * round as usize % 10;
        reader.until(|filters| filters[0].got.len() >= some).await;
        for (got, filter) in got.iter_mut().zip(&reader.filters) {
            got.extend_from_slice(&filter.got);
        }
        id = Some(reader.id.clone());
    }
    let mut reader = Reader::start(&server, id.as_deref()).await;
    let missing = [80 - got[0].len(), 80 - got[1].len()];
    reader
        .until(|filters| filters[0].got.len() == missing[0] && filters[1].got.len() == missing[1])
        .await;
    let expected: Vec<_> = (10..90).map(f64::from).collect();
    for (got, filter) in got.iter_mut().zip(&reader.filters) {
        got.extend_from_slice(&filter.got);
        assert_eq!(*got, expected);
    }
}

#[tokio::test]
async fn what_the_tape_has_forgotten_is_a_gap_of_its_filter_alone() {
    let server = server(&["--tape", "1MiB"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a/x", 0..1).await;
    let mut reader = Reader::start(&server, None).await;
    reader.until(|filters| filters[0].snapshots == 1).await;
    let id = reader.id.clone();
    drop(reader);
    let text = "x".repeat(2_000);
    for _ in 0..60 {
        let updates = (0..25).map(|_| publication("a/x", Value::Text(text.clone())));
        publisher.publish(updates.collect()).await;
    }
    publisher.readings("b/x", 1..3).await;
    let mut reader = Reader::start(&server, Some(&id)).await;
    reader
        .until(|filters| filters[0].lost > 0 && filters[1].got.len() == 2)
        .await;
    assert_eq!(reader.filters[1].lost, 0);
}

#[tokio::test]
async fn a_server_that_has_lost_updates_says_for_each_filter_how_many_of_them_it_had() {
    let folder = tempfile::tempdir().unwrap();
    let (original, copy) = (folder.path().join("log"), folder.path().join("copy"));
    let with_log = async |log: &Path| server(&["--data", log.to_str().unwrap()]).await;
    let running = with_log(&original).await;
    let mut publisher = Publisher::start(&running.url()).await;
    publisher.readings("a/x", 0..3).await;
    publisher.readings("b/x", 0..1).await;
    copy_folder(&original, &copy);
    let mut reader = Reader::start(&running, None).await;
    publisher.readings("a/x", 3..10).await;
    publisher.readings("b/x", 1..3).await;
    reader
        .until(|filters| filters[0].got.len() == 7 && filters[1].got.len() == 2)
        .await;
    let id = reader.id.clone();
    drop(reader);
    running.kill().await;

    // A copy has the first four updates, as after a power cut.
    let again = with_log(&copy).await;
    let mut reader = Reader::start(&again, Some(&id)).await;
    let told = |filter: &Filter| (filter.start, filter.truncated);
    let told: Vec<_> = reader.filters.iter().map(told).collect();
    let truncated = |lost| (Start::Truncated, Some(lost));
    assert_eq!(told, [truncated(7), truncated(2), (Start::Resumed, None)]);
    // Each goes on with what is left, and its id says so.
    let mut publisher = Publisher::start(&again.url()).await;
    assert_eq!(publisher.readings("a/x", 50..51).await, 5);
    assert_eq!(publisher.readings("b/x", 60..61).await, 6);
    reader
        .until(|filters| filters[0].got == [50.0] && filters[1].got == [60.0])
        .await;
}

#[tokio::test]
async fn the_filters_of_a_request_are_few_allowed_and_different_and_have_one_position_each() {
    let server = server(&["--subscribe-allow", "a/#", "--subscribe-allow", "b/#"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a/x", 1..2).await;
    publisher.readings("b/x", 2..3).await;
    let many: Vec<_> = (0..17).map(|index| format!("filter=a/{index}")).collect();
    let many = many.join("&");
    for (query, status, told) in [
        ("filter=a/%23&filter=c", 403, "\"c\""),
        ("filter=a/x&filter=a/x", 400, "is there twice"),
        ("filter=a/x&filter=b/", 400, "write # as %23"),
        (&many, 400, "limit 16"),
    ] {
        for path in ["stream", "latest"] {
            let answer = get(server.address, &format!("/v1/{path}?{query}")).await;
            assert_eq!(answer.status, status, "{path}?{query}: {}", answer.body);
            assert!(
                answer.body.contains(told),
                "{path}?{query}: {}",
                answer.body
            );
        }
    }
    let one = "/v1/stream?filter=a/x&filter=b/x&last_event_id=18c504b1f00d0001:1";
    let answer = get(server.address, one).await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.contains("the positions of 1 filters"),
        "{}",
        answer.body
    );
    // A topic that several filters match is there once.
    let answer = get(
        server.address,
        "/v1/latest?filter=a/%23&filter=b/x&filter=a/x",
    )
    .await;
    let latest: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    let updates = latest["updates"].as_array().unwrap();
    let topics: Vec<_> = updates.iter().map(|update| &update["topic"]).collect();
    assert_eq!(topics, ["a/x", "b/x"]);
}
