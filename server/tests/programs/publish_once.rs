//! Publishes that are sent again: whatever happens to their answers, they are on the tape once, or
//! the client is told that this is unknown.

use serde_json::{Value, json};
use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Event, Unpublished},
    codec::Encoding,
    error::ErrorCode,
    message::{Position, RequestId},
};
use tickcast_server_testkit::{
    Program,
    proxy::{Harm, Moment, Part, Plan, Proxy},
    raw::{Answer, RawSocket, exchange, get_whole},
    soon,
    subscriber::{ENCODINGS, reading},
};
use tokio::task::JoinSet;

use crate::data;

/// What became of a publish.
pub(crate) type Result = std::result::Result<Position, Unpublished>;

/// A client that publishes once, at one or several servers.
pub(crate) struct OncePublisher {
    client: Client,
    handle: ClientHandle,
    topic: String,
    /// The requests so far, which publish 0, 1, 2 and so on.
    requests: Vec<RequestId>,
    results: Vec<Option<Result>>,
}

impl OncePublisher {
    pub(crate) fn start(urls: &[String], encoding: Encoding, topic: &str) -> Self {
        let connect = ConnectOptions::new(&urls[0], encoding);
        let (client, handle) = Client::new(ClientOptions {
            others: urls[1..].to_vec(),
            ..ClientOptions::new(connect)
        });
        Self {
            client,
            handle,
            topic: topic.to_owned(),
            requests: Vec::new(),
            results: Vec::new(),
        }
    }

    /// Publishes the next numbers.
    pub(crate) fn publish(&mut self, count: usize) {
        for _ in 0..count {
            let update = reading(&self.topic, self.requests.len() as f64);
            self.requests
                .push(self.handle.publish_once(vec![update]).unwrap());
            self.results.push(None);
        }
    }

    /// Waits until this many publishes have a result.
    pub(crate) async fn until(&mut self, count: usize) {
        while self.results.iter().flatten().count() < count {
            let (id, result) = match soon("an event", self.client.next()).await {
                Event::Published(published) => (published.id, Ok(published.position)),
                Event::Unpublished { id, why } => (id, Err(why)),
                _ => continue,
            };
            let index = self.requests.iter().position(|one| *one == id).unwrap();
            assert_eq!(self.results[index].replace(result), None, "told once");
        }
    }

    /// The results of all publishes.
    pub(crate) async fn results(mut self) -> Vec<Result> {
        self.until(self.requests.len()).await;
        self.results.into_iter().flatten().collect()
    }
}

/// The numbers that are on the tape, with their positions.
pub(crate) async fn on_tape(server: &Program, topic: &str) -> Vec<(f64, Position)> {
    let path = format!("/v1/history?topic={topic}&limit=10000");
    let answer = get_whole(server.address, &path).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let lines = answer.body.lines().map(|line| {
        let update: Value = serde_json::from_str(line).unwrap();
        let number = update["value"]["reading"].as_f64()?;
        Some((number, update["position"].as_u64().unwrap()))
    });
    lines.flatten().collect()
}

/// All numbers in order, with the positions that the client was told.
pub(crate) fn expected(results: Vec<Result>) -> Vec<(f64, Position)> {
    let positions = results.into_iter().map(Result::unwrap);
    (0..).map(f64::from).zip(positions).collect()
}

/// Each client has a proxy that does the same to the answer about its publisher, and to the first
/// one of a publish.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_cut_off_do_not_double_anything() {
    const COUNT: usize = 100;
    let server = Program::start(&["--feed", "none"]).await;
    let parts = [Part::Nothing, Part::OneByte, Part::Half, Part::AllButOne];
    let harms = parts
        .into_iter()
        .flat_map(|part| [Harm::Cut(part), Harm::End(part)]);
    let mut clients = JoinSet::new();
    for (index, harm) in harms.enumerate() {
        for encoding in ENCODINGS {
            let topic = format!("{encoding:?}/{index}");
            let harms = [harm, Harm::Delay, harm];
            let plan = Plan::from(harms.map(|harm| (Moment::Published, harm)));
            let proxy = Proxy::start(server.address, encoding, plan).await;
            let url = format!("ws://{}/ws", proxy.address);
            clients.spawn(async move {
                let mut publisher = OncePublisher::start(&[url], encoding, &topic);
                publisher.publish(COUNT);
                let results = publisher.results().await;
                assert_eq!(proxy.left(), 0);
                (topic, expected(results))
            });
        }
    }
    for (topic, expected) in clients.join_all().await {
        assert_eq!(on_tape(&server, &topic).await, expected, "{topic}");
    }
    // Those of the publishers, and what was under way.
    let repeats = server.metric("tickcast_publish_repeats_total").await;
    assert!(repeats > 2 * 8 * 2, "{repeats}");
    assert_eq!(server.metric("tickcast_publishers").await, 2 * 8);
    assert_eq!(server.metric("tickcast_publishes_too_old_total").await, 0);
}

fn once(id: u32, number: u64, text: Option<&str>) -> Value {
    let update = |text| json!({"topic": "a", "value": {"text": text}});
    let updates: Vec<_> = text.into_iter().map(update).collect();
    json!({
        "type": "publish_once", "id": id, "publisher": "0dd504b1f00d0002", "number": number,
        "updates": updates,
    })
}

