//! Candles and rows of a running server, in both encodings.

use std::time::Duration;

use tickcast_protocol::{
    client::Connection,
    decimal::Decimal,
    error::ErrorCode,
    message::{
        CandleState, Candles, CandlesRequest, ClientMessage, Interval, Mode, ServerMessage, TimeNs,
        Update,
    },
    topic::Topic,
    value::Value,
};
use tickcast_server_testkit::{
    Program,
    raw::get,
    subscriber::{ENCODINGS, Publisher, Subscriber, answer, connect},
};
use tokio::time::sleep;

fn request(topic: &str, interval: Interval) -> CandlesRequest {
    CandlesRequest {
        id: 7,
        topic: topic.into(),
        interval,
        limit: None,
        from_ns: None,
        before_ns: None,
    }
}

async fn ask(connection: &mut Connection, request: CandlesRequest) -> Candles {
    let message = ClientMessage::Candles(request);
    connection.send(&message).await.unwrap();
    answer(connection, |message| match message {
        ServerMessage::Candles(candles) => Some(candles),
        ServerMessage::Error(error) => panic!("{error:?}"),
        _ => None,
    })
    .await
}

/// What a client makes of the trades of one second.
#[derive(Debug, Clone, PartialEq)]
struct Second {
    start_ns: TimeNs,
    open: Decimal,
    high: Decimal,
    low: Decimal,
    close: Decimal,
    /// In units of the last digit that a decimal may have.
    volume: i128,
    count: u64,
}

fn units(decimal: Decimal) -> i128 {
    i128::from(decimal.mantissa()) * 10i128.pow(u32::from(18 - decimal.scale()))
}

fn of_answer(candles: &Candles) -> Vec<Second> {
    let seconds = candles.candles.iter().map(|candle| Second {
        start_ns: candle.start_ns,
        open: candle.open,
        high: candle.high,
        low: candle.low,
        close: candle.close,
        volume: units(candle.volume.unwrap()),
        count: candle.count,
    });
    seconds.collect()
}

/// Adds live updates as `docs/protocol.md` says.
fn go_on(seconds: &mut Vec<Second>, updates: &[Update<Topic>]) {
    for update in updates {
        let Value::Trade(trade) = &update.value else {
            panic!("{update:?}");
        };
        let nanos = Interval::Second.nanos();
        let start_ns = update.ingest_time_ns.div_euclid(nanos) * nanos;
        let volume = units(trade.size);
        match seconds.last_mut() {
            Some(last) if start_ns <= last.start_ns => {
                last.high = last.high.max(trade.price);
                last.low = last.low.min(trade.price);
                last.close = trade.price;
                last.volume += volume;
                last.count += 1;
            }
            _ => seconds.push(Second {
                start_ns,
                open: trade.price,
                high: trade.price,
                low: trade.price,
                close: trade.price,
                volume,
                count: 1,
            }),
        }
    }
}

#[tokio::test]
async fn live_updates_continue_an_answer_without_a_seam() {
    let topic = "market/BTC-USDT/trade";
    let server = Program::start(&["--feed", "simulated", "--shards", "2"]).await;
    for encoding in ENCODINGS {
        let mut subscriber = Subscriber::start(&server.url(), encoding, topic, Mode::Every).await;
        let mut asker = connect(&server.url(), encoding).await;
        sleep(Duration::from_millis(1_200)).await;
        let first = ask(&mut asker, request(topic, Interval::Second)).await;
        assert!(first.candles.len() >= 2, "{first:?}");
        sleep(Duration::from_millis(2_500)).await;
        let second = ask(&mut asker, request(topic, Interval::Second)).await;
        let count = |candles: &Candles| candles.candles.iter().map(|c| c.count).sum::<u64>();
        let mut live = Vec::new();
        while (live.len() as u64) < count(&second) - count(&first) {
            let updates = subscriber.updates().await;
            live.extend(updates.into_iter().filter(|u| u.position > first.position));
        }
        live.retain(|update| update.position <= second.position);
        let mut seconds = of_answer(&first);
        go_on(&mut seconds, &live);
        assert_eq!(seconds, of_answer(&second));
        let states: Vec<_> = second.candles.iter().map(|candle| candle.state).collect();
        assert_eq!(
            states[states.len() - 2],
            CandleState::Complete,
            "{states:?}"
        );
        // The server has started in it.
        assert_eq!(states[0], CandleState::Incomplete);

        let minutes = ask(&mut asker, request(topic, Interval::Minute)).await;
        assert!(minutes.candles.len() <= 2, "{minutes:?}");
        assert!(count(&minutes) >= count(&second));
    }
}

