//! The examples against a scripted server.

use std::io;

use tickcast_protocol::{
    decimal::Decimal,
    error::{CloseCode, ErrorCode},
    message::{
        Accepted, Batch, ClientMessage, ErrorMessage, Gap, History, Mode, Publication, Published,
        Quality, Resume, ServerMessage, Start, Subscribe, SubscribeResult, Subscribed, TopicInfo,
        Update,
    },
    topic::{Filter, Topic},
    value::{Side, Trade, Value},
};
use tokio::sync::mpsc;

use crate::server::{EPOCH, Peer, Server, welcome};

#[allow(dead_code, reason = "the test calls `run` instead of `main`")]
#[path = "../../examples/history_to_csv.rs"]
mod history_to_csv;

#[allow(dead_code, reason = "the test calls `run` instead of `main`")]
#[path = "../../examples/publish.rs"]
mod publish;

#[allow(dead_code, reason = "the test calls `run` instead of `main`")]
#[path = "../../examples/subscribe.rs"]
mod subscribe;

fn topic(id: u32, name: &str) -> TopicInfo {
    TopicInfo::new(id, Topic::new(name).unwrap())
}

fn update(position: u64, value: Value) -> Update<u32> {
    Update {
        topic: 7,
        position,
        seq: position,
        source_time_ns: None,
        ingest_time_ns: 5,
        quality: Quality::Live,
        value,
    }
}

async fn accept(server: &Server) -> Peer {
    let mut peer = server.accept().await;
    peer.send(welcome()).await;
    peer
}

async fn accept_subscription(peer: &mut Peer, at: u64, start: Start) -> Subscribe {
    let ClientMessage::Subscribe(subscribe) = peer.receive().await else {
        panic!("expected a subscribe");
    };
    let accepted = Accepted {
        filter: subscribe.filters[0].filter.clone(),
        channel: 1,
        mode: Mode::Every,
        max_rate_hz: None,
        epoch: EPOCH,
        position: at,
        count: at,
        snapshot: None,
        start,
        lost: None,
    };
    peer.send(ServerMessage::Subscribed(Subscribed {
        id: subscribe.id,
        results: vec![SubscribeResult::Accepted(accepted)],
    }))
    .await;
    subscribe
}

fn batch(from: u64, to: u64, snapshot: bool, topics: Vec<TopicInfo>) -> ServerMessage<u32> {
    ServerMessage::Batch(Batch {
        channel: 1,
        from,
        to,
        snapshot,
        topics,
        updates: vec![update(to, Value::Reading(21.5))],
    })
}

#[tokio::test]
async fn subscribe_survives_a_lost_connection_and_prints_each_update_once() {
    let server = Server::start().await;
    let script = async {
        let mut peer = accept(&server).await;
        let subscribe = accept_subscription(&mut peer, 10, Start::Fresh).await;
        assert_eq!(subscribe.mode, Mode::Every);
        peer.send(batch(10, 11, false, vec![topic(7, "home/door")]))
            .await;
        let gap = Gap {
            channel: 1,
            from: 11,
            to: 20,
            lost: Some(9),
            snapshot: 11,
        };
        peer.send(ServerMessage::Gap(gap)).await;
        peer.send(batch(11, 20, true, vec![])).await;
        peer.close(CloseCode::ServiceRestart, "").await;
        drop(peer);

        let mut peer = accept(&server).await;
        let subscribe = accept_subscription(&mut peer, 20, Start::Resumed).await;
        let token = Resume {
            epoch: EPOCH,
            position: 20,
            count: Some(20),
            snapshot: None,
        };
        assert_eq!(subscribe.filters[0].resume, Some(token));
        peer.send(batch(20, 21, false, vec![])).await;
        peer.close(CloseCode::Normal, "enough").await;
        peer
    };
    let mut out = vec![];
    let url = server.url();
    let filters = vec![Filter::new("home/#").unwrap()];
    let (result, _peer) = tokio::join!(subscribe::run(&url, filters, &mut out), script);
    let error = result.unwrap_err().to_string();
    assert!(error.contains("enough"), "{error}");
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "11 home/door 11 Reading(21.5)\n\
         20 home/door 20 Reading(21.5)\n\
         21 home/door 21 Reading(21.5)\n"
    );
}

