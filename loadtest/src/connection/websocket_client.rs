//! One WebSocket connection of a client.

use std::{
    fmt,
    io::{self, ErrorKind, Read, Write},
    net::SocketAddr,
};

use mio::{Registry, Token};
use tickcast_protocol::message::TimeNs;

use super::{error::ClientConnectionError, socket::SocketOptions, stream::Stream};
use crate::wire::{
    Inbox, InboxError, Outbox,
    websocket::{self, Opcode},
};

/// What a client says until its connection is open.
pub struct Opening {
    /// The request of the handshake, which may hold a token.
    pub request: String,
    /// The subprotocol that the request asks for.
    pub subprotocol: Option<&'static str>,
    /// Frames to send as soon as the handshake is over.
    pub greeting: Vec<u8>,
}

impl fmt::Debug for Opening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Opening")
            .field("subprotocol", &self.subprotocol)
            .finish_non_exhaustive()
    }
}

/// Why no further frame is read. It is small, because each frame's handler returns it.
enum Stop<E> {
    Closed(u16),
    Handler(E),
}

#[derive(Debug)]
struct Handshake {
    is_connected: bool,
    subprotocol: Option<&'static str>,
    greeting: Vec<u8>,
}

/// See the module. It never waits.
///
/// Call [`on_writable`](Self::on_writable) when the socket is writable, and read it through a
/// [`SocketReader`](super::SocketReader) when it is readable.
#[derive(Debug)]
pub struct ClientConnection {
    stream: Stream,
    /// The handshake under way. Boxed, because an open connection does not need its memory.
    handshake: Option<Box<Handshake>>,
    inbox: Inbox,
    outbox: Outbox,
}

impl ClientConnection {
    /// Starts to connect.
    pub fn open(
        address: SocketAddr,
        options: &SocketOptions,
        opening: Opening,
        token: Token,
        registry: &Registry,
    ) -> io::Result<Self> {
        let stream = options.connect(address, token, registry)?;
        let stream = Stream::new(stream, options.tls.as_ref())?;
        let mut outbox = Outbox::default();
        outbox
            .bytes_mut()
            .extend_from_slice(opening.request.as_bytes());
        Ok(Self {
            stream,
            handshake: Some(Box::new(Handshake {
                is_connected: false,
                subprotocol: opening.subprotocol,
                greeting: opening.greeting,
            })),
            inbox: Inbox::default(),
            outbox,
        })
    }

    /// Whether the handshake is over.
    pub fn is_open(&self) -> bool {
        self.handshake.is_none()
    }

    /// Where to append frames; [`flush`](Self::flush) sends them.
    pub fn outgoing(&mut self) -> &mut Vec<u8> {
        self.outbox.bytes_mut()
    }

    /// Bytes that the socket, or the session of TLS, has not taken yet.
    pub fn waiting(&self) -> usize {
        self.outbox.waiting()
    }

    /// Drops what the socket has not taken.
    pub fn drop_outgoing(&mut self) {
        self.outbox.clear();
    }

    /// The socket is writable: continues to connect, or to write.
    pub fn on_writable<E>(&mut self) -> Result<(), ClientConnectionError<E>> {
        if let Some(handshake) = &mut self.handshake
            && !handshake.is_connected
        {
            match self.stream.tcp().take_error() {
                Ok(None) => {}
                Ok(Some(error)) | Err(error) => {
                    return Err(ClientConnectionError::Connect(error.kind()));
                }
            }
            if self.stream.tcp().peer_addr().is_err() {
                return Ok(());
            }
            handshake.is_connected = true;
        }
        self.flush()?;
        Ok(())
    }

    /// Writes what the socket takes. Returns whether it has taken everything.
    pub fn flush<E>(&mut self) -> Result<bool, ClientConnectionError<E>> {
        let flushed = self.outbox.flush(&mut self.stream);
        flushed
            .and_then(|is_empty| Ok(self.stream.send()? && is_empty))
            .map_err(|error| ClientConnectionError::Write(error.kind()))
    }

