//! The reconnecting client against a scripted server: what it does after a connection is lost.

use std::time::Duration;

use fastwebsockets::{Frame, Payload};
use tickcast_protocol::{
    client::{
        COMMANDS_MAX, ChainError, Client, ClientOptions, ConnectOptions, Disconnected, Event,
        HandleError, PUBLISHES_IN_FLIGHT_MAX, Unpublished, Why,
    },
    codec::Encoding,
    error::CloseCode,
    message::{
        Accepted, ChannelPosition, ClientMessage, Draining, Epoch, Gap, Heartbeat, Mode,
        Publication, Resume, ServerMessage, Start, SubscribeResult, Unsubscribe, Unsubscribed,
    },
    value::Value,
};
use tokio::time::timeout;

use crate::{
    scene::{
        accepted, answer, assert_batch, batch, client_of, disconnected, expect_subscribe, filter,
        kitchen, next, reconnected, reconnected_in, resume, subscribed, together,
    },
    server::{EPOCH, Server, welcome, welcome_of},
};

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
