//! The whole way from an MQTT packet to subscribers in each encoding and mode.

use std::{
    collections::BTreeMap,
    fs,
    process::Stdio,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, Ordering},
    },
};

use tickcast_protocol::{
    message::{Mode, Update},
    topic::Topic,
    value::Value,
};
use tickcast_server_testkit::{
    Program,
    broker::{Broker, recording},
    soon,
    subscriber::{ENCODINGS, MODES, Subscriber, number},
    until,
};
use tokio::{
    io::AsyncWriteExt,
    process::Command,
    task::{JoinHandle, spawn_blocking},
};

const QUOTES: &str = "market/EUR-USD/quote";
const TEMPERATURES: &str = "plant/machine/temperature";

/// A broker without a limit on queued messages, and a server that subscribes to it.
async fn broker_and_server() -> (Broker, Program) {
    let broker = Broker::start("allow_anonymous true\nmax_queued_messages 0");
    let url = format!("mqtt://127.0.0.1:{}", broker.port);
    let server = Program::start(&["--feed", "mqtt", "--mqtt-url", &url]).await;
    until_feed(&server, "up").await;
    (broker, server)
}

async fn until_feed(server: &Program, state: &str) {
    let row = format!("tickcast_feed_state{{feed=\"mqtt\",kind=\"mqtt\",state=\"{state}\"}}");
    until(&format!("the feed is {state}"), async || {
        server.metric(&row).await == 1
    })
    .await;
}

/// The rows of a recording as text, and the payloads that a gateway would send.
fn quotes() -> (Vec<String>, String) {
    let text = fs::read_to_string(recording("eurusd-quotes.csv")).unwrap();
    let rows = text.lines().map(|line| {
        let columns: Vec<_> = line.split(',').collect();
        (columns[1].to_owned(), columns[2].to_owned())
    });
    rows.map(|(bid, ask)| {
        let payload = format!("{{\"bid\":{bid},\"ask\":{ask}}}\n");
        (format!("{bid} {ask}"), payload)
    })
    .unzip()
}

fn temperatures() -> (Vec<String>, String) {
    let text = fs::read_to_string(recording("machine-temperature.csv")).unwrap();
    let rows = text
        .lines()
        .skip(1)
        .map(|line| line.split_once(',').unwrap().1.to_owned());
    rows.map(|value| (value.clone(), format!("{value}\n")))
        .unzip()
}

