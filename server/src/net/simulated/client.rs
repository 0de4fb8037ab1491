//! Clients: subscribers that reconnect until they have everything, and visitors that do each thing
//! that ends a connection. They write and read the bytes of HTTP and WebSocket by themselves.

use std::{io, rc::Rc, time::Duration};

use rand::RngExt;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, BufReader},
    time::{Instant, sleep, timeout},
};

use super::{ledger::Ledger, world::World};
use crate::simulation::{Faults, Rng, Socket};

/// Bytes within which a connection of a subscriber fails: what the client sends, and the server.
const FAIL_WITHIN: [u64; 2] = [2_000, 400_000];

/// Longest life of a connection while the network fails.
const CONNECTION_MAX: Duration = Duration::from_secs(90);

/// One frame of this many is read after a while only.
const PAUSE_ONE_IN: u32 = 300;

/// Longest such while: longer than the server waits for a client to read.
const PAUSE_MAX: Duration = Duration::from_secs(25);

/// The ends that a server may put to a subscriber that breaks no rule: it does not read, answers no
/// ping, the server drains.
const CODES: [u16; 3] = [4000, 4001, 1012];

/// Opcodes of RFC 6455, section 5.2.
const TEXT: u8 = 1;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// A connection after its handshake, or before.
pub(super) struct Wire {
    socket: BufReader<Socket>,
}

impl Wire {
    pub(super) fn new(socket: Socket) -> Self {
        let socket = BufReader::new(socket);
        Self { socket }
    }

    /// Switches to WebSocket. Returns the status.
    pub(super) async fn upgrade(&mut self, path: &str) -> io::Result<u16> {
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: tickcast.v1.json\r\n\r\n"
        );
        let request = match path {
            "/echo" => request.replace("Sec-WebSocket-Protocol: tickcast.v1.json\r\n", ""),
            _ => request,
        };
        self.socket.write_all(request.as_bytes()).await?;
        self.status().await
    }

    /// Reads the head of an answer.
    async fn status(&mut self) -> io::Result<u16> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.socket.read_u8().await?);
            assert!(head.len() < 16 * 1024, "a head without an end");
        }
        let head = String::from_utf8(head).expect("a head is text");
        let Some(status) = head.strip_prefix("HTTP/1.1 ") else {
            panic!("no status line: {head}");
        };
        Ok(status[..3].parse().expect("a status"))
    }

    /// Switches to WebSocket. An error is another answer.
    async fn shake_hands(&mut self, path: &str) -> io::Result<()> {
        match self.upgrade(path).await? {
            101 => Ok(()),
            status => Err(io::Error::other(format!("the status {status}"))),
        }
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> io::Result<()> {
        self.socket.write_all(&frame(opcode, payload)).await
    }

    /// Reads a frame.
    pub(super) async fn frame(&mut self) -> io::Result<(u8, Vec<u8>)> {
        let first = self.socket.read_u8().await?;
        assert_eq!(first & 0xf0, 0x80, "the server sends whole messages");
        let length = match self.socket.read_u8().await? {
            127 => self.socket.read_u64().await? as usize,
            126 => self.socket.read_u16().await?.into(),
            length => usize::from(length),
        };
        assert!(length < 1 << 26, "{length}");
        let mut payload = vec![0; length];
        self.socket.read_exact(&mut payload).await?;
        Ok((first & 0x0f, payload))
    }

    /// Reads until the end of the stream, and returns the code of a close frame.
    async fn code_at_end(&mut self, answers: bool) -> Option<u16> {
        let mut code = None;
        while let Ok((opcode, payload)) = self.frame().await {
            if opcode == CLOSE {
                let [high, low, ..] = payload[..] else {
                    continue;
                };
                code = Some(u16::from_be_bytes([high, low]));
                if answers {
                    let _ = self.send(CLOSE, &payload[..2]).await;
                }
            }
            if opcode == PING && answers {
                let _ = self.send(PONG, &payload).await;
            }
        }
        code
    }

    /// Reads to the end of the stream.
    async fn rest(&mut self) {
        let mut bytes = [0; 512];
        while let Ok(1..) = self.socket.read(&mut bytes).await {}
    }
}

