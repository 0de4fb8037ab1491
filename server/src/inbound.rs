//! What a client sends: WebSocket frames, checked before they cost anything, put together to
//! messages.
//!
//! fastwebsockets parses the frames. In front of it stands a `FrameGuard`, which refuses by the
//! header alone what RFC 6455 forbids or a limit does, and which never hands on more than the
//! current frame: so there is nothing to keep between frames, and a connection that is silent
//! holds no buffer at all. It hands on a long frame in pieces, as if the client had cut it: the crate
//! reserves what a frame announces, and announcing costs a client nothing.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, Bytes, BytesMut};
use fastwebsockets::{Frame, OpCode, Role, WebSocketError, after_handshake_split};
use tickcast_protocol::error::CloseCode;
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes asked of the kernel at once: a few requests fit, and it lies on the stack.
const READ_BYTES: usize = 4096;

/// Longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_MAX_BYTES: u64 = 125;

/// Longest piece of a frame that is handed on at once: a request fits, and what is reserved for it
/// bounds what one connection can make us reserve. A multiple of the mask's length, so that each
/// piece begins where the mask does.
const PIECE_MAX_BYTES: u16 = u16::MAX - u16::MAX % 4;

/// Fragments of one message, at most. Each costs a header's worth of work however little it
/// carries; no client has a reason to cut 64 KiB finer than this.
const FRAGMENTS_MAX: usize = 1024;

/// A message or control frame of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Inbound {
    /// A text message; its bytes are UTF-8.
    Text(Vec<u8>),
    /// A binary message.
    Binary(Vec<u8>),
    /// A ping with its payload, to be repeated in a pong.
    Ping(Vec<u8>),
    /// A pong.
    Pong,
    /// A close frame: the code to answer with, if it had one.
    Close(Option<u16>),
}

/// Why there is no further message.
#[derive(Debug)]
pub enum InboundError {
    /// The connection ended without a close frame.
    Lost,
    /// The client broke a rule: close with this code and reason.
    Violation(Violation),
}

/// A broken rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    /// The code to close with.
    pub code: CloseCode,
    /// What was wrong, for people.
    pub reason: &'static str,
}

impl Violation {
    const fn protocol(reason: &'static str) -> Self {
        Self {
            code: CloseCode::ProtocolError,
            reason,
        }
    }

    const TOO_BIG: Self = Self {
        code: CloseCode::MessageTooBig,
        reason: "the message is longer than allowed",
    };

    const NOT_UTF8: Self = Self {
        code: CloseCode::InvalidPayload,
        reason: "the text is not UTF-8",
    };
}

/// Where the guard is in the client's bytes.
#[derive(Debug)]
enum Place {
    /// In a header, of which so many bytes have come.
    Header { bytes: [u8; 14], len: usize },
    /// In the header of a piece, which is to be handed on.
    PieceHeader {
        header: PieceHeader,
        piece: u16,
        frame: FrameRest,
    },
    /// In the payload of a piece, of which so many bytes are still to come.
    Piece { rest: u16, frame: FrameRest },
}

/// Bytes `from..to` of it are to be handed on. Two bytes, two of length, four of mask.
#[derive(Debug, Clone, Copy)]
struct PieceHeader {
    bytes: [u8; 8],
    from: u8,
    to: u8,
}

/// What follows the pieces of a frame that were begun.
#[derive(Debug, Clone, Copy)]
struct FrameRest {
    /// First byte of the next piece's header, if that is the last one.
    first: u8,
    mask: [u8; 4],
    len: u64,
}

const AT_BOUNDARY: Place = Place::Header {
    bytes: [0; 14],
    len: 0,
};

/// See the module.
#[derive(Debug)]
struct FrameGuard<R> {
    stream: R,
    /// Read, but not handed on yet.
    pending: BytesMut,
    place: Place,
    /// The message under way, if its last fragment has not begun.
    message: Option<Partly>,
    message_max_bytes: u64,
    violation: Option<Violation>,
}

