//! Scenes between the reconnecting client and a scripted server: how they begin, and what each side
//! waits for.

use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Disconnected, Event},
    codec::Encoding,
    message::{
        Accepted, Batch, ClientMessage, Epoch, Mode, Quality, Resume, ServerMessage, Start,
        Subscribe, SubscribeResult, Subscribed, TopicInfo, Update,
    },
    topic::{Filter, Topic},
    value::Value,
};
use tokio::time::timeout;

use crate::server::{EPOCH, HEARTBEAT_MS, PATIENCE, Peer, Server, welcome, welcome_of};

pub(crate) fn client_of(server: &Server) -> (Client, ClientHandle) {
    let connect = ConnectOptions::new(server.url(), Encoding::Bincode);
    Client::new(ClientOptions::new(connect))
}

pub(crate) fn filter(text: &str) -> Filter {
    Filter::new(text).unwrap()
}

pub(crate) fn kitchen() -> TopicInfo {
    TopicInfo::new(7, Topic::new("home/kitchen").unwrap())
}

pub(crate) fn accepted(position: u64, start: Start) -> Accepted {
    Accepted {
        filter: "home/#".into(),
        channel: 3,
        mode: Mode::Every,
        max_rate_hz: None,
        epoch: EPOCH,
        position,
        count: position,
        snapshot: None,
        start,
        lost: None,
    }
}

pub(crate) fn batch(from: u64, to: u64, topics: Vec<TopicInfo>) -> ServerMessage<u32> {
    ServerMessage::Batch(Batch {
        channel: 3,
        from,
        to,
        snapshot: false,
        topics,
        updates: (from + 1..=to)
            .map(|position| Update {
                topic: 7,
                position,
                seq: position,
                source_time_ns: None,
                ingest_time_ns: 0,
                quality: Quality::Live,
                value: Value::Reading(0.5),
            })
            .collect(),
    })
}

pub(crate) fn resume(position: u64) -> Option<Resume> {
    Some(Resume {
        epoch: EPOCH,
        position,
        count: Some(position),
        snapshot: None,
    })
}

/// The next event, except those that come at any time.
pub(crate) async fn next(client: &mut Client) -> Event {
    loop {
        let event = timeout(PATIENCE, client.next()).await.expect("an event");
        if !matches!(event, Event::Clock(_)) {
            return event;
        }
    }
}

/// Runs the server's part and the client's part of a scene to their ends.
pub(crate) async fn together<A, B>(
    a: impl Future<Output = A>,
    b: impl Future<Output = B>,
) -> (A, B) {
    timeout(PATIENCE, async { tokio::join!(a, b) })
        .await
        .expect("the scene comes to its end")
}

pub(crate) async fn expect_subscribe(peer: &mut Peer) -> Subscribe {
    match peer.receive().await {
        ClientMessage::Subscribe(subscribe) => subscribe,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn answer(peer: &mut Peer, subscribe: &Subscribe, result: SubscribeResult) {
    peer.send(ServerMessage::Subscribed(Subscribed {
        id: subscribe.id,
        results: vec![result],
    }))
    .await;
}

/// Connects and subscribes to `home/#` in mode `every`, from position `at`.
pub(crate) async fn subscribed(server: &Server, at: u64) -> (Client, ClientHandle, Peer) {
    let (mut client, handle) = client_of(server);
    handle
        .subscribe([filter("home/#")], Mode::Every, None)
        .unwrap();
    let script = async {
        let mut peer = server.accept().await;
        peer.send(welcome()).await;
        let subscribe = expect_subscribe(&mut peer).await;
        assert_eq!(subscribe.mode, Mode::Every);
        assert_eq!(subscribe.filters, ["home/#".into()]);
        let result = SubscribeResult::Accepted(accepted(at, Start::Fresh));
        answer(&mut peer, &subscribe, result).await;
        peer
    };
    let events = async {
        assert_eq!(next(&mut client).await, Event::Connecting { attempt: 1 });
        assert!(matches!(next(&mut client).await, Event::Connected(_)));
        assert!(matches!(next(&mut client).await, Event::Accepted { .. }));
    };
    let (peer, ()) = together(script, events).await;
    (client, handle, peer)
}

/// Waits until the client is connected again and has sent its `subscribe`. Returns that.
pub(crate) async fn reconnected(server: &Server, client: &mut Client) -> (Peer, Subscribe) {
    reconnected_in(server, client, EPOCH).await
}

pub(crate) async fn reconnected_in(
    server: &Server,
    client: &mut Client,
    epoch: Epoch,
) -> (Peer, Subscribe) {
    let script = async {
        let mut peer = server.accept().await;
        peer.send(welcome_of(epoch, HEARTBEAT_MS)).await;
        let subscribe = expect_subscribe(&mut peer).await;
        (peer, subscribe)
    };
    tokio::pin!(script);
    loop {
        tokio::select! {
            found = &mut script => return found,
            event = next(client) => assert!(
                matches!(event, Event::Connecting { .. } | Event::Connected(_)),
                "{event:?}"
            ),
        }
    }
}

pub(crate) fn assert_batch(event: &Event, from: u64, to: u64) {
    match event {
        Event::Batch(batch) => {
            assert_eq!((batch.from, batch.to), (from, to));
            assert_eq!(batch.filter, filter("home/#"));
            for update in &batch.updates {
                assert_eq!(update.topic, kitchen().topic);
            }
        }
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn disconnected(client: &mut Client) -> Disconnected {
    match next(client).await {
        Event::Disconnected(disconnected) => disconnected,
        other => panic!("{other:?}"),
    }
}
