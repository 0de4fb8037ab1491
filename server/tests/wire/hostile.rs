//! Attacks: each ends within its limit, the server's memory returns to where it was, and another
//! client is served meanwhile. Single frames that break a rule are in `endings` and `rfc6455`.

use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tickcast_protocol::{
    codec::{Encoding, SUBPROTOCOL_BINCODE},
    error::ErrorCode,
    message::{ClientMessage, FilterRequest, Mode, ServerMessage, Subscribe, SubscribeResult},
};
use tickcast_server_testkit::{
    DEADLINE, Program, STEP,
    bystander::Bystander,
    raw::{BINARY, CLOSE, PING, PONG, RawSocket, TEXT, masked, read_frame},
    soon,
    subscriber::{ENCODINGS, answer, connect},
    until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// Allowed growth of the server after an attack: buffers that the allocator keeps.
const GROWTH_MAX_BYTES: usize = 8 * 1024 * 1024;

/// Allowed memory of a connected client: hyper's two buffers of 8 KiB, and our state.
const CLIENT_MAX_BYTES: usize = 48 * 1024;

/// Allowed memory of a client that has begun a message: a piece of it, and our state.
const BEGUN_MAX_BYTES: usize = 128 * 1024;

/// First byte of a frame that continues a message without ending it.
const MORE: u8 = 0x00;

/// A server, and a client that must not notice the attacks.
struct Scene {
    server: Program,
    bystander: Bystander,
    memory_bytes: usize,
}

impl Scene {
    /// With one shard, so that all clients share everything that can be shared.
    async fn start(arguments: &[&str]) -> Self {
        let all = [&["--feed", "none", "--shards", "1"], arguments].concat();
        let server = Program::start(&all).await;
        let mut bystander = Bystander::start(&server).await;
        bystander.is_served().await;
        let memory_bytes = server.memory_bytes();
        Self {
            server,
            bystander,
            memory_bytes,
        }
    }

    fn check_memory(&self, growth_max_bytes: usize) {
        let growth = self.server.memory_bytes().saturating_sub(self.memory_bytes);
        assert!(growth < growth_max_bytes, "it grew by {growth} bytes");
    }

    /// At the end no attacker is connected, and the memory is what it was. The allocator returns
    /// memory late, and only while it is used.
    async fn check_end(&mut self, growth_max_bytes: usize) {
        until("the attackers are gone", async || {
            self.server.metric("tickcast_connections").await == 2
        })
        .await;
        let start = Instant::now();
        loop {
            self.bystander.is_served().await;
            let growth = self.server.memory_bytes().saturating_sub(self.memory_bytes);
            if growth < growth_max_bytes {
                break;
            }
            assert!(start.elapsed() < DEADLINE, "it grew by {growth} bytes");
            sleep(STEP).await;
        }
    }
}

fn bincode() -> String {
    format!("Sec-WebSocket-Protocol: {SUBPROTOCOL_BINCODE}\r\n")
}

/// Writes all that is taken, and reads to the close frame. Returns its code.
async fn attack(socket: RawSocket, bytes: Vec<u8>) -> u16 {
    let (mut reader, mut writer) = tokio::io::split(socket.stream);
    // The server may close before it has everything.
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&bytes).await;
        writer
    });
    let code = soon("a close frame", async {
        loop {
            let (first, payload) = read_frame(&mut reader).await.unwrap();
            if first == CLOSE {
                return u16::from_be_bytes([payload[0], payload[1]]);
            }
        }
    })
    .await;
    writing.abort();
    code
}

#[tokio::test]
async fn a_message_in_a_million_empty_fragments_is_closed_at_their_limit() {
    let mut scene = Scene::start(&[]).await;
    for (path, protocol, first) in [
        ("/ws", String::new(), TEXT & 0x0f),
        ("/ws", bincode(), BINARY & 0x0f),
        ("/echo", String::new(), TEXT & 0x0f),
    ] {
        let socket = RawSocket::open(scene.server.address, path, &protocol).await;
        let bytes = [masked(first, b"x"), masked(MORE, b"").repeat(1_000_000)].concat();
        let code = scene
            .bystander
            .is_served_during(attack(socket, bytes))
            .await;
        assert_eq!(code, 1008, "{path} {protocol}");
    }
    scene.check_end(GROWTH_MAX_BYTES).await;
}

