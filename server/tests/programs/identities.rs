//! Identities from end to end: tokens of a file, changes while updates flow, and commands of
//! operators.

use std::{collections::HashMap, fs, net::SocketAddr, path::PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;
use tickcast_protocol::{
    client::{Client, ClientOptions, ConnectOptions, Event, TokenSource},
    codec::Encoding,
    message::{BearerToken, Mode},
    topic::Filter,
};
use tickcast_server_testkit::{
    Program, command,
    raw::{Answer, RawSocket, ask, get},
    soon, until,
};

/// An identities file that a test changes.
pub(crate) struct Identities {
    folder: TempDir,
    tokens: String,
}

impl Identities {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            tokens: String::new(),
        }
    }

    /// The same tokens in a file of their own, for another node of a cluster.
    pub(crate) fn of_another_node(&self) -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            tokens: self.tokens.clone(),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.folder.path().join("identities.toml")
    }

    /// Makes a token as an operator does.
    pub(crate) async fn make(&mut self, subject: &str, role: &str) -> String {
        let output = command(&["--make-token", subject, role]).output().await;
        let output = output.unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let (token, table) = text.split_once("\n\n").unwrap();
        self.tokens.push_str(table);
        token.to_owned()
    }

    pub(crate) fn write(&self, roles: &str) {
        fs::write(self.path(), format!("{roles}\n{}", self.tokens)).unwrap();
    }

    pub(crate) async fn start(&self, more: &[&str]) -> (Program, SocketAddr) {
        let path = self.path().display().to_string();
        let arguments = [
            "--identities",
            &path,
            "--admin",
            "127.0.0.1:0",
            "--shards",
            "2",
        ];
        let server = Program::start(&[&arguments, more].concat()).await;
        let (_, address) = server.first_log().split_once("http://").unwrap();
        let (address, _) = address.split_once('/').unwrap();
        let address = address.parse().unwrap();
        (server, address)
    }
}

pub(crate) const READER: &str =
    "[roles.reader]\nsubscribe = [\"eu/#\"]\npublish = [\"eu/{sub}/#\"]\n";

pub(crate) fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}\r\n")
}

pub(crate) fn subscribe(filters: &[&str]) -> Value {
    json!({"type": "subscribe", "id": 1, "filters": filters, "mode": "every"})
}

pub(crate) async fn handshake(server: &Program, path: &str, more: &str) -> Answer {
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{more}"
    );
    tickcast_server_testkit::raw::exchange(server.address, &format!("{head}\r\n")).await
}

pub(crate) async fn read(server: &Program, path: &str, more: &str) -> Answer {
    let head = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{more}");
    ask(server.address, &head).await
}

/// The sum of the rows of the metrics that begin with this.
pub(crate) async fn metric(admin: SocketAddr, start: &str) -> u64 {
    let body = get(admin, "/metrics").await.body;
    let rows = body.lines().filter(|line| line.starts_with(start));
    let numbers = rows.map(|row| row.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap());
    numbers.sum()
}

pub(crate) async fn operate(admin: SocketAddr, path: &str) -> Answer {
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n");
    ask(admin, &head).await
}

