//! What clients are told of the limits of all connections of their address together.

use std::sync::Arc;

use tickcast_core::{
    permissions::Access,
    settings::CoreSettings,
    totals::{TotalLimits, Totals},
};
use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{ClientMessage, Mode, ServerMessage, Subscribe, SubscribeResult},
};

use crate::bench::Bench;

#[test]
fn a_subscription_more_than_an_address_may_have_is_refused_with_the_limit() {
    let mut bench = Bench::new(CoreSettings {
        of_address: TotalLimits {
            subscriptions: Some(2),
            ..TotalLimits::default()
        },
        ..CoreSettings::default()
    });
    let (totals, now) = (Arc::<Totals>::default(), bench.now());
    let [first, second] = [(); 2].map(|()| {
        let totals = Arc::clone(&totals);
        bench.connect_with(|shard, pipe| {
            let key = shard.connect(pipe, Encoding::Json, Access::READER, now);
            shard.join_address(key, totals);
            key
        })
    });
    let request = |filter: &str| {
        ClientMessage::Subscribe(Subscribe {
            id: 1,
            filters: vec![filter.into()],
            mode: Mode::Every,
            max_rate_hz: None,
        })
    };
    for (client, filter) in [(&first, "a"), (&second, "b")] {
        bench.ask(client, request(filter));
        client.pipe.take_bytes();
    }
    bench.ask(&first, request("c"));
    let messages = first.messages();
    let [ServerMessage::Subscribed(answer)] = &messages[..] else {
        panic!("{messages:?}");
    };
    let [SubscribeResult::Refused(refused)] = &answer.results[..] else {
        panic!("{answer:?}");
    };
    assert_eq!(refused.code, ErrorCode::TooManySubscriptions);
    assert_eq!(
        refused.reason,
        "all connections of your address together have as many subscriptions as they may (limit 2)"
    );
}
