//! Frames, pings, reserved bits and fragments (groups 1 to 5), closing (7) and limits (9 and 10).

use tickcast_server_testkit::raw::{BINARY, CLOSE, PING, PONG, TEXT, masked};

use super::{BINARY_BEGIN, Case, KIB, LAST, MIB, MORE, Paths, TEXT_BEGIN, close, fragmented};

pub(super) fn framing() -> Vec<Case> {
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

pub(super) fn pings() -> Vec<Case> {
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
pub(super) fn reserved() -> Vec<Case> {
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

pub(super) fn fragments() -> Vec<Case> {
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

pub(super) fn closing() -> Vec<Case> {
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
pub(super) fn limits() -> Vec<Case> {
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
pub(super) fn too_long() -> Vec<Case> {
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
