use std::{
    cell::Cell,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

use tickcast_protocol::error::CloseCode;
use tokio::io::ReadBuf;

use super::*;

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
fn a_long_frame_is_the_same_message_however_its_bytes_are_split() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
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
    for len in [READ_BYTES - 1, READ_BYTES, 65_535, 65_536, 400_001] {
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

/// A message in fragments of `len` bytes.
fn fragments(count: usize, len: usize) -> Vec<u8> {
    let mut bytes = frame(0x02, &vec![b'x'; len]);
    bytes.extend(frame(0x00, &vec![b'x'; len]).repeat(count - 2));
    bytes.extend(frame(0x80, &vec![b'x'; len]));
    bytes
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap()
}

#[test]
fn a_message_may_have_as_many_fragments_as_bytes_and_1024_empty_ones_more() {
    for (count, len) in [(65_536, 64), (100_000, 1)] {
        let mut stream = tokio_test_stream(&fragments(count, len), 4_096);
        let mut reader = MessageReader::new(&mut stream, &Bytes::new(), count * len);
        let message = runtime().block_on(reader.next()).unwrap();
        assert_eq!(message, Inbound::Binary(vec![b'x'; count * len]));
    }
    let with_empty = |empty: usize| {
        let mut bytes = frame(0x02, b"x");
        bytes.extend(frame(0x00, b"").repeat(empty));
        bytes.extend(frame(0x80, b"x"));
        let mut stream = tokio_test_stream(&bytes, 4_096);
        let mut reader = MessageReader::new(&mut stream, &Bytes::new(), 1_000);
        runtime()
            .block_on(reader.next())
            .map_err(|error| match error {
                InboundError::Violation(violation) => violation.code,
                InboundError::Lost => panic!("lost"),
            })
    };
    assert_eq!(with_empty(1_025), Ok(Inbound::Binary(b"xx".to_vec())));
    assert_eq!(with_empty(1_026), Err(CloseCode::PolicyViolation));
}

/// RFC 6455, section 8.1; the bytes are those of Autobahn's cases 6.4.
#[test]
fn a_text_is_refused_at_its_first_byte_that_cannot_be_utf_8() {
    let good = "κόσμε".as_bytes();
    let text = [good, b"\xf4\x90\x80\x80", good].concat();
    let whole = frame(0x81, &text);
    let begin = whole.len() - text.len();
    // The stream stays open after these bytes, and the rest of the frame never comes.
    let is_refused = |bytes: usize| {
        let (client, server) = tokio::io::duplex(1_000);
        runtime().block_on(async {
            let (_, mut client) = tokio::io::split(client);
            tokio::io::AsyncWriteExt::write_all(&mut client, &whole[..bytes])
                .await
                .unwrap();
            let mut reader = MessageReader::new(server, &Bytes::new(), 1_000);
            let next = tokio::time::timeout(Duration::from_millis(20), reader.next()).await;
            match next {
                Ok(Err(InboundError::Violation(violation))) => {
                    assert_eq!(violation.code, CloseCode::InvalidPayload);
                    true
                }
                Ok(other) => panic!("{other:?}"),
                Err(_) => false,
            }
        })
    };
    for bytes in begin..=begin + good.len() + 1 {
        assert!(!is_refused(bytes), "{bytes}");
    }
    for bytes in begin + good.len() + 2..whole.len() {
        assert!(is_refused(bytes), "{bytes}");
    }
}

#[test]
fn a_message_that_is_not_complete_in_time_is_refused_and_silence_between_messages_is_not() {
    const TIMEOUT: Duration = Duration::from_millis(200);
    runtime().block_on(async {
        let (mut client, server) = tokio::io::duplex(1_000);
        let mut reader =
            MessageReader::new(server, &Bytes::new(), 1_000).with_message_timeout(TIMEOUT);
        let silent = tokio::time::timeout(2 * TIMEOUT, reader.next()).await;
        assert!(silent.is_err(), "{silent:?}");
        let start = Instant::now();
        let feeding = async {
            let begin = [frame(0x01, b"a"), frame(0x89, b"")].concat();
            tokio::io::AsyncWriteExt::write_all(&mut client, &begin)
                .await
                .unwrap();
            loop {
                tokio::time::sleep(TIMEOUT / 4).await;
                // The reader is gone at the end.
                let more = [frame(0x00, b"a"), frame(0x89, b"")].concat();
                if tokio::io::AsyncWriteExt::write_all(&mut client, &more)
                    .await
                    .is_err()
                {
                    std::future::pending::<()>().await;
                }
            }
        };
        let reading = async {
            loop {
                reader.readable().await;
                match reader.next().await {
                    Ok(Inbound::Ping(_)) => {}
                    other => break other,
                }
            }
        };
        let end = tokio::select! {
            end = reading => end,
            () = feeding => unreachable!("it never ends"),
        };
        let Err(InboundError::Violation(violation)) = end else {
            panic!("{end:?}");
        };
        assert_eq!(violation, Violation::UNFINISHED);
        // The time begins when the reader first has to wait for the rest.
        assert!(start.elapsed() >= TIMEOUT, "{:?}", start.elapsed());
    });
}

#[test]
fn long_messages_share_a_budget_and_short_ones_need_none() {
    const LONG: usize = 1 << 20;
    let budget = Budget::new(LONG);
    let open = || {
        let (client, server) = tokio::io::duplex(4 * LONG);
        let reader = MessageReader::new(server, &Bytes::new(), LONG).with_budget(&budget);
        (client, reader)
    };
    let header = |len: usize| [&[0x82, 0xff][..], &(len as u64).to_be_bytes(), &[0; 4]].concat();
    runtime().block_on(async {
        use tokio::io::AsyncWriteExt;
        let ((mut one, mut first), (mut other, mut second)) = (open(), open());
        one.write_all(&[header(LONG), vec![0; LONG - 1]].concat())
            .await
            .unwrap();
        let wait = Duration::from_millis(1);
        assert!(tokio::time::timeout(wait, first.next()).await.is_err());
        // A short one has its memory in any case.
        other
            .write_all(&[header(60_000), vec![0; 60_000]].concat())
            .await
            .unwrap();
        assert_eq!(
            second.next().await.unwrap(),
            Inbound::Binary(vec![0; 60_000])
        );
        other
            .write_all(&[header(LONG), vec![0; LONG]].concat())
            .await
            .unwrap();
        let Err(InboundError::Violation(violation)) = second.next().await else {
            panic!("it is above the budget");
        };
        assert_eq!(violation.code, CloseCode::TryAgainLater);
        // The memory is free again after the call that follows the message.
        one.write_all(&[0]).await.unwrap();
        assert_eq!(first.next().await.unwrap(), Inbound::Binary(vec![0; LONG]));
        assert!(tokio::time::timeout(wait, first.next()).await.is_err());
        let (mut third, mut reader) = open();
        third
            .write_all(&[header(LONG), vec![0; LONG]].concat())
            .await
            .unwrap();
        assert_eq!(reader.next().await.unwrap(), Inbound::Binary(vec![0; LONG]));
    });
}

#[test]
fn other_tasks_have_their_turn_while_a_client_sends_without_end() {
    let mut bytes = frame(0x02, b"x");
    bytes.extend(frame(0x00, b"x").repeat(500_000));
    let turns = Cell::new(0);
    runtime().block_on(async {
        let mut stream = tokio_test_stream(&bytes, READ_BYTES);
        let mut reader = MessageReader::new(&mut stream, &Bytes::new(), 1 << 20);
        let other = async {
            loop {
                turns.set(turns.get() + 1);
                yield_now().await;
            }
        };
        tokio::select! {
            biased;
            _ = tokio::task::coop::unconstrained(reader.next()) => {}
            () = other => {}
        }
    });
    let expected = bytes.len() / TURN_BYTES;
    assert!(turns.get() >= expected, "{} of {expected}", turns.get());
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
fn all_bytes_that_were_read_are_counted_and_those_of_the_handshake_are_not() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    let (first, second) = (frame(0x82, b"handshake"), frame(0x82, &[7; 500]));
    let mut stream = tokio_test_stream(&second, 7);
    runtime.block_on(async {
        let mut reader = MessageReader::new(&mut stream, &first.into(), 1000);
        reader.next().await.unwrap();
        assert_eq!(reader.bytes_read(), 0);
        reader.next().await.unwrap();
        assert_eq!(reader.bytes_read(), second.len() as u64);
    });
}
