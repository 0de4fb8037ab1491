//! RFC 6455, case by case, in the order of the conformance suite Autobahn (groups 1 to 7, 9, 10).
//! Each case ends with a complete close handshake and FIN: on `/echo` in all cases, and on `/ws`
//! where its messages may be any text.

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

fn framing() -> Vec<Case> {
    let mut cases = Vec::new();
    for first in [TEXT, BINARY] {
        for len in [0, 125, 126, 127, 128, 65_535, 65_536] {
            let payload = vec![b'*'; len];
            let case = |name: &str| {
                Case::new(
                    format!("1 {name} {first:x} of {len} bytes"),
                    masked(first, &payload),
                )
                .returns(first, payload.clone())
                .on(if first == TEXT {
                    Paths::EchoAndJson
                } else {
                    Paths::Echo
                })
            };
            cases.push(case("message"));
            if len == 65_536 {
                cases.push(case("message").chopped(997));
            }
        }
    }
    cases
}

fn pings() -> Vec<Case> {
    let ping = |payload: &[u8]| {
        Case::new(
            format!("2 a ping of {} bytes", payload.len()),
            masked(PING, payload),
        )
        .returns(PONG, payload)
        .on(Paths::All)
    };
    let ten: Vec<u8> = (0..10).flat_map(|at| masked(PING, &[b'0' + at])).collect();
    let mut many = Case::new("2 ten pings", ten).on(Paths::All);
    for at in 0..10 {
        many = many.returns(PONG, [b'0' + at]);
    }
    let returned = many.returned.clone();
    let mut chopped = Case::new("2 ten pings", many.sent.concat())
        .on(Paths::All)
        .chopped(1);
    chopped.returned = returned;
    vec![
        ping(b""),
        ping(b"Hello, world!"),
        ping(&[0x00, 0xff, 0xfe, 0xfd, 0xfc, 0xfb, 0x00, 0xff]),
        ping(&[0xfe; 125]),
        ping(&[0xfe; 125]).chopped(1),
        Case::new("2 a ping of 126 bytes", masked(PING, &[0xfe; 126]))
            .closes(1002)
            .on(Paths::All),
        Case::new("2 an empty pong", masked(PONG, b"")).on(Paths::All),
        Case::new("2 a pong", masked(PONG, b"unsolicited")).on(Paths::All),
        Case::new(
            "2 a pong and a ping",
            [masked(PONG, b"a"), masked(PING, b"b")].concat(),
        )
        .returns(PONG, *b"b")
        .on(Paths::All),
        many,
        chopped,
    ]
}

/// Reserved bits and opcodes, after a good message and without one.
fn reserved() -> Vec<Case> {
    let bits = (1..8).flat_map(|bits| {
        let bits = bits << 4;
        [TEXT, BINARY, PING, CLOSE]
            .map(|first| (format!("3 bits {bits:x} of {first:x}"), first | bits))
    });
    let opcodes = [3, 4, 5, 6, 7, 11, 12, 13, 14, 15];
    let opcodes = opcodes.map(|opcode| (format!("4 opcode {opcode}"), 0x80 | opcode));
    bits.chain(opcodes)
        .flat_map(|(name, first)| {
            let alone = Case::new(name.clone(), masked(first, b""))
                .closes(1002)
                .on(Paths::All);
            let after = || {
                let bytes = [
                    masked(TEXT, b"good"),
                    masked(first, b"bad"),
                    masked(PING, b""),
                ];
                Case::new(format!("{name} after a message"), bytes.concat())
                    .returns(TEXT, *b"good")
                    .closes(1002)
            };
            [alone, after(), after().chopped(1)]
        })
        .collect()
}