#[tokio::test]
async fn a_token_in_a_header_gives_what_its_role_allows_and_nothing_else() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    for more in [
        bearer(&token),
        format!("Sec-WebSocket-Protocol: tickcast.v1.json, tickcast.bearer.{token}\r\n"),
    ] {
        let mut socket = RawSocket::open(server.address, "/ws", &more).await;
        assert!(!socket.head.contains("tct_"), "{}", socket.head);
        let told = socket.json("authenticated").await;
        assert_eq!(
            (&told["subject"], &told["role"]),
            (&json!("alice"), &json!("reader"))
        );
        assert_eq!(told["publish"], json!(["eu/alice/#"]));
        socket.send_json(&subscribe(&["#", "eu/de/#"])).await;
        let results = socket.json("subscribed").await["results"].take();
        assert_eq!(results[0]["code"], 201);
        let reason = results[0]["reason"].as_str().unwrap();
        assert!(reason.contains("allowed: \"eu/#\""), "{reason}");
        assert_eq!(results[1]["start"], "fresh");
        for (topic, wanted) in [("eu/alice/a", "published"), ("eu/bob/a", "error")] {
            let updates = json!([{"topic": topic, "value": {"reading": 1}}]);
            socket
                .send_json(&json!({"type": "publish", "id": 2, "updates": updates}))
                .await;
            socket.json(wanted).await;
        }
    }
    let header = bearer(&token);
    for (path, more, status) in [
        ("/v1/latest?filter=eu/%23", header.as_str(), 200),
        ("/v1/latest?filter=%23", &header, 403),
        ("/v1/latest?filter=eu/%23", "", 401),
        ("/v1/stream?filter=eu/%23", "", 401),
        ("/v1/stream?filter=us", &header, 403),
        (
            "/v1/latest?filter=eu/%23",
            "Authorization: Bearer tct_wrong\r\n",
            401,
        ),
    ] {
        let answer = read(&server, path, more).await;
        assert_eq!(answer.status, status, "{path} {more}: {}", answer.body);
        let challenge = answer.header("www-authenticate");
        assert_eq!(challenge.is_some(), status == 401);
    }
    let answer = handshake(&server, "/ws", "Authorization: Bearer tct_wrong\r\n").await;
    assert_eq!(answer.status, 401, "{}", answer.body);
    let answer = handshake(&server, &format!("/ws?token={token}"), "").await;
    assert_eq!(answer.status, 400);
    assert!(
        answer.body.contains("URLs end up in logs"),
        "{}",
        answer.body
    );
    let refused = "tickcast_refused_total{reason=\"token\"}";
    assert_eq!(metric(admin, refused).await, 5);
    // Health and metrics need no token.
    assert_eq!(get(server.address, "/healthz").await.status, 200);
    let log = format!("{}{}", server.first_log(), server.log());
    assert!(!log.contains("tct_"), "{log}");
}

#[tokio::test]
async fn a_page_authenticates_by_its_first_message_or_is_closed() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let more = ["--feed", "none", "--authenticate-timeout", "500ms"];
    let (server, _) = identities.start(&more).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    socket.send_json(&subscribe(&["eu/de"])).await;
    assert_eq!(socket.json("subscribed").await["results"][0]["code"], 500);
    socket
        .send_json(&json!({"type": "authenticate", "id": 3, "token": token}))
        .await;
    assert_eq!(socket.json("authenticated").await["id"], 3);
    socket.send_json(&subscribe(&["eu/de"])).await;
    let results = socket.json("subscribed").await;
    assert_eq!(results["results"][0]["start"], "fresh");

    let silent = RawSocket::open(server.address, "/ws", "").await;
    assert_eq!(silent.closed().await, 4501);
    let mut wrong = RawSocket::open(server.address, "/ws", "").await;
    wrong
        .send_json(&json!({"type": "authenticate", "id": 3, "token": "tct_wrong"}))
        .await;
    assert_eq!(wrong.json("error").await["code"], 501);
    assert_eq!(wrong.closed().await, 4501);
    // The one that is known stays.
    socket.send_json(&json!({"type": "list", "id": 4})).await;
    socket.json("subscriptions").await;
}

#[tokio::test]
async fn a_role_that_is_narrowed_while_20_000_updates_a_second_flow_ends_at_its_position() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write("[roles.reader]\nsubscribe = [\"#\"]\n");
    let (server, admin) = identities.start(&["--sim-rate", "20000"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", &bearer(&token)).await;
    let filters = ["#", "market/BTC-USDT/trade"];
    socket.send_json(&subscribe(&filters)).await;
    let mut results = socket.json("subscribed").await["results"].take();
    let channels = [0, 1].map(|at| results[at]["channel"].take());
    let mut positions: HashMap<u64, Value> = HashMap::new();
    let (mut told, mut ended, mut after) = (false, None, 0);
    let mut seqs: HashMap<String, u64> = HashMap::new();
    let mut batches = 0;
    while after < 200 {
        let message = loop {
            let (first, payload) = socket.frame().await;
            if first == 0x81 {
                break serde_json::from_slice::<Value>(&payload).unwrap();
            }
        };
        match message["type"].as_str().unwrap() {
            "batch" => {
                batches += 1;
                if batches == 300 {
                    identities.write("[roles.reader]\nsubscribe = [\"market/BTC-USDT/#\"]\n");
                    server.signal("HUP").await;
                }
                let channel = &message["channel"];
                assert!(ended.is_none() || *channel == channels[1], "after the end");
                after += usize::from(ended.is_some());
                if message["snapshot"] == false {
                    positions.insert(channel.as_u64().unwrap(), message["to"].clone());
                }
                for update in message["updates"].as_array().unwrap() {
                    let topic = update["topic"].as_str().unwrap();
                    assert!(!told || topic.starts_with("market/BTC-USDT/"), "{topic}");
                    if *channel == channels[0] {
                        // Nothing before the position is missing.
                        let seq = update["seq"].as_u64().unwrap();
                        let last = seqs.insert(topic.to_owned(), seq);
                        assert!(last.is_none_or(|last| seq == last + 1), "{topic} {seq}");
                    }
                }
            }
            "authenticated" => told = batches > 0,
            "unsubscribed" => {
                assert!(told);
                assert_eq!(message["channels"], json!([channels[0]]));
                let last = &positions[&channels[0].as_u64().unwrap()];
                assert_eq!(message["position"], *last);
                ended = Some(message);
            }
            _ => {}
        }
    }
    let ended = "tickcast_subscriptions_forbidden_total";
    assert_eq!(metric(admin, ended).await, 1);
}

#[tokio::test]
async fn a_mistake_in_the_file_changes_nothing_and_is_told() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", &bearer(&token)).await;
    socket.json("authenticated").await;
    identities.write("[roles.reader]\nsubscribe = [\"a+\"]\n");
    let answer = operate(admin, "/v1/reload").await;
    assert_eq!(answer.status, 500);
    assert!(answer.body.contains("filter \"a+\""), "{}", answer.body);
    server.signal("HUP").await;
    let remain = "the identities remain as they were";
    until("it is told", async || server.log().contains(remain)).await;
    socket.send_json(&subscribe(&["eu/de"])).await;
    let results = socket.json("subscribed").await;
    assert_eq!(results["results"][0]["start"], "fresh");
}

