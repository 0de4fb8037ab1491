//! The reconnecting client against a scripted server.

use std::time::Duration;

use fastwebsockets::{Frame, Payload};
use tickcast_protocol::{
    client::{
        COMMANDS_MAX, ChainError, Client, ClientHandle, ClientOptions, ConnectOptions,
        Disconnected, Event, HandleError, NoAnswer, OUTGOING_MAX_BYTES, PUBLISHES_IN_FLIGHT_MAX,
        Unpublished, Why,
    },
    codec::Encoding,
    error::{CloseCode, ErrorCode},
    message::{
        Accepted, Batch, ChannelPosition, ClientMessage, Draining, Epoch, ErrorMessage, Gap,
        Heartbeat, History, HistoryRequest, Mode, Publication, Published, Quality, Refused, Resume,
        ServerMessage, Start, Status, Statuses, Subscribe, SubscribeResult, Subscribed, TimeAnswer,
        TopicInfo, TopicStatus, Unsubscribe, Unsubscribed, Update,
    },
    topic::{Filter, Topic},
    value::Value,
};
use tokio::time::timeout;

use crate::server::{EPOCH, HEARTBEAT_MS, PATIENCE, Peer, Server, welcome, welcome_of};

fn client_of(server: &Server) -> (Client, ClientHandle) {
    let connect = ConnectOptions::new(server.url(), Encoding::Bincode);
    Client::new(ClientOptions::new(connect))
}

fn filter(text: &str) -> Filter {
    Filter::new(text).unwrap()
}

fn kitchen() -> TopicInfo {
    TopicInfo::new(7, Topic::new("home/kitchen").unwrap())
}

