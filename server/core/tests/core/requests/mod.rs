//! Requests of clients: what is answered, what is refused, and the limits of one connection.

mod changing;
mod publishing;
mod rates;
mod resuming;
mod subscribing;

use tickcast_core::{permissions::Access, settings::CoreSettings};
use tickcast_protocol::{
    error::ErrorCode,
    message::{
        ClientMessage, List, Mode, Publication, Publish, ServerMessage, Subscribe, SubscribeResult,
        SubscriptionInfo,
    },
    value::Value,
};

use crate::bench::{Bench, Client};

const EVERY: (Mode, Option<f64>) = (Mode::Every, None);
const LATEST: (Mode, Option<f64>) = (Mode::Latest, None);
const PUBLISHER: Access = Access { may_publish: true };

fn bench() -> Bench {
    Bench::new(CoreSettings {
        subscriptions_max: 3,
        requests_per_s: 10,
        request_burst: 50,
        ..CoreSettings::default()
    })
}

fn publish(id: Option<u32>, topics: &[&str]) -> ClientMessage {
    let update = |topic: &&str| Publication {
        topic: (*topic).to_owned(),
        value: Value::Reading(1.0),
        source_time_ns: Some(5),
    };
    ClientMessage::Publish(Publish {
        id,
        updates: topics.iter().map(update).collect(),
    })
}

fn subscribe(filters: &[&str], max_rate_hz: Option<f64>) -> ClientMessage {
    ClientMessage::Subscribe(Subscribe {
        id: 4,
        filters: filters.iter().map(|&filter| filter.into()).collect(),
        mode: Mode::Latest,
        max_rate_hz,
    })
}

/// The codes with which filters of one request are refused; `None` for an accepted one.
fn results(bench: &mut Bench, client: &Client, request: ClientMessage) -> Vec<Option<ErrorCode>> {
    bench.ask(client, request);
    let messages = client.messages();
    let [ServerMessage::Subscribed(subscribed)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!(subscribed.id, 4);
    let results = subscribed.results.iter();
    results
        .map(|result| match result {
            SubscribeResult::Accepted(_) => None,
            SubscribeResult::Refused(refused) => Some(refused.code),
        })
        .collect()
}

fn listed(bench: &mut Bench, client: &Client) -> Vec<SubscriptionInfo> {
    bench.ask(client, ClientMessage::List(List { id: 5 }));
    let messages = client.messages();
    let Some(ServerMessage::Subscriptions(answer)) = messages.last() else {
        panic!("{messages:?}");
    };
    assert_eq!(answer.id, 5);
    answer.subscriptions.clone()
}
