//! RFC 6455, case by case, in the order of the conformance suite Autobahn (groups 1 to 7, 9, 10).
//! Each case ends with a complete close handshake and FIN: on `/echo` in all cases, and on `/ws`
//! where its messages may be any text.

mod frames;
mod texts;

use std::time::Duration;

use tickcast_protocol::codec::SUBPROTOCOL_BINCODE;
use tickcast_server_testkit::{
    Program,
    raw::{BINARY, CLOSE, PING, PONG, RawSocket, TEXT, masked, read_frame},
    soon,
};
use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt},
    time::Instant,
};

use frames::{closing, fragments, framing, limits, pings, reserved, too_long};
use texts::texts;

/// First bytes of fragments.
const TEXT_BEGIN: u8 = 0x01;
const BINARY_BEGIN: u8 = 0x02;
const MORE: u8 = 0x00;
const LAST: u8 = 0x80;

const KIB: usize = 1024;
const MIB: usize = 1024 * KIB;

/// A server that lingers does so for a second.
const AT_ONCE: Duration = Duration::from_millis(800);

/// Attempts for a case that is late: the machine may be busy.
const ATTEMPTS: usize = 3;

/// What a client sends, and what it gets.
struct Case {
    name: String,
    /// The bytes, in pieces that are sent one after another.
    sent: Vec<Vec<u8>>,
    /// The frames that `/echo` returns before it closes.
    returned: Vec<(u8, Vec<u8>)>,
    /// The code with which the server closes. `None`: the client closes with 1000.
    code: Option<u16>,
    /// Whether the server answers before the last piece is sent.
    is_fast: bool,
    paths: Paths,
}

/// The paths on which a case makes sense.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Paths {
    Echo,
    /// Its messages are texts, and none is longer than a request.
    EchoAndJson,
    /// It has no messages.
    All,
}

impl Case {
    fn new(name: impl Into<String>, sent: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.into(),
            sent: vec![sent.into()],
            returned: Vec::new(),
            code: None,
            is_fast: false,
            paths: Paths::EchoAndJson,
        }
    }

    fn returns(mut self, first: u8, payload: impl Into<Vec<u8>>) -> Self {
        self.returned.push((first, payload.into()));
        self
    }

    fn closes(self, code: u16) -> Self {
        Self {
            code: Some(code),
            ..self
        }
    }

    fn on(self, paths: Paths) -> Self {
        Self { paths, ..self }
    }

    /// The same bytes in pieces.
    fn chopped(mut self, len: usize) -> Self {
        self.sent = self.sent.concat().chunks(len).map(<[u8]>::to_vec).collect();
        self.name = format!("{} in pieces of {len}", self.name);
        self
    }
}

/// A close frame with a code and a reason.
fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    masked(CLOSE, &[&code.to_be_bytes(), reason].concat())
}

/// A message in fragments of `len` bytes.
fn fragmented(first: u8, payload: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut chunks = payload.chunks(len).peekable();
    let mut opcode = first & 0x0f;
    while let Some(chunk) = chunks.next() {
        let fin = if chunks.peek().is_none() { LAST } else { MORE };
        bytes.extend(masked(fin | opcode, chunk));
        opcode = MORE;
    }
    bytes
}

async fn check(server: &Program, case: &Case, path: &str, protocol: &str) {
    for attempt in 1.. {
        let after = run(server, case, path, protocol).await;
        if after < AT_ONCE {
            return;
        }
        assert!(
            attempt < ATTEMPTS,
            "{} on {path}: FIN after {after:?}",
            case.name
        );
    }
}

/// Runs a case. Returns the time from the first close frame to FIN.
async fn run(server: &Program, case: &Case, path: &str, protocol: &str) -> Duration {
    let what = format!("{} on {path} {protocol}", case.name);
    let socket = RawSocket::open(server.address, path, protocol).await;
    socket.stream.get_ref().set_nodelay(true).unwrap();
    let count = case.sent.len() - usize::from(case.is_fast);
    let returned = match path {
        "/echo" => case.returned.clone(),
        _ => {
            let control = |(first, _): &&(u8, Vec<u8>)| matches!(*first, PING | PONG);
            case.returned.iter().filter(control).cloned().collect()
        }
    };
    let (reader, mut writer) = tokio::io::split(socket.stream);
    let mut reader = tokio::io::BufReader::new(reader);
    let sending = async {
        for piece in &case.sent[..count] {
            // The server may end the connection before it has everything.
            if writer.write_all(piece).await.is_err() {
                break;
            }
        }
        writer
    };
    let receiving = async {
        for frame in returned {
            assert_eq!(next(&mut reader, path, &what).await, frame, "{what}");
        }
    };
    let (mut writer, ()) = soon(&what, async { tokio::join!(sending, receiving) }).await;
    let mut closed = Instant::now();
    if case.code.is_none() {
        writer.write_all(&close(1000, b"")).await.unwrap();
    }
    let (first, payload) = next(&mut reader, path, &what).await;
    let code = payload.first_chunk().map(|code| u16::from_be_bytes(*code));
    assert_eq!(
        (first, code),
        (CLOSE, Some(case.code.unwrap_or(1000))),
        "{what}"
    );
    if case.code.is_some() {
        closed = Instant::now();
    }
    // A client that has not closed answers. It is ignored after a violation.
    let _ = writer.write_all(&close(1000, b"")).await;
    let rest = soon(&what, reader.fill_buf()).await;
    assert_eq!(rest.unwrap(), b"", "{what}");
    closed.elapsed()
}

/// The next frame; on `/ws` the next control frame, and answers are skipped.
async fn next(
    reader: &mut (impl tokio::io::AsyncRead + Unpin),
    path: &str,
    what: &str,
) -> (u8, Vec<u8>) {
    loop {
        let frame = soon(what, read_frame(reader)).await;
        let frame = frame.unwrap_or_else(|error| panic!("{what}: {error}"));
        if path == "/echo" || !matches!(frame.0, TEXT | BINARY) {
            return frame;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_case_of_rfc_6455_is_answered_closed_and_ended_at_once() {
    let server = Program::start(&["--feed", "none", "--shards", "1"]).await;
    let cases = [
        framing(),
        pings(),
        reserved(),
        fragments(),
        texts(),
        closing(),
        limits(),
        too_long(),
    ];
    let cases: Vec<Case> = cases.into_iter().flatten().collect();
    assert!(cases.len() > 300, "{}", cases.len());
    let bincode = format!("Sec-WebSocket-Protocol: {SUBPROTOCOL_BINCODE}\r\n");
    for case in &cases {
        check(&server, case, "/echo", "").await;
        if case.paths != Paths::Echo {
            check(&server, case, "/ws", "").await;
        }
        if case.paths == Paths::All {
            check(&server, case, "/ws", &bincode).await;
        }
    }
}
