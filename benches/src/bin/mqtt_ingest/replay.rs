//! A broker that only sends: it accepts one client and all its subscriptions. Its packets were made
//! before, so that the server is the limit.

use std::{
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::ensure;
use tickcast_loadtest::wire::mqtt;

use crate::programs::FIRST_TOPIC;

/// The types of packets (MQTT 3.1.1, table 2.1), in the upper half of the first byte.
const CONNECT: u8 = 1;
const SUBSCRIBE: u8 = 8;
const PINGREQ: u8 = 12;

/// Subscriptions of the client: it has two filters.
const FILTERS: usize = 2;

/// The broker.
pub(crate) struct Replay(TcpListener);

/// The pings of the client.
#[derive(Clone, Default)]
pub(crate) struct Pings(Arc<AtomicBool>);

impl Pings {
    /// Whether a ping has come since the last call.
    pub(crate) fn take(&self) -> bool {
        self.0.swap(false, Ordering::Relaxed)
    }
}

impl Replay {
    pub(crate) fn listen() -> io::Result<Self> {
        TcpListener::bind(("127.0.0.1", 0)).map(Self)
    }

    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Accepts a client, answers until it has subscribed, and sends the first message. Returns the
    /// stream, to write to.
    pub(crate) fn accept(self) -> anyhow::Result<(TcpStream, Pings)> {
        let (mut stream, _) = self.0.accept()?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let (kind, body) = read_packet(&mut reader)?;
        ensure!(kind == CONNECT, "packet type {kind} in place of CONNECT");
        // The protocol's name, then its level.
        ensure!(
            body.get(6) == Some(&4),
            "the client does not speak MQTT 3.1.1"
        );
        stream.write_all(&[0x20, 2, 0, 0])?;
        let pings = Pings::default();
        let pinged = pings.clone();
        let (subscribed, first) = std::sync::mpsc::sync_channel(FILTERS);
        let mut answers = stream.try_clone()?;
        thread::Builder::new()
            .name("replay-reader".into())
            .spawn(move || -> io::Result<()> {
                loop {
                    let (kind, body) = read_packet(&mut reader)?;
                    match kind {
                        SUBSCRIBE => {
                            answers.write_all(&[0x90, 3, body[0], body[1], 0])?;
                            let _ = subscribed.try_send(());
                        }
                        PINGREQ => pinged.0.store(true, Ordering::Relaxed),
                        _ => {}
                    }
                }
            })?;
        for _ in 0..FILTERS {
            first.recv()?;
        }
        let mut packet = Vec::new();
        mqtt::append_publish(FIRST_TOPIC, b"1", &mut packet);
        stream.write_all(&packet)?;
        Ok((stream, pings))
    }
}

fn read_packet(reader: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut byte = [0];
    reader.read_exact(&mut byte)?;
    let kind = byte[0] >> 4;
    let mut len = 0;
    for shift in (0..28).step_by(7) {
        reader.read_exact(&mut byte)?;
        len |= usize::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            break;
        }
    }
    let mut body = vec![0; len];
    reader.read_exact(&mut body)?;
    Ok((kind, body))
}