fn fragments() -> Vec<Case> {
    let ab = || vec![masked(TEXT_BEGIN, b"a"), masked(LAST, b"b")];
    let between = [ab()[0].clone(), masked(PING, b"p"), ab()[1].clone()].concat();
    let with_ping = |bytes: &[u8]| {
        Case::new("5 a ping between fragments", bytes)
            .returns(PONG, *b"p")
            .returns(TEXT, *b"ab")
    };
    let wrong = |name: &str, frames: &[Vec<u8>]| {
        Case::new(format!("5 {name}"), frames.concat()).closes(1002)
    };
    let five: Vec<Vec<u8>> = vec![
        masked(TEXT_BEGIN, b"1"),
        masked(MORE, b"2"),
        masked(PING, b"p"),
        masked(MORE, b"3"),
        masked(MORE, b"4"),
        masked(PING, b"q"),
        masked(LAST, b"5"),
    ];
    let pongs = |case: Case| {
        case.returns(PONG, *b"p")
            .returns(PONG, *b"q")
            .returns(TEXT, *b"12345")
    };
    vec![
        wrong(
            "a ping in fragments",
            &[masked(PING & 0x0f, b"a"), masked(LAST, b"b")],
        )
        .on(Paths::All),
        wrong(
            "a pong in fragments",
            &[masked(PONG & 0x0f, b"a"), masked(LAST, b"b")],
        )
        .on(Paths::All),
        Case::new("5 two fragments", ab().concat()).returns(TEXT, *b"ab"),
        Case::new("5 two fragments", ab().concat())
            .returns(TEXT, *b"ab")
            .chopped(1),
        with_ping(&between),
        with_ping(&between).chopped(1),
        wrong(
            "a last continuation of nothing",
            &[masked(LAST, b"x"), masked(TEXT, b"y")],
        ),
        wrong(
            "a continuation of nothing",
            &[masked(MORE, b"x"), masked(TEXT, b"y")],
        ),
        wrong(
            "a continuation of nothing",
            &[masked(MORE, b"x"), masked(TEXT, b"y")],
        )
        .chopped(1),
        wrong(
            "a continuation after a message",
            &[ab().concat(), masked(MORE, b"x"), ab().concat()],
        )
        .returns(TEXT, *b"ab"),
        wrong(
            "a message inside another one",
            &[ab()[0].clone(), masked(TEXT, b"x")],
        ),
        wrong(
            "a message inside another one",
            &[ab()[0].clone(), masked(TEXT, b"x")],
        )
        .chopped(1),
        pongs(Case::new("5 five fragments with pings", five.concat())),
        pongs(Case::new("5 five fragments with pings", five.concat())).chopped(1),
        Case::new("5 empty fragments", fragmented_empty()).returns(TEXT, *b"middle"),
    ]
}

fn fragmented_empty() -> Vec<u8> {
    [
        masked(TEXT_BEGIN, b""),
        masked(MORE, b"middle"),
        masked(LAST, b""),
    ]
    .concat()
}

/// Texts that are UTF-8, at the borders of what is allowed (Unicode, table 3-7).
const GOOD: [&[u8]; 19] = [
    b"\x00",
    b"\x7f",
    b"\xc2\x80",
    b"\xdf\xbf",
    b"\xe0\xa0\x80",
    b"\xe1\x80\x80",
    b"\xed\x9f\xbf",
    b"\xee\x80\x80",
    b"\xef\xbf\xbd",
    // Characters that Unicode will never assign are UTF-8 as well.
    b"\xef\xbf\xbe",
    b"\xef\xbf\xbf",
    b"\xf0\x90\x80\x80",
    b"\xf0\x9f\xbf\xbe",
    b"\xf0\x9f\xbf\xbf",
    b"\xf3\xbf\xbf\xbf",
    b"\xf4\x80\x80\x80",
    b"\xf4\x8f\xbf\xbf",
    "κόσμε".as_bytes(),
    "Hello-µ@ßöäüàá-UTF-8!!".as_bytes(),
];

