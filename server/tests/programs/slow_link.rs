//! Clients whose link takes less than is published, without any wish of theirs: what they get is
//! new, and no other client gets its values later.

use std::{
    collections::BTreeSet,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use serde_json::Value as Json;
use tickcast_protocol::{codec::Encoding, message::Mode};
use tickcast_server_testkit::{
    Program, STEP,
    paced::PacedLink,
    raw::get,
    subscriber::{ENCODINGS, Subscriber},
    until,
};
use tokio::{
    io::AsyncWriteExt as _,
    net::TcpStream,
    time::{Instant, sleep, timeout_at},
};

/// 256 kbit/s.
const BYTES_PER_S: usize = 32_000;

/// Values of the start are left out: a snapshot may be of any age.
const WARM_UP: Duration = Duration::from_secs(4);
const MEASURED: Duration = Duration::from_secs(8);

/// On the old code the medians were above 1.5 s, and the p99 above 2 s.
const MEDIAN_MAX: Duration = Duration::from_millis(700);
const P99_MAX: Duration = Duration::from_millis(1_200);

/// The median of a client with a fast link is below a millisecond. The bound is for a busy machine.
const FAST_MEDIAN_MAX: Duration = Duration::from_millis(100);

/// The median and the 99th percentile of the ages of values when they arrive.
async fn ages(mut subscriber: Subscriber) -> (Duration, Duration) {
    let start = Instant::now();
    let mut ages = Vec::new();
    while let Ok(updates) = timeout_at(start + WARM_UP + MEASURED, subscriber.updates()).await {
        if start.elapsed() < WARM_UP {
            continue;
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let age = |ingest_ns| now.saturating_sub(Duration::from_nanos(ingest_ns));
        ages.extend(
            updates
                .iter()
                .map(|update| age(update.ingest_time_ns as u64)),
        );
    }
    ages.sort_unstable();
    (ages[ages.len() / 2], ages[ages.len() * 99 / 100])
}

/// Whether operators are told about the two slow clients. A client may not lag for an instant, so
/// this looks several times.
async fn is_reported(admin: SocketAddr) -> bool {
    let end = Instant::now() + MEASURED / 2;
    let mut seen = BTreeSet::new();
    while Instant::now() < end {
        let report: Json = serde_json::from_str(&get(admin, "/v1/slow").await.body).unwrap();
        let clients = report["clients"].as_array().unwrap();
        let is_right = |client: &Json| {
            let number = |name: &str| client[name].as_u64();
            let rate = number("link_bytes_per_s").unwrap_or(0) as usize;
            (BYTES_PER_S / 2..BYTES_PER_S * 2).contains(&rate)
                && number("kernel_max_bytes") <= Some(2 * BYTES_PER_S as u64 / 10)
                && number("sent_oldest_ms").is_some_and(|oldest| oldest < 2_000)
                && number("sent_newest_ms") <= number("sent_oldest_ms")
        };
        let right = clients.iter().filter(|client| is_right(client));
        seen.extend(right.filter_map(|client| client["connection"].as_u64()));
        if seen.len() == ENCODINGS.len() {
            return true;
        }
        sleep(STEP).await;
    }
    false
}

fn admin_address(server: &Program) -> SocketAddr {
    let (_, address) = server.first_log().split_once("http://").unwrap();
    let (address, _) = address.split_once('/').unwrap();
    address.parse().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_with_a_slow_link_gets_new_values_and_delays_no_other() {
    // 64 topics, 1,000 updates a second.
    let server = Program::start(&["--shards", "1", "--admin", "127.0.0.1:0"]).await;
    let link = PacedLink::start(server.address, BYTES_PER_S).await;
    let mut slow = Vec::new();
    for encoding in ENCODINGS {
        let subscriber = Subscriber::start(&link.url(), encoding, "#", Mode::Latest).await;
        slow.push((encoding, tokio::spawn(ages(subscriber))));
    }
    let fast = Subscriber::start(&server.url(), Encoding::Json, "#", Mode::Latest).await;
    let fast = tokio::spawn(ages(fast));
    sleep(WARM_UP).await;
    let is_reported = is_reported(admin_address(&server)).await;
    let (median, _) = fast.await.unwrap();
    assert!(median <= FAST_MEDIAN_MAX, "fast: {median:?}");
    for (encoding, slow) in slow {
        let (median, p99) = slow.await.unwrap();
        assert!(
            median <= MEDIAN_MAX,
            "{encoding:?}: the median is {median:?}"
        );
        assert!(p99 <= P99_MAX, "{encoding:?}: p99 is {p99:?}");
    }
    assert!(is_reported, "operators see what the links take");
}

const NEVER_READ: usize = 200;

/// The state of an idle stream, hyper's included, takes about half of this without optimisation.
/// The rest is what the pipe, hyper and the shard hold of unread bytes: 8 KiB each.
const NEVER_READ_MAX_BYTES: usize = 128 * 1024;

#[tokio::test]
async fn an_event_stream_that_is_never_read_holds_no_more_than_its_bounds() {
    // The tape and the history are full soon, so that their growth is not measured.
    let server = Program::start(&[
        "--shards",
        "1",
        "--tape",
        "1MiB",
        "--history",
        "1MiB",
        "--long-history-memory",
        "1MiB",
    ])
    .await;
    sleep(WARM_UP).await;
    let before = server.memory_bytes();
    let mut streams = Vec::new();
    for _ in 0..NEVER_READ {
        let mut stream = TcpStream::connect(server.address).await.unwrap();
        let request = b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
        stream.write_all(request).await.unwrap();
        streams.push(stream);
        // All at once would measure how far the server is behind.
        sleep(Duration::from_millis(10)).await;
    }
    until("all are blocked", async || {
        server.metric("tickcast_behind").await == NEVER_READ as u64
    })
    .await;
    let growth = server.memory_bytes().saturating_sub(before) / NEVER_READ;
    assert!(growth < NEVER_READ_MAX_BYTES, "{growth} bytes a stream");
}
