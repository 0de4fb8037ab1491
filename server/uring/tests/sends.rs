//! A ring with real sockets.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::{
    fs::File,
    io::{self, ErrorKind, Read, Write},
    net::{Shutdown, TcpListener, TcpStream},
    os::fd::AsFd,
    sync::LazyLock,
    time::Duration,
};

use rand::{RngExt, SeedableRng, rngs::SmallRng};
use tickcast_uring::{Ring, SENDS_MAX, tcp_path};

static BYTES: LazyLock<Vec<u8>> = LazyLock::new(|| (0..1 << 24).map(|i| (i % 251) as u8).collect());

/// A connection: the writing end, and the reading end.
fn pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let reader = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (writer, _) = listener.accept().unwrap();
    (writer, reader)
}

fn ring() -> Ring {
    Ring::new().expect("these tests need a kernel that supports and allows io_uring")
}

/// Sends all slices to one socket. Returns the number of bytes that it accepted.
fn send_one(ring: &mut Ring, socket: &TcpStream, slices: &[&[u8]]) -> io::Result<usize> {
    let mut sends = ring.sends();
    sends.add(socket.as_fd(), slices.iter().copied());
    let mut taken = Vec::new();
    sends.submit(&mut taken).unwrap();
    assert_eq!(taken.len(), 1);
    taken.pop().unwrap()
}

#[test]
fn each_of_many_sockets_gets_its_own_bytes_and_reports_their_number() {
    let mut random = SmallRng::seed_from_u64(7);
    let mut ring = ring();
    let count = 2 * SENDS_MAX + 5;
    let mut pairs: Vec<_> = (0..count).map(|_| pair()).collect();
    let mut expected = vec![Vec::new(); count];
    let mut taken = Vec::new();
    for _ in 0..20 {
        let mut sends = ring.sends();
        let mut lens = Vec::new();
        for ((writer, _), expected) in pairs.iter().zip(&mut expected) {
            let slices: Vec<&[u8]> = (0..random.random_range(1..=5))
                .map(|_| {
                    let at = random.random_range(0..BYTES.len() - 300);
                    &BYTES[at..][..random.random_range(1..300)]
                })
                .collect();
            sends.add(writer.as_fd(), slices.iter().copied());
            lens.push(slices.iter().map(|slice| slice.len()).sum::<usize>());
            expected.extend(slices.concat());
        }
        sends.submit(&mut taken).unwrap();
        let taken: Vec<_> = taken.iter().map(|taken| *taken.as_ref().unwrap()).collect();
        assert_eq!(taken, lens);
    }
    for ((writer, reader), expected) in pairs.iter_mut().zip(expected) {
        writer.shutdown(Shutdown::Write).unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).unwrap();
        assert!(read == expected);
    }
}

#[test]
fn a_full_socket_accepts_a_part_then_nothing_and_does_not_delay_others() {
    let mut ring = ring();
    // Sockets of the standard library block; a send through the ring does not.
    let (full, mut reader) = pair();
    let part = send_one(&mut ring, &full, &[&BYTES]).unwrap();
    assert!(0 < part && part < BYTES.len(), "{part}");
    // Bytes that the kernel is moving to the reader make room for a moment.
    let mut written = part;
    let error = loop {
        match send_one(&mut ring, &full, &[&BYTES[written..], &BYTES[..9]]) {
            Ok(more) => written += more,
            Err(error) => break error,
        }
    };
    assert_eq!(error.kind(), ErrorKind::WouldBlock);

    let (free, mut other_reader) = pair();
    let mut sends = ring.sends();
    sends.add(full.as_fd(), [&BYTES[..8]]);
    sends.add(free.as_fd(), [&BYTES[..8]]);
    let mut taken = Vec::new();
    sends.submit(&mut taken).unwrap();
    assert_eq!(taken[0].as_ref().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert_eq!(*taken[1].as_ref().unwrap(), 8);
    let mut read = [0; 8];
    other_reader.read_exact(&mut read).unwrap();
    assert_eq!(read, BYTES[..8]);

    drop(full);
    let mut read = Vec::new();
    reader.read_to_end(&mut read).unwrap();
    assert!(read == BYTES[..written]);
}

#[test]
fn a_closed_connection_is_an_error_of_that_socket_alone() {
    let mut ring = ring();
    let (gone, reader) = pair();
    drop(reader);
    // The peer answers the first send with a reset, which fails the second one.
    let error = loop {
        if let Err(error) = send_one(&mut ring, &gone, &[b"x"]) {
            break error;
        }
    };
    let kinds = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
    assert!(kinds.contains(&error.kind()), "{error}");
    let (here, _reader) = pair();
    assert_eq!(send_one(&mut ring, &here, &[b"x"]).unwrap(), 1);
}

#[test]
fn an_empty_list_sends_nothing_even_after_a_dropped_list() {
    let mut ring = ring();
    let (writer, mut reader) = pair();
    ring.sends().add(writer.as_fd(), [&b"never"[..]]);
    let mut taken = vec![Ok(1)];
    ring.sends().submit(&mut taken).unwrap();
    assert!(taken.is_empty());
    assert_eq!(send_one(&mut ring, &writer, &[]).unwrap(), 0);
    assert_eq!(send_one(&mut ring, &writer, &[b"a", b"", b"b"]).unwrap(), 2);
    drop(writer);
    let mut read = String::new();
    reader.read_to_string(&mut read).unwrap();
    assert_eq!(read, "ab");
}

#[test]
fn bytes_that_are_kept_apart_arrive_like_others() {
    let mut ring = ring();
    let (writer, mut reader) = pair();
    let mut taken = Vec::new();
    for part in BYTES[..4000].chunks(1000) {
        let mut sends = ring.sends();
        sends.add_apart(writer.as_fd(), [&part[..400], &part[400..]]);
        sends.submit(&mut taken).unwrap();
        assert_eq!(taken.pop().unwrap().unwrap(), part.len());
    }
    let mut read = vec![0; 4000];
    reader.read_exact(&mut read).unwrap();
    assert!(read == BYTES[..4000]);
}

#[test]
fn the_path_is_known_of_a_connection_and_of_nothing_else() {
    let (mut writer, mut reader) = pair();
    writer.write_all(b"abc").unwrap();
    reader.read_exact(&mut [0; 3]).unwrap();
    // An answer carries the acknowledgement.
    reader.write_all(b"d").unwrap();
    writer.read_exact(&mut [0]).unwrap();
    let path = tcp_path(writer.as_fd()).unwrap();
    assert!(
        path.shortest_round_trip < Duration::from_secs(1),
        "{path:?}"
    );
    assert!(path.round_trip >= path.shortest_round_trip, "{path:?}");
    // A kernel may count the first packet of the connection as well.
    assert!((3..=4).contains(&path.acknowledged_bytes), "{path:?}");
    let file = File::open("/dev/null").unwrap();
    assert!(tcp_path(file.as_fd()).is_err());
}