/// Texts that are not: where one begins to be wrong, and what follows.
const BAD: [(&[u8], &[u8]); 26] = [
    // Bytes that continue nothing.
    (b"\x80", b""),
    (b"\xbf", b"x"),
    (b"\x80", b"\xbf\x80"),
    (b"ok \x80", b" ok"),
    // Bytes that never occur.
    (b"\xc0", b"\x80"),
    (b"\xc1", b"\xbf"),
    (b"\xf5", b"\x80\x80\x80"),
    (b"\xf8", b"\x88\x80\x80\x80"),
    (b"\xfc", b"\x84\x80\x80\x80\x80"),
    (b"\xfe", b""),
    (b"\xff", b"\xff"),
    // Longer than necessary.
    (b"\xe0\x80", b"\xaf"),
    (b"\xe0\x9f", b"\xbf"),
    (b"\xf0\x80", b"\x80\xaf"),
    (b"\xf0\x8f", b"\xbf\xbf"),
    // Surrogates.
    (b"\xed\xa0", b"\x80"),
    (b"\xed\xaf", b"\xbf\xed\xb0\x80"),
    (b"\xed\xbf", b"\xbf"),
    // Above U+10FFFF.
    (b"\xf4\x90", b"\x80\x80"),
    (b"\xf7", b"\xbf\xbf\xbf"),
    // Characters that end too early.
    (b"\xc2 ", b""),
    (b"\xe1\x80 ", b""),
    (b"\xf1\x80\x80 ", b""),
    (
        b"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5\xed\xa0",
        b"\x80edited",
    ),
    (b"\xf0\x90\x80\xc2", b"\x80"),
    (b"\xdf\xc0", b""),
];

fn texts() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in GOOD {
        let name = format!("6 the text {}", text.escape_ascii());
        let whole = || Case::new(name.clone(), masked(TEXT, text)).returns(TEXT, text);
        cases.extend([whole(), whole().chopped(1)]);
        let bytes = fragmented(TEXT, text, 1);
        cases.push(Case::new(format!("{name} in fragments"), bytes).returns(TEXT, text));
        // The same text without its last byte, if that cuts a character.
        let cut = &text[..text.len() - 1];
        if std::str::from_utf8(cut).is_err() {
            cases.push(Case::new(format!("{name}, cut"), masked(TEXT, cut)).closes(1007));
        }
    }
    for (wrong, rest) in BAD {
        let text = [wrong, rest].concat();
        let name = format!("6 no text {}", text.escape_ascii());
        cases.push(Case::new(name.clone(), masked(TEXT, &text)).closes(1007));
        cases.push(Case::new(name.clone(), fragmented(TEXT, &text, 1)).closes(1007));
        // The server does not wait for the rest, neither of the message nor of the frame.
        let fast = |name: String, sent: [Vec<u8>; 2]| Case {
            sent: sent.to_vec(),
            is_fast: true,
            ..Case::new(name, []).closes(1007)
        };
        let begun = masked(TEXT_BEGIN, wrong);
        cases.push(fast(
            format!("{name}, a fragment"),
            [begun, masked(LAST, rest)],
        ));
        let mut begun = masked(TEXT, &[&text[..], b"more"].concat());
        let rest = begun.split_off(begun.len() - rest.len() - 4);
        cases.push(fast(format!("{name}, a frame"), [begun, rest]));
    }
    cases
}