#[tokio::test]
async fn headers_sent_byte_by_byte_time_out() {
    const CLIENTS: usize = 50;
    let mut scene = Scene::start(&["--handshake-timeout", "1s"]).await;
    let address = scene.server.address;
    let header = format!("GET /ws HTTP/1.1\r\nHost: {}\r\n\r\n", "x".repeat(1_000));
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        let header = header.clone();
        clients.spawn(async move {
            let stream = TcpStream::connect(address).await.unwrap();
            let (mut reader, mut writer) = stream.into_split();
            let writing = tokio::spawn(async move {
                let mut sent = 0;
                for byte in header.into_bytes() {
                    if writer.write_all(&[byte]).await.is_err() {
                        break;
                    }
                    sent += 1;
                    // The whole header takes ten times the limit.
                    sleep(Duration::from_millis(10)).await;
                }
                sent
            });
            let mut answer = Vec::new();
            // It may end by a reset.
            let _ = soon("the end", reader.read_to_end(&mut answer)).await;
            writing.abort();
            assert!(!answer.starts_with(b"HTTP/1.1 101"));
            writing.await.unwrap_or(0)
        });
    }
    let all = async { clients.join_all().await };
    let sent = scene.bystander.is_served_during(all).await;
    assert!(
        sent.into_iter().all(|sent| sent < header.len()),
        "it was read to its end"
    );
    scene.check_end(GROWTH_MAX_BYTES).await;
}

#[tokio::test]
async fn two_thousand_half_open_handshakes_time_out_and_block_no_new_client() {
    const CLIENTS: usize = 2_000;
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    setrlimit(Resource::Nofile, raised).unwrap();
    let mut scene = Scene::start(&["--handshake-timeout", "2s"]).await;
    let address = scene.server.address;
    let mut clients = JoinSet::new();
    for number in 0..CLIENTS {
        clients.spawn(async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            // Some clients send nothing at all.
            let part = &b"GET /ws HTTP/1.1\r\nHost: localhost\r\nUpgrade: web"[..number % 42];
            stream.write_all(part).await.unwrap();
            let mut rest = Vec::new();
            let _ = soon("the end", stream.read_to_end(&mut rest)).await;
            assert!(!rest.starts_with(b"HTTP/1.1 101"));
        });
    }
    let all = async {
        let newcomer = RawSocket::open(address, "/ws", "").await;
        drop(newcomer);
        while let Some(client) = clients.join_next().await {
            client.unwrap();
        }
    };
    scene.bystander.is_served_during(all).await;
    scene.check_end(CLIENTS * CLIENT_MAX_BYTES).await;
}

#[tokio::test]
async fn a_message_that_is_announced_and_never_sent_takes_no_memory() {
    const CLIENTS: usize = 100;
    let header = |first: u8, len: u64| [&[first, 0xff], &len.to_be_bytes()[..], &[0; 4]].concat();
    let mut scene = Scene::start(&[]).await;
    let address = scene.server.address;
    let bincode = bincode();
    let opened = |path, protocol| async move {
        let mut sockets = Vec::with_capacity(CLIENTS);
        for _ in 0..CLIENTS {
            sockets.push(RawSocket::open(address, path, protocol).await);
        }
        sockets
    };
    // The largest allowed length: the server waits for it without allocating it.
    let mut waiting = Vec::new();
    for (path, protocol, first, len) in [
        ("/ws", "", TEXT, 64 * 1024),
        ("/ws", &bincode, BINARY, 64 * 1024),
        ("/echo", "", BINARY, 16 * 1024 * 1024),
    ] {
        for mut socket in opened(path, protocol).await {
            socket.send_bytes(&header(first, len)).await;
            socket.send_bytes(b"x").await;
            waiting.push(socket);
        }
        scene.bystander.is_served().await;
    }
    let memory_max_bytes = waiting.len() * BEGUN_MAX_BYTES;
    scene.check_memory(memory_max_bytes);
    drop(waiting);
    let mut closing = JoinSet::new();
    for (path, protocol, first) in [
        ("/ws", "", TEXT),
        ("/ws", &bincode, BINARY),
        ("/echo", "", BINARY),
    ] {
        for len in [16 * 1024 * 1024 + 1, i64::MAX as u64, u64::MAX] {
            for mut socket in opened(path, protocol).await {
                closing.spawn(async move {
                    socket.send_bytes(&header(first, len)).await;
                    assert_eq!(socket.closed().await, 1009, "{len}");
                });
            }
        }
    }
    let all = async {
        while let Some(closed) = closing.join_next().await {
            closed.unwrap();
        }
    };
    scene.bystander.is_served_during(all).await;
    scene.check_end(memory_max_bytes).await;
}

#[tokio::test]
async fn a_client_that_requests_pages_and_never_reads_them_is_disconnected() {
    const CLIENTS: usize = 50;
    let mut scene = Scene::start(&["--write-timeout", "1s"]).await;
    let before = scene.server.open_files();
    let mut clients = Vec::new();
    for _ in 0..CLIENTS {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4 * 1024).unwrap();
        let mut client = socket.connect(scene.server.address).await.unwrap();
        let request =
            "GET /assets/page/fonts/Inter-SemiBold.woff2 HTTP/1.1\r\nHost: localhost\r\n\r\n"
                .repeat(1_000);
        client.write_all(request.as_bytes()).await.unwrap();
        clients.push(client);
    }
    until("they are connected", async || {
        scene.server.open_files() >= before + CLIENTS
    })
    .await;
    let Scene {
        server, bystander, ..
    } = &mut scene;
    let gone = until("they are disconnected", async || {
        server.open_files() == before
    });
    bystander.is_served_during(gone).await;
    scene.check_end(GROWTH_MAX_BYTES).await;
    drop(clients);
}

