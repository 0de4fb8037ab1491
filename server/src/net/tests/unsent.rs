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
    const TAKEN_MAX: u64 = 64 << 20;
    /// The client's kernel makes room within microseconds, if it still has some.
    const FULL_AFTER: Duration = Duration::from_millis(50);

    let mut taken = 0;
    while taken < TAKEN_MAX && timeout(FULL_AFTER, server.writable()).await.is_ok() {
        match send_apart(server, &[IoSlice::new(piece)]) {
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

/// Without the end of a record, the kernel would append to the last bytes that it has not sent
/// until these are a whole packet, which has tens of kilobytes here.
#[test]
fn for_a_client_that_does_not_read_the_kernel_holds_the_bound_and_one_write_more() {
    const PIECE: [u8; 500] = [7; 500];
    const UNSENT: u32 = 1_000;
    const DEADLINE: Duration = Duration::from_secs(5);

    on_sockets(async {
        let (_client, server) = pair().await;
        let bounds = KernelBound {
            unsent: UNSENT,
            all: None,
        };
        bound(&server, bounds);
        let taken = fill(&server, &PIECE).await;
        let most = u64::from(UNSENT) + PIECE.len() as u64;
        let held = || taken.saturating_sub(path(&server).unwrap().acknowledged_bytes);
        // What the client's kernel has taken may not be acknowledged yet.
        let acknowledged = async {
            while held() > most {
                sleep(Duration::from_millis(1)).await;
            }
        };
        let is_bounded = timeout(DEADLINE, acknowledged).await.is_ok();
        assert!(is_bounded, "{} of {taken} bytes are held", held());
        assert!(taken > most, "{taken}: the client's kernel has taken some");
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
