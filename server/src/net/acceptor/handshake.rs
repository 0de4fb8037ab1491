//! The PROXY header and the handshake of one connection.

use std::{
    io::{self, ErrorKind},
    sync::Arc,
};

use rustls::{Error, ServerConfig};
use tokio::{io::AsyncWriteExt, net::TcpStream};

use crate::{
    metrics::HandshakeFailure,
    net::{
        closing,
        peer::Peer,
        preamble::{PLAIN_HTTP_ANSWER, TLS_HANDSHAKE},
        proxy_protocol::{self, FIXED_BYTES, Header, HeaderError, Parsed},
        stream::Stream,
    },
    settings::listen::TrustedProxy,
    tls::{Arena, TlsSession},
};

/// Bytes requested from the kernel at once. The first message of a client has less than 2 KiB.
const READ_BYTES: usize = 4096;

/// Maximum number of bytes of a handshake: a client's chain of certificates is the longest part.
pub const HANDSHAKE_MAX_BYTES: usize = 128 * 1024;

/// Maximum number of bytes that are read and dropped after the answer to a failed handshake.
const DISCARD_MAX_BYTES: usize = 64 * 1024;

/// A connection that cannot be served.
#[derive(Debug)]
pub(super) struct Failed {
    pub(super) failure: HandshakeFailure,
    pub(super) reason: String,
    /// The connection, if its client was told something that it has to read.
    pub(super) stream: Option<TcpStream>,
}

impl Failed {
    fn new(failure: HandshakeFailure, reason: impl Into<String>) -> Self {
        Self {
            failure,
            reason: reason.into(),
            stream: None,
        }
    }

    /// There are `max` handshakes of its address.
    pub(super) fn of_address(max: usize) -> Self {
        let reason = format!(
            "{max} handshakes of its address are under way, which is all that one address may \
             have: if clients share this address, raise `handshakes-max`"
        );
        Self::new(HandshakeFailure::Address, reason)
    }

    /// The client has gone.
    pub(super) fn lost(error: &io::Error) -> Self {
        Self::new(HandshakeFailure::Lost, error.to_string())
    }
}

/// Reads the PROXY header of a connection, and not a byte more. Returns the client.
pub(super) async fn read_header(
    stream: &TcpStream,
    proxy: Peer,
    trusted: &[TrustedProxy],
) -> Result<Peer, Failed> {
    if !proxy.is_trusted(trusted) {
        let reason = "the sender is not in trusted_proxies, so its PROXY header is not read";
        return Err(Failed::new(HandshakeFailure::Proxy, reason));
    }
    let wrong = |error: HeaderError| Failed::new(HandshakeFailure::Proxy, error.to_string());
    let mut bytes = Vec::new();
    let mut needed = FIXED_BYTES;
    loop {
        let have = bytes.len();
        bytes.resize(needed, 0);
        let read = read_some(stream, &mut bytes[have..]).await?;
        bytes.truncate(have + read);
        match proxy_protocol::parse(&bytes).map_err(wrong)? {
            Parsed::Incomplete(more) => needed = more,
            Parsed::Complete(header, _) => {
                return Ok(match header {
                    Header::Local => proxy,
                    Header::Client(address) => proxy.client_at(address),
                    Header::Unknown => proxy.unnamed_client(),
                });
            }
        }
    }
}

/// Makes the handshake of TLS.
pub(super) async fn shake_hands(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
) -> Result<(TcpStream, TlsSession), Failed> {
    let broken = |error: &Error| Failed::new(failure_of(error), error.to_string());
    let mut session = TlsSession::new(config).map_err(|error| broken(&error))?;
    let mut out = Arena::default();
    let mut bytes = vec![0; READ_BYTES];
    let mut total = 0;
    while session.is_handshaking() {
        let len = read_some(&stream, &mut bytes).await?;
        let is_first = total == 0;
        total += len;
        if is_first && let Some(failed) = not_tls(&bytes[..len]) {
            return Err(tell(failed, stream).await);
        }
        if total > HANDSHAKE_MAX_BYTES {
            let reason = format!("more than {HANDSHAKE_MAX_BYTES} bytes");
            return Err(Failed::new(HandshakeFailure::Protocol, reason));
        }
        out.clear();
        let received = session.receive(&bytes[..len], &mut out);
        let sent = stream.write_all(out.bytes()).await;
        // A shard may wait for this core. A thread that works on may keep it for milliseconds,
        // whatever its niceness is.
        std::thread::yield_now();
        if let Err(error) = received {
            let has_alert = out.used() > 0 && sent.is_ok();
            return Err(Failed {
                stream: has_alert.then_some(stream),
                ..broken(&error)
            });
        }
        sent.map_err(|error| Failed::lost(&error))?;
    }
    Ok((stream, session))
}

/// Ends a connection so that its client can read what it was told.
pub(super) async fn end(stream: TcpStream) {
    let stream = Stream::new(stream);
    stream.end_writing();
    closing::read_on(stream, DISCARD_MAX_BYTES).await;
}

async fn read_some(stream: &TcpStream, room: &mut [u8]) -> Result<usize, Failed> {
    match read(stream, room).await {
        Ok(0) => Err(Failed::lost(&ErrorKind::UnexpectedEof.into())),
        Ok(read) => Ok(read),
        Err(error) => Err(Failed::lost(&error)),
    }
}

async fn read(stream: &TcpStream, room: &mut [u8]) -> io::Result<usize> {
    loop {
        stream.readable().await?;
        match stream.try_read(room) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            result => return result,
        }
    }
}

/// What the first bytes are, if they are no handshake.
fn not_tls(bytes: &[u8]) -> Option<(HandshakeFailure, &'static str)> {
    match bytes {
        [TLS_HANDSHAKE, ..] => None,
        [first, ..] if first.is_ascii_alphabetic() => Some((
            HandshakeFailure::PlainHttp,
            "the client speaks HTTP without TLS: have it use https:// and wss://",
        )),
        [b'\r', ..] => Some((
            HandshakeFailure::Proxy,
            "the connection begins with a PROXY header, and this listener expects none: set \
             proxy_protocol = \"v2\" for it, or have the proxy send none",
        )),
        _ => Some((HandshakeFailure::NotTls, "the first byte is not one of TLS")),
    }
}

/// Tells a client that does not speak TLS what to do.
async fn tell((failure, reason): (HandshakeFailure, &str), mut stream: TcpStream) -> Failed {
    let mut failed = Failed::new(failure, reason);
    if failure == HandshakeFailure::PlainHttp
        && stream.write_all(PLAIN_HTTP_ANSWER.as_bytes()).await.is_ok()
    {
        failed.stream = Some(stream);
    }
    failed
}

fn failure_of(error: &Error) -> HandshakeFailure {
    match error {
        Error::PeerIncompatible(_) | Error::NoApplicationProtocol => HandshakeFailure::Incompatible,
        Error::NoCertificatesPresented => HandshakeFailure::NoCertificate,
        Error::InvalidCertificate(_) | Error::InvalidCertRevocationList(_) => {
            HandshakeFailure::Certificate
        }
        Error::AlertReceived(_) => HandshakeFailure::Refused,
        _ => HandshakeFailure::Protocol,
    }
}
