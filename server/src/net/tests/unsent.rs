use std::{
    io::{ErrorKind, IoSlice},
    time::Duration,
};

use socket2::SockRef;
use tickcast_core::shard::KernelBound;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};

use super::on_sockets;
use crate::net::unsent::{bound, path, send_apart};

/// Both ends of a connection: the client's, and the server's. The kernel sends each write at
/// once.
async fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap());
    let (client, accepted) = tokio::join!(client, listener.accept());
    let (server, _) = accepted.unwrap();
    server.set_nodelay(true).unwrap();
    (client.unwrap(), server)
}

/// Writes pieces until the kernel takes no more. Returns the number of bytes.
async fn fill(server: &TcpStream, piece: &[u8]) -> u64 {
    /// More than the kernels of both ends hold together.
    const TAKEN_MAX: u64 = 4 << 20;
    /// The client's kernel makes room within microseconds, if it still has some.
    const FULL_AFTER: Duration = Duration::from_millis(50);

    let mut taken = 0;
    while taken < TAKEN_MAX && timeout(FULL_AFTER, server.writable()).await.is_ok() {
        match send_apart(server, &[IoSlice::new(piece)]) {
            Ok(0) => panic!("the kernel takes nothing, and does not say so"),
            Ok(bytes) => taken += bytes as u64,
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
    }
    taken
}

#[test]
fn what_is_sent_apart_arrives_and_is_counted() {
    on_sockets(async {
        let (mut client, server) = pair().await;
        server.writable().await.unwrap();
        let slices = [IoSlice::new(b"ab"), IoSlice::new(b"c")];
        assert_eq!(send_apart(&server, &slices).unwrap(), 3);
        let mut read = [0; 3];
        client.read_exact(&mut read).await.unwrap();
        assert_eq!(&read, b"abc");
    });
}

/// The bytes that the kernel holds for a client that does not read, when it takes no more, and has
/// had the time to bring them down to a number.
async fn held(unsent: u32, piece: &[u8], expected: u64) -> u64 {
    /// Of a fixed size, so that the client's kernel does not look for more room.
    const CLIENT_BYTES: usize = 64 * 1024;
    /// An acknowledgement may be this late, even on a busy machine.
    const ACKNOWLEDGED_AFTER: Duration = Duration::from_secs(2);

    let (client, server) = pair().await;
    let buffer = SockRef::from(&client).set_recv_buffer_size(CLIENT_BYTES);
    buffer.unwrap();
    bound(&server, KernelBound { unsent, all: None });
    let taken = fill(&server, piece).await;
    assert!(taken > expected, "{taken}: the client's kernel takes some");
    let held = || taken.saturating_sub(path(&server).unwrap().acknowledged_bytes);
    let acknowledged = async {
        while held() > expected {
            sleep(Duration::from_millis(1)).await;
        }
    };
    let _ = timeout(ACKNOWLEDGED_AFTER, acknowledged).await;
    held()
}

/// Without the end of a record, the kernel would append to the last bytes that it has not sent
/// until these are a whole packet, which has tens of kilobytes here.
#[test]
fn for_a_client_that_does_not_read_the_kernel_holds_the_bound_and_one_write_more() {
    const PIECE: [u8; 2_000] = [7; 2_000];
    const UNSENT: u32 = 1_000;
    /// A client's kernel that is short of memory drops what was sent to it, which is held then.
    const ATTEMPTS: usize = 5;

    on_sockets(async {
        let most = u64::from(UNSENT) + PIECE.len() as u64;
        let mut all = Vec::new();
        for _ in 0..ATTEMPTS {
            all.push(held(UNSENT, &PIECE, most).await);
            if all.last() <= Some(&most) {
                return;
            }
        }
        panic!("{all:?} bytes are held (at most {most})");
    });
}

#[test]
fn the_bounds_are_those_of_the_socket_and_a_missing_one_changes_nothing() {
    on_sockets(async {
        let (_client, server) = pair().await;
        let socket = SockRef::from(&server);
        let before = socket.send_buffer_size().unwrap();
        let all = None;
        bound(&server, KernelBound { unsent: 5_000, all });
        let unsent = socket.tcp_notsent_lowat().unwrap();
        assert_eq!(
            (unsent, socket.send_buffer_size().unwrap()),
            (5_000, before)
        );
        let all = Some(100_000);
        bound(&server, KernelBound { unsent: 7_000, all });
        let unsent = socket.tcp_notsent_lowat().unwrap();
        assert_eq!(
            (unsent, socket.send_buffer_size().unwrap()),
            (7_000, 100_000)
        );
    });
}

#[test]
fn the_path_has_what_the_client_has_acknowledged_and_the_round_trips() {
    on_sockets(async {
        let (mut client, mut server) = pair().await;
        let before = path(&server).unwrap().acknowledged_bytes;
        server.write_all(&[7; 1_000]).await.unwrap();
        client.read_exact(&mut [0; 1_000]).await.unwrap();
        // An answer carries the acknowledgement.
        client.write_all(b"a").await.unwrap();
        server.read_exact(&mut [0]).await.unwrap();
        let path = path(&server).unwrap();
        assert_eq!(path.acknowledged_bytes - before, 1_000);
        assert!(path.shortest_round_trip > Duration::ZERO, "{path:?}");
        assert!(path.round_trip >= path.shortest_round_trip, "{path:?}");
        assert!(path.round_trip < Duration::from_secs(5), "{path:?}");
    });
}
