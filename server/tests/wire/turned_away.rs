//! Clients that are one too many from their address: they are told so, counted and logged, and cost
//! next to nothing. Loopback is not counted, so these tests use another address of the machine.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use tickcast_server_testkit::{
    Program,
    bystander::Bystander,
    raw::{Answer, exchange, shake_hands},
    soon, until,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

const REFUSED: &str = "tickcast_refused_total{reason=\"connections\"}";

/// The address with which this machine would reach others. Nothing is sent.
fn own_address() -> IpAddr {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
    let is_connected = socket.connect((Ipv4Addr::new(203, 0, 113, 1), 9));
    is_connected.expect("the machine has a network besides loopback");
    socket.local_addr().unwrap().ip()
}

async fn server(max: &str) -> (Program, SocketAddr) {
    let arguments = [
        "--feed",
        "none",
        "--shards",
        "1",
        "--connections-per-address-max",
        max,
    ];
    let server = Program::start_at("0.0.0.0:0", &arguments).await;
    let address = SocketAddr::new(own_address(), server.address.port());
    (server, address)
}

#[tokio::test]
async fn one_connection_too_many_is_told_the_limit_and_the_setting() {
    let (server, address) = server("3").await;
    let mut clients = Vec::new();
    for _ in 0..3 {
        let stream = TcpStream::connect(address).await.unwrap();
        clients.push(shake_hands(stream, "/ws", "").await.unwrap());
    }
    for request in [
        format!("GET /ws HTTP/1.1\r\nHost: {address}\r\n\r\n"),
        format!("GET / HTTP/1.0\r\nHost: {address}\r\n\r\n"),
        // More than is read.
        format!(
            "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Length: 9999\r\n\r\n{:9999}",
            ""
        ),
    ] {
        let answer = exchange(address, &request).await;
        assert_eq!(answer.status, 429, "{answer:?}");
        assert_eq!(answer.header("connection"), Some("close"));
        assert_eq!(answer.header("retry-after"), Some("5"));
        let told = "(limit 3): close some of them, or raise `connections-per-address-max`";
        assert!(answer.body.contains(told), "{}", answer.body);
        assert!(
            answer.body.contains(&address.ip().to_string()),
            "{}",
            answer.body
        );
    }
    assert_eq!(server.metric(REFUSED).await, 3);
    // The log has a thread of its own.
    let logged = || server.log().matches("reason=\"connections\"").count();
    until("it is logged", async || logged() > 0).await;
    assert_eq!(logged(), 1, "{}", server.log());
    // A connection that ends makes room for another one.
    clients.pop();
    until("there is room again", async || {
        let stream = TcpStream::connect(address).await.unwrap();
        shake_room(stream).await
    })
    .await;
}

/// Whether a handshake is accepted.
async fn shake_room(mut stream: TcpStream) -> bool {
    let address = stream.peer_addr().unwrap();
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    Answer::parse(&answer).status == 200
}

/// Hundreds of clients come at once and never send or read anything. Those that cannot be told are
/// cut, and the ones within the limit are served meanwhile.
#[tokio::test]
async fn a_flood_from_one_address_leaves_nothing_in_the_server() {
    const CLIENTS: usize = 1_000;
    let (server, address) = server("1").await;
    let first = TcpStream::connect(address).await.unwrap();
    let _first = shake_hands(first, "/ws", "").await.unwrap();
    let mut bystander = Bystander::start(&server).await;
    bystander.is_served().await;
    let (files, memory) = (server.open_files(), server.memory_bytes());
    let flood = async {
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(async move {
                let mut stream = TcpStream::connect(address).await.unwrap();
                let mut answer = Vec::new();
                // It may end by a reset.
                let _ = soon("the end", stream.read_to_end(&mut answer)).await;
            });
        }
        let mut most = 0;
        while let Some(ended) = clients.join_next().await {
            ended.unwrap();
            most = most.max(server.open_files().saturating_sub(files));
        }
        most
    };
    let most = bystander.is_served_during(flood).await;
    assert!(most < 100, "{most} connections were kept at the same time");
    assert_eq!(server.metric(REFUSED).await, CLIENTS as u64);
    let lines = server.log().matches("reason=\"connections\"").count();
    assert!((1..=5).contains(&lines), "{lines} lines");
    until("no connection is left", async || {
        server.open_files() <= files
    })
    .await;
    let grown = server.memory_bytes().saturating_sub(memory);
    assert!(grown < 4 << 20, "it grew by {grown} bytes");
}