async fn receive_publish(peer: &mut Peer) -> (u32, Publication) {
    let ClientMessage::Publish(mut publish) = peer.receive().await else {
        panic!("expected a publish");
    };
    assert_eq!(publish.updates.len(), 1);
    (publish.id.unwrap(), publish.updates.remove(0))
}

fn lines(lines: &[&str]) -> mpsc::Receiver<io::Result<String>> {
    let (sender, receiver) = mpsc::channel(lines.len());
    for line in lines {
        sender.try_send(Ok((*line).to_owned())).unwrap();
    }
    receiver
}

#[tokio::test]
async fn publish_repeats_a_line_that_the_server_refuses_temporarily() {
    let server = Server::start().await;
    let script = async {
        let mut peer = accept(&server).await;
        let (id, first) = receive_publish(&mut peer).await;
        assert_eq!(first.topic, "lab/scale");
        assert_eq!(first.value, Value::Reading(0.25));
        peer.send(ServerMessage::Error(ErrorMessage {
            id: Some(id),
            code: ErrorCode::TooManyRequests,
            reason: "20 requests per second".into(),
            temporary: true,
            retry_after_ms: Some(1),
        }))
        .await;
        let (id, again) = receive_publish(&mut peer).await;
        assert_eq!(again, first);
        peer.send(ServerMessage::Published(Published { id, position: 1 }))
            .await;
        let (id, second) = receive_publish(&mut peer).await;
        assert_eq!(second.value, Value::Text("tare, twice".into()));
        peer.send(ServerMessage::Published(Published { id, position: 2 }))
            .await;
        assert_eq!(peer.receive_close().await, CloseCode::Normal.number());
        peer.close(CloseCode::Normal, "").await;
        peer
    };
    let input = lines(&["lab/scale 0.25", "", "lab/note tare, twice"]);
    let url = server.url();
    let (published, _peer) = tokio::join!(publish::run(&url, input), script);
    assert_eq!(published.unwrap(), 2);

    let input = lines(&["lab/+ 1"]);
    let (result, _peer) = tokio::join!(publish::run(&url, input), accept(&server));
    let error = result.unwrap_err().to_string();
    assert!(error.contains("wildcard"), "{error}");
}

#[tokio::test]
async fn history_to_csv_writes_all_pages_in_order_with_exact_decimals() {
    let server = Server::start().await;
    let decimal = |text: &str| text.parse::<Decimal>().unwrap();
    let trade = Value::Trade(Trade {
        price: decimal("39432.480"),
        size: decimal("0.000000000000000263"),
        side: Some(Side::Sell),
    });
    let script = async {
        let mut peer = accept(&server).await;
        for (before, updates, more) in [
            (
                None,
                vec![update(30, trade), update(40, Value::Reading(0.1))],
                true,
            ),
            (
                Some(30),
                vec![update(10, Value::Text("a, b".into()))],
                false,
            ),
        ] {
            let ClientMessage::History(request) = peer.receive().await else {
                panic!("expected a request for history");
            };
            assert_eq!((request.topic.as_str(), request.before), ("m/t", before));
            peer.send(ServerMessage::History(History {
                id: request.id,
                topics: vec![topic(7, "m/t")],
                updates,
                more,
            }))
            .await;
        }
        peer
    };
    let mut out = vec![];
    let url = server.url();
    let name = Topic::new("m/t").unwrap();
    let (result, _peer) = tokio::join!(history_to_csv::run(&url, &name, &mut out), script);
    result.unwrap();
    assert_eq!(
        String::from_utf8(out).unwrap(),
        "position,seq,ingest_time_ns,source_time_ns,quality,reading,price,size,side,\
         bid,ask,bid_size,ask_size,text,bytes_base64,absent\n\
         10,10,5,,live,,,,,,,,,\"a, b\",,\n\
         30,30,5,,live,,39432.480,0.000000000000000263,sell,,,,,,,\n\
         40,40,5,,live,0.1,,,,,,,,,,\n"
    );
}
