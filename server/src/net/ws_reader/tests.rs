use std::{
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use tickcast_protocol::error::CloseCode;
use tokio::io::ReadBuf;

use super::{guard::PIECE_MAX_BYTES, *};

/// A masked frame (the mask is 0, which changes nothing).
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    match payload.len() {
        len @ 0..126 => bytes.push(0x80 | len as u8),
        len => {
            bytes.push(0x80 | 126);
            bytes.extend_from_slice(&(len as u16).to_be_bytes());
        }
    }
    bytes.extend_from_slice(&[0; 4]);
    bytes.extend_from_slice(payload);
    bytes
}

/// Checks the result of bytes that arrive in pieces of several sizes.
#[track_caller]
fn check(bytes: &[u8], expected: &[Result<Inbound, Option<Violation>>]) {
    for piece in [1, 2, 7, bytes.len().max(1)] {
        let mut mock = tokio_test_stream(bytes, piece);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut reader = MessageReader::new(&mut mock, &Bytes::new(), 1000);
            for expected in expected {
                let got = reader.next().await.map_err(|error| match error {
                    InboundError::Lost => None,
                    InboundError::Violation(violation) => Some(violation),
                });
                assert_eq!(got, *expected, "in pieces of {piece}");
            }
        });
    }
}

fn tokio_test_stream(bytes: &[u8], piece: usize) -> Pieces {
    Pieces {
        bytes: bytes.to_vec(),
        piece,
    }
}

struct Pieces {
    bytes: Vec<u8>,
    piece: usize,
}

impl AsyncRead for Pieces {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let len = self.piece.min(self.bytes.len()).min(out.remaining());
        let rest = self.bytes.split_off(len);
        out.put_slice(&std::mem::replace(&mut self.bytes, rest));
        Poll::Ready(Ok(()))
    }
}

#[test]
fn messages_are_complete_however_their_bytes_are_split() {
    let bytes = [
        frame(0x81, "Grüße".as_bytes()),
        frame(0x02, b"ab"),
        frame(0x89, b"ping"),
        frame(0x00, b"c"),
        frame(0x80, &[b'd'; 300]),
        frame(0x82, b""),
        frame(0x8a, b"x"),
        frame(0x88, &[0x03, 0xe8, b'b', b'y', b'e']),
    ]
    .concat();
    let mut binary = b"abc".to_vec();
    binary.extend_from_slice(&[b'd'; 300]);
    check(
        &bytes,
        &[
            Ok(Inbound::Text("Grüße".into())),
            Ok(Inbound::Ping(b"ping".to_vec())),
            Ok(Inbound::Binary(binary)),
            Ok(Inbound::Binary(vec![])),
            Ok(Inbound::Pong),
            Ok(Inbound::Close(Some(1000))),
            Err(None),
        ],
    );
}

#[test]
fn a_frame_that_is_passed_on_in_pieces_is_the_same_message() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let piece = usize::from(PIECE_MAX_BYTES);
    let long = |first: u8, len: usize, from: usize| {
        let mask = [1, 2, 3, 4];
        let mut bytes = vec![first, 0xff];
        bytes.extend_from_slice(&(len as u64).to_be_bytes());
        bytes.extend_from_slice(&mask);
        let payload = (from..from + len).map(|at| at as u8);
        bytes.extend(
            payload
                .zip(mask.iter().cycle())
                .map(|(byte, mask)| byte ^ mask),
        );
        bytes
    };
    for len in [piece - 1, piece, piece + 1, 2 * piece, 5 * piece + 7] {
        let bytes = [
            long(0x02, len, 0),
            frame(0x89, b"ping"),
            long(0x80, len, len),
        ]
        .concat();
        for step in [1_001, 4_096, bytes.len()] {
            let mut mock = tokio_test_stream(&bytes, step);
            let mut reader = MessageReader::new(&mut mock, &Bytes::new(), 2 * len);
            let ping = runtime.block_on(reader.next()).unwrap();
            assert_eq!(ping, Inbound::Ping(b"ping".to_vec()));
            let Inbound::Binary(received) = runtime.block_on(reader.next()).unwrap() else {
                panic!("{len} in steps of {step}");
            };
            assert!(received.into_iter().eq((0..2 * len).map(|at| at as u8)));
        }
    }
}

#[test]
fn violations_of_rfc_6455_end_with_the_proper_code() {
    let fails = |bytes: &[u8], code: CloseCode| {
        let mut mock = tokio_test_stream(bytes, 3);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        runtime.block_on(async {
            let mut reader = MessageReader::new(&mut mock, &Bytes::new(), 1000);
            loop {
                match reader.next().await {
                    Ok(_) => {}
                    Err(InboundError::Violation(violation)) => {
                        assert_eq!(violation.code, code, "{bytes:x?}");
                        break;
                    }
                    Err(InboundError::Lost) => panic!("lost: {bytes:x?}"),
                }
            }
        });
    };
    use CloseCode::{InvalidPayload, MessageTooBig, PolicyViolation, ProtocolError};
    fails(&[0x81, 0x01, b'x'], ProtocolError);
    fails(&frame(0xc1, b"x"), ProtocolError);
    fails(&frame(0x83, b"x"), ProtocolError);
    fails(&frame(0x80, b"x"), ProtocolError);
    fails(
        &[frame(0x01, b"x"), frame(0x81, b"y")].concat(),
        ProtocolError,
    );
    fails(&frame(0x09, b"x"), ProtocolError);
    fails(&frame(0x89, &[0; 126]), ProtocolError);
    fails(&frame(0x88, &[3]), ProtocolError);
    fails(&frame(0x88, &[0x03, 0xec]), ProtocolError);
    fails(&frame(0x88, &[0x03, 0xe8, 0xff]), InvalidPayload);
    fails(&frame(0x81, &[0xff]), InvalidPayload);
    fails(
        &[frame(0x01, &[0xc3]), frame(0x80, b"x")].concat(),
        InvalidPayload,
    );
    fails(&frame(0x82, &[0; 1001]), MessageTooBig);
    fails(
        &[frame(0x02, &[0; 600]), frame(0x80, &[0; 401])].concat(),
        MessageTooBig,
    );
    fails(
        &[
            0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0,
        ],
        MessageTooBig,
    );
    let mut empty_fragments = frame(0x02, b"");
    empty_fragments.extend(frame(0x00, b"").repeat(1_000_000));
    fails(&empty_fragments, PolicyViolation);
}

