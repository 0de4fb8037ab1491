//! The reconnecting client against a scripted server: each request has one outcome.

use std::time::Duration;

use tickcast_protocol::{
    client::{Event, NoAnswer, OUTGOING_MAX_BYTES, Unpublished},
    codec::Encoding,
    error::ErrorCode,
    message::{
        ClientMessage, ErrorMessage, History, HistoryRequest, Mode, Publication, Published,
        Refused, ServerMessage, Status, Statuses, SubscribeResult, TimeAnswer, TopicStatus,
    },
    value::Value,
};
use tokio::time::timeout;

use crate::{
    scene::{
        answer, batch, client_of, disconnected, expect_subscribe, filter, kitchen, next,
        reconnected, subscribed, together,
    },
    server::Server,
};

#[tokio::test]
async fn each_publish_is_answered_or_reported_as_unpublished() {
    let server = Server::start().await;
    let publication = || {
        vec![Publication {
            topic: "home/door".into(),
            value: Value::Text("open".into()),
            source_time_ns: None,
        }]
    };
    let (mut client, handle) = client_of(&server);
    let too_early = handle.publish(publication()).unwrap();
    let why = loop {
        match next(&mut client).await {
            Event::Unpublished { id, why } if id == too_early => break why,
            Event::Connecting { .. } => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(why, Unpublished::NotConnected);
    drop(client);

    let (mut client, handle, mut peer) = subscribed(&server, 10).await;
    let good = handle.publish(publication()).unwrap();
    let bad = handle.publish(publication()).unwrap();
    let unanswered = handle.publish(publication()).unwrap();
    let huge = handle
        .publish(vec![Publication {
            topic: "home/door".into(),
            value: Value::Text("x".repeat(100_000)),
            source_time_ns: None,
        }])
        .unwrap();
    let refusal = ErrorMessage {
        id: Some(bad),
        code: ErrorCode::PublishForbidden,
        reason: "no".into(),
        temporary: false,
        retry_after_ms: None,
    };
    let published = Published {
        id: good,
        position: 11,
    };
    let script = async {
        for expected in [good, bad, unanswered] {
            match peer.receive().await {
                ClientMessage::Publish(publish) => assert_eq!(publish.id, Some(expected)),
                other => panic!("{other:?}"),
            }
        }
        peer.send(ServerMessage::Published(published)).await;
        peer.send(ServerMessage::Error(refusal.clone())).await;
        drop(peer);
    };
    let mut events = vec![];
    let collecting = async {
        while events.len() < 4 {
            events.push(next(&mut client).await);
        }
    };
    together(script, collecting).await;
    let unpublished = |id, why| Event::Unpublished { id, why };
    assert_eq!(
        events,
        [
            unpublished(
                huge,
                Unpublished::TooLong {
                    bytes: 100_021,
                    limit: 65_536
                }
            ),
            Event::Published(published),
            unpublished(bad, Unpublished::Refused(refusal.clone())),
            unpublished(unanswered, Unpublished::Unknown),
        ]
    );
}

#[tokio::test]
async fn statuses_come_with_topics_by_name_and_only_for_open_subscriptions() {
    let server = Server::start().await;
    let (mut client, _handle, mut peer) = subscribed(&server, 10).await;
    let statuses = |channel, status| {
        ServerMessage::Status(Statuses {
            channel,
            topics: vec![kitchen()],
            statuses: vec![TopicStatus {
                topic: 7,
                status,
                since_ns: 5,
            }],
        })
    };
    peer.send(statuses(99, Status::Dead)).await;
    peer.send(statuses(3, Status::Stale)).await;
    let named = TopicStatus {
        topic: kitchen().topic,
        status: Status::Stale,
        since_ns: 5,
    };
    let expected = Event::Status {
        filter: filter("home/#"),
        topics: vec![kitchen()],
        statuses: vec![named],
    };
    assert_eq!(next(&mut client).await, expected);
}

#[tokio::test]
async fn each_request_for_history_has_exactly_one_outcome() {
    let server = Server::start().await;
    let topic = kitchen().topic;
    let (mut client, handle) = client_of(&server);
    let unsent = handle.history(&topic, None, None).unwrap();
    let outcome = loop {
        match next(&mut client).await {
            Event::Connecting { .. } => {}
            other => break other,
        }
    };
    let none = |id, why| Event::NoHistory { id, why };
    assert_eq!(outcome, none(unsent, NoAnswer::NotConnected));
    drop(client);

    let (mut client, handle, mut peer) = subscribed(&server, 10).await;
    let good = handle.history(&topic, Some(2), Some(9)).unwrap();
    let bad = handle.history(&topic, None, None).unwrap();
    let unanswered = handle.history(&topic, None, None).unwrap();
    let refusal = ErrorMessage {
        id: Some(bad),
        code: ErrorCode::NoHistory,
        reason: "no".into(),
        temporary: false,
        retry_after_ms: None,
    };
    let ServerMessage::Batch(past) = batch(6, 8, vec![]) else {
        panic!("no batch");
    };
    let script = async {
        let request = HistoryRequest {
            id: good,
            topic: "home/kitchen".into(),
            limit: Some(2),
            before: Some(9),
        };
        assert_eq!(peer.receive().await, ClientMessage::History(request));
        for _ in [bad, unanswered] {
            assert!(matches!(peer.receive().await, ClientMessage::History(_)));
        }
        peer.send(ServerMessage::History(History {
            id: good,
            topics: vec![kitchen()],
            updates: past.updates,
            more: true,
        }))
        .await;
        peer.send(ServerMessage::Error(refusal.clone())).await;
        drop(peer);
    };
    let mut events = vec![];
    let collecting = async {
        while events.len() < 3 {
            events.push(next(&mut client).await);
        }
    };
    together(script, collecting).await;
    let Event::History(history) = &events[0] else {
        panic!("{:?}", events[0]);
    };
    let positions: Vec<_> = history
        .updates
        .iter()
        .map(|u| (&u.topic, u.position))
        .collect();
    assert_eq!((history.id, history.more), (good, true));
    assert_eq!(positions, [(&topic, 7), (&topic, 8)]);
    assert_eq!(
        events[1..],
        [
            none(bad, NoAnswer::Refused(refusal.clone())),
            none(unanswered, NoAnswer::NotConnected),
        ]
    );
}

#[tokio::test]
async fn publishing_faster_than_the_server_reads_waits_and_loses_nothing() {
    const PUBLISHES: u32 = 100;
    let server = Server::start().await;
    let (mut client, handle, mut peer) = subscribed(&server, 10).await;
    let ids: Vec<_> = (0..PUBLISHES)
        .map(|_| {
            let publication = Publication {
                topic: "home/camera".into(),
                value: Value::Bytes(vec![0; 60_000]),
                source_time_ns: None,
            };
            handle.publish(vec![publication]).unwrap()
        })
        .collect();
    assert!(PUBLISHES as usize * 60_000 > 4 * OUTGOING_MAX_BYTES);
    // The server reads nothing yet.
    let nothing = timeout(Duration::from_millis(50), client.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    let script = async {
        for position in 1..=u64::from(PUBLISHES) {
            let ClientMessage::Publish(publish) = peer.receive().await else {
                panic!("no publish");
            };
            let id = publish.id.unwrap();
            peer.send(ServerMessage::Published(Published { id, position }))
                .await;
        }
    };
    let events = async {
        for id in ids {
            assert!(matches!(next(&mut client).await, Event::Published(done) if done.id == id));
        }
    };
    together(script, events).await;
}

#[tokio::test]
async fn a_refused_filter_is_reported_and_not_requested_again() {
    let server = Server::start().await;
    let (mut client, handle, mut peer) = subscribed(&server, 10).await;
    handle
        .subscribe([filter("secret/#")], Mode::Latest, Some(10.0))
        .unwrap();
    let script = async {
        let subscribe = expect_subscribe(&mut peer).await;
        assert_eq!(subscribe.filters, ["secret/#".into()]);
        assert_eq!(
            (subscribe.mode, subscribe.max_rate_hz),
            (Mode::Latest, Some(10.0))
        );
        let refused = SubscribeResult::Refused(Refused {
            filter: "secret/#".into(),
            code: ErrorCode::SubscribeForbidden,
            reason: "no".into(),
        });
        answer(&mut peer, &subscribe, refused).await;
        drop(peer);
    };
    let ((), event) = together(script, next(&mut client)).await;
    assert_eq!(
        event,
        Event::Refused {
            filter: filter("secret/#"),
            code: ErrorCode::SubscribeForbidden,
            reason: "no".into()
        }
    );
    disconnected(&mut client).await;
    let (_peer, subscribe) = reconnected(&server, &mut client).await;
    assert_eq!(subscribe.filters.len(), 1);
    assert_eq!(subscribe.filters[0].filter, "home/#");
}

#[tokio::test]
async fn the_servers_clock_is_measured() {
    let server = Server::start().await;
    let (mut client, _handle, mut peer) = subscribed(&server, 10).await;
    const AHEAD_NS: i64 = 3_600_000_000_000;
    let script = async {
        let (_, payload) = peer.receive_frame().await;
        let request = tickcast_protocol::codec::decode_client(&payload, Encoding::Bincode);
        let Ok(ClientMessage::Time(request)) = request else {
            panic!("{request:?}");
        };
        peer.send(ServerMessage::Time(TimeAnswer {
            id: request.id,
            client_time_ns: request.client_time_ns,
            receive_time_ns: request.client_time_ns + AHEAD_NS,
            send_time_ns: request.client_time_ns + AHEAD_NS,
        }))
        .await;
    };
    let clock = async {
        loop {
            if let Event::Clock(estimate) = client.next().await {
                break estimate;
            }
        }
    };
    let ((), estimate) = together(script, clock).await;
    let error = (estimate.offset_ns - AHEAD_NS).abs();
    assert!(error <= estimate.round_trip_ns / 2 + 1, "{estimate:?}");
}

#[tokio::test]
async fn waiting_for_an_event_is_cancel_safe() {
    let server = Server::start().await;
    let (mut client, handle, mut peer) = subscribed(&server, 0).await;
    let script = async {
        peer.send(batch(0, 1, vec![kitchen()])).await;
        for position in 1..200 {
            peer.send(batch(position, position + 1, vec![])).await;
            tokio::time::sleep(Duration::from_micros(100)).await;
        }
        peer
    };
    let events = async {
        let mut position = 0;
        while position < 200 {
            // Polled once, then dropped. Commands must not be lost either.
            if let Ok(event) = timeout(Duration::ZERO, client.next()).await {
                if let Event::Batch(batch) = event {
                    assert_eq!(batch.from, position);
                    position = batch.to;
                }
            } else {
                tokio::task::yield_now().await;
            }
        }
        handle.list().unwrap();
    };
    let (mut peer, ()) = together(script, events).await;
    tokio::select! {
        message = peer.receive() => assert!(matches!(message, ClientMessage::List(_))),
        event = next(&mut client) => panic!("{event:?}"),
    }
}