/// A frame of a client, with a mask that changes nothing.
fn frame(opcode: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = vec![0x80 | opcode];
    match payload.len() {
        length @ 0..126 => frame.push(0x80 | length as u8),
        length => {
            frame.push(0x80 | 126);
            frame.extend(u16::try_from(length).expect("it is short").to_be_bytes());
        }
    }
    frame.extend([0; 4]);
    frame.extend(payload);
    frame
}

/// A subscriber to everything.
pub(super) struct Subscriber {
    world: Rc<World>,
    number: usize,
    rng: Rng,
    ledger: Ledger,
}

impl Subscriber {
    pub(super) fn new(world: Rc<World>, number: usize, rng: &mut Rng) -> Self {
        Self {
            world,
            number,
            rng: super::fork(rng),
            ledger: Ledger::new(number.is_multiple_of(2)),
        }
    }

    /// Connects again and again, until it has everything.
    pub(super) async fn run(mut self) {
        loop {
            let is_calm = self.world.calm.get();
            let faults = FAIL_WITHIN.map(|bytes| match is_calm {
                true => Faults::NONE,
                false => Faults::any(&mut self.rng, bytes),
            });
            let world = Rc::clone(&self.world);
            let socket = world.connect(self.number, faults, &mut self.rng).await;
            let mut wire = Wire::new(socket);
            let life = CONNECTION_MAX.mul_f64(self.rng.random());
            let life = if is_calm { Duration::MAX } else { life };
            match timeout(life, self.follow(&mut wire, is_calm)).await {
                Ok(Ok(())) => break,
                Ok(Err(error)) => assert!(!is_calm, "{error} although nothing fails"),
                Err(_) => self.leave(wire).await,
            }
            sleep(Duration::from_secs(3).mul_f64(self.rng.random())).await;
        }
        let last = self.world.last.get().expect("it has everything");
        self.ledger.check(last);
        self.world
            .lost
            .set(self.world.lost.get() + self.ledger.lost);
        self.world
            .resumes
            .set(self.world.resumes.get() + self.ledger.resumes);
    }

    /// Receives until it has everything, or the connection ends.
    async fn follow(&mut self, wire: &mut Wire, is_calm: bool) -> io::Result<()> {
        let status = wire.upgrade("/ws").await?;
        assert_eq!(status, 101);
        let subscribe = self.ledger.subscribe().to_string();
        wire.send(TEXT, subscribe.as_bytes()).await?;
        loop {
            if let Some(last) = self.world.last.get()
                && self.ledger.has_all(last)
            {
                return Ok(());
            }
            let (opcode, payload) = wire.frame().await?;
            match opcode {
                TEXT => {
                    let message = serde_json::from_slice(&payload).expect("it is JSON");
                    self.ledger.take(&message);
                }
                PING => wire.send(PONG, &payload).await?,
                CLOSE => {
                    let code = u16::from_be_bytes([payload[0], payload[1]]);
                    assert!(CODES.contains(&code), "{code}");
                    return Err(io::Error::other(format!("closed with {code}")));
                }
                other => panic!("opcode {other}"),
            }
            if !is_calm && self.rng.random_range(0..PAUSE_ONE_IN) == 0 {
                sleep(PAUSE_MAX.mul_f64(self.rng.random())).await;
            }
        }
    }

    /// Ends a connection in one of the ways in which clients do.
    async fn leave(&mut self, mut wire: Wire) {
        match self.rng.random_range(0..4) {
            0 => wire.socket.get_ref().reset(),
            1 => wire.socket.get_ref().end_writing(),
            2 => {
                let close = wire.send(CLOSE, &[3, 232]);
                let _ = timeout(Duration::from_secs(1), close).await;
            }
            _ => return,
        }
        let _ = timeout(Duration::from_secs(2), wire.rest()).await;
    }
}

/// What a visitor does. Each waits for the server's end of the stream.
#[derive(Debug, Clone, Copy)]
pub(super) enum Doing {
    /// Connects, and is silent.
    Nothing,
    /// Sends a part of a request.
    PartOfRequest,
    /// Sends no HTTP.
    Garbage,
    /// Asks for values, and ends its side.
    Latest,
    /// Asks for health again and again, then is silent.
    Health,
    /// Opens an event stream, reads some of it, and ends its side.
    Events,
    /// Subscribes, and reads nothing.
    Deaf,
    /// Opens an event stream, and reads nothing.
    DeafEvents,
    /// Makes a handshake, and answers no ping.
    Silent,
    /// Makes a handshake, and sends a part of a message.
    PartOfMessage,
    /// Ends its side in the middle of a frame.
    HalfClose,
    /// Makes the close handshake.
    Close,
    /// Breaks a rule.
    Violation,
    /// Sends more than it may.
    TooMany,
    /// Has messages returned, and closes.
    Echo,
    /// Has messages returned that it does not read.
    DeafEcho,
}