fn closing() -> Vec<Case> {
    let mut cases = Vec::new();
    // The client's own close frame of each case comes after these bytes.
    let bad = |name: String, bytes: Vec<u8>, code| {
        Case::new(format!("7 {name}"), bytes)
            .closes(code)
            .on(Paths::All)
    };
    for code in [
        0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        cases.push(bad(
            format!("the close code {code}"),
            close(code, b"why"),
            1002,
        ));
    }
    for len in 1..=3 {
        cases.push(bad(
            format!("a wrong reason of {len} bytes"),
            close(1000, &[0xff; 3][..len]),
            1007,
        ));
    }
    cases.push(bad("one byte".into(), masked(CLOSE, b"a"), 1002));
    cases.push(bad(
        "a reason of 124 bytes".into(),
        close(1000, &[b'*'; 124]),
        1002,
    ));
    let end = |name: &str, after: Vec<u8>| {
        let bytes = [masked(TEXT, b"hello"), close(1000, b"bye"), after].concat();
        Case::new(format!("7 {name}"), bytes)
            .returns(TEXT, *b"hello")
            .closes(1000)
    };
    cases.extend([
        end("a close", vec![]),
        end("two close frames", close(1001, b"")),
        end("a ping after a close", masked(PING, b"x")),
        end("a message after a close", masked(TEXT, &[b'*'; 60_000])),
        end("a fragment after a close", masked(LAST, b"x")),
        Case::new(
            "7 a close between fragments",
            [
                masked(TEXT_BEGIN, b"a"),
                close(1000, b""),
                masked(LAST, b"b"),
            ]
            .concat(),
        )
        .closes(1000),
        Case::new(
            "7 a long message, a close and a ping",
            [
                masked(TEXT, &[b'*'; 256 * KIB]),
                close(1000, b""),
                masked(PING, b""),
            ]
            .concat(),
        )
        .returns(TEXT, vec![b'*'; 256 * KIB])
        .closes(1000)
        .on(Paths::Echo),
    ]);
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014,
    ]
    .into_iter()
    .chain([3000, 3999, 4000, 4999])
    {
        for reason in [&b""[..], "é".repeat(61).as_bytes()] {
            let name = format!("7 the close code {code} with {} bytes", reason.len());
            cases.push(
                Case::new(name, close(code, reason))
                    .closes(code)
                    .on(Paths::All),
            );
        }
    }
    cases
}

/// Long messages, in one frame, in fragments and in pieces.
fn limits() -> Vec<Case> {
    let echo = |name: String, first, bytes, payload: &[u8]| {
        Case::new(format!("9 {name}"), bytes)
            .returns(first, payload)
            .on(Paths::Echo)
    };
    let mut cases = Vec::new();
    for len in [256 * KIB, 4 * MIB, 16 * MIB] {
        for first in [TEXT, BINARY] {
            let payload = vec![b'*'; len];
            let bytes = masked(first, &payload);
            cases.push(echo(
                format!("{len} bytes of {first:x}"),
                first,
                bytes,
                &payload,
            ));
        }
    }
    let payload = vec![b'*'; 4 * MIB];
    for len in [64, 256, KIB, 4 * KIB, 64 * KIB, 4 * MIB] {
        let bytes = fragmented(BINARY, &payload, len);
        cases.push(echo(
            format!("fragments of {len} bytes"),
            BINARY,
            bytes,
            &payload,
        ));
    }
    let payload = vec![b'*'; MIB];
    for len in [64, KIB] {
        let bytes = masked(TEXT, &payload);
        cases.push(echo("a megabyte".into(), TEXT, bytes, &payload).chopped(len));
    }
    let payload = vec![b'*'; 65_536];
    let bytes = fragmented(BINARY_BEGIN, &payload, 1_300);
    cases.push(echo(
        "fragments of 1300 bytes".into(),
        BINARY,
        bytes,
        &payload,
    ));
    cases
}

/// A header that announces `len` bytes, which never come.
fn announced(first: u8, len: u64) -> Vec<u8> {
    [&[first, 0xff][..], &len.to_be_bytes(), &[0; 4]].concat()
}

/// Messages that are too long, by their header alone.
fn too_long() -> Vec<Case> {
    let case = |name: &str, bytes: Vec<u8>| Case::new(name, bytes).closes(1009);
    let sum = [
        masked(TEXT_BEGIN, b"x"),
        masked(MORE, b"x"),
        announced(LAST, 16 * MIB as u64 - 1),
    ];
    vec![
        case("a message above the limit in sum", sum.concat()),
        case("2^63 - 1 bytes", announced(TEXT, i64::MAX as u64)),
        case("2^64 - 1 bytes", announced(TEXT, u64::MAX)),
    ]
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
