//! `/v1/publish`: what a WebSocket promises to a publisher, in one request.

use std::net::SocketAddr;

use serde_json::{Value, json};
use tickcast_protocol::{codec::Encoding, message::Mode};
use tickcast_server_testkit::{
    Program,
    raw::{Answer, ask, exchange, get},
    soon,
    subscriber::{News, Subscriber},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::{
    data,
    identities::{Identities, READER, bearer, metric},
};

const JSON: &str = "Content-Type: application/json\r\n";
const LINES: &str = "Content-Type: application/x-ndjson\r\n";

async fn server(more: &[&str]) -> Program {
    Program::start(&[&["--feed", "none", "--shards", "2"], more].concat()).await
}

/// A request with a body.
fn request(more: &str, body: &str) -> String {
    let len = body.len();
    format!(
        "POST /v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len}\r\n{more}\r\n{body}"
    )
}

async fn post(address: SocketAddr, more: &str, body: &str) -> Answer {
    exchange(
        address,
        &request(&format!("{more}Connection: close\r\n"), body),
    )
    .await
}

fn reading(topic: &str, value: f64) -> String {
    json!({"topic": topic, "value": {"reading": value}}).to_string()
}

/// The answer to a publish that is accepted.
fn published(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    serde_json::from_str(&answer.body).unwrap()
}

#[tokio::test]
async fn each_form_of_a_body_is_published_and_the_answer_has_the_position_of_its_last_update() {
    let server = server(&[]).await;
    let mut subscriber = Subscriber::start(&server.url(), Encoding::Json, "#", Mode::Every).await;
    let epoch = subscriber.accepted.epoch.to_string();
    let list = format!(
        "{{\"id\":7,\"updates\":[{},{}]}}",
        reading("a", 2.0),
        reading("b", 3.0)
    );
    let typed = format!(
        "{{\"type\":\"publish\",\"updates\":[{}]}}",
        reading("a", 4.0)
    );
    let lines = format!("{}\n\n{}\r\n", reading("a", 5.0), reading("c", 6.0));
    for (more, body, expected) in [
        (JSON, reading("a", 1.0), json!({"position": 1, "count": 1})),
        (JSON, list, json!({"id": 7, "position": 3, "count": 2})),
        (JSON, typed, json!({"position": 4, "count": 1})),
        (LINES, lines, json!({"position": 6, "count": 2})),
    ] {
        let mut answer = published(&post(server.address, more, &body).await);
        assert_eq!(
            answer.as_object_mut().unwrap().remove("epoch"),
            Some(json!(epoch))
        );
        assert_eq!(answer, expected, "{body}");
    }
    let mut got = Vec::new();
    while got.len() < 6 {
        let News::Batch(batch) = subscriber.next().await else {
            panic!("nothing is lost");
        };
        got.extend(batch.updates.into_iter().map(|update| update.position));
    }
    assert_eq!(got, [1, 2, 3, 4, 5, 6]);
    let latest = get(server.address, "/v1/latest?filter=b").await;
    assert!(latest.body.contains("\"reading\":3.0"), "{}", latest.body);
    assert_eq!(server.metric("tickcast_http_publishes_total").await, 4);
    assert_eq!(
        server.metric("tickcast_http_published_updates_total").await,
        6
    );
}

#[tokio::test]
async fn nothing_of_a_body_is_published_if_one_update_is_wrong_and_the_answer_says_which() {
    let server = server(&["--publish-allow", "lab/#"]).await;
    let (good, wild, other) = (
        reading("lab/a", 1.0),
        reading("lab/+", 1.0),
        reading("x", 1.0),
    );
    let long = json!({"topic": "lab/a", "value": {"text": "x".repeat(65_536)}}).to_string();
    for (more, body, status, told) in [
        (
            JSON,
            format!("{{\"updates\":[{good},{wild}]}}"),
            400,
            "updates[1]: topic \"lab/+\": the wildcard at byte 4",
        ),
        (
            LINES,
            format!("{good}\n{wild}"),
            400,
            "line 2: topic \"lab/+\": the wildcard",
        ),
        (JSON, wild.clone(), 400, "topic \"lab/+\""),
        (
            JSON,
            format!("{{\"updates\":[{good},{other}]}}"),
            403,
            "updates[1]: publishing to \"x\" is not allowed",
        ),
        (
            JSON,
            format!("{{\"updates\":[{good},{{\"topic\":\"lab/b\",\"value\":21}}]}}"),
            400,
            "updates[1].value is 21",
        ),
        (
            LINES,
            format!("{good}\n{{\"topic\":\"lab/b\"}}\n"),
            400,
            "line 2: value is missing",
        ),
        (JSON, format!("{good}{good}"), 400, "trailing bytes"),
        (JSON, String::new(), 400, "empty"),
        (JSON, "\u{0}".to_owned(), 400, "not JSON from byte 0"),
        (JSON, format!("[{good}]"), 400, "a list"),
        (JSON, long, 413, "limit 65536 bytes"),
        ("", good.clone(), 415, "Content-Type must be there once"),
        (
            "Content-Type: text/plain\r\n",
            good.clone(),
            415,
            "\"text/plain\" is not supported",
        ),
        (
            "Content-Type: application/json\r\nContent-Encoding: gzip\r\n",
            good.clone(),
            415,
            "gzip",
        ),
    ] {
        let answer = post(server.address, more, &body).await;
        assert_eq!(answer.status, status, "{body}: {answer:?}");
        assert!(answer.body.contains(told), "{body}: {}", answer.body);
    }
    let head = "POST /v1/publish?topic=a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n";
    assert_eq!(ask(server.address, head).await.status, 400);
    assert_eq!(server.metric("tickcast_updates_total").await, 0);
    assert_eq!(
        server
            .metric("tickcast_refused_total{reason=\"body\"}")
            .await,
        13
    );
    assert_eq!(
        server
            .metric("tickcast_refused_total{reason=\"permission\"}")
            .await,
        1
    );
}

#[tokio::test]
async fn a_page_of_another_site_cannot_publish_and_one_of_the_settings_can() {
    let page = "https://dash.example";
    let server = server(&["--origins", page]).await;
    let body = reading("a", 1.0);
    let foreign = "Origin: https://evil.example\r\n";
    for more in [
        format!("{foreign}{JSON}"),
        format!("{foreign}Content-Type: text/plain\r\n"),
        format!("Origin: null\r\n{JSON}"),
    ] {
        let answer = post(server.address, &more, &body).await;
        assert_eq!(answer.status, 403, "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    let head = "POST /v1/publish HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 0\r\n";
    assert_eq!(ask(server.address, head).await.status, 421);
    let asks = "OPTIONS /v1/publish HTTP/1.1\r\nHost: localhost\r\n\
                Access-Control-Request-Method: POST\r\n\
                Access-Control-Request-Headers: content-type\r\n";
    let refused = ask(server.address, &format!("{asks}{foreign}")).await;
    assert_eq!(refused.status, 403);
    let own = format!("Origin: {page}\r\n");
    let allowed = ask(server.address, &format!("{asks}{own}")).await;
    assert_eq!(allowed.header("access-control-allow-methods"), Some("post"));
    let headers = allowed.header("access-control-allow-headers").unwrap();
    assert!(headers.contains("content-type"), "{headers}");
    let answer = post(server.address, &format!("{own}{JSON}"), &body).await;
    assert_eq!(published(&answer)["position"], 1);
    assert_eq!(answer.header("access-control-allow-origin"), Some(page));
    let answer = get(server.address, "/v1/publish").await;
    assert_eq!(
        (answer.status, answer.header("allow")),
        (405, Some("post, options"))
    );
}

#[tokio::test]
async fn an_identity_publishes_what_its_role_allows_and_a_client_without_a_token_nothing() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let (server, _) = identities.start(&["--feed", "none"]).await;
    let (own, other) = (reading("eu/alice/a", 1.0), reading("eu/bob/a", 1.0));
    let with_token = format!("{}{JSON}", bearer(&token));
    for (more, body, status) in [
        (JSON.to_owned(), &own, 401),
        (format!("{}{JSON}", bearer("tct_wrong")), &own, 401),
        (with_token.clone(), &other, 403),
    ] {
        let answer = post(server.address, &more, body).await;
        assert_eq!(answer.status, status, "{answer:?}");
        let is_challenged = answer.header("www-authenticate").is_some();
        assert_eq!(is_challenged, status == 401);
    }
    let answer = post(server.address, &with_token, &own).await;
    assert_eq!(published(&answer)["position"], 1);
    let head = format!(
        "POST /v1/publish?access_token={token} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
    );
    assert_eq!(ask(server.address, &head).await.status, 400);
}

/// Reads an answer with a length from a connection that stays open.
async fn answer(stream: &mut TcpStream) -> Answer {
    soon("an answer", async {
        let mut bytes = Vec::new();
        loop {
            bytes.push(stream.read_u8().await.unwrap());
            let text = String::from_utf8_lossy(&bytes);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let answer = Answer::parse(&text);
                let len = answer
                    .header("content-length")
                    .map_or(0, |len| len.parse().unwrap());
                assert!(!head.is_empty());
                if body.len() == len {
                    return answer;
                }
            }
        }
    })
    .await
}

#[tokio::test]
async fn a_connection_is_kept_takes_chunks_and_says_continue_before_it_reads() {
    let server = server(&[]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = reading("a", 1.0);
    for position in 1..=2 {
        stream
            .write_all(request(JSON, &body).as_bytes())
            .await
            .unwrap();
        assert_eq!(published(&answer(&mut stream).await)["position"], position);
    }
    let head = "POST /v1/publish HTTP/1.1\r\nHost: localhost\r\n";
    let (first, rest) = body.split_at(9);
    let chunks = format!(
        "{head}Transfer-Encoding: chunked\r\n{JSON}\r\n9\r\n{first}\r\n{:x}\r\n{rest}\r\n0\r\n\r\n",
        rest.len()
    );
    stream.write_all(chunks.as_bytes()).await.unwrap();
    assert_eq!(published(&answer(&mut stream).await)["position"], 3);
    let expects = format!(
        "{head}Content-Length: {}\r\nExpect: 100-continue\r\n",
        body.len()
    );
    stream
        .write_all(format!("{expects}{JSON}\r\n").as_bytes())
        .await
        .unwrap();
    assert_eq!(answer(&mut stream).await.status, 100);
    stream.write_all(body.as_bytes()).await.unwrap();
    assert_eq!(published(&answer(&mut stream).await)["position"], 4);
    // What is refused by its header is refused before the body is asked for.
    stream
        .write_all(format!("{expects}\r\n").as_bytes())
        .await
        .unwrap();
    assert_eq!(answer(&mut stream).await.status, 415);
    // A body without an end is not read beyond the limit.
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let body = " ".repeat(65_537);
    let endless = format!("{head}Transfer-Encoding: chunked\r\n{JSON}\r\n10001\r\n{body}\r\n");
    stream.write_all(endless.as_bytes()).await.unwrap();
    assert_eq!(answer(&mut stream).await.status, 413);
    assert_eq!(server.metric("tickcast_updates_total").await, 4);
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let server = server(&["--message-timeout", "300ms"]).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let head = request(JSON, "{").replace("Length: 1", "Length: 9");
    stream.write_all(head.as_bytes()).await.unwrap();
    let answer = answer(&mut stream).await;
    assert_eq!(answer.status, 408, "{answer:?}");
    assert!(answer.body.contains("within 300ms"), "{}", answer.body);
    assert_eq!(answer.header("connection"), Some("close"));
    let mut rest = Vec::new();
    soon("the end", stream.read_to_end(&mut rest))
        .await
        .unwrap();
    assert!(rest.is_empty());
}

#[tokio::test]
async fn a_client_above_its_limits_is_told_when_to_try_again() {
    // What is above a second's worth is read whole, and then the connection owes minutes.
    let many = |number: usize, topic: fn(usize) -> String| -> String {
        let lines = (0..number).map(|index| reading(&topic(index), 1.0) + "\n");
        lines.collect()
    };
    for (limit, first, second, told) in [
        (
            &["--publish-updates-per-s", "1"][..],
            many(301, |_| "a".to_owned()),
            many(1, |_| "a".to_owned()),
            "publish_updates_per_s",
        ),
        (
            &["--new-topics-per-s", "1", "--new-topics-burst", "2"],
            many(301, |index| format!("a/{index}")),
            many(1, |_| "b".to_owned()),
            "new_topics_burst",
        ),
    ] {
        let server = server(limit).await;
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let send = request(LINES, &first);
        stream.write_all(send.as_bytes()).await.unwrap();
        assert_eq!(published(&answer(&mut stream).await)["position"], 301);
        let send = request(LINES, &second);
        stream.write_all(send.as_bytes()).await.unwrap();
        let refused = answer(&mut stream).await;
        assert_eq!(refused.status, 429, "{refused:?}");
        assert!(refused.body.contains(told), "{}", refused.body);
        let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
        assert!((30..=301).contains(&wait), "{wait}");
        let refusals = "tickcast_refused_total{reason=\"publishes\"}";
        assert_eq!(server.metric(refusals).await, 1);
        assert_eq!(server.metric("tickcast_updates_total").await, 301);
    }
}

#[tokio::test]
async fn the_connections_of_an_identity_share_what_they_publish_over_http() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "writer").await;
    let other = identities.make("bob", "writer").await;
    identities.write("[roles.writer]\npublish = [\"#\"]\npublish_updates_per_s = 1\n");
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let with = |token: &str| format!("{}{LINES}", bearer(token));
    let many = (reading("a", 1.0) + "\n").repeat(301);
    let answer = post(server.address, &with(&token), &many).await;
    assert_eq!(published(&answer)["position"], 301);
    // Each request has a connection of its own.
    let answer = post(server.address, &with(&token), &reading("a", 2.0)).await;
    assert_eq!(answer.status, 429, "{answer:?}");
    assert!(answer.body.contains("identity"), "{}", answer.body);
    let answer = post(server.address, &with(&other), &reading("a", 2.0)).await;
    assert_eq!(published(&answer)["position"], 302);
    let limit = "tickcast_limits_reached_total{limit=\"publishes\",of=\"identity\"}";
    assert_eq!(metric(admin, limit).await, 1);
}

#[tokio::test]
async fn an_answer_of_a_server_with_a_synced_log_outlives_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let synced = ["--durability", "synced"];
    let server = data::start(folder.path(), &synced).await;
    let first = published(&post(server.address, JSON, &reading("a", 7.0)).await);
    server.kill().await;
    let server = data::start(folder.path(), &synced).await;
    let latest = get(server.address, "/v1/latest?filter=a").await;
    assert!(latest.body.contains("\"reading\":7.0"), "{}", latest.body);
    let second = published(&post(server.address, JSON, &reading("a", 8.0)).await);
    assert!(second["position"].as_u64() > first["position"].as_u64());
}