impl Doing {
    pub(super) const ALL: [Self; 16] = [
        Self::Nothing,
        Self::PartOfRequest,
        Self::Garbage,
        Self::Latest,
        Self::Health,
        Self::Events,
        Self::Deaf,
        Self::DeafEvents,
        Self::Silent,
        Self::PartOfMessage,
        Self::HalfClose,
        Self::Close,
        Self::Violation,
        Self::TooMany,
        Self::Echo,
        Self::DeafEcho,
    ];

    /// The codes that the client may get.
    fn codes(self) -> &'static [Option<u16>] {
        match self {
            Self::Silent | Self::PartOfMessage => &[Some(4001)],
            Self::Close | Self::Echo => &[Some(3999)],
            Self::Violation => &[Some(1002)],
            // It does not read what is refused before it has asked for everything.
            Self::TooMany => &[Some(4500), Some(4000), None],
            _ => &[None],
        }
    }

    /// Time from the last thing that the client does to the end of the connection, by the table of
    /// docs/protocol.md.
    fn limit(self, world: &World) -> Duration {
        let settings = &world.settings;
        match self {
            Self::Nothing | Self::PartOfRequest | Self::Health => settings.handshake_timeout,
            Self::Silent | Self::PartOfMessage => {
                settings.ping + settings.pong_timeout + ANSWER_MAX
            }
            Self::Deaf | Self::DeafEvents => {
                settings.ping + settings.pong_timeout + settings.write_timeout + 2 * ANSWER_MAX
            }
            Self::DeafEcho => settings.message_timeout,
            Self::TooMany => settings.write_timeout + ANSWER_MAX,
            _ => Duration::ZERO,
        }
    }

    /// Does it, and waits for the end. Returns the time from the last thing that it did, and the
    /// code of the server's close frame.
    pub(super) async fn run(
        self,
        world: &Rc<World>,
        faults: [Faults; 2],
        rng: &mut Rng,
    ) -> (Duration, Option<u16>) {
        let mut wire = Wire::new(world.connect(rng.random_range(0..9), faults, rng).await);
        let since = match self.act(&mut wire).await {
            Ok(since) => since,
            // It is over already, or refused with a text.
            Err(_) => {
                let since = Instant::now();
                wire.rest().await;
                return (since.elapsed(), None);
            }
        };
        let code = match self {
            Self::Deaf | Self::DeafEvents | Self::DeafEcho => {
                // A client that reads would not be deaf. It learns from its kernel that the end
                // has come.
                while !wire.socket.get_ref().is_over() {
                    sleep(Duration::from_millis(50)).await;
                }
                None
            }
            Self::Silent | Self::PartOfMessage => wire.code_at_end(false).await,
            Self::Close | Self::Violation | Self::TooMany | Self::Echo => {
                wire.code_at_end(true).await
            }
            _ => {
                wire.rest().await;
                None
            }
        };
        (since.elapsed(), code)
    }

    async fn act(self, wire: &mut Wire) -> io::Result<Instant> {
        let get = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        match self {
            Self::Nothing => {}
            Self::PartOfRequest => {
                let request = get("/v1/latest");
                let part = &request.as_bytes()[..request.len() - 3];
                wire.socket.write_all(part).await?;
            }
            Self::Garbage => wire.socket.write_all(&[0x16, 3, 1, 0, 5, 13, 10]).await?,
            Self::Latest => {
                wire.socket.write_all(get("/v1/latest").as_bytes()).await?;
                assert_eq!(wire.status().await?, 200);
                wire.socket.get_ref().end_writing();
            }
            Self::Health => {
                for _ in 0..3 {
                    wire.socket.write_all(get("/healthz").as_bytes()).await?;
                    assert_eq!(wire.status().await?, 200);
                    wire.socket.read_exact(&mut [0; b"ok\n".len()]).await?;
                }
            }
            Self::Events => {
                wire.socket.write_all(get("/v1/stream").as_bytes()).await?;
                let _ = wire.status().await?;
                let mut some = [0; 16];
                wire.socket.read_exact(&mut some).await?;
                wire.socket.get_ref().end_writing();
            }
            Self::DeafEvents => wire.socket.write_all(get("/v1/stream").as_bytes()).await?,
            Self::HalfClose => {
                wire.shake_hands("/ws").await?;
                wire.socket.write_all(&frame(TEXT, b"abc")[..5]).await?;
                wire.socket.get_ref().end_writing();
            }
            Self::Close | Self::Silent | Self::PartOfMessage | Self::Deaf | Self::Violation => {
                wire.shake_hands("/ws").await?;
                let request = br##"{"type":"subscribe","id":1,"filters":["#"],"mode":"every"}"##;
                match self {
                    Self::Close => wire.send(CLOSE, &3999_u16.to_be_bytes()).await?,
                    Self::PartOfMessage => {
                        wire.socket.write_all(&frame(TEXT, request)[..20]).await?
                    }
                    Self::Deaf => wire.send(TEXT, request).await?,
                    Self::Violation => wire.socket.write_all(&[0x83, 0x80, 0, 0, 0, 0]).await?,
                    _ => {}
                }
            }
            Self::TooMany => {
                wire.shake_hands("/ws").await?;
                let list = frame(TEXT, br#"{"type":"list","id":1}"#);
                // The burst, what is refused after it, and some more.
                wire.socket.write_all(&list.repeat(1_500)).await?;
            }
            Self::Echo => {
                wire.shake_hands("/echo").await?;
                for length in [0, 1, 125, 126, 5_000] {
                    let message = vec![b'x'; length];
                    wire.send(TEXT, &message).await?;
                    let (opcode, returned) = wire.frame().await?;
                    if opcode == CLOSE {
                        return Err(io::Error::other("closed"));
                    }
                    assert!((opcode, returned) == (TEXT, message), "of {length} bytes");
                }
                wire.send(CLOSE, &3999_u16.to_be_bytes()).await?;
            }
            Self::DeafEcho => {
                wire.shake_hands("/echo").await?;
                let message = frame(TEXT, &vec![b'x'; 60_000]);
                loop {
                    let sent = wire.socket.write_all(&message);
                    match timeout(ANSWER_MAX, sent).await {
                        Ok(sent) => sent?,
                        Err(_) => break,
                    }
                }
            }
        }
        Ok(Instant::now())
    }
}