fn accepted(position: u64, start: Start) -> Accepted {
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

fn batch(from: u64, to: u64, topics: Vec<TopicInfo>) -> ServerMessage<u32> {
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

fn resume(position: u64) -> Option<Resume> {
    Some(Resume {
        epoch: EPOCH,
        position,
        count: Some(position),
        snapshot: None,
    })
}

/// The next event, except those that come at any time.
async fn next(client: &mut Client) -> Event {
    loop {
        let event = timeout(PATIENCE, client.next()).await.expect("an event");
        if !matches!(event, Event::Clock(_)) {
            return event;
        }
    }
}

/// Runs the server's part and the client's part of a scene to their ends.
async fn together<A, B>(a: impl Future<Output = A>, b: impl Future<Output = B>) -> (A, B) {
    timeout(PATIENCE, async { tokio::join!(a, b) })
        .await
        .expect("the scene comes to its end")
}

async fn expect_subscribe(peer: &mut Peer) -> Subscribe {
    match peer.receive().await {
        ClientMessage::Subscribe(subscribe) => subscribe,
        other => panic!("{other:?}"),
    }
}

async fn answer(peer: &mut Peer, subscribe: &Subscribe, result: SubscribeResult) {
    peer.send(ServerMessage::Subscribed(Subscribed {
        id: subscribe.id,
        results: vec![result],
    }))
    .await;
}

/// Connects and subscribes to `home/#` in mode `every`, from position `at`.
async fn subscribed(server: &Server, at: u64) -> (Client, ClientHandle, Peer) {
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
async fn reconnected(server: &Server, client: &mut Client) -> (Peer, Subscribe) {
    reconnected_in(server, client, EPOCH).await
}

async fn reconnected_in(server: &Server, client: &mut Client, epoch: Epoch) -> (Peer, Subscribe) {
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

fn assert_batch(event: &Event, from: u64, to: u64) {
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

async fn disconnected(client: &mut Client) -> Disconnected {
    match next(client).await {
        Event::Disconnected(disconnected) => disconnected,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn with_several_urls_it_resumes_at_another_server_and_comes_back() {
    let servers = [Server::start().await, Server::start().await];
    let options = ClientOptions {
        others: vec![servers[1].url()],
        ..ClientOptions::new(ConnectOptions::new(servers[0].url(), Encoding::Bincode))
    };
    let (mut client, handle) = Client::new(options);
    handle
        .subscribe([filter("home/#")], Mode::Every, None)
        .unwrap();
    let (mut peer, subscribe) = reconnected(&servers[0], &mut client).await;
    let start = SubscribeResult::Accepted(accepted(10, Start::Fresh));
    answer(&mut peer, &subscribe, start).await;
    let accepted = next(&mut client).await;
    assert!(matches!(accepted, Event::Accepted { .. }), "{accepted:?}");
    peer.send(batch(10, 12, vec![kitchen()])).await;
    assert_batch(&next(&mut client).await, 10, 12);
    for index in [1, 0, 1] {
        drop(peer);
        assert!(disconnected(&mut client).await.retry_in.is_some());
        let (next, subscribe) = reconnected(&servers[index], &mut client).await;
        assert_eq!(subscribe.filters[0].resume, resume(12));
        peer = next;
    }
}

#[tokio::test]
async fn after_a_lost_connection_it_resumes_after_the_last_handled_event() {
    let server = Server::start().await;
    let (mut client, _handle, mut peer) = subscribed(&server, 10).await;
    peer.send(batch(10, 12, vec![kitchen()])).await;
    peer.send(batch(12, 15, vec![])).await;
    drop(peer);
    assert_batch(&next(&mut client).await, 10, 12);
    assert_batch(&next(&mut client).await, 12, 15);
    let lost = disconnected(&mut client).await;
    assert!(matches!(lost.why, Why::Lost(_)), "{lost:?}");
    assert!(lost.retry_in.is_some());

    let (mut peer, subscribe) = reconnected(&server, &mut client).await;
    assert_eq!(subscribe.filters[0].resume, resume(15));
    let result = SubscribeResult::Accepted(accepted(15, Start::Resumed));
    answer(&mut peer, &subscribe, result).await;
    // The topic was introduced on the previous connection.
    peer.send(batch(15, 16, vec![])).await;
    assert!(matches!(next(&mut client).await, Event::Accepted { .. }));
    assert_batch(&next(&mut client).await, 15, 16);
}

#[tokio::test]
async fn a_heartbeat_that_reveals_a_lost_tail_makes_it_resume_on_the_same_connection() {
    let server = Server::start().await;
    let (mut client, _handle, mut peer) = subscribed(&server, 10).await;
    peer.send(batch(10, 12, vec![kitchen()])).await;
    peer.send(ServerMessage::Heartbeat(Heartbeat {
        server_time_ns: 0,
        position: 20,
        channels: vec![ChannelPosition {
            channel: 3,
            position: 20,
        }],
    }))
    .await;
    // The server has sent this before the client's `unsubscribe` reaches it.
    peer.send(batch(20, 21, vec![])).await;
    assert_batch(&next(&mut client).await, 10, 12);
    assert_eq!(
        next(&mut client).await,
        Event::ChainBroken {
            filter: filter("home/#"),
            error: ChainError::Position {
                expected: 12,
                position: 20
            }
        }
    );
    assert!(matches!(next(&mut client).await, Event::Heartbeat(_)));

    let script = async {
        let ClientMessage::Unsubscribe(Unsubscribe { id, channels }) = peer.receive().await else {
            panic!("no unsubscribe");
        };
        assert_eq!(channels, [3]);
        peer.send(ServerMessage::Unsubscribed(Unsubscribed::answer(
            id, channels,
        )))
        .await;
        let subscribe = expect_subscribe(&mut peer).await;
        assert_eq!(subscribe.filters[0].resume, resume(12));
        let result = SubscribeResult::Accepted(accepted(12, Start::Resumed));
        answer(&mut peer, &subscribe, result).await;
        peer.send(batch(12, 21, vec![])).await;
    };
    let events = async {
        assert!(matches!(next(&mut client).await, Event::Accepted { .. }));
        assert_batch(&next(&mut client).await, 12, 21);
    };
    together(script, events).await;
}

#[tokio::test]
async fn a_gap_is_reported_and_its_snapshot_resumed_in_the_middle() {
    let server = Server::start().await;
    let (mut client, _handle, mut peer) = subscribed(&server, 10).await;
    peer.send(ServerMessage::Gap(Gap {
        channel: 3,
        from: 10,
        to: 50,
        lost: Some(40),
        snapshot: 10,
    }))
    .await;
    let ServerMessage::Batch(mut part) = batch(10, 30, vec![kitchen()]) else {
        unreachable!()
    };
    part.snapshot = true;
    peer.send(ServerMessage::Batch(part)).await;
    drop(peer);
    assert_eq!(
        next(&mut client).await,
        Event::Gap {
            filter: filter("home/#"),
            from: 10,
            to: 50,
            lost: Some(40)
        }
    );
    assert_batch(&next(&mut client).await, 10, 30);
    disconnected(&mut client).await;
    let (_peer, subscribe) = reconnected(&server, &mut client).await;
    assert_eq!(
        subscribe.filters[0].resume,
        Some(Resume {
            epoch: EPOCH,
            position: 50,
            count: Some(50),
            snapshot: Some(30)
        })
    );
}

#[tokio::test]
async fn another_epoch_is_a_reset() {
    let server = Server::start().await;
    let (mut client, _handle, peer) = subscribed(&server, 10).await;
    drop(peer);
    disconnected(&mut client).await;
    let epoch = Epoch(77);
    let (mut peer, subscribe) = reconnected_in(&server, &mut client, epoch).await;
    assert_eq!(subscribe.filters[0].resume, resume(10));
    let accepted = Accepted {
        epoch,
        ..accepted(2, Start::EpochChanged)
    };
    answer(&mut peer, &subscribe, SubscribeResult::Accepted(accepted)).await;
    assert_eq!(
        next(&mut client).await,
        Event::Reset {
            filter: filter("home/#"),
            epoch,
            start: Start::EpochChanged
        }
    );
    assert!(matches!(next(&mut client).await, Event::Accepted { .. }));
}

#[tokio::test]
async fn after_missing_the_introduction_of_a_topic_it_starts_anew() {
    let server = Server::start().await;
    let (mut client, _handle, mut peer) = subscribed(&server, 10).await;
    peer.send(batch(10, 12, vec![])).await;
    let (code, ended) = together(peer.receive_close(), disconnected(&mut client)).await;
    assert_eq!(code, 1008);
    assert_eq!(
        ended.why,
        Why::Protocol("the topic with id 7 was never introduced".into())
    );
    let script = async {
        let mut peer = server.accept().await;
        peer.send(welcome()).await;
        let subscribe = expect_subscribe(&mut peer).await;
        assert_eq!(subscribe.filters[0].resume, None);
    };
    let events = async {
        assert!(matches!(next(&mut client).await, Event::Connecting { .. }));
        // The reset comes before the new state.
        assert!(matches!(next(&mut client).await, Event::Connected(_)));
        assert_eq!(
            next(&mut client).await,
            Event::Reset {
                filter: filter("home/#"),
                epoch: EPOCH,
                start: Start::Fresh
            }
        );
        tokio::select! {
            _ = next(&mut client) => {}
            () = tokio::time::sleep(Duration::from_millis(1)) => {}
        }
    };
    together(script, events).await;
}

#[tokio::test]
async fn messages_of_a_later_version_are_skipped_and_malformed_ones_are_not() {
    let server = Server::start().await;
    let (mut client, _handle, mut peer) = subscribed(&server, 10).await;
    peer.frame(Frame::binary(Payload::Borrowed(&[200, 1, 2, 3])))
        .await;
    peer.send(batch(10, 12, vec![kitchen()])).await;
    assert_batch(&next(&mut client).await, 10, 12);
    peer.frame(Frame::binary(Payload::Borrowed(&[2, 1]))).await;
    let (code, ended) = together(peer.receive_close(), disconnected(&mut client)).await;
    assert_eq!(code, 1008);
    assert!(matches!(ended.why, Why::Protocol(_)), "{ended:?}");
}

#[tokio::test]
async fn close_codes_decide_whether_it_reconnects() {
    let check = async |code: CloseCode, reconnects: bool| {
        let server = Server::start().await;
        let (mut client, handle, mut peer) = subscribed(&server, 10).await;
        peer.close(code, "so be it").await;
        let ended = disconnected(&mut client).await;
        assert_eq!(ended.close_code(), Some(code.number()));
        assert_eq!(ended.retry_in.is_some(), reconnects, "{code}");
        assert_eq!(handle.list().is_ok(), reconnects, "{code}");
    };
    check(CloseCode::ServiceRestart, true).await;
    check(CloseCode::WriteTimeout, true).await;
    check(CloseCode::Normal, false).await;
    check(CloseCode::RateLimit, false).await;
}

#[tokio::test]
async fn it_leaves_a_draining_server_within_the_window_and_comes_back() {
    let server = Server::start().await;
    let (mut client, _handle, mut peer) = subscribed(&server, 10).await;
    peer.send(ServerMessage::Draining(Draining {
        reconnect_within_ms: 20,
    }))
    .await;
    let script = async {
        assert_eq!(peer.receive_close().await, 1001);
        // The connection works until it is closed.
        peer.send(batch(10, 12, vec![kitchen()])).await;
        peer.close(CloseCode::GoingAway, "").await;
    };
    let events = async {
        assert!(matches!(next(&mut client).await, Event::Draining(_)));
        assert_batch(&next(&mut client).await, 10, 12);
        assert_eq!(
            disconnected(&mut client).await,
            Disconnected {
                why: Why::Draining,
                retry_in: Some(Duration::ZERO)
            }
        );
    };
    together(script, events).await;
    let (_peer, subscribe) = reconnected(&server, &mut client).await;
    assert_eq!(subscribe.filters[0].resume, resume(12));
}

#[tokio::test]
async fn it_leaves_a_silent_server() {
    let server = Server::start().await;
    let (mut client, _handle) = client_of(&server);
    let script = async {
        let mut peer = server.accept().await;
        peer.send(welcome_of(EPOCH, 10)).await;
        peer
    };
    let events = async {
        assert!(matches!(next(&mut client).await, Event::Connecting { .. }));
        assert!(matches!(next(&mut client).await, Event::Connected(_)));
        disconnected(&mut client).await
    };
    let (_peer, ended) = together(script, events).await;
    assert!(matches!(ended.why, Why::Silent(_)), "{ended:?}");
    assert!(ended.retry_in.is_some());
}

#[tokio::test]
async fn after_a_long_pause_of_the_caller_it_finds_data_and_not_a_dead_server() {
    let server = Server::start().await;
    let (mut client, _handle) = client_of(&server);
    let script = async {
        let mut peer = server.accept().await;
        peer.send(welcome_of(EPOCH, 1)).await;
        peer
    };
    let events = async {
        next(&mut client).await;
        next(&mut client).await;
    };
    let (mut peer, ()) = together(script, events).await;
    peer.send(ServerMessage::Heartbeat(Heartbeat {
        server_time_ns: 0,
        position: 0,
        channels: vec![],
    }))
    .await;
    // Longer than this server may be silent, and the runtime cannot read during that time.
    #[allow(clippy::disallowed_methods)]
    std::thread::sleep(Duration::from_millis(2_100));
    assert!(matches!(next(&mut client).await, Event::Heartbeat(_)));
}

#[tokio::test]
async fn when_no_server_listens_it_tries_again() {
    let server = Server::start().await;
    let (mut client, handle) = client_of(&server);
    drop(server);
    for attempt in 1..=3 {
        assert_eq!(next(&mut client).await, Event::Connecting { attempt });
        let ended = disconnected(&mut client).await;
        assert!(matches!(ended.why, Why::Connect(_)), "{ended:?}");
        assert!(ended.retry_in.is_some());
    }
    handle.close().unwrap();
    let ended = loop {
        if let Event::Disconnected(ended) = next(&mut client).await {
            break ended;
        }
    };
    assert_eq!((ended.why, ended.retry_in), (Why::ByCaller, None));
}

#[tokio::test]
async fn closing_ends_the_client() {
    let server = Server::start().await;
    let (mut client, handle, mut peer) = subscribed(&server, 10).await;
    handle.close().unwrap();
    let script = async {
        assert_eq!(peer.receive_close().await, 1000);
        peer.close(CloseCode::Normal, "").await;
    };
    let ((), ended) = together(script, disconnected(&mut client)).await;
    assert_eq!((ended.why, ended.retry_in), (Why::ByCaller, None));
    assert_eq!(handle.list(), Err(HandleError::Ended));
}

#[tokio::test]
async fn closing_overtakes_what_the_server_does_not_answer() {
    let server = Server::start().await;
    let (mut client, handle, mut peer) = subscribed(&server, 10).await;
    let publication = || Publication {
        topic: "home/door".into(),
        value: Value::Reading(1.0),
        source_time_ns: None,
    };
    for _ in 0..PUBLISHES_IN_FLIGHT_MAX {
        handle.publish(vec![publication()]).unwrap();
    }
    // All of them are on their way to a server that does not answer.
    let nothing = timeout(Duration::from_millis(50), client.next()).await;
    assert!(nothing.is_err(), "{nothing:?}");
    for _ in 0..COMMANDS_MAX {
        handle.publish(vec![publication()]).unwrap();
    }
    assert_eq!(handle.list(), Err(HandleError::Full));
    handle.close().unwrap();
    let events = async {
        let mut unpublished = async |expected| match next(&mut client).await {
            Event::Unpublished { why, .. } => assert_eq!(why, expected),
            other => panic!("{other:?}"),
        };
        for _ in 0..PUBLISHES_IN_FLIGHT_MAX {
            unpublished(Unpublished::Unknown).await;
        }
        for _ in 0..COMMANDS_MAX {
            unpublished(Unpublished::NotConnected).await;
        }
        disconnected(&mut client).await
    };
    let script = async {
        assert_eq!(peer.receive_close().await, 1000);
        peer.close(CloseCode::Normal, "").await;
    };
    let ((), ended) = together(script, events).await;
    assert_eq!(ended.why, Why::ByCaller);
}

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