/// A value with all its digits, as in the recording.
fn digits(value: &Value) -> String {
    match value {
        Value::Quote(quote) => {
            let (bid, ask) = quote.bid.zip(quote.ask).expect("both sides");
            format!("{bid} {ask}")
        }
        Value::Reading(number) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

/// Rows with the shortest digits of their number: a reading is a float, which drops trailing zeros.
fn shortest(rows: &[String]) -> Vec<String> {
    let number = |row: &String| row.parse::<f64>().unwrap().to_string();
    rows.iter().map(number).collect()
}

/// Receives all updates up to position `total`, by topic.
async fn receive(mut subscriber: Subscriber, total: u64) -> BTreeMap<Topic, Vec<Update<Topic>>> {
    let mut received: BTreeMap<Topic, Vec<_>> = BTreeMap::new();
    while subscriber.position() < total {
        for update in subscriber.updates().await {
            received
                .entry(update.topic.clone())
                .or_default()
                .push(update);
        }
    }
    received
}

fn check_received(
    received: &BTreeMap<Topic, Vec<Update<Topic>>>,
    mode: Mode,
    topic: &str,
    expected: &[String],
) {
    let updates = &received[topic];
    let last = updates.last().unwrap();
    assert_eq!(last.seq, expected.len() as u64);
    assert_eq!(digits(&last.value), *expected.last().unwrap());
    match mode {
        Mode::Every => {
            let came: Vec<_> = updates.iter().map(|update| digits(&update.value)).collect();
            assert_eq!(came, expected);
            assert!(updates.iter().map(|u| u.seq).eq(1..=expected.len() as u64));
        }
        Mode::Latest => {
            assert!(updates.is_sorted_by_key(|update| update.seq));
            for update in updates {
                assert_eq!(digits(&update.value), expected[update.seq as usize - 1]);
            }
        }
    }
}

#[tokio::test]
async fn recordings_pass_a_real_broker_and_reach_each_encoding_and_mode_with_all_digits() {
    let (broker, server) = broker_and_server().await;
    let (quote_rows, quote_payloads) = quotes();
    let (temperature_rows, temperature_payloads) = temperatures();
    let temperature_rows = shortest(&temperature_rows);
    let total = (quote_rows.len() + temperature_rows.len()) as u64;
    let mut receivers: Vec<(Mode, JoinHandle<_>)> = Vec::new();
    for encoding in ENCODINGS {
        for mode in MODES {
            let subscriber = Subscriber::start(&server.url(), encoding, "#", mode).await;
            receivers.push((mode, tokio::spawn(receive(subscriber, total))));
        }
    }
    let publishers = spawn_blocking(move || {
        std::thread::scope(|scope| {
            scope.spawn(|| broker.publish(QUOTES, &quote_payloads, &["-q", "1"]));
            scope.spawn(|| broker.publish(TEMPERATURES, &temperature_payloads, &["-q", "1"]));
        });
        broker
    });
    for (mode, receiver) in receivers {
        let received = receiver.await.unwrap();
        assert_eq!(received.len(), 2);
        check_received(&received, mode, QUOTES, &quote_rows);
        check_received(&received, mode, TEMPERATURES, &temperature_rows);
    }
    publishers.await.unwrap();
    assert_eq!(server.metric("tickcast_feed_lost_total").await, 0);
    assert_eq!(server.metric("tickcast_feed_undecodable_total").await, 0);
}

/// Publishes 1, 2, 3 and so on, and restarts its MQTT client when the client has lost the broker.
async fn count_up(port: u16, published: Arc<AtomicU32>, is_over: Arc<AtomicBool>) {
    while !is_over.load(Ordering::Relaxed) {
        let mut client = Command::new("mosquitto_pub")
            .args(["-h", "127.0.0.1", "-p", &port.to_string()])
            .args(["-t", "count", "-l", "-q", "1"])
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut input = client.stdin.take().unwrap();
        for _ in 0..50 {
            let next = published.fetch_add(1, Ordering::Relaxed) + 1;
            let line = format!("{next}\n");
            // A client that has lost the broker may have exited.
            if input.write_all(line.as_bytes()).await.is_err() {
                break;
            }
        }
        drop(input);
        // Without a broker the client fails, and the next one tries again.
        soon("the client ends", client.wait()).await.unwrap();
    }
}

#[tokio::test]
async fn subscribers_stay_connected_while_the_broker_is_restarted() {
    let (mut broker, server) = broker_and_server().await;
    let mut subscribers = Vec::new();
    for encoding in ENCODINGS {
        for mode in MODES {
            subscribers.push(Subscriber::start(&server.url(), encoding, "count", mode).await);
        }
    }
    let (published, is_over) = (
        Arc::new(AtomicU32::new(0)),
        Arc::new(AtomicBool::new(false)),
    );
    let publisher = tokio::spawn(count_up(
        broker.port,
        Arc::clone(&published),
        Arc::clone(&is_over),
    ));
    let mut last = [0.0; 4];
    for _ in 0..2 {
        advance(&mut subscribers, &mut last, 100.0).await;
        broker.stop();
        until_feed(&server, "down").await;
        broker.start_again();
        until_feed(&server, "up").await;
        let again = published.load(Ordering::Relaxed);
        advance(&mut subscribers, &mut last, f64::from(again)).await;
    }
    is_over.store(true, Ordering::Relaxed);
    publisher.await.unwrap();
    assert_eq!(server.metric("tickcast_feed_reconnects_total").await, 2);
}

/// Each subscriber receives numbers in order until one is above `beyond`.
async fn advance(subscribers: &mut [Subscriber], last: &mut [f64], beyond: f64) {
    for (subscriber, last) in subscribers.iter_mut().zip(last) {
        while *last <= beyond {
            for update in subscriber.updates().await {
                let number = number(&update);
                // With QoS 1 the broker may repeat unacknowledged messages.
                assert!(number >= *last, "{number} after {last}");
                *last = number;
            }
        }
    }
}
