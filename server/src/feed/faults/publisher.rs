//! A WebSocket server that sends numbers. It knows no code of the feed.

use std::{cell::RefCell, io, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use rand::RngExt;
use sha1::{Digest, Sha1};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, ReadHalf, split},
    sync::mpsc,
    task::JoinSet,
    time::sleep,
};

use crate::simulation::{Rng, Socket};

/// RFC 6455, section 1.3.
const GUID: &str = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Opcodes of RFC 6455, section 5.2.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

#[derive(Debug, Default)]
pub(super) struct Publisher {
    last: u64,
    /// The numbers before the first and up to the last of each connection.
    sent: Vec<(u64, u64)>,
    is_calm: bool,
    is_stopped: bool,
}

impl Publisher {
    /// Whether this many numbers were sent on a connection that does not fail.
    pub(super) fn has_calm_connection(&self, numbers: u64) -> bool {
        let newest = self.sent.last();
        self.is_calm && newest.is_some_and(|(before, last)| last - before >= numbers)
    }

    /// Sends no more. Returns the last number.
    pub(super) fn stop(&mut self) -> u64 {
        self.is_stopped = true;
        self.last
    }

    /// Checks that of each connection the first numbers came, once and in order, and of the last
    /// one all.
    pub(super) fn check(&self, received: &[u64]) {
        let mut received = received.iter().copied().peekable();
        for &(before, last) in &self.sent {
            let mut expected = before + 1;
            while let Some(number) = received.next_if(|number| *number <= last) {
                assert_eq!(number, expected, "of ({before}, {last}]");
                expected += 1;
            }
        }
        assert_eq!(received.next(), None);
    }

    /// Serves a connection until it ends.
    pub(super) async fn serve(
        publisher: &RefCell<Self>,
        mut socket: Socket,
        is_calm: bool,
        rng: &mut Rng,
    ) {
        if shake_hands(&mut socket).await.is_err() {
            return;
        }
        let (reader, mut writer) = split(socket);
        let (sender, mut frames) = mpsc::channel(16);
        let mut reading = JoinSet::new();
        reading.spawn_local(read_all(reader, sender));
        // Some servers stop sending, and some end the connection.
        let (silent_at, ends_at) = match is_calm {
            true => (u64::MAX, u64::MAX),
            false => (rng.random_range(0..2_000), rng.random_range(0..2_000)),
        };
        {
            let mut publisher = publisher.borrow_mut();
            let last = publisher.last;
            publisher.is_calm = is_calm;
            publisher.sent.push((last, last));
        }
        let mut texts = Vec::new();
        for count in 0.. {
            let pause = Duration::from_millis(rng.random_range(1..200));
            let mut out = Vec::new();
            tokio::select! {
                received = frames.recv() => match received {
                    Some((TEXT, text)) => texts.push(text),
                    Some((PING, payload)) => out = frame(PONG, &payload),
                    Some((CLOSE, _)) | None => return,
                    Some((opcode, _)) => panic!("opcode {opcode}"),
                },
                () = sleep(pause) => {
                    let mut publisher = publisher.borrow_mut();
                    if count < silent_at && !publisher.is_stopped {
                        publisher.last += 1;
                        let last = publisher.last;
                        publisher.sent.last_mut().expect("there is one").1 = last;
                        out = frame(TEXT, last.to_string().as_bytes());
                    }
                    if count == ends_at {
                        out.extend(frame(CLOSE, &1001_u16.to_be_bytes()));
                    }
                }
            }
            assert!([b"first".to_vec(), b"second".to_vec()].starts_with(&texts));
            if writer.write_all(&out).await.is_err() || count == ends_at {
                return;
            }
        }
    }
}

/// A frame of a server.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    assert!(payload.len() < 126);
    let mut frame = vec![0x80 | opcode, payload.len() as u8];
    frame.extend(payload);
    frame
}

/// Answers a handshake.
async fn shake_hands(socket: &mut Socket) -> io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    let head = String::from_utf8(head).expect("a head is text");
    let mut lines = head.lines();
    let key = lines.find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("sec-websocket-key")
            .then_some(value)
    });
    let key = key.expect("a handshake has a key");
    let accept = Sha1::new().chain_update(key).chain_update(GUID).finalize();
    let accept = BASE64_STANDARD.encode(accept);
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    socket.write_all(answer.as_bytes()).await
}

async fn read_all(mut reader: ReadHalf<Socket>, frames: mpsc::Sender<(u8, Vec<u8>)>) {
    while let Ok(frame) = read(&mut reader).await {
        if frames.send(frame).await.is_err() {
            return;
        }
    }
}

/// Reads a frame: its opcode and its payload.
async fn read(reader: &mut ReadHalf<Socket>) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 2];
    reader.read_exact(&mut head).await?;
    assert_eq!(head[0] & 0xf0, 0x80, "the feed sends whole messages");
    assert!((0x80..0xfe).contains(&head[1]), "short, with a mask");
    let mut mask = [0; 4];
    reader.read_exact(&mut mask).await?;
    let mut payload = vec![0; usize::from(head[1] & 0x7f)];
    reader.read_exact(&mut payload).await?;
    for (byte, mask) in payload.iter_mut().zip(mask.iter().cycle()) {
        *byte ^= mask;
    }
    Ok((head[0] & 0x0f, payload))
}