/// Time for a client to answer a close frame, and for its kernel to acknowledge one.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Time for what is sent to arrive, both ways, on a network without stalls: up to 100,000 bytes, in
/// pieces of some kilobytes, of 20 ms each. The server's timers tick, and it reads on for a second
/// at the end.
const WAY_MAX: Duration = Duration::from_secs(8);

/// Does something at random. If the network allows, it must end as the document says.
pub(super) async fn visit(world: &Rc<World>, number: usize, rng: &mut Rng) {
    let doing = Doing::ALL[number % Doing::ALL.len()];
    if rng.random() {
        let faults = [300, 3_000].map(|bytes| Faults::any(rng, bytes));
        let patience = Duration::from_secs(40).mul_f64(rng.random());
        // Some come twice, and some go without a word.
        let twice = rng.random::<bool>().then(|| faults.clone());
        let _ = timeout(patience, doing.run(world, faults, rng)).await;
        if let Some(faults) = twice {
            let _ = timeout(patience, doing.run(world, faults, rng)).await;
        }
        return;
    }
    let faults = [(); 2].map(|()| {
        let faults = Faults::lasting(rng);
        Faults {
            stall_one_in: 0,
            piece_max: faults.piece_max.max(4096),
            // The client of an event stream gets no pings. It is found when its window is full.
            window: match doing {
                Doing::DeafEvents => 256,
                _ => faults.window,
            },
            ..faults
        }
    });
    let limit = doing.limit(world) + WAY_MAX;
    let shown = format!("{doing:?} with {faults:?}");
    let (elapsed, code) = doing.run(world, faults, rng).await;
    assert!(
        elapsed <= limit,
        "{elapsed:?} instead of {limit:?}: {shown}"
    );
    assert!(doing.codes().contains(&code), "{code:?} for {shown}");
}