/// The crate behind the guard has limits of its own, so the reason shows which one holds.
#[test]
fn limits_hold_exactly_and_are_the_guards_own() {
    let refused = |bytes: &[u8], violation| check(bytes, &[Err(Some(violation))]);
    check(
        &frame(0x89, &[7; 125]),
        &[Ok(Inbound::Ping(vec![7; 125])), Err(None)],
    );
    let reason = Violation::protocol("a control frame has more than 125 bytes");
    for opcode in [0x88, 0x89, 0x8a] {
        refused(&frame(opcode, &[0; 126]), reason);
        // The header is enough: it does not wait for the payload.
        refused(&frame(opcode, &[0; 126])[..8], reason);
    }
    let reason = Violation::protocol("a control frame is fragmented");
    refused(&frame(0x09, b"x")[..6], reason);
    check(
        &frame(0x82, &[7; 1000]),
        &[Ok(Inbound::Binary(vec![7; 1000])), Err(None)],
    );
    refused(&frame(0x82, &[0; 1001])[..8], Violation::TOO_BIG);
    let parts = [frame(0x02, &[7; 600]), frame(0x80, &[7; 400])].concat();
    check(&parts, &[Ok(Inbound::Binary(vec![7; 1000])), Err(None)]);
    // The next message begins with nothing counted.
    let twice = [parts.clone(), parts].concat();
    let whole = || Ok(Inbound::Binary(vec![7; 1000]));
    check(&twice, &[whole(), whole(), Err(None)]);
    let reason = Violation::protocol("a client's frames must be masked");
    refused(&[0x82, 0x01, 0], reason);
    let reason = Violation::protocol("a continuation frame has no message to continue");
    refused(&frame(0x80, b"x")[..6], reason);
    let reason = Violation::protocol("a message began before the previous one ended");
    refused(&[frame(0x01, b"x"), frame(0x81, b"y")].concat(), reason);
    let reason = Violation::protocol("a reserved bit is set");
    for bit in [0x10, 0x20, 0x40] {
        refused(&[0x82 | bit], reason);
    }
    let reason = Violation::protocol("the opcode is unknown");
    for opcode in (3..8).chain(11..16) {
        refused(&[0x80 | opcode], reason);
    }
}

#[test]
fn close_codes_are_those_that_may_be_sent() {
    let close = |code: u16| frame(0x88, &code.to_be_bytes());
    for code in [1000, 1003, 1007, 1014, 3000, 4999] {
        check(&close(code), &[Ok(Inbound::Close(Some(code)))]);
    }
    let refused = Violation::protocol("the close code is not allowed");
    for code in [0, 999, 1004, 1005, 1006, 1015, 2999, 5000] {
        check(&close(code), &[Err(Some(refused))]);
    }
    check(&frame(0x88, b""), &[Ok(Inbound::Close(None))]);
    let one_byte = Violation::protocol("a close frame has one byte");
    check(&frame(0x88, &[3]), &[Err(Some(one_byte))]);
}

/// A stream of which nothing has arrived yet.
struct Silent;

impl AsyncRead for Silent {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        _: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

#[test]
fn a_stream_is_readable_when_bytes_have_arrived_or_it_has_ended() {
    fn is_readable<R: AsyncRead + Unpin>(stream: R, read: &'static [u8]) -> bool {
        let mut reader = MessageReader::new(stream, &Bytes::from_static(read), 1000);
        let readable = pin!(reader.readable());
        let mut context = Context::from_waker(Waker::noop());
        readable.poll(&mut context).is_ready()
    }
    assert!(!is_readable(Silent, b""));
    assert!(is_readable(Silent, b"x"), "it came with the handshake");
    assert!(is_readable(tokio_test_stream(b"x", 1), b""));
    assert!(is_readable(tokio_test_stream(b"", 1), b""), "the end");
}

#[test]
fn what_is_discarded_is_read_to_its_end() {
    let mut mock = tokio_test_stream(&[0; 10_000], 7);
    {
        let mut reader = MessageReader::new(&mut mock, &Bytes::from_static(b"x"), 1000);
        let discarded = pin!(reader.discard());
        let mut context = Context::from_waker(Waker::noop());
        assert!(discarded.poll(&mut context).is_ready());
    }
    assert!(mock.bytes.is_empty());
}