#[tokio::test]
async fn candles_and_rows_come_over_http_as_well() {
    let server = Program::start(&["--feed", "none", "--subscribe-allow", "open/#"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("open/a b", 1..=3).await;
    publisher.readings("secret", 1..=3).await;
    let ask = async |query: &str| get(server.address, &format!("/v1/candles?{query}")).await;
    let answer = ask("topic=open/a%20b&interval=1d&limit=5").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let json: serde_json::Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(json["topic"], "open/a b");
    assert_eq!(
        (&json["interval"], &json["more"]),
        (&"1d".into(), &false.into())
    );
    assert_eq!(json["position"], 6);
    let row = &json["rows"][0];
    assert_eq!(
        (&row["min"], &row["max"], &row["count"]),
        (&1.0.into(), &3.0.into(), &3.into())
    );
    let none = ask("topic=open/none&interval=1s").await;
    assert!(none.body.ends_with("\"more\":false}\n"), "{none:?}");
    for (query, status) in [
        ("topic=open/a", 400),
        ("topic=open/%23&interval=1s", 400),
        ("topic=secret&interval=1s", 403),
    ] {
        assert_eq!(ask(query).await.status, status, "{query}");
    }
}

#[tokio::test]
async fn a_server_without_memory_for_candles_refuses_each_request() {
    let server = Program::start(&["--feed", "none", "--long-history-memory", "0"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    publisher.readings("a", 1..=80).await;
    for encoding in ENCODINGS {
        let mut client = connect(&server.url(), encoding).await;
        let message = ClientMessage::Candles(request("a", Interval::Hour));
        client.send(&message).await.unwrap();
        let error = answer(&mut client, |message| match message {
            ServerMessage::Error(error) => Some(error),
            _ => None,
        });
        assert_eq!(error.await.code, ErrorCode::NoHistory);
    }
    assert_eq!(server.metric("tickcast_long_history_bytes").await, 0);
    let answer = get(server.address, "/v1/candles?topic=a&interval=1s").await;
    assert_eq!(answer.status, 403, "{answer:?}");
}

#[tokio::test]
async fn rows_stay_within_their_memory_and_topics_without_room_are_counted() {
    let server = Program::start(&["--feed", "none", "--long-history-memory", "64KiB"]).await;
    let mut publisher = Publisher::start(&server.url()).await;
    for topic in 0..100 {
        publisher.readings(&format!("t/{topic}"), 1..=3).await;
    }
    assert!(server.metric("tickcast_long_history_bytes").await <= 64 * 1024);
    let left_out = server.metric("tickcast_long_history_left_out_total").await;
    assert!((3..297).contains(&left_out), "{left_out}");
    let mut client = connect(&server.url(), ENCODINGS[0]).await;
    let first = ask(&mut client, request("t/0", Interval::Minute)).await;
    let [row] = &first.rows[..] else {
        panic!("{first:?}");
    };
    assert_eq!(
        (row.first, row.min, row.max, row.sum, row.count),
        (1.0, 1.0, 3.0, 6.0, 3)
    );
    let none = ask(&mut client, request("t/99", Interval::Minute)).await;
    assert_eq!((none.rows, none.more), (vec![], false));
}
