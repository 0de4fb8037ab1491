//! Explanations of requests that cannot be read. The table agrees with the decoders and the
//! document.

mod cases;
mod document;
mod random;

use serde_json::{Value, json};

use super::{
    own_words::{FORBIDDEN, own_words},
    *,
};
use crate::codec::{decode_client, encode_client};

/// Every request with all of its members.
fn requests() -> Vec<Value> {
    let token = json!({
        "epoch": "18c504b1f00d0001", "position": 4713, "count": 615, "snapshot": 250,
    });
    let trade = json!({"price": "39432.48", "size": "0.01", "side": "sell"});
    let quote = json!({"bid": "1.1", "ask": "1.2", "bid_size": "100", "ask_size": "200"});
    let update = |topic: &str, value: Value| json!({"topic": topic, "value": value});
    vec![
        json!({
            "type": "subscribe", "id": 7, "mode": "every", "max_rate_hz": 2.5,
            "filters": ["market/#", {"filter": "home/#", "resume": token}],
        }),
        json!({"type": "unsubscribe", "id": 7, "channels": [3, 400]}),
        json!({"type": "publish", "id": 7, "updates": [
            {"topic": "a/b", "value": {"reading": 21.5}, "source_time_ns": "1610064000278000000"},
            update("a/c", json!({"trade": trade})),
            update("a/d", json!({"quote": quote})),
            update("a/e", json!({"text": "tare"})),
            update("a/f", json!({"bytes": "AAECAw=="})),
            update("a/g", json!({"reading": "NaN"})),
            update("a/h", json!({"absent": "unavailable"})),
            update("a/i", json!({"quote": {"ask": "1.2"}})),
        ]}),
        json!({"type": "time", "id": 7, "client_time_ns": "1610064000278450001"}),
        json!({"type": "list", "id": 7}),
        json!({"type": "change", "id": 7, "channel": 3, "mode": "latest", "max_rate_hz": 10}),
        json!({"type": "authenticate", "id": 7, "token": "tct_example"}),
        json!({
            "type": "publish_once", "id": 7, "publisher": "00c504b1f00d0001", "number": 3,
            "updates": [update("a/c", json!({"text": "tare"}))],
        }),
        json!({"type": "history", "id": 7, "topic": "a/b", "limit": 100, "before": 4713}),
        json!({
            "type": "candles", "id": 7, "topic": "a/b", "interval": "5m", "limit": 100,
            "from_ns": "1610064000278450001", "before_ns": "1610064000278450002",
        }),
    ]
}

fn bincode_of(request: &Value) -> Vec<u8> {
    let json = request.to_string();
    let message = decode_client(json.as_bytes(), Encoding::Json);
    let message = message.unwrap_or_else(|error| panic!("{error}: {json}"));
    encode_client(&message, Encoding::Bincode)
}

#[track_caller]
fn check(bytes: &[u8], encoding: Encoding) {
    let decoded = decode_client(bytes, encoding);
    let shown = || bytes.escape_ascii().to_string();
    assert_eq!(
        decoded.is_ok(),
        is_readable(bytes, encoding),
        "the decoder says {decoded:?}, the table {:?}: {}",
        explain_request(bytes, encoding),
        shown()
    );
    if decoded.is_err() {
        let reason = explain_request(bytes, encoding).reason;
        let own = own_words(&reason);
        for text in FORBIDDEN {
            assert!(!own.contains(text), "{reason}: {}", shown());
        }
        assert!(reason.len() < 1000, "{reason}");
    }
}

#[track_caller]
fn explain(text: &str, id: Option<RequestId>, reason: &str) {
    check(text.as_bytes(), Encoding::Json);
    let explained = explain_request(text.as_bytes(), Encoding::Json);
    assert_eq!((explained.id, explained.reason.as_str()), (id, reason));
}
