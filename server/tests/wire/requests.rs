//! Requests that are refused before they are answered: for their host, origin, method, handshake or
//! query. Each refusal says what is right, is counted, and ends as it says.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use tickcast_protocol::value::Value;
use tickcast_server_testkit::{
    Program,
    raw::{Answer, RawSocket, ask, exchange, get},
    soon,
    subscriber::{Publisher, publication},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The headers of a proper handshake but `Host`.
const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                       Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// An answer that ends the connection ends it within this time, on a busy machine too. Where a
/// client may send another request, the server waits for the handshake timeout, which is four times
/// as long here.
const AT_ONCE: Duration = Duration::from_secs(5);

async fn server(arguments: &[&str]) -> Program {
    let defaults = [
        "--feed",
        "none",
        "--shards",
        "1",
        "--handshake-timeout",
        "20s",
    ];
    Program::start(&[&defaults, arguments].concat()).await
}

/// A server with an admin address.
async fn server_and_admin(arguments: &[&str]) -> (Program, SocketAddr) {
    let server = server(&[&["--admin", "127.0.0.1:0"], arguments].concat()).await;
    let (_, admin) = server.first_log().split_once("http://").unwrap();
    let (admin, _) = admin.split_once('/').unwrap();
    let admin = admin.parse().unwrap();
    (server, admin)
}

/// The number of refusals with this reason, at an address that has the metrics.
async fn refused(address: SocketAddr, reason: &str) -> u64 {
    let row = format!("tickcast_refused_total{{reason=\"{reason}\"}} ");
    let metrics = get(address, "/metrics").await.body;
    let number = metrics.lines().find_map(|line| line.strip_prefix(&row));
    number.unwrap().parse().unwrap()
}

/// Sends a request after which the server closes the connection by itself, at once and in order.
async fn refuse(server: &Program, request: &str) -> Answer {
    let start = Instant::now();
    let answer = exchange(server.address, request).await;
    assert!(start.elapsed() < AT_ONCE, "{request}: {answer:?}");
    let connection = answer.header("connection");
    let closes = |value: &str| value.split(", ").any(|option| option == "close");
    let lines = answer.head.lines();
    let is_said = lines
        .filter_map(|line| line.strip_prefix("connection: "))
        .any(closes);
    assert!(is_said, "{request}: {connection:?}");
    answer
}

#[tokio::test]
async fn a_page_that_has_its_name_resolve_to_the_server_gets_nothing_from_it() {
    let (server, admin) = server_and_admin(&[]).await;
    let mut requests = 0;
    let paths = [
        "/",
        "/try",
        "/ws",
        "/echo",
        "/v1/latest",
        "/v1/stream",
        "/v1/candles",
        "/v1/slow",
        "/metrics",
        "/healthz",
        "/readyz",
        "/assets/index.js",
        "/favicon.ico",
        "/nowhere",
    ];
    for address in [server.address, admin] {
        let evil = format!("evil.example:{}", address.port());
        for path in paths {
            for method in ["GET", "HEAD", "OPTIONS", "POST"] {
                // The page is of "the same origin" as the server.
                let same = format!("Host: {evil}\r\nOrigin: http://{evil}\r\n{UPGRADE}");
                let answer = ask(address, &format!("{method} {path} HTTP/1.1\r\n{same}")).await;
                assert_eq!(answer.status, 421, "{method} {path}: {answer:?}");
                let is_told = answer.body.contains("`hosts` (--hosts evil.example)");
                assert!(is_told || method == "HEAD", "{}", answer.body);
                assert_eq!(answer.header("access-control-allow-origin"), None);
                requests += 1;
            }
            // The target's host counts, and not the header.
            let target = format!("GET http://{evil}{path} HTTP/1.1\r\nHost: {address}\r\n");
            assert_eq!(ask(address, &target).await.status, 421, "{path}");
            requests += 1;
        }
    }
    assert_eq!(refused(admin, "host").await, requests);
    // One line stands for the first of them, and another one comes later.
    let lines = server.log().matches("reason=\"host\"").count();
    assert!((1..=3).contains(&lines), "{}", server.log());
    let log = server.log();
    assert!(
        log.contains("evil.example") && log.contains("count=1"),
        "{log}"
    );
}

#[tokio::test]
async fn addresses_localhost_and_named_hosts_are_answered() {
    let (server, admin) = server_and_admin(&["--hosts", "dash.example", "--hosts", "tick"]).await;
    for address in [server.address, admin] {
        for host in [
            "127.0.0.1",
            "localhost",
            "LOCALHOST:1",
            "a.localhost",
            "10.0.0.7:7400",
            "[::1]:7400",
            "dash.example",
            "DASH.Example.:8443",
            "tick:7400",
        ] {
            let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n");
            assert_eq!(ask(address, &request).await.status, 200, "{host}");
        }
        for host in [
            "evil.example",
            "a.dash.example",
            "dash.example.evil.example",
            "tickcast",
        ] {
            let request = format!("GET /healthz HTTP/1.1\r\nHost: {host}\r\n");
            assert_eq!(ask(address, &request).await.status, 421, "{host}");
        }
    }
    let any = self::server(&["--hosts", "*"]).await;
    let request = "GET /healthz HTTP/1.1\r\nHost: evil.example\r\n";
    assert_eq!(ask(any.address, request).await.status, 200);
}

#[tokio::test]
async fn a_request_names_one_host_that_is_one() {
    let server = server(&[]).await;
    for (request, status) in [
        ("GET /healthz HTTP/1.1\r\n", 400),
        (
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n",
            400,
        ),
        ("GET /healthz HTTP/1.1\r\nHost: \r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: a b\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: localhost/\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: user@localhost\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: localhost:http\r\n", 400),
        ("GET http://localhost/healthz HTTP/1.1\r\n", 400),
        (
            "GET https://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n",
            421,
        ),
        (
            "GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example\r\n",
            200,
        ),
        ("GET /healthz HTTP/1.0\r\n", 200),
        ("GET /healthz HTTP/1.0\r\nHost: evil.example\r\n", 421),
    ] {
        let answer = ask(server.address, request).await;
        assert_eq!(answer.status, status, "{request}: {answer:?}");
    }
}

#[tokio::test]
async fn a_handshake_that_fails_says_why_and_ends_at_once() {
    let server = server(&[]).await;
    let mut expected = 0;
    let own = format!("Host: {}\r\n", server.address);
    let proper = format!("{own}{UPGRADE}");
    let without = |line: &str| {
        let kept = proper
            .split_inclusive("\r\n")
            .filter(|kept| !kept.starts_with(line));
        kept.collect::<String>()
    };
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for path in ["/ws", "/echo"] {
        let get = |head: &str| format!("GET {path} HTTP/1.1\r\n{head}\r\n");
        for (what, request, status, header) in [
            ("ws://", get(&own), 426, "upgrade: websocket"),
            (
                "are missing",
                get(&without("Upgrade")),
                426,
                "upgrade: websocket",
            ),
            (
                "are missing",
                get(&without("Connection")),
                426,
                "upgrade: websocket",
            ),
            (
                "proxy_http_version 1.1",
                format!("GET {path} HTTP/1.0\r\n{proper}\r\n"),
                426,
                "upgrade: websocket",
            ),
            (
                "proxy_http_version 1.1",
                format!("GET {path} HTTP/1.0\r\nConnection: keep-alive\r\n{own}\r\n"),
                426,
                "sec-websocket-version: 13",
            ),
            (
                "Version",
                get(&proper.replace("13", "12")),
                400,
                "sec-websocket-version: 13",
            ),
            (
                "Version",
                get(&without("Sec-WebSocket-V")),
                400,
                "sec-websocket-version: 13",
            ),
            (
                "Key",
                get(&without("Sec-WebSocket-K")),
                400,
                "content-type: text/plain",
            ),
            (
                "Key",
                get(&format!("{proper}{key}")),
                400,
                "content-type: text/plain",
            ),
            (
                "Key",
                get(&proper.replace("Zdxx", "").replace("ZQ==", "")),
                400,
                "content-type",
            ),
            (
                "no body",
                get(&format!("{proper}Content-Length: 1\r\n")),
                400,
                "content-type",
            ),
        ] {
            let answer = refuse(&server, &request).await;
            assert_eq!(answer.status, status, "{request}: {answer:?}");
            assert!(answer.body.contains(what), "{request}: {}", answer.body);
            assert!(answer.head.contains(header), "{request}: {}", answer.head);
            expected += 1;
        }
        for method in ["HEAD", "POST", "DELETE"] {
            let answer = refuse(
                &server,
                &format!("{method} {path} HTTP/1.1\r\n{proper}\r\n"),
            )
            .await;
            assert_eq!(answer.status, 405, "{method}");
            assert_eq!(answer.header("allow"), Some("get, options"));
        }
        let foreign = format!("{proper}Origin: http://evil.example\r\n");
        assert_eq!(refuse(&server, &get(&foreign)).await.status, 403);
    }
    assert_eq!(refused(server.address, "handshake").await, expected);
    assert_eq!(refused(server.address, "origin").await, 2);
    assert_eq!(refused(server.address, "method").await, 6);
    assert!(server.log().contains("evil.example"), "{}", server.log());
    // The connection that is not refused stays.
    RawSocket::open(server.address, "/ws", "")
        .await
        .json("welcome")
        .await;
}

#[tokio::test]
async fn a_refusal_can_be_read_although_more_was_sent() {
    let server = server(&[]).await;
    let host = server.address;
    let refused =
        format!("GET /ws HTTP/1.1\r\nHost: {host}\r\n{UPGRADE}Origin: http://evil\r\n\r\n");
    let frames = "x".repeat(100_000);
    for request in [
        format!("{refused}{frames}"),
        format!("GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n{frames}"),
        format!("POST /ws HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100000\r\n\r\n{frames}"),
        format!("GET / HTTP/1.1\r\nHost: {host}\r\nX: {frames}\r\n\r\n"),
    ] {
        let mut stream = TcpStream::connect(host).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        // The answer is there, and is not read until the server has closed its end.
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut answer = String::new();
        let read = soon("the end", stream.read_to_string(&mut answer)).await;
        read.unwrap_or_else(|error| panic!("{error}: {}", &request[..60]));
        assert!(Answer::parse(&answer).status >= 400, "{answer}");
    }
}

#[tokio::test]
async fn pages_of_named_origins_may_read_all_of_v1_and_others_none_of_it() {
    let origins = [
        "--origins",
        "https://app.example",
        "--origins",
        "http://app.example:8080",
    ];
    let (server, admin) = server_and_admin(&origins).await;
    let paths = [
        (server.address, "/v1/latest?filter=a"),
        (server.address, "/v1/stream?filter=a"),
        (server.address, "/v1/candles?topic=a&interval=1m"),
        (admin, "/v1/slow"),
    ];
    for (address, path) in paths {
        let request = |method: &str, origin: &str| {
            format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: {origin}\r\n")
        };
        let own = format!("http://{address}");
        for origin in ["https://app.example", "http://app.example:8080", &own] {
            let answer = ask(address, &request("HEAD", origin)).await;
            assert_eq!(answer.status, 200, "{path} {origin}");
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            assert_eq!(answer.header("vary"), Some("origin"), "{path}");

            let asked = "Access-Control-Request-Method: GET\r\n";
            let answer = ask(address, &format!("{}{asked}", request("OPTIONS", origin))).await;
            assert_eq!(answer.status, 204, "{path} {origin}");
            assert_eq!(answer.header("allow"), Some("get, head, options"));
            assert_eq!(answer.header("access-control-allow-origin"), Some(origin));
            assert_eq!(
                answer.header("access-control-allow-methods"),
                Some("get, head")
            );
            let headers = answer.header("access-control-allow-headers").unwrap();
            assert!(headers.contains("last-event-id"), "{headers}");
        }
        let https = format!("https://{address}");
        for origin in ["http://app.example", "https://evil.example", "null", &https] {
            for method in ["GET", "HEAD", "OPTIONS"] {
                let answer = ask(address, &request(method, origin)).await;
                assert_eq!(answer.status, 403, "{method} {path} {origin}");
                assert_eq!(answer.header("access-control-allow-origin"), None);
                assert_eq!(answer.header("vary"), Some("origin"), "{path}");
            }
        }
        // Without a page there is nothing to allow, but caches are told.
        let plain = format!("HEAD {path} HTTP/1.1\r\nHost: {address}\r\n");
        let answer = ask(address, &plain).await;
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert_eq!(answer.header("vary"), Some("origin"), "{path}");
        let wrong = ask(address, &request("POST", "https://app.example")).await;
        assert_eq!(wrong.status, 405);
        assert_eq!(wrong.header("allow"), Some("get, head, options"));
        // The page can read the refusal as well.
        let origin = wrong.header("access-control-allow-origin");
        assert_eq!(origin, Some("https://app.example"));
    }
    // A refused query can be read by the page.
    let request = "GET /v1/latest?filter= HTTP/1.1\r\nHost: localhost\r\n\
                   Origin: https://app.example\r\n";
    let answer = ask(server.address, request).await;
    assert_eq!(answer.status, 400);
    let origin = answer.header("access-control-allow-origin");
    assert_eq!(origin, Some("https://app.example"));
}

#[tokio::test]
async fn options_lists_the_methods_of_each_path() {
    let server = server(&[]).await;
    for (path, allow) in [
        ("*", Some("get, head, options")),
        ("/", Some("get, head, options")),
        ("/healthz", Some("get, head, options")),
        ("/assets/index.js", Some("get, head, options")),
        ("/ws", Some("get, options")),
        ("/echo", Some("get, options")),
        ("/nowhere", None),
    ] {
        let request = format!("OPTIONS {path} HTTP/1.1\r\nHost: localhost\r\n");
        let answer = ask(server.address, &request).await;
        assert_eq!(answer.header("allow"), allow, "{path}: {answer:?}");
        assert_eq!(answer.status, if allow.is_some() { 204 } else { 404 });
        let origin = answer.header("access-control-allow-origin");
        assert_eq!(origin, None, "{path}");
    }
    let request = "DELETE /v1/latest HTTP/1.1\r\nHost: localhost\r\n";
    let answer = ask(server.address, request).await;
    assert_eq!(answer.status, 405);
    assert_eq!(answer.header("allow"), Some("get, head, options"));
}

#[tokio::test]
async fn a_filter_is_read_as_it_was_meant_or_refused_with_the_right_spelling() {
    let server = server(&[]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    let topics = ["market/a/trade", "market/b/trade", "room 1/temp"];
    let updates = topics.map(|topic| publication(topic, Value::Reading(1.0)));
    publisher.publish(updates.to_vec()).await;
    for (query, topics) in [
        ("filter=market/+/trade", 2),
        ("filter=market/%2B/trade", 2),
        ("filter=+/temp", 1),
        ("filter=room+1/temp", 1),
        ("filter=room%201%2Ftemp", 1),
        ("filter=market/%23", 2),
        ("filter=room+1/temp&filter=market/+/trade", 3),
        ("", 3),
    ] {
        let answer = get(server.address, &format!("/v1/latest?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.body);
        assert_eq!(answer.body.matches("\"topic\":").count(), topics, "{query}");
    }
    let wrong = [
        ("filter=market/#", "%23"),
        ("filter=#", "%23"),
        ("filter=market/#&mode=every", "%23"),
        ("filter=market/", "%23"),
        ("filter=", "%23"),
        ("filter=market/+trade", "%2B"),
        ("filter=%ff", "UTF-8"),
        ("filter=%zz", "%25"),
        ("filter=a&filter=a", "twice"),
        ("fitler=a", "use filter"),
    ];
    for path in ["/v1/latest", "/v1/stream"] {
        for (query, told) in wrong {
            let answer = get(server.address, &format!("{path}?{query}")).await;
            assert_eq!(answer.status, 400, "{path}?{query}: {}", answer.body);
            assert!(
                answer.body.contains(told),
                "{path}?{query}: {}",
                answer.body
            );
        }
    }
    let expected = 2 * wrong.len() as u64;
    assert_eq!(refused(server.address, "parameters").await, expected);
}