#[tokio::test]
async fn a_flood_of_pings_gets_a_pong_each_and_delays_no_other_client() {
    const PINGS: usize = 50_000;
    let mut scene = Scene::start(&[]).await;
    let socket = RawSocket::open(scene.server.address, "/ws", "").await;
    let flood = async {
        let (mut reader, mut writer) = tokio::io::split(socket.stream);
        let writing = tokio::spawn(async move {
            let pings = masked(PING, b"are you there?").repeat(PINGS);
            writer.write_all(&pings).await.unwrap();
            writer
        });
        let mut pongs = 0;
        while pongs < PINGS {
            let (first, payload) = soon("a pong", read_frame(&mut reader)).await.unwrap();
            if first == PONG {
                assert_eq!(payload, b"are you there?");
                pongs += 1;
            }
        }
        drop(writing.await.unwrap());
    };
    scene.bystander.is_served_during(flood).await;
    scene.check_end(GROWTH_MAX_BYTES).await;
}

#[tokio::test]
async fn a_client_that_keeps_exceeding_the_request_rate_is_closed() {
    let mut scene = Scene::start(&["--requests-per-s", "1", "--request-burst", "10"]).await;
    let nonsense = (masked(TEXT, b"nonsense"), masked(BINARY, b"\xffnonsense"));
    let list = (
        masked(TEXT, br#"{"type":"list","id":1}"#),
        masked(BINARY, &[4, 1]),
    );
    for (json, binary) in [nonsense, list] {
        for (protocol, message) in [(String::new(), json), (bincode(), binary)] {
            let socket = RawSocket::open(scene.server.address, "/ws", &protocol).await;
            let messages = message.repeat(20_000);
            let code = scene
                .bystander
                .is_served_during(attack(socket, messages))
                .await;
            assert_eq!(code, 4500, "{protocol}");
        }
    }
    scene.check_end(GROWTH_MAX_BYTES).await;
}

#[tokio::test]
async fn each_filter_of_the_largest_request_is_answered_and_accepted_up_to_the_limit() {
    const ALLOWED: usize = 100;
    /// 64 KiB of filters, the state of each, and a result for each.
    const REQUEST_MAX_BYTES: usize = 32 * 1024 * 1024;
    let mut scene = Scene::start(&["--subscriptions-max", "100"]).await;
    for encoding in ENCODINGS {
        let per_filter = match encoding {
            Encoding::Bincode => 8,
            Encoding::Json => 10,
        };
        let count = 60_000 / per_filter;
        let filters = (0..count).map(|number| FilterRequest::from(&*format!("a/{number}")));
        let request = ClientMessage::Subscribe(Subscribe {
            id: 1,
            filters: filters.collect(),
            mode: Mode::Latest,
            max_rate_hz: None,
        });
        let url = scene.server.url();
        let asking = async {
            let mut client = connect(&url, encoding).await;
            client.send(&request).await.unwrap();
            answer(&mut client, |message| match message {
                ServerMessage::Subscribed(subscribed) => Some(subscribed.results),
                _ => None,
            })
            .await
        };
        let results = scene.bystander.is_served_during(asking).await;
        assert_eq!(results.len(), count);
        let (granted, refused) = results.split_at(ALLOWED);
        let is_granted = |result: &SubscribeResult| matches!(result, SubscribeResult::Accepted(_));
        assert!(granted.iter().all(is_granted));
        assert!(refused.iter().all(|result| matches!(
            result,
            SubscribeResult::Refused(refused) if refused.code == ErrorCode::TooManySubscriptions
        )));
    }
    scene.check_end(REQUEST_MAX_BYTES).await;
}

#[tokio::test]
async fn an_invalid_bincode_message_is_answered_and_the_connection_stays() {
    let scene = Scene::start(&[]).await;
    let mut socket = RawSocket::open(scene.server.address, "/ws", &bincode()).await;
    let endless = [&[0, 1, 253][..], &(1u64 << 60).to_le_bytes()].concat();
    for (what, bytes, code) in [
        ("nothing", &b""[..], 100),
        ("an unknown variant", b"\x63", 101),
        ("half a message", b"\x04", 100),
        ("a trailing byte after the message", b"\x04\x01\x00", 100),
        ("2^60 filters", &endless, 100),
        (
            "text that is not UTF-8",
            b"\x00\x01\x01\x01\xff\x00\x00\x00",
            100,
        ),
    ] {
        socket.send(BINARY, bytes).await;
        let error = loop {
            let (_, payload) = socket.frame().await;
            match tickcast_protocol::codec::decode_server_bincode(&payload).unwrap() {
                ServerMessage::Error(error) => break error,
                _ => continue,
            }
        };
        assert_eq!(error.code.number(), code, "{what}: {error:?}");
    }
    socket.send(PING, b"still here?").await;
    assert_eq!(socket.frame().await, (PONG, b"still here?".to_vec()));
}
