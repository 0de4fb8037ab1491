//! `/v1/history` of a running server: the updates of one topic as lines.

use serde_json::json;
use tickcast_protocol::{message::Mode, value::Value};
use tickcast_server_testkit::{
    Program, STEP,
    raw::{Answer, RawSocket, ask, get, get_whole},
    soon,
    subscriber::{ENCODINGS, Publisher, Subscriber, publication},
    until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::identities::{Identities, READER, bearer, operate, read};

async fn lines(server: &Program, query: &str) -> Answer {
    get_whole(server.address, &format!("/v1/history?{query}")).await
}

/// The objects of an answer in JSON lines, the last one apart.
fn objects(answer: &Answer) -> (Vec<serde_json::Value>, serde_json::Value) {
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = answer.body.lines();
    let parsed = lines.map(|line| serde_json::from_str(line).expect("it is JSON"));
    let mut objects: Vec<serde_json::Value> = parsed.collect();
    let end = objects.pop().expect("there is a last line");
    (objects, end)
}

fn positions(objects: &[serde_json::Value]) -> Vec<u64> {
    let positions = objects.iter().map(|object| object["position"].as_u64());
    positions.map(Option::unwrap).collect()
}

#[tokio::test]
async fn the_updates_of_a_topic_come_in_pages_in_both_orders() {
    let server = Program::start(&["--feed", "none"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    // Positions 1 to 1000 are of one topic, 1001 to 1003 of another.
    publisher.readings("a/b c", 1..=1_000).await;
    publisher.readings("other", 1..=3).await;

    let (mut found, mut after) = (Vec::new(), 0);
    let mut pages = 0;
    loop {
        let answer = lines(&server, &format!("topic=a/b%20c&limit=300&after={after}")).await;
        let complete_from = answer.header("tickcast-complete-from").unwrap();
        assert!(complete_from.parse::<u64>().unwrap() <= after + 1);
        assert_eq!(answer.header("tickcast-position"), Some("1003"));
        assert_eq!(answer.header("content-type"), Some("application/jsonl"));
        let (page, end) = objects(&answer);
        assert!(page.iter().all(|update| update["topic"] == "a/b c"));
        found.extend(positions(&page));
        pages += 1;
        match end["end"]["after"].as_u64() {
            Some(next) => after = next,
            None => break,
        }
    }
    assert_eq!((found, pages), ((1..=1_000).collect(), 4));

    let answer = lines(
        &server,
        "topic=a/b%20c&order=newest&limit=3&from=990&to=998",
    )
    .await;
    let (page, end) = objects(&answer);
    assert_eq!(positions(&page), [998, 997, 996]);
    assert_eq!(end["end"]["after"], 996);
    let answer = lines(&server, "topic=a/b%20c&order=newest&from=990&after=993").await;
    let (page, end) = objects(&answer);
    assert_eq!(positions(&page), [992, 991, 990]);
    assert_eq!(end["end"]["after"], serde_json::Value::Null);

    let answer = lines(&server, "topic=other&format=csv").await;
    let rows: Vec<_> = answer.body.lines().collect();
    assert_eq!(
        rows[0],
        "position,seq,ingest_time_ns,source_time_ns,quality,kind,value"
    );
    assert!(
        rows[1].starts_with("1001,1,") && rows[1].ends_with(",live,reading,1.0"),
        "{rows:?}"
    );
    assert_eq!(rows.len(), 4);
    let (page, _) = objects(&lines(&server, "topic=never/seen").await);
    assert_eq!(page.len(), 0);
    let future = lines(&server, "topic=other&from=2999-01-01T00:00:00Z").await;
    assert_eq!(future.status, 400, "{future:?}");
    let (page, _) = objects(&lines(&server, "topic=other&from=2199-01-01T00:00:00Z").await);
    assert_eq!(page.len(), 0);
}

#[tokio::test]
async fn an_answer_says_from_where_on_it_is_complete() {
    let server = Program::start(&["--feed", "none", "--history-updates", "10"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a", 1..=100).await;
    let answer = lines(&server, "topic=a").await;
    let (page, _) = objects(&answer);
    let first = positions(&page)[0];
    assert!(first > 1);
    let told = answer.header("tickcast-complete-from");
    assert_eq!(told, Some(first.to_string().as_str()));
    // Positions that were asked for and are forgotten are told, in both orders.
    let missing = serde_json::json!({"missing": {"from": 5, "to": first - 1}});
    let (page, _) = objects(&lines(&server, "topic=a&from=5").await);
    assert_eq!(page[0], missing);
    assert_eq!(positions(&page[1..])[0], first);
    let (page, _) = objects(&lines(&server, "topic=a&from=5&order=newest").await);
    assert_eq!(page.last(), Some(&missing));
}

#[tokio::test]
async fn a_log_on_disk_answers_for_what_memory_has_forgotten_also_after_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let arguments = ["--feed", "none", "--history-updates", "10", "--data", data];
    let server = Program::start(&arguments).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for round in 0..10 {
        let from = 100 * round + 1;
        publisher.readings("a", from..=from + 99).await;
        publisher.readings("b", 1..=10).await;
    }
    // Positions of topic a: 1 to 100, 111 to 210 and so on.
    let mut expected: Vec<u64> = (0..10)
        .flat_map(|round| 110 * round + 1..=110 * round + 100)
        .collect();
    let whole = async |server: &Program, more: &str| {
        let (mut found, mut after) = (Vec::new(), String::new());
        loop {
            let query = format!("topic=a&limit=300{more}{after}");
            let answer = lines(server, &query).await;
            assert_eq!(answer.header("tickcast-complete-from"), Some("1"));
            let (page, end) = objects(&answer);
            assert!(page.iter().all(|update| update["topic"] == "a"), "{page:?}");
            found.extend(positions(&page));
            match end["end"]["after"].as_u64() {
                Some(next) => after = format!("&after={next}"),
                None => return found,
            }
        }
    };
    assert_eq!(whole(&server, "").await, expected);
    server.kill().await;

    let server = Program::start(&arguments).await;
    assert_eq!(whole(&server, "").await, expected);
    let mut publisher = Publisher::start(&server.url()).await;
    // What is acknowledged is in the log, and in the answer.
    let last = publisher.readings("a", 1..=5).await;
    assert_eq!(last, 1_105);
    expected.extend(1_101..=1_105);
    let found = soon("the new updates", async {
        loop {
            let found = whole(&server, "&order=newest").await;
            if found.len() == expected.len() {
                return found;
            }
            sleep(STEP).await;
        }
    })
    .await;
    expected.reverse();
    assert_eq!(found, expected);
    let some = whole(&server, "&from=150&to=300").await;
    let wanted = expected
        .iter()
        .rev()
        .filter(|position| (150..=300).contains(*position));
    assert_eq!(some, wanted.copied().collect::<Vec<_>>());
    let (page, end) = objects(&lines(&server, "topic=never/seen").await);
    assert_eq!((page.len(), &end["end"]["after"]), (0, &json!(null)));
}

#[tokio::test]
async fn a_damaged_log_is_told_in_the_answer_and_the_rest_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let server = Program::start(&["--feed", "none", "--data", data]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for _ in 0..20 {
        publisher.readings("a", 1..=10).await;
    }
    let (page, _) = objects(&lines(&server, "topic=a").await);
    assert_eq!(page.len(), 200);
    // The disk forgets a byte in the middle of what is written.
    let path = folder.path().join("0000000001.seg");
    let bytes = std::fs::read(&path).unwrap();
    let written = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let at = written * 3 / 4;
    std::os::unix::fs::FileExt::write_all_at(&file, &[bytes[at] ^ 1], at as u64).unwrap();
    let (page, end) = objects(&lines(&server, "topic=a").await);
    let told = |object: &serde_json::Value| match object["position"].as_u64() {
        Some(position) => position..=position,
        None => {
            let missing = &object["missing"];
            let bound = |name: &str| missing[name].as_u64().unwrap();
            bound("from")..=bound("to")
        }
    };
    assert!(
        page.iter().any(|object| !object["missing"].is_null()),
        "{page:?}"
    );
    let all: Vec<u64> = page.iter().flat_map(told).collect();
    assert_eq!(all, (1..=200).collect::<Vec<_>>());
    assert_eq!(end["end"]["after"], json!(null));
}

#[tokio::test]
async fn a_long_answer_goes_at_the_pace_of_its_client_and_delays_no_other() {
    let server = Program::start(&["--feed", "none"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a", 1..=2_000).await;
    let mut subscriber = Subscriber::start(&server.url(), ENCODINGS[0], "b", Mode::Every).await;
    // Clients that ask and do not read.
    let mut silent = Vec::new();
    for _ in 0..4 {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = "GET /v1/history?topic=a HTTP/1.1\r\nHost: localhost\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        silent.push(stream);
    }
    publisher.readings("b", 1..=1).await;
    assert_eq!(subscriber.take(1).await.len(), 1);
    let (page, _) = objects(&lines(&server, "topic=a").await);
    assert_eq!(page.len(), 2_000);
    drop(silent);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_answers_are_refused_until_those_whose_clients_read_nothing_are_cut_off() {
    let arguments = ["--feed", "none", "--shards", "1", "--write-timeout", "3s"];
    let server = Program::start(&arguments).await;
    let mut publisher = Publisher::start(&server.url()).await;
    // More than the sockets hold: 20 MB.
    let text = Value::Text("x".repeat(10_000));
    for _ in 0..400 {
        let updates = (0..5).map(|_| publication("a", text.clone()));
        publisher.publish(updates.collect()).await;
    }
    // Clients that ask and do not read, one more each time, until there are too many.
    let mut silent = Vec::new();
    let mut refused = None;
    until("there are too many", async || {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let head = "GET /v1/history?topic=a HTTP/1.0\r\nHost: localhost\r\n\r\n";
        stream.write_all(head.as_bytes()).await.unwrap();
        silent.push(stream);
        let answer = lines(&server, "topic=b&limit=1").await;
        refused = Some(answer).filter(|answer| answer.status != 200);
        refused.is_some()
    })
    .await;
    let refused = refused.expect("there was one");
    assert_eq!(refused.status, 503, "{refused:?}");
    assert_eq!(refused.header("retry-after"), Some("5"));
    assert!(refused.body.contains("(limit 16)"), "{refused:?}");
    assert!(silent.len() >= 16, "{}", silent.len());

    until("the silent clients are cut off", async || {
        lines(&server, "topic=b&limit=1").await.status == 200
    })
    .await;
    let mut answer = Vec::new();
    // It may be broken off with a reset.
    let _ = soon("the rest", silent[0].read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    assert!(answer.starts_with("HTTP/1.0 200"), "{answer:.200}");
    assert!(!answer.contains("\"end\""), "it is not complete");
}

#[tokio::test]
async fn a_permission_that_ends_breaks_an_answer_off_with_the_reason() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    // More than the sockets hold: 20 MB.
    let topic = "eu/alice/a";
    let more = bearer(&token);
    let mut socket = RawSocket::open(server.address, "/ws", &more).await;
    socket.json("authenticated").await;
    let text = "x".repeat(10_000);
    for _ in 0..400 {
        let update = json!({"topic": topic, "value": {"text": text}});
        let updates: Vec<_> = (0..5).map(|_| update.clone()).collect();
        socket
            .send_json(&json!({"type": "publish", "id": 1, "updates": updates}))
            .await;
        socket.json("published").await;
    }
    let path = format!("/v1/history?topic={topic}");
    let refused = read(&server, "/v1/history?topic=us/a", &more).await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert_eq!(read(&server, &path, "").await.status, 401);

    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n{more}\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = vec![0; 64 * 1024];
    stream.read_exact(&mut answer).await.unwrap();
    let revoked = operate(admin, "/v1/revoke?subject=alice").await;
    assert_eq!(revoked.status, 200, "{revoked:?}");
    // It may be broken off with a reset.
    let _ = soon("the rest", stream.read_to_end(&mut answer)).await;
    let answer = String::from_utf8_lossy(&answer);
    let lines = answer
        .lines()
        .filter(|line| line.contains("\"position\""))
        .count();
    assert!((1..2_000).contains(&lines), "{lines}");
    let last = answer.lines().last().unwrap();
    assert!(last.starts_with("{\"error\":"), "{last:.200}");
}

#[tokio::test]
async fn what_cannot_be_asked_is_refused_with_the_reason() {
    let arguments = ["--feed", "none", "--subscribe-allow", "open/#"];
    let server = Program::start(&arguments).await;
    let check = async |query: &str, status: u16, expected: &str| {
        let answer = get(server.address, &format!("/v1/history?{query}")).await;
        assert_eq!(answer.status, status, "{answer:?}");
        assert!(answer.body.contains(expected), "{answer:?}");
    };
    check("topic=secret", 403, "reading \"secret\" is not allowed").await;
    check("", 400, "topic is missing").await;
    check("topic=open/a&format=xml", 400, "use jsonl or csv").await;
    let post = ask(
        server.address,
        "POST /v1/history?topic=open/a HTTP/1.1\r\nHost: localhost\r\n",
    )
    .await;
    assert_eq!(post.status, 405, "{post:?}");
    let head = ask(
        server.address,
        "HEAD /v1/history?topic=open/a HTTP/1.1\r\nHost: localhost\r\n",
    )
    .await;
    assert_eq!((head.status, head.body.as_str()), (200, ""));

    let server = Program::start(&["--feed", "none", "--history-updates", "0"]).await;
    let answer = get(server.address, "/v1/history?topic=a").await;
    assert_eq!(answer.status, 403);
    assert!(answer.body.contains("history_updates is 0"), "{answer:?}");
}