#[tokio::test]
async fn operators_list_kick_and_revoke_and_a_revocation_survives_a_restart() {
    let mut identities = Identities::new();
    let alice = identities.make("alice", "reader").await;
    let bob = identities.make("bob", "reader").await;
    identities.write(READER);
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let open = async |token: &str| {
        let mut socket = RawSocket::open(server.address, "/ws", &bearer(token)).await;
        socket.json("authenticated").await;
        socket
    };
    let (first, mut other) = (open(&alice).await, open(&bob).await);
    let who: Value = serde_json::from_str(&get(admin, "/v1/who").await.body).unwrap();
    let mut subjects: Vec<_> = who["clients"].as_array().unwrap().iter().collect();
    subjects.sort_by_key(|row| row["subject"].to_string());
    assert_eq!(subjects[0]["subject"], "alice");
    assert_eq!(
        (subjects.len(), &subjects[1]["role"]),
        (2, &json!("reader"))
    );
    assert_eq!((&who["count"], &who["more"]), (&json!(2), &json!(false)));

    let kicked = operate(admin, "/v1/kick?subject=alice").await;
    assert_eq!(kicked.status, 200, "{}", kicked.body);
    assert_eq!(first.closed().await, 4503);
    let second = open(&alice).await;
    assert_eq!(get(admin, "/v1/kick?subject=alice").await.status, 405);
    assert_eq!(operate(admin, "/v1/kick").await.status, 400);
    let foreign = "POST /v1/kick?subject=bob HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\
                   Origin: https://evil.example\r\n";
    assert_eq!(ask(admin, foreign).await.status, 403);

    let revoked = operate(admin, "/v1/revoke?subject=alice").await;
    assert_eq!(revoked.status, 200, "{}", revoked.body);
    assert_eq!(second.closed().await, 4502);
    let answer = handshake(&server, "/ws", &bearer(&alice)).await;
    assert_eq!(answer.status, 401);
    assert!(answer.body.contains("revoked"), "{}", answer.body);
    other.send_json(&json!({"type": "list", "id": 4})).await;
    other.json("subscriptions").await;
    server.kill().await;

    let (server, admin) = identities.start(&["--feed", "none"]).await;
    assert_eq!(handshake(&server, "/ws", &bearer(&alice)).await.status, 401);
    let restored = operate(admin, "/v1/restore?subject=alice").await;
    assert!(
        restored.body.contains("\"changed\":true"),
        "{}",
        restored.body
    );
    let mut socket = RawSocket::open(server.address, "/ws", &bearer(&alice)).await;
    socket.json("authenticated").await;
}

