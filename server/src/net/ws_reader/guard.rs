//! A guard between a client's bytes and fastwebsockets.
//!
//! From the header alone, the guard refuses everything that RFC 6455 or a limit forbids. It never
//! passes on more than the current frame. So nothing is kept between frames, and a silent
//! connection holds no buffer. It passes a long frame on in pieces, as if the client had fragmented
//! it: the crate reserves the length that a frame announces, and announcing costs a client nothing.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BytesMut};
use tickcast_protocol::error::CloseCode;
use tokio::io::{AsyncRead, ReadBuf};

use super::inbound::Violation;

/// Bytes requested from the kernel at once. A few requests fit, and the buffer is on the stack.
const READ_BYTES: usize = 4096;

/// Longest payload of a control frame (RFC 6455, section 5.5).
const CONTROL_MAX_BYTES: u64 = 125;

/// Longest piece of a frame that is passed on at once. A request fits, and one connection can make
/// the crate reserve at most this much. It is a multiple of the mask's length, so that each piece
/// begins where the mask does.
pub(super) const PIECE_MAX_BYTES: u16 = u16::MAX - u16::MAX % 4;

/// Maximum number of fragments per message. Each costs the work of a header, however little it
/// carries. No client has a reason to split 64 KiB into more.
const FRAGMENTS_MAX: usize = 1024;

/// The guard's position in the client's bytes.
#[derive(Debug)]
enum Progress {
    /// In a header, of which `len` bytes have arrived.
    Header { bytes: [u8; 14], len: usize },
    /// In the header of a piece, which must be passed on.
    PieceHeader {
        header: PieceHeader,
        piece: u16,
        frame: FrameRest,
    },
    /// In the payload of a piece, of which `rest` bytes are missing.
    Piece { rest: u16, frame: FrameRest },
}

/// The header of a piece: two bytes, two of length, four of mask. Bytes `from..to` must still be
/// passed on.
#[derive(Debug, Clone, Copy)]
struct PieceHeader {
    bytes: [u8; 8],
    from: u8,
    to: u8,
}

/// The rest of a frame after the pieces that have begun.
#[derive(Debug, Clone, Copy)]
struct FrameRest {
    /// First byte of the next piece's header, provided that it is the last piece.
    first: u8,
    mask: [u8; 4],
    len: u64,
}

const AT_BOUNDARY: Progress = Progress::Header {
    bytes: [0; 14],
    len: 0,
};

/// The guard of one connection; see the module.
#[derive(Debug)]
pub(super) struct FrameGuard<R> {
    stream: R,
    /// Bytes that were read but not passed on yet.
    pending: BytesMut,
    progress: Progress,
    /// The current message, unless its last fragment has begun.
    message: Option<PartialMessage>,
    message_max_bytes: u64,
    violation: Option<Violation>,
}

/// The part of a message that has begun.
#[derive(Debug, Clone, Copy, Default)]
struct PartialMessage {
    bytes: u64,
    fragments: usize,
}

impl FrameRest {
    /// Continues with the next piece, which may be the whole frame.
    fn cut(mut self) -> Progress {
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
        // All further pieces are continuations.
        self.first &= 0x80;
        Progress::PieceHeader {
            header,
            piece,
            frame: self,
        }
    }

    /// Returns the progress after a piece.
    fn after_piece(self) -> Progress {
        if self.len == 0 {
            AT_BOUNDARY
        } else {
            self.cut()
        }
    }
}

impl<R: AsyncRead + Unpin> FrameGuard<R> {
    /// A guard for a stream whose first bytes, `read`, came with the handshake.
    pub(super) fn new(stream: R, read: &[u8], message_max_bytes: usize) -> Self {
        Self {
            stream,
            pending: BytesMut::from(read),
            progress: AT_BOUNDARY,
            message: None,
            message_max_bytes: message_max_bytes as u64,
            violation: None,
        }
    }

    /// Waits for bytes if none are pending. Returns `false` at the end of the stream.
    pub(super) async fn fill(&mut self) -> io::Result<bool> {
        std::future::poll_fn(|cx| self.poll_fill(cx)).await
    }

    /// Reads and drops everything until the end of the stream.
    pub(super) async fn discard(&mut self) {
        self.pending.clear();
        while let Ok(true) = self.fill().await {
            self.pending.clear();
        }
    }

    /// Maximum length of a message, in bytes.
    pub(super) fn message_max_bytes(&self) -> usize {
        self.message_max_bytes as usize
    }

    /// Takes the violation, if one is the reason why reading failed.
    pub(super) fn take_violation(&mut self) -> Option<Violation> {
        self.violation.take()
    }

    /// Reads bytes if none are pending. Ready with `false` at the end of the stream.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        if !self.pending.is_empty() {
            return Poll::Ready(Ok(true));
        }
        // Frees the memory while there is nothing to read.
        self.pending = BytesMut::new();
        let mut bytes = [0; READ_BYTES];
        let mut buffer = ReadBuf::new(&mut bytes);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        self.pending.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(!buffer.filled().is_empty()))
    }

    /// Moves pending bytes of the current piece to `out`, and stops at its end.
    fn pass_on(&mut self, out: &mut ReadBuf<'_>) -> Result<(), Violation> {
        loop {
            match &mut self.progress {
                Progress::Header { bytes, len } => {
                    let Ok(byte) = self.pending.try_get_u8() else {
                        return Ok(());
                    };
                    bytes[*len] = byte;
                    *len += 1;
                    // Checked at once, so that the error does not depend on how the bytes arrive.
                    if *len == 1 {
                        check_first_byte(byte)?;
                    } else if *len == header_len(bytes[1]) {
                        let header = *bytes;
                        self.progress = self.check(header)?.cut();
                    }
                }
                Progress::PieceHeader {
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
                        self.progress = frame.after_piece();
                        return Ok(());
                    }
                    self.progress = Progress::Piece {
                        rest: *piece,
                        frame: *frame,
                    };
                }
                Progress::Piece { rest, frame } => {
                    let len = out.remaining().min(self.pending.len()).min((*rest).into());
                    out.put_slice(&self.pending.split_to(len));
                    *rest -= len as u16;
                    if *rest == 0 {
                        self.progress = frame.after_piece();
                    }
                    return Ok(());
                }
            }
        }
    }

    /// Checks a complete header, and returns the frame that follows it.
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
            (0, None) => {
                return Err(Violation::protocol(
                    "a continuation frame has no message to continue",
                ));
            }
            (0, Some(before)) => before,
            (_, Some(_)) => {
                return Err(Violation::protocol(
                    "a message began before the previous one ended",
                ));
            }
            (_, None) => PartialMessage::default(),
        };
        let message = PartialMessage {
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
        _ => Err(Violation::protocol("the opcode is unknown")),
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
            let needs_bytes = !matches!(self.progress, Progress::PieceHeader { .. });
            if needs_bytes && !ready!(self.poll_fill(cx))? {
                break;
            }
            if let Err(violation) = self.pass_on(out) {
                self.violation = Some(violation);
                return Poll::Ready(Err(io::Error::other(violation.reason)));
            }
        }
        Poll::Ready(Ok(()))
    }
}