    /// Sends a close frame if the socket takes it, and closes.
    pub fn close(mut self) {
        const NORMAL_CLOSURE: u16 = 1000;
        let mut frame = Vec::new();
        websocket::append_frame(Opcode::Close, &NORMAL_CLOSURE.to_be_bytes(), &mut frame);
        // The run is over, so it makes no difference whether the frame arrives.
        let _ = self.stream.write(&frame);
        self.stream.end();
    }

    /// Whether there may be more to read after `len` bytes were read into a buffer of `room` bytes.
    pub(super) fn may_have_more(&self, len: usize, room: usize) -> bool {
        self.stream.may_have_more(len, room)
    }

    /// Reads once. Returns 0 if there is nothing to read.
    pub(super) fn receive<E>(
        &mut self,
        buffer: &mut [u8],
    ) -> Result<usize, ClientConnectionError<E>> {
        if self.handshake.as_ref().is_some_and(|h| !h.is_connected) {
            return Ok(0);
        }
        loop {
            match self.stream.read(buffer) {
                Ok(0) => return Err(ClientConnectionError::Eof),
                Ok(len) => return Ok(len),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(0),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => {
                    let about_tls = self.stream.explain(&error);
                    let other = ClientConnectionError::Read(error.kind());
                    return Err(about_tls.map_or(other, ClientConnectionError::Tls));
                }
            }
        }
    }

    /// Understands bytes that were received at a moment.
    pub(super) fn received<E>(
        &mut self,
        bytes: &[u8],
        received_ns: TimeNs,
        message_max_bytes: usize,
        handle: &mut impl FnMut(&[u8], TimeNs, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), ClientConnectionError<E>> {
        let Some(handshake) = &mut self.handshake else {
            return self.messages(bytes, received_ns, message_max_bytes, handle);
        };
        let answer = self.inbox.keep(bytes);
        let Some(len) = websocket::handshake_response(answer, handshake.subprotocol)? else {
            return Ok(());
        };
        let rest = self.inbox.split_off(len);
        self.outbox.bytes_mut().append(&mut handshake.greeting);
        self.handshake = None;
        self.answer()?;
        self.messages(&rest, received_ns, message_max_bytes, handle)
    }

    fn messages<E>(
        &mut self,
        bytes: &[u8],
        received_ns: TimeNs,
        max_bytes: usize,
        handle: &mut impl FnMut(&[u8], TimeNs, &mut Vec<u8>) -> Result<(), E>,
    ) -> Result<(), ClientConnectionError<E>> {
        let answers = self.outbox.bytes_mut();
        let mut on_frame = |opcode, payload: &[u8]| match opcode {
            Opcode::Ping => {
                websocket::append_frame(Opcode::Pong, payload, answers);
                Ok(())
            }
            Opcode::Pong => Ok(()),
            Opcode::Close => Err(Stop::Closed(websocket::close_code(payload))),
            Opcode::Text | Opcode::Binary | Opcode::Continuation => {
                handle(payload, received_ns, answers).map_err(Stop::Handler)
            }
        };
        self.inbox
            .feed(bytes, max_bytes, &mut on_frame)
            .map_err(|error| match error {
                InboxError::WebSocket(error) => error.into(),
                InboxError::Handler(Stop::Closed(code)) => ClientConnectionError::Closed(code),
                InboxError::Handler(Stop::Handler(error)) => ClientConnectionError::Handler(error),
            })?;
        if self.outbox.is_empty() {
            return Ok(());
        }
        self.answer()
    }

    /// Sends answers. They are rare, so their memory is given back.
    fn answer<E>(&mut self) -> Result<(), ClientConnectionError<E>> {
        if self.flush()? {
            self.outbox.release();
        }
        Ok(())
    }
}
