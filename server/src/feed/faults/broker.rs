//! A broker of MQTT 3.1.1 with one client, whose session it keeps. It knows no code of the feed.

use std::{cell::RefCell, collections::BTreeSet, io, time::Duration};

use rand::RngExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, split},
    sync::mpsc,
    task::JoinSet,
    time::sleep,
};

use crate::simulation::{Rng, Socket};

/// Messages that are not acknowledged, at most.
pub(super) const IN_FLIGHT_MAX: usize = 20;

/// Packets of MQTT 3.1.1, section 2.2.1.
const CONNECT: u8 = 1;
const PUBACK: u8 = 4;
const SUBSCRIBE: u8 = 8;
const PINGREQ: u8 = 12;
const DISCONNECT: u8 = 14;

#[derive(Debug, Default)]
pub(super) struct Broker {
    is_subscribed: bool,
    /// Messages are numbered from 1.
    published: u64,
    /// The first message that was not sent.
    next: u64,
    unacknowledged: BTreeSet<u64>,
}

impl Broker {
    pub(super) fn publish(&mut self, messages: u64) {
        self.published += messages;
    }

    pub(super) fn published(&self) -> u64 {
        self.published
    }

    pub(super) fn has_session(&self) -> bool {
        self.is_subscribed
    }

    /// Serves a connection until it ends.
    pub(super) async fn serve(broker: &RefCell<Self>, socket: Socket, rng: &mut Rng) {
        let (reader, mut writer) = split(socket);
        let (sender, mut packets) = mpsc::channel(16);
        // Reading a packet must not be interrupted.
        let mut reading = JoinSet::new();
        reading.spawn_local(read_all(reader, sender));
        let mut is_accepted = false;
        loop {
            let out = {
                let pause = Duration::from_millis(rng.random_range(1..100));
                tokio::select! {
                    packet = packets.recv() => match packet {
                        Some((DISCONNECT, _)) | None => return,
                        Some((kind, body)) => {
                            is_accepted |= kind == CONNECT;
                            broker.borrow_mut().answer(kind, &body)
                        }
                    },
                    () = sleep(pause), if is_accepted => broker.borrow_mut().next_messages(),
                }
            };
            if writer.write_all(&out).await.is_err() {
                return;
            }
        }
    }

    fn answer(&mut self, kind: u8, body: &[u8]) -> Vec<u8> {
        match kind {
            CONNECT => {
                let is_clean = body[7] & 2 != 0;
                assert!(!is_clean, "the feed wants a session");
                let mut out = vec![0x20, 2, self.is_subscribed.into(), 0];
                // MQTT 3.1.1, section 4.4: what is not acknowledged comes again, in order.
                let again = self.unacknowledged.iter();
                out.extend(again.flat_map(|number| message(*number, true)));
                out
            }
            SUBSCRIBE => {
                self.is_subscribed = true;
                vec![0x90, 3, body[0], body[1], 1]
            }
            PUBACK => {
                let id = u64::from(u16::from_be_bytes([body[0], body[1]]));
                self.unacknowledged.retain(|number| self::id(*number) != id);
                Vec::new()
            }
            PINGREQ => vec![0xd0, 0],
            other => panic!("a packet of kind {other}"),
        }
    }

    /// The next messages, if the client has a subscription and acknowledges.
    fn next_messages(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        while self.is_subscribed
            && self.next < self.published
            && self.unacknowledged.len() < IN_FLIGHT_MAX
        {
            self.next += 1;
            self.unacknowledged.insert(self.next);
            out.extend(message(self.next, false));
        }
        out
    }
}

fn id(number: u64) -> u64 {
    number % 65_535 + 1
}

/// A message of quality of service 1.
fn message(number: u64, is_again: bool) -> Vec<u8> {
    let mut body = vec![0, 1, b't'];
    body.extend((id(number) as u16).to_be_bytes());
    body.extend(number.to_string().bytes());
    let first = if is_again { 0x3a } else { 0x32 };
    [vec![first, body.len() as u8], body].concat()
}

async fn read_all(mut reader: ReadHalf<Socket>, packets: mpsc::Sender<(u8, Vec<u8>)>) {
    while let Ok(packet) = read(&mut reader).await {
        if packets.send(packet).await.is_err() {
            return;
        }
    }
}

/// Reads a packet: its kind and what follows its length.
async fn read(reader: &mut ReadHalf<Socket>) -> io::Result<(u8, Vec<u8>)> {
    let first = reader.read_u8().await?;
    let (mut length, mut shift) = (0, 0);
    loop {
        let byte = reader.read_u8().await?;
        length |= usize::from(byte & 0x7f) << shift;
        shift += 7;
        if byte & 0x80 == 0 {
            break;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).await?;
    Ok((first >> 4, body))
}