async fn told(socket: &mut RawSocket, id: u32, number: u64, text: Option<&str>) -> Value {
    socket.send_json(&once(id, number, text)).await;
    let published = socket.json("published").await;
    assert_eq!(published["id"], id);
    published["position"].clone()
}

async fn posted(server: &Program, number: u64, text: Option<&str>) -> Answer {
    let body = once(7, number, text).to_string();
    let head = format!(
        "POST /v1/publish HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    exchange(server.address, &head).await
}

/// The publishers of HTTP and of WebSockets are the same.
#[tokio::test]
async fn a_request_that_is_sent_again_over_http_is_on_the_tape_once() {
    let flags = ["--feed", "none", "--publish-updates-per-s", "1000"];
    let server = Program::start(&flags).await;
    let refused = posted(&server, 2, Some("x")).await;
    assert_eq!(refused.status, 409, "{refused:?}");
    assert!(refused.body.contains("begins with number 1"), "{refused:?}");
    let wrong = posted(&server, 0, Some("x")).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    assert!(
        wrong.body.contains("number is 0: it must be at least 1"),
        "{wrong:?}"
    );
    let position = async |number, text| {
        let answer = posted(&server, number, text).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let answer: Value = serde_json::from_str(&answer.body).unwrap();
        assert_eq!(answer["id"], 7);
        answer["position"].clone()
    };
    assert_eq!(position(1, None).await, 0);
    assert_eq!(position(2, Some("x")).await, 1);
    assert_eq!(position(3, Some("y")).await, 2);
    assert_eq!(position(2, Some("x")).await, 1);
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    assert_eq!(told(&mut socket, 1, 3, Some("y")).await, 2);
    assert_eq!(told(&mut socket, 2, 4, Some("z")).await, 3);
    assert_eq!(position(4, Some("z")).await, 3);
    assert_eq!(server.metric("tickcast_publish_repeats_total").await, 3);
    assert_eq!(server.metric("tickcast_publishes_too_old_total").await, 1);
    assert_eq!(server.metric("tickcast_publishers").await, 1);
}

/// The log has the publishes with their updates.
#[tokio::test]
async fn a_server_with_a_log_knows_what_was_published_before_a_crash() {
    let folder = tempfile::tempdir().unwrap();
    let server = data::start(folder.path(), &[]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    assert_eq!(told(&mut socket, 1, 1, None).await, 0);
    assert_eq!(told(&mut socket, 2, 2, Some("x")).await, 1);
    assert_eq!(told(&mut socket, 3, 2, Some("x")).await, 1);
    server.kill().await;

    for (start, end) in [(0, 2), (1, 3)] {
        let server = data::start(folder.path(), &[]).await;
        let mut socket = RawSocket::open(server.address, "/ws", "").await;
        assert_eq!(told(&mut socket, 4, 1, None).await, 0);
        assert_eq!(told(&mut socket, 5, 2, Some("x")).await, 1);
        assert_eq!(told(&mut socket, 6, 3 + start, Some("y")).await, end);
        assert_eq!(server.metric("tickcast_publish_repeats_total").await, 2);
        server.kill().await;
    }
}

/// A server without a log forgets when it ends: it refuses what it cannot know.
#[tokio::test]
async fn a_server_that_started_again_without_a_log_refuses_what_it_may_have_published() {
    let server = Program::start(&["--feed", "none"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    assert_eq!(told(&mut socket, 1, 1, None).await, 0);
    assert_eq!(told(&mut socket, 2, 2, Some("x")).await, 1);
    let address = server.address.to_string();
    server.kill().await;

    let server = Program::start_at(&address, &["--feed", "none"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    socket.send_json(&once(3, 2, Some("x"))).await;
    let error = socket.json("error").await;
    let code = ErrorCode::NumberTooOld.number();
    assert_eq!((&error["id"], &error["code"]), (&json!(3), &json!(code)));
    assert_eq!(error["temporary"], false);
    assert_eq!(told(&mut socket, 4, 1, None).await, 0);
    assert_eq!(told(&mut socket, 5, 2, Some("y")).await, 1);
    assert_eq!(server.metric("tickcast_publishes_too_old_total").await, 1);
}

#[tokio::test]
async fn permissions_and_limits_of_publish_hold_for_publish_once() {
    let flags = ["--feed", "none", "--publish-allow", "b"];
    let server = Program::start(&flags).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    socket.send_json(&once(1, 1, Some("x"))).await;
    assert_eq!(socket.json("error").await["code"], 301);
    // What was refused does not count.
    socket.send_json(&once(2, 1, None)).await;
    assert_eq!(socket.json("published").await["id"], 2);

    let flags = ["--feed", "none", "--publish-from", "nobody"];
    let server = Program::start(&flags).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    socket.send_json(&once(1, 1, None)).await;
    assert_eq!(socket.json("error").await["code"], 301);

    let flags = ["--feed", "none", "--publish-updates-per-s", "1"];
    let server = Program::start(&flags).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    for id in 1..4 {
        let number = u64::from(id);
        socket.send_json(&once(id, number, Some("x"))).await;
    }
    assert_eq!(socket.json("published").await["id"], 1);
    assert_eq!(socket.json("published").await["id"], 2);
    assert!(server.metric("tickcast_publish_pauses_total").await > 0);
}
