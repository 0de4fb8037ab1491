//! Requests per second, and what counts as one.

use std::time::Duration;

use tickcast_core::{Refusal, settings::CoreSettings};
use tickcast_protocol::{
    codec::Encoding,
    error::{CloseCode, ErrorCode},
    message::{
        Change, ClientMessage, HistoryRequest, List, Mode, ServerMessage, Subscribe, TimeRequest,
        Unsubscribe,
    },
};

use super::bench;
use crate::bench::Bench;

#[test]
fn the_time_is_answered_with_that_of_the_server() {
    let mut bench = bench();
    let client = bench.reader(Encoding::Json);
    bench.pass(Duration::from_secs(3));
    bench.ask(
        &client,
        ClientMessage::Time(TimeRequest {
            id: 2,
            client_time_ns: 17,
        }),
    );
    let messages = client.messages();
    let [ServerMessage::Time(answer)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((answer.id, answer.client_time_ns), (2, 17));
    let times = (answer.receive_time_ns, answer.send_time_ns);
    assert_eq!(times, (bench.now().wall_ns, bench.now().wall_ns));
}

#[test]
fn requests_above_the_rate_are_refused_and_a_client_that_goes_on_is_closed() {
    let requests = [
        ClientMessage::List(List { id: 5 }),
        ClientMessage::Time(TimeRequest {
            id: 5,
            client_time_ns: 0,
        }),
        ClientMessage::Unsubscribe(Unsubscribe {
            id: 5,
            channels: vec![],
        }),
        ClientMessage::Subscribe(Subscribe {
            id: 5,
            filters: vec![],
            mode: Mode::Every,
            max_rate_hz: None,
        }),
        ClientMessage::Change(Change {
            id: 5,
            channel: 0,
            mode: Mode::Every,
            max_rate_hz: None,
        }),
        ClientMessage::History(HistoryRequest {
            id: 5,
            topic: "a".into(),
            limit: None,
            before: None,
        }),
    ];
    for request in requests {
        let mut bench = Bench::new(CoreSettings {
            requests_per_s: 10,
            request_burst: 2,
            ..CoreSettings::default()
        });
        let client = bench.reader(Encoding::Json);
        for _ in 0..2 {
            bench.ask(&client, request.clone());
        }
        client.frames();
        bench.ask(&client, request.clone());
        let error = client.error();
        assert_eq!(
            (error.id, error.code),
            (Some(5), ErrorCode::TooManyRequests)
        );
        assert_eq!((error.temporary, error.retry_after_ms), (true, Some(100)));
        bench.pass(Duration::from_millis(100));
        bench.ask(&client, request.clone());
        assert_eq!(client.frames().len(), 1, "a token has come back");
        for _ in 0..21 {
            bench.ask(&client, request.clone());
        }
        client.is_closed_with(CloseCode::RateLimit);
        assert_eq!(bench.closes("4500"), 1);
        bench.ask(&client, request);
        assert_eq!(client.frames(), [], "closed once");
    }
}

#[test]
fn a_message_that_is_not_valid_counts_as_a_request() {
    let mut bench = Bench::new(CoreSettings {
        requests_per_s: 10,
        request_burst: 1,
        ..CoreSettings::default()
    });
    let client = bench.reader(Encoding::Json);
    let refusal = || Refusal::new(ErrorCode::Malformed, "not JSON");
    let now = bench.now();
    bench.shard.refuse_message(client.key, None, refusal(), now);
    let error = client.error();
    assert_eq!(
        (error.code, error.reason.as_str()),
        (ErrorCode::Malformed, "not JSON")
    );
    assert_eq!((error.temporary, error.retry_after_ms), (false, None));
    for _ in 0..10 {
        bench.shard.refuse_message(client.key, None, refusal(), now);
        client.is_refused(ErrorCode::TooManyRequests);
    }
    bench.shard.refuse_message(client.key, None, refusal(), now);
    client.is_closed_with(CloseCode::RateLimit);
    bench.shard.refuse_message(client.key, None, refusal(), now);
    assert_eq!(client.frames(), []);
    bench.shard.disconnect(client.key);
    bench.shard.refuse_message(client.key, None, refusal(), now);
}
