//! A stream of bytes in the binary messages of a WebSocket, at the client (RFC 6455).
//!
//! No library is used, because all of them keep a frame until it is complete. A message of MQTT
//! above the limit is skipped as it arrives, so it must arrive in parts.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncBufRead, AsyncRead, AsyncWrite, BufReader, ReadBuf};

/// Bytes read at once: several frames, whose headers are short.
const READ_BYTES: usize = 64 * 1024;

/// Longest payload of a frame that is sent. Acknowledgements are far shorter.
const SENT_MAX_BYTES: usize = 16 * 1024;

/// Longest payload of a control frame (section 5.5).
const CONTROL_MAX_BYTES: usize = 125;

const CONTINUATION: u8 = 0;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

/// The stream.
pub(super) struct WebSocketStream<S> {
    inner: BufReader<S>,
    /// The frame that is being read.
    frame: Reading,
    /// Frames to send.
    out: BytesMut,
    is_closed: bool,
}

/// What is being read.
enum Reading {
    /// A header, of which some bytes have come.
    Header(BytesMut),
    /// A payload of the stream, of which this much is missing.
    Data(u64),
    /// The payload of a control frame.
    Control {
        opcode: u8,
        length: usize,
        payload: BytesMut,
    },
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocketStream<S> {
    pub(super) fn new(stream: S) -> Self {
        Self {
            inner: BufReader::with_capacity(READ_BYTES, stream),
            frame: Reading::Header(BytesMut::new()),
            out: BytesMut::new(),
            is_closed: false,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.out.is_empty() {
            let written = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.out))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.out.advance(written);
        }
        Poll::Ready(Ok(()))
    }

    /// Reads until a payload of the stream begins. `false` at the end of the stream.
    fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            if let Reading::Data(1..) = self.frame {
                return Poll::Ready(Ok(true));
            }
            if self.is_closed {
                return Poll::Ready(Ok(false));
            }
            let bytes = ready!(Pin::new(&mut self.inner).poll_fill_buf(cx))?;
            if bytes.is_empty() {
                return Poll::Ready(Ok(false));
            }
            let taken = match &mut self.frame {
                Reading::Header(header) => {
                    header.put_u8(bytes[0]);
                    if let Some(next) = read_header(header)? {
                        self.frame = next;
                    }
                    1
                }
                Reading::Data(_) => {
                    self.frame = Reading::Header(BytesMut::new());
                    0
                }
                Reading::Control {
                    length, payload, ..
                } => {
                    let taken = bytes.len().min(*length - payload.len());
                    payload.put_slice(&bytes[..taken]);
                    taken
                }
            };
            Pin::new(&mut self.inner).consume(taken);
            if let Reading::Control {
                opcode,
                length,
                payload,
            } = &mut self.frame
                && payload.len() == *length
            {
                let (opcode, payload) = (*opcode, payload.split());
                self.frame = Reading::Header(BytesMut::new());
                self.control(opcode, &payload);
                // Nothing waits for the answer; what the socket does not take goes with the next.
                let _ = self.poll_send(cx)?;
            }
        }
    }

    fn control(&mut self, opcode: u8, payload: &[u8]) {
        match opcode {
            // A server that sends pings without reading gets one answer.
            PING if self.out.len() < CONTROL_MAX_BYTES => put_frame(PONG, payload, &mut self.out),
            CLOSE => {
                put_frame(CLOSE, payload, &mut self.out);
                self.is_closed = true;
            }
            _ => {}
        }
    }
}

/// What a header announces, if it is complete (section 5.2).
fn read_header(header: &[u8]) -> io::Result<Option<Reading>> {
    let [first, second, rest @ ..] = header else {
        return Ok(None);
    };
    let (opcode, short) = (first & 0x0f, second & 0x7f);
    let invalid = |what: &str| {
        let reason = format!("the server broke the rules of WebSocket: {what}");
        io::Error::new(io::ErrorKind::InvalidData, reason)
    };
    if first & 0x70 != 0 || second & 0x80 != 0 {
        return Err(invalid("a frame is masked, or uses an extension"));
    }
    let length = match short {
        126 => match rest.first_chunk::<2>() {
            Some(length) => u64::from(u16::from_be_bytes(*length)),
            None => return Ok(None),
        },
        127 => match rest.first_chunk::<8>() {
            Some(length) => u64::from_be_bytes(*length),
            None => return Ok(None),
        },
        short => u64::from(short),
    };
    match opcode {
        CONTINUATION | BINARY => Ok(Some(Reading::Data(length))),
        CLOSE | PING | PONG if first & 0x80 != 0 && length <= CONTROL_MAX_BYTES as u64 => {
            Ok(Some(Reading::Control {
                opcode,
                length: usize::from(short),
                payload: BytesMut::new(),
            }))
        }
        CLOSE | PING | PONG => Err(invalid("a control frame is long or fragmented")),
        _ => Err(invalid("MQTT comes in binary frames only")),
    }
}

/// Appends a frame with a mask (section 5.3).
fn put_frame(opcode: u8, payload: &[u8], out: &mut BytesMut) {
    out.put_u8(0x80 | opcode);
    match payload.len() {
        length @ ..126 => out.put_u8(0x80 | length as u8),
        length => {
            out.put_u8(0x80 | 126);
            out.put_u16(length as u16);
        }
    }
    let mask: [u8; 4] = rand::random();
    out.put_slice(&mask);
    let masked = payload.iter().zip(mask.iter().cycle());
    out.extend(masked.map(|(byte, mask)| byte ^ mask));
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocketStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !ready!(this.poll_data(cx))? {
            return Poll::Ready(Ok(()));
        }
        let bytes = ready!(Pin::new(&mut this.inner).poll_fill_buf(cx))?;
        if let Reading::Data(left) = &mut this.frame {
            let max = usize::try_from(*left).unwrap_or(usize::MAX);
            let taken = bytes.len().min(max).min(buffer.remaining());
            buffer.put_slice(&bytes[..taken]);
            *left -= taken as u64;
            Pin::new(&mut this.inner).consume(taken);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocketStream<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        ready!(this.poll_send(cx))?;
        let bytes = &bytes[..bytes.len().min(SENT_MAX_BYTES)];
        put_frame(BINARY, bytes, &mut this.out);
        // The frame has been taken, whether the socket takes it now or at the next call.
        let _ = this.poll_send(cx)?;
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.is_closed {
            put_frame(CLOSE, &1000_u16.to_be_bytes(), &mut self.out);
            self.is_closed = true;
        }
        ready!(self.poll_send(cx))?;
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
