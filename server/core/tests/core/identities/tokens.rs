//! A client shows a token, in time and again before it expires.

use std::time::Duration;

use tickcast_core::{identity::Standing, settings::CoreSettings};
use tickcast_protocol::{
    error::{CloseCode, ErrorCode},
    message::{
        Authenticate, BearerToken, ClientMessage, Mode, ServerMessage, Subscribe, SubscribeResult,
    },
    topic::Topic,
};

use super::{authority, bench, claims, generous};
use crate::{bench::Bench, pipe::Frame};

/// The messages in frames, without pings.
fn texts(frames: Vec<Frame>) -> Vec<ServerMessage<Topic>> {
    let texts = frames.into_iter().filter(|frame| frame.opcode == 1);
    let decode = tickcast_protocol::codec::decode_server_json;
    texts.map(|frame| decode(&frame.payload).unwrap()).collect()
}

fn is_warning(message: &&ServerMessage<Topic>) -> bool {
    matches!(message, ServerMessage::Expiring(_))
}

#[test]
fn a_client_that_proves_no_identity_in_time_can_do_nothing_and_is_closed() {
    let mut bench = bench(generous());
    let client = bench.connect_standing(Standing::unknown(Duration::from_secs(5)));
    client.pipe.take_bytes();
    let subscribe = Subscribe {
        id: 1,
        filters: vec!["a".into()],
        mode: Mode::Every,
        max_rate_hz: None,
    };
    bench.ask(&client, ClientMessage::Subscribe(subscribe));
    let messages = client.messages();
    let [ServerMessage::Subscribed(subscribed)] = &messages[..] else {
        panic!("{messages:?}");
    };
    let [SubscribeResult::Refused(refused)] = &subscribed.results[..] else {
        panic!("{subscribed:?}");
    };
    assert_eq!(refused.code, ErrorCode::NotAuthenticated);
    bench.pass(Duration::from_secs(5));
    let now = bench.now();
    bench.shard.tick(now);
    client.is_closed_with(CloseCode::NotAuthenticated);
}

#[test]
fn a_client_is_warned_once_and_then_closed_unless_it_shows_another_token() {
    let mut bench = bench(CoreSettings {
        ping: Duration::from_secs(100_000),
        ..generous()
    });
    let end = |bench: &Bench, s: i64| bench.now().wall_ns + s * 1_000_000_000;
    let first = end(&bench, 100);
    let claims = claims("al", "all", Some(first));
    let identity = authority().admit(claims, 0).unwrap();
    let client = bench.connect_known(identity);
    client.pipe.take_bytes();
    let tick = |bench: &mut Bench, s: u64| {
        bench.pass(Duration::from_secs(s));
        let now = bench.now();
        bench.shard.tick(now);
    };
    // A fifth of 100 s before the end.
    tick(&mut bench, 79);
    assert!(
        !texts(client.frames())
            .iter()
            .any(|message| is_warning(&message))
    );
    tick(&mut bench, 1);
    tick(&mut bench, 1);
    let warnings = texts(client.frames()).iter().filter(is_warning).count();
    assert_eq!(warnings, 1);
    let token = BearerToken::new(format!("al/a/{}", end(&bench, 100)));
    bench.ask(
        &client,
        ClientMessage::Authenticate(Authenticate { id: 7, token }),
    );
    let messages = texts(client.frames());
    let [ServerMessage::Authenticated(told)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((told.id, &*told.role), (Some(7), "a"));
    tick(&mut bench, 99);
    assert!(client.frames().iter().all(|frame| frame.opcode != 8));
    tick(&mut bench, 1);
    client.is_closed_with(CloseCode::TokenExpired);
}

#[test]
fn a_token_of_two_seconds_is_warned_of_although_a_shard_looks_twice_a_second() {
    // Wherever the looks fall.
    for late_ms in (0..500).step_by(20) {
        let mut bench = bench(generous());
        let expires_ns = bench.now().wall_ns + 2_000_000_000;
        let claims = claims("al", "all", Some(expires_ns));
        let identity = authority().admit(claims, 0).unwrap();
        let client = bench.connect_known(identity);
        client.pipe.take_bytes();
        bench.pass(Duration::from_millis(late_ms));
        let mut warnings = 0;
        loop {
            let now = bench.now();
            bench.shard.tick(now);
            let frames = client.frames();
            if frames.iter().any(|frame| frame.opcode == 8) {
                break;
            }
            warnings += texts(frames).iter().filter(is_warning).count();
            bench.pass(Duration::from_millis(500));
        }
        assert_eq!(warnings, 1, "{late_ms}");
    }
}

#[test]
fn a_token_of_another_subject_is_refused_and_the_connection_stays() {
    let mut bench = bench(generous());
    let identity = bench.identity("al", "all");
    let client = bench.connect_known(identity);
    client.pipe.take_bytes();
    for token in ["bo/all", "nonsense", "al/unknown"] {
        let token = BearerToken::new(token);
        bench.ask(
            &client,
            ClientMessage::Authenticate(Authenticate { id: 7, token }),
        );
        client.is_refused(ErrorCode::TokenRefused);
    }
    bench.subscribe(&client, "a/1", (Mode::Every, None), None);
}