/// What has begun of a message.
#[derive(Debug, Clone, Copy, Default)]
struct Partly {
    bytes: u64,
    fragments: usize,
}

impl FrameRest {
    /// Goes on with the next piece, which may be all.
    fn cut(mut self) -> Place {
        let piece = self.len.min(PIECE_MAX_BYTES.into()) as u16;
        self.len -= u64::from(piece);
        let is_last = self.len == 0;
        let first = if is_last {
            self.first
        } else {
            self.first & 0x0f
        };
        let [high, low] = piece.to_be_bytes();
        let [a, b, c, d] = self.mask;
        let header = if piece < 126 {
            PieceHeader {
                bytes: [first, 0x80 | low, a, b, c, d, 0, 0],
                from: 0,
                to: 6,
            }
        } else {
            PieceHeader {
                bytes: [first, 0x80 | 126, high, low, a, b, c, d],
                from: 0,
                to: 8,
            }
        };
        // What comes after it continues it.
        self.first &= 0x80;
        Place::PieceHeader {
            header,
            piece,
            frame: self,
        }
    }

    /// Behind a piece.
    fn after_piece(self) -> Place {
        if self.len == 0 {
            AT_BOUNDARY
        } else {
            self.cut()
        }
    }
}

impl<R: AsyncRead + Unpin> FrameGuard<R> {
    /// Reads something if nothing is pending. Ready with `false` at the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if !self.pending.is_empty() {
            return Poll::Ready(Ok(true));
        }
        // Gives the memory back while there is nothing to read.
        self.pending = BytesMut::new();
        let mut bytes = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.pending.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(!buffer.filled().is_empty()))
    }

    /// Moves pending bytes of the current piece to `out`, and stops at its end.
    fn hand_on(&mut self, out: &mut ReadBuf<'_>) -> Result<(), Violation> {
        loop {
            match &mut self.place {
                Place::Header { bytes, len } => {
                    let Ok(byte) = self.pending.try_get_u8() else {
                        return Ok(());
                    };
                    bytes[*len] = byte;
                    *len += 1;
                    // At once, so that what is wrong does not depend on how the bytes come.
                    if *len == 1 {
                        check_first_byte(byte)?;
                    } else if *len == header_len(bytes[1]) {
                        let header = *bytes;
                        self.place = self.check(header)?.cut();
                    }
                }
                Place::PieceHeader {
                    header,
                    piece,
                    frame,
                } => {
                    let rest = &header.bytes[header.from.into()..header.to.into()];
                    let len = rest.len().min(out.remaining());
                    out.put_slice(&rest[..len]);
                    header.from += len as u8;
                    if header.from < header.to {
                        return Ok(());
                    }
                    if *piece == 0 {
                        self.place = frame.after_piece();
                        return Ok(());
                    }
                    self.place = Place::Piece {
                        rest: *piece,
                        frame: *frame,
                    };
                }
                Place::Piece { rest, frame } => {
                    let len = out.remaining().min(self.pending.len()).min((*rest).into());
                    out.put_slice(&self.pending.split_to(len));
                    *rest -= len as u16;
                    if *rest == 0 {
                        self.place = frame.after_piece();
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Checks a whole header and returns what follows it.
    fn check(&mut self, header: [u8; 14]) -> Result<FrameRest, Violation> {
        let [first, second, ..] = header;
        let is_final = first & 0x80 != 0;
        let opcode = first & 0x0f;
        let len = match second & 0x7f {
            126 => u64::from(u16::from_be_bytes([header[2], header[3]])),
            127 => {
                let mut len = [0; 8];
                len.copy_from_slice(&header[2..10]);
                u64::from_be_bytes(len)
            }
            len => len.into(),
        };
        if second & 0x80 == 0 {
            return Err(Violation::protocol("a client's frames must be masked"));
        }
        let mut mask = [0; 4];
        let header_len = header_len(second);
        mask.copy_from_slice(&header[header_len - 4..header_len]);
        let frame = FrameRest { first, mask, len };
        if opcode >= 0x8 {
            if len > CONTROL_MAX_BYTES {
                return Err(Violation::protocol(
                    "a control frame has more than 125 bytes",
                ));
            }
            if !is_final {
                return Err(Violation::protocol("a control frame is fragmented"));
            }
            return Ok(frame);
        }
        let before = match (opcode, self.message) {
            (0, None) => return Err(Violation::protocol("there is nothing to continue")),
            (0, Some(before)) => before,
            (_, Some(_)) => {
                return Err(Violation::protocol("a message began inside another one"));
            }
            (_, None) => Partly::default(),
        };
        let message = Partly {
            bytes: before.bytes.saturating_add(len),
            fragments: before.fragments + 1,
        };
        if message.bytes > self.message_max_bytes {
            return Err(Violation::TOO_BIG);
        }
        if !is_final && message.fragments > FRAGMENTS_MAX {
            return Err(Violation {
                code: CloseCode::PolicyViolation,
                reason: "the message has more than 1024 fragments",
            });
        }
        self.message = (!is_final).then_some(message);
        Ok(frame)
    }
}

/// Refuses reserved bits and unknown opcodes (RFC 6455, section 5.2).
fn check_first_byte(byte: u8) -> Result<(), Violation> {
    if byte & 0x70 != 0 {
        return Err(Violation::protocol("a reserved bit is set"));
    }
    match byte & 0x0f {
        0x0..=0x2 | 0x8..=0xa => Ok(()),
        _ => Err(Violation::protocol("the opcode is not known")),
    }
}

/// Length of a header whose second byte is this one (RFC 6455, section 5.2).
fn header_len(second: u8) -> usize {
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let length = match second & 0x7f {
        126 => 2,
        127 => 8,
        _ => 0,
    };
    2 + length + mask
}

impl<R: AsyncRead + Unpin> AsyncRead for FrameGuard<R> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        out: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = out.filled().len();
        while out.filled().len() == before {
            let needs_bytes = !matches!(self.place, Place::PieceHeader { .. });
            if needs_bytes && !ready!(self.poll_fill(cx))? {
                break;
            }
            if let Err(violation) = self.hand_on(out) {
                self.violation = Some(violation);
                return Poll::Ready(Err(io::Error::other(violation.reason)));
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// Reads a client's messages.
#[derive(Debug)]
pub struct MessageReader<R> {
    guard: FrameGuard<R>,
    /// The message whose last fragment is still to come.
    partial: Option<Partial>,
}

#[derive(Debug)]
struct Partial {
    is_text: bool,
    bytes: Vec<u8>,
}

impl<R: AsyncRead + Unpin> MessageReader<R> {
    /// A reader of a stream whose first bytes, `read`, came with the handshake.
    pub fn new(stream: R, read: &Bytes, message_max_bytes: usize) -> Self {
        Self {
            guard: FrameGuard {
                stream,
                pending: BytesMut::from(&read[..]),
                place: AT_BOUNDARY,
                message: None,
                message_max_bytes: message_max_bytes as u64,
                violation: None,
            },
            partial: None,
        }
    }

    /// Waits until [`next`](Self::next) has something to begin with, be it the end of the stream.
    pub async fn readable(&mut self) {
        // An error comes again, and then counts.
        let _ = std::future::poll_fn(|cx| self.guard.poll_fill(cx)).await;
    }

    /// The next message or control frame. Not cancel-safe: a call that is dropped may have taken
    /// half a frame with it.
    pub async fn next(&mut self) -> Result<Inbound, InboundError> {
        loop {
            let filled = std::future::poll_fn(|cx| self.guard.poll_fill(cx)).await;
            if !filled.map_err(|_| InboundError::Lost)? {
                return Err(InboundError::Lost);
            }
            let frame = self.read_frame().await?;
            if let Some(inbound) = self.take(frame).map_err(InboundError::Violation)? {
                return Ok(inbound);
            }
        }
    }

    async fn read_frame(&mut self) -> Result<OwnedFrame, InboundError> {
        let max = self.guard.message_max_bytes as usize;
        let (mut reader, _) =
            after_handshake_split(&mut self.guard, tokio::io::empty(), Role::Server);
        reader.set_auto_close(false);
        reader.set_auto_pong(false);
        reader.set_max_message_size(max + 1);
        let mut send = |_: Frame<'_>| std::future::ready(Ok::<(), io::Error>(()));
        let error = match reader.read_frame(&mut send).await {
            Ok(frame) => {
                return Ok(OwnedFrame {
                    is_final: frame.fin,
                    opcode: frame.opcode,
                    payload: frame.payload.into(),
                });
            }
            Err(error) => error,
        };
        Err(match (self.guard.violation.take(), error) {
            (Some(violation), _) => InboundError::Violation(violation),
            (None, WebSocketError::IoError(_) | WebSocketError::UnexpectedEOF) => {
                InboundError::Lost
            }
            (None, WebSocketError::InvalidUTF8) => InboundError::Violation(Violation::NOT_UTF8),
            (None, _) => InboundError::Violation(Violation::protocol("the frame is malformed")),
        })
    }

    fn take(&mut self, frame: OwnedFrame) -> Result<Option<Inbound>, Violation> {
        let OwnedFrame {
            is_final,
            opcode,
            payload,
        } = frame;
        let mut partial = match opcode {
            OpCode::Ping => return Ok(Some(Inbound::Ping(payload))),
            OpCode::Pong => return Ok(Some(Inbound::Pong)),
            OpCode::Close => return Ok(Some(Inbound::Close(close_code(&payload)?))),
            OpCode::Text | OpCode::Binary => Partial {
                is_text: opcode == OpCode::Text,
                bytes: payload,
            },
            OpCode::Continuation => {
                let Some(mut partial) = self.partial.take() else {
                    return Err(Violation::protocol("there is nothing to continue"));
                };
                partial.bytes.extend_from_slice(&payload);
                partial
            }
        };
        if !is_final {
            self.partial = Some(partial);
            return Ok(None);
        }
        let bytes = std::mem::take(&mut partial.bytes);
        match partial.is_text {
            true if std::str::from_utf8(&bytes).is_err() => Err(Violation::NOT_UTF8),
            true => Ok(Some(Inbound::Text(bytes))),
            false => Ok(Some(Inbound::Binary(bytes))),
        }
    }

    /// Reads and forgets what still comes, until the end of the stream.
    pub async fn discard(&mut self) {
        self.guard.pending.clear();
        while let Ok(true) = std::future::poll_fn(|cx| self.guard.poll_fill(cx)).await {
            self.guard.pending.clear();
        }
    }
}

#[derive(Debug)]
struct OwnedFrame {
    is_final: bool,
    opcode: OpCode,
    payload: Vec<u8>,
}

/// The code of a close frame's payload, checked as RFC 6455, sections 5.5.1 and 7.4, demands.
fn close_code(payload: &[u8]) -> Result<Option<u16>, Violation> {
    let (code, reason) = match *payload {
        [] => return Ok(None),
        [_] => return Err(Violation::protocol("a close frame has one byte")),
        [high, low, ref reason @ ..] => (u16::from_be_bytes([high, low]), reason),
    };
    if std::str::from_utf8(reason).is_err() {
        return Err(Violation::NOT_UTF8);
    }
    match code {
        1000..=1003 | 1007..=1014 | 3000..=4999 => Ok(Some(code)),
        _ => Err(Violation::protocol("the close code is not allowed")),
    }
}

#[cfg(test)]
mod tests {
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

    /// What comes of bytes that arrive in pieces of each of some sizes.
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
    fn messages_come_whole_however_their_bytes_are_cut() {
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
    fn a_frame_that_is_handed_on_in_pieces_is_the_same_message() {
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
                let Inbound::Binary(came) = runtime.block_on(reader.next()).unwrap() else {
                    panic!("{len} in steps of {step}");
                };
                assert!(came.into_iter().eq((0..2 * len).map(|at| at as u8)));
            }
        }
    }

    #[test]
    fn what_rfc_6455_forbids_ends_with_the_proper_code() {
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
}
