//! Requests for candles and rows, from the client through the sequencer and back.

use tickcast_core::{
    candles::{CANDLES_ANSWER_MAX, LongHistorySettings},
    permissions::Permissions,
    settings::CoreSettings,
};
use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{
        CandleState, Candles, CandlesRequest, ClientMessage, Interval, ServerMessage, TimeNs,
    },
    topic::Filter,
    value::{Trade, Value},
};

use crate::bench::{Bench, Client};

const SECOND: TimeNs = 1_000_000_000;

fn bench() -> Bench {
    Bench::new(CoreSettings {
        request_burst: 10_000,
        ..CoreSettings::default()
    })
}

fn request(topic: &str, interval: Interval) -> CandlesRequest {
    CandlesRequest {
        id: 7,
        topic: topic.to_owned(),
        interval,
        limit: None,
        from_ns: None,
        before_ns: None,
    }
}

fn ask(bench: &mut Bench, client: &Client, request: CandlesRequest) -> Candles {
    bench.ask(client, ClientMessage::Candles(request));
    let messages = client.messages();
    let [ServerMessage::Candles(candles)] = &messages[..] else {
        panic!("{messages:?}");
    };
    candles.clone()
}

fn ask_in(
    bench: &mut Bench,
    client: &Client,
    encoding: Encoding,
    request: CandlesRequest,
) -> Candles {
    if encoding == Encoding::Json {
        return ask(bench, client, request);
    }
    bench.ask(client, ClientMessage::Candles(request));
    let messages = client.messages_by_id();
    let [ServerMessage::Candles(candles)] = &messages[..] else {
        panic!("{messages:?}");
    };
    candles.clone()
}

fn trade(bench: &mut Bench, topic: &str, price: &str, size: &str) {
    let value = Value::Trade(Trade {
        price: price.parse().unwrap(),
        size: size.parse().unwrap(),
        side: None,
    });
    bench.publish_values(vec![(topic, value)]);
}

#[test]
fn both_encodings_have_the_same_candles_and_rows() {
    let mut bench = bench();
    for price in ["1.5", "3", "2.25"] {
        trade(&mut bench, "m", price, "0.125");
        bench.publish(&[("r", price.parse().unwrap())]);
    }
    let position = bench.sequencer.position();
    for encoding in [Encoding::Json, Encoding::Bincode] {
        let client = bench.reader(encoding);
        let minutes = request("m", Interval::Minute);
        let candles = ask_in(&mut bench, &client, encoding, minutes);
        assert_eq!((candles.id, candles.interval), (7, Interval::Minute));
        assert_eq!((candles.position, candles.more), (position, false));
        assert_eq!(candles.topics[0].topic.as_str(), "m");
        assert_eq!(candles.rows, []);
        let [candle] = &candles.candles[..] else {
            panic!("{candles:?}");
        };
        let prices = [candle.open, candle.high, candle.low, candle.close];
        assert_eq!(
            prices.map(|price| price.to_string()),
            ["1.50", "3.00", "1.50", "2.25"]
        );
        assert_eq!(
            candle.volume.map(|volume| volume.to_string()).as_deref(),
            Some("0.375")
        );
        assert_eq!(candle.count, 3);
        // The server has started in it.
        assert_eq!(candle.state, CandleState::Incomplete);

        let minutes = request("r", Interval::Minute);
        let rows = ask_in(&mut bench, &client, encoding, minutes);
        assert_eq!(rows.candles, []);
        let [row] = &rows.rows[..] else {
            panic!("{rows:?}");
        };
        let numbers = [row.first, row.max, row.min, row.last, row.sum];
        assert_eq!(numbers, [1.5, 3.0, 1.5, 2.25, 6.75]);
        assert_eq!(row.count, 3);
    }
}

#[test]
fn candles_come_in_pages_without_a_hole() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    let seconds = CANDLES_ANSWER_MAX + 500;
    for _ in 0..seconds {
        bench.pass(std::time::Duration::from_secs(1));
        trade(&mut bench, "m", "1", "1");
    }
    let first = ask(&mut bench, &client, request("m", Interval::Second));
    assert_eq!(
        (first.candles.len(), first.more),
        (CANDLES_ANSWER_MAX, true)
    );
    let rest = CandlesRequest {
        before_ns: Some(first.candles[0].start_ns),
        ..request("m", Interval::Second)
    };
    let second = ask(&mut bench, &client, rest);
    assert_eq!((second.candles.len(), second.more), (500, false));
    let all: Vec<_> = second.candles.iter().chain(&first.candles).collect();
    let steps = all
        .windows(2)
        .map(|pair| pair[1].start_ns - pair[0].start_ns);
    assert!(
        steps.clone().all(|step| step == SECOND),
        "{:?}",
        steps.max()
    );

    let range = CandlesRequest {
        from_ns: Some(all[10].start_ns),
        before_ns: Some(all[20].start_ns),
        limit: Some(3),
        ..request("m", Interval::Second)
    };
    let some = ask(&mut bench, &client, range);
    let starts: Vec<_> = some.candles.iter().map(|candle| candle.start_ns).collect();
    assert_eq!(starts, [17, 18, 19].map(|nth| all[nth].start_ns));
    assert!(some.more);
}

#[test]
fn live_updates_after_the_position_continue_the_open_interval() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.pass(std::time::Duration::from_secs(60));
    trade(&mut bench, "m", "10", "1");
    trade(&mut bench, "m", "11", "2");
    let before = ask(&mut bench, &client, request("m", Interval::Minute));
    trade(&mut bench, "m", "9", "4");
    let after = ask(&mut bench, &client, request("m", Interval::Minute));
    let (before_open, after_open) = (&before.candles[0], &after.candles[0]);
    assert_eq!(before_open.start_ns, after_open.start_ns);
    assert_eq!(after.position, before.position + 1);
    assert_eq!(after_open.count, before_open.count + 1);
    assert_eq!(after_open.volume, Some("7".parse().unwrap()));
    assert_eq!(
        (after_open.low, after_open.close),
        ("9".parse().unwrap(), "9".parse().unwrap())
    );
}

#[test]
fn what_cannot_be_answered_is_refused() {
    let mut bench = Bench::new(CoreSettings {
        permissions: Permissions {
            subscribe: vec![Filter::new("open/#").unwrap()],
            ..Permissions::default()
        },
        ..CoreSettings::default()
    });
    let client = bench.reader(Encoding::Json);
    let none = CandlesRequest {
        limit: Some(0),
        ..request("open/a", Interval::Hour)
    };
    for (request, code) in [
        (
            request("secret", Interval::Hour),
            ErrorCode::SubscribeForbidden,
        ),
        (request("open/#", Interval::Hour), ErrorCode::BadTopic),
        (none, ErrorCode::Malformed),
    ] {
        bench.ask(&client, ClientMessage::Candles(request));
        client.is_refused(code);
    }
    let unknown = ask(&mut bench, &client, request("open/a", Interval::Hour));
    assert_eq!(
        (unknown.candles.len(), unknown.rows.len(), unknown.more),
        (0, 0, false)
    );
    let mut off = Bench::new(CoreSettings {
        long_history: LongHistorySettings { bytes: 0 },
        ..CoreSettings::default()
    });
    let client = off.reader(Encoding::Json);
    off.ask(
        &client,
        ClientMessage::Candles(request("a", Interval::Hour)),
    );
    client.is_refused(ErrorCode::NoHistory);
}