/// Connections are in any shard, as the kernel distributes them.
#[tokio::test]
async fn a_command_reaches_the_clients_of_all_shards() {
    let mut identities = Identities::new();
    let alice = identities.make("alice", "reader").await;
    let bob = identities.make("bob", "reader").await;
    identities.write(READER);
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let open = async |token: &str| {
        let mut socket = RawSocket::open(server.address, "/ws", &bearer(token)).await;
        socket.json("authenticated").await;
        socket
    };
    let mut stays = open(&bob).await;
    for (command, code) in [("kick", 4503), ("revoke", 4502)] {
        let mut sockets = Vec::new();
        // All in one of the two shards are less likely than one in a million.
        for _ in 0..24 {
            sockets.push(open(&alice).await);
        }
        let who: Value = serde_json::from_str(&get(admin, "/v1/who").await.body).unwrap();
        assert_eq!(who["count"], 25);
        let done = operate(admin, &format!("/v1/{command}?subject=alice")).await;
        let done: Value = serde_json::from_str(&done.body).unwrap();
        assert_eq!((&done["count"], &done["more"]), (&json!(24), &json!(false)));
        for socket in sockets {
            assert_eq!(socket.closed().await, code, "{command}");
        }
    }
    stays.send_json(&json!({"type": "list", "id": 4})).await;
    stays.json("subscriptions").await;
}

#[tokio::test]
async fn an_identity_has_no_more_connections_than_its_role_allows() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(&format!("{READER}connections = 2\n"));
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let open = async || {
        let mut socket = RawSocket::open(server.address, "/ws", &bearer(&token)).await;
        socket.json("authenticated").await;
        socket
    };
    let (first, _second) = (open().await, open().await);
    let answer = handshake(&server, "/ws", &bearer(&token)).await;
    assert_eq!(answer.status, 429, "{}", answer.body);
    assert!(answer.body.contains("limit 2"), "{}", answer.body);
    drop(first);
    until("there is room", async || {
        let more = bearer(&token);
        read(&server, "/v1/latest?filter=eu/%23", &more)
            .await
            .status
            == 200
    })
    .await;
    let refused = "tickcast_refused_total{reason=\"identity_connections\"}";
    assert!(metric(admin, refused).await >= 1);
}

#[tokio::test]
async fn clients_without_a_token_have_their_own_role() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    let guest =
        "[roles.guest]\nsubscribe = [\"open/#\"]\nmax_rate_hz = 2\n[anonymous]\nrole = \"guest\"\n";
    identities.write(&format!("{READER}{guest}"));
    let (server, _) = identities.start(&["--feed", "none"]).await;
    let mut socket = RawSocket::open(server.address, "/ws", "").await;
    assert_eq!(socket.json("authenticated").await["role"], "guest");
    socket.send_json(&subscribe(&["open/a"])).await;
    let results = socket.json("subscribed").await;
    let reason = results["results"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("use mode \"latest\""), "{reason}");
    let latest = json!({"type": "subscribe", "id": 1, "filters": ["open/a", "eu/a"]});
    socket.send_json(&latest).await;
    let results = socket.json("subscribed").await;
    assert_eq!(results["results"][0]["max_rate_hz"], 2.0);
    assert_eq!(results["results"][1]["code"], 201);
    socket
        .send_json(&json!({"type": "authenticate", "id": 3, "token": token}))
        .await;
    assert_eq!(socket.json("authenticated").await["role"], "reader");
    // What the guest had is not the reader's.
    let ended = socket.json("unsubscribed").await;
    assert_eq!(ended["channels"], json!([results["results"][0]["channel"]]));
}

#[tokio::test]
async fn the_rust_client_shows_its_newest_token_and_is_told_what_ends() {
    let mut identities = Identities::new();
    let token = identities.make("alice", "reader").await;
    identities.write(READER);
    let (server, admin) = identities.start(&["--feed", "none"]).await;
    let mut options = ClientOptions::new(ConnectOptions::new(server.url(), Encoding::Bincode));
    options.token = Some(TokenSource::new(move || BearerToken::new(token.clone())));
    let (mut client, handle) = Client::new(options);
    let filter = Filter::new("eu/#").unwrap();
    handle
        .subscribe([filter.clone()], Mode::Every, None)
        .unwrap();
    let mut role = None;
    loop {
        match soon("an event", client.next()).await {
            Event::Authenticated(told) => role = Some(told.role),
            Event::Accepted { .. } => {
                assert_eq!(role.as_deref(), Some("reader"));
                identities.write(&READER.replace("subscribe = [\"eu/#\"]", "subscribe = []"));
                assert_eq!(operate(admin, "/v1/reload").await.status, 200);
            }
            Event::Ended {
                filter: ended,
                reason,
                ..
            } => {
                assert_eq!(ended, filter);
                assert!(reason.contains("allowed: nothing"), "{reason}");
                return;
            }
            Event::Disconnected(end) => panic!("{end:?}"),
            _ => {}
        }
    }
}
