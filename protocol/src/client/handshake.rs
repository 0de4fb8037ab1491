//! Opening a connection: TCP, the HTTP request, and the checks that RFC 6455 (section 4.1) asks of a
//! client.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use base64::{Engine, prelude::BASE64_STANDARD};
use http_body_util::Empty;
use hyper::{
    HeaderMap, Request, Response, StatusCode, Uri,
    body::{Bytes, Incoming},
    header::{self, HeaderName},
};
use hyper_util::rt::TokioIo;
use sha1::{Digest, Sha1};
use tokio::net::{TcpSocket, TcpStream, lookup_host};

use crate::codec::Encoding;

/// Time for everything from the first packet to the end of the handshake.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// RFC 6455, section 1.3.
const ACCEPT_GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

const WS_PORT: u16 = 80;

/// Whom to connect to, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConnectOptions {
    /// `ws://host:port/path`
    pub url: String,
    /// Negotiated as the subprotocol.
    pub encoding: Encoding,
    /// Address to come from. By default the system chooses.
    pub local_address: Option<IpAddr>,
    /// Time for everything up to the end of the handshake.
    pub timeout: Duration,
}

impl ConnectOptions {
    /// With [`CONNECT_TIMEOUT`], from any address.
    pub fn new(url: impl Into<String>, encoding: Encoding) -> Self {
        Self {
            url: url.into(),
            encoding,
            local_address: None,
            timeout: CONNECT_TIMEOUT,
        }
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// Not of the form `ws://host:port/path`.
    #[error("{url:?} is not a WebSocket address: {reason}")]
    BadUrl {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The name has no address.
    #[error("cannot find {host:?}: {error}")]
    Resolve {
        /// The name.
        host: String,
        /// What the system says.
        error: io::Error,
    },
    /// The socket could not be opened, bound or connected.
    #[error("cannot connect to {address}: {error}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        error: io::Error,
    },
    /// It took too long.
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    /// The answer is not HTTP, or there is none.
    #[error("the handshake failed: {0}")]
    Http(#[from] hyper::Error),
    /// The server did not switch to WebSocket.
    #[error("the server answered {0}")]
    Status(StatusCode),
    /// A header is missing or wrong.
    #[error("the server answered with {name}: {value:?}")]
    Header {
        /// Its name.
        name: HeaderName,
        /// Its value, if it is there.
        value: Option<String>,
    },
}

/// The parts of a `ws://` address.
struct Target {
    host: String,
    port: u16,
    authority: String,
    path: String,
}

impl Target {
    fn parse(url: &str) -> Result<Self, ConnectError> {
        let bad = |reason: &str| ConnectError::BadUrl {
            url: url.to_owned(),
            reason: reason.to_owned(),
        };
        let uri: Uri = url.parse().map_err(|error| bad(&format!("{error}")))?;
        if uri.scheme_str() != Some("ws") {
            return Err(bad("it does not start with ws://"));
        }
        let authority = uri.authority().ok_or_else(|| bad("there is no host"))?;
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host) {
            Some("") => WS_PORT,
            Some(port) => port
                .strip_prefix(':')
                .and_then(|port| port.parse().ok())
                .ok_or_else(|| bad("the port is not a number up to 65535"))?,
            None => return Err(bad("there is a user name")),
        };
        Ok(Self {
            // An IPv6 address stands in brackets.
            host: host.trim_matches(['[', ']']).to_owned(),
            port,
            authority: authority.as_str().to_owned(),
            path: uri
                .path_and_query()
                .map_or("/", |path| path.as_str())
                .to_owned(),
        })
    }
}

/// A connection that speaks WebSocket from now on.
pub(super) struct Opened {
    pub(super) stream: TcpStream,
    /// What the server sent right behind its answer.
    pub(super) rest: Bytes,
}

pub(super) async fn open(options: &ConnectOptions) -> Result<Opened, ConnectError> {
    let target = Target::parse(&options.url)?;
    let opening = async {
        let stream = connect_tcp(&target, options.local_address).await?;
        upgrade(stream, &target, options.encoding).await
    };
    tokio::time::timeout(options.timeout, opening)
        .await
        .unwrap_or(Err(ConnectError::Timeout(options.timeout)))
}

async fn connect_tcp(
    target: &Target,
    local_address: Option<IpAddr>,
) -> Result<TcpStream, ConnectError> {
    let resolve_error = |error| ConnectError::Resolve {
        host: target.host.clone(),
        error,
    };
    let addresses = lookup_host((target.host.as_str(), target.port))
        .await
        .map_err(resolve_error)?;
    let mut failure = resolve_error(io::Error::new(
        io::ErrorKind::AddrNotAvailable,
        "no address of the local address's family",
    ));
    for address in addresses {
        if local_address.is_some_and(|local| local.is_ipv4() != address.is_ipv4()) {
            continue;
        }
        match connect_address(address, local_address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = ConnectError::Tcp { address, error },
        }
    }
    Err(failure)
}

async fn connect_address(
    address: SocketAddr,
    local_address: Option<IpAddr>,
) -> io::Result<TcpStream> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    if let Some(local) = local_address {
        socket.bind(SocketAddr::new(local, 0))?;
    }
    let stream = socket.connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn upgrade(
    stream: TcpStream,
    target: &Target,
    encoding: Encoding,
) -> Result<Opened, ConnectError> {
    let key = fastwebsockets::handshake::generate_key();
    let request = Request::builder()
        .uri(&target.path)
        .header(header::HOST, &target.authority)
        .header(header::UPGRADE, "websocket")
        .header(header::CONNECTION, "Upgrade")
        .header(header::SEC_WEBSOCKET_KEY, &key)
        .header(header::SEC_WEBSOCKET_VERSION, "13")
        .header(header::SEC_WEBSOCKET_PROTOCOL, encoding.subprotocol())
        .body(Empty::<Bytes>::new())
        .map_err(|error| ConnectError::BadUrl {
            url: format!("{}{}", target.authority, target.path),
            reason: error.to_string(),
        })?;

    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async move {
        let mut response = sender.send_request(request).await?;
        check_response(&response, &key, encoding)?;
        Ok(hyper::upgrade::on(&mut response).await?)
    };
    let connection = connection.with_upgrades();
    tokio::pin!(exchange, connection);
    // The connection ends when the upgrade is done; if it fails, so does the exchange, and tells why.
    let upgraded = tokio::select! {
        result = &mut exchange => result,
        _ = &mut connection => exchange.await,
    };
    match upgraded.map(hyper::upgrade::Upgraded::downcast::<TokioIo<TcpStream>>) {
        Ok(Ok(parts)) => Ok(Opened {
            stream: parts.io.into_inner(),
            rest: parts.read_buf,
        }),
        Ok(Err(_)) => unreachable!("the stream has the type that was put in above"),
        Err(error) => Err(error),
    }
}

fn check_response(
    response: &Response<Incoming>,
    key: &str,
    encoding: Encoding,
) -> Result<(), ConnectError> {
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        return Err(ConnectError::Status(response.status()));
    }
    let headers = response.headers();
    let accept = BASE64_STANDARD.encode(
        Sha1::new()
            .chain_update(key)
            .chain_update(ACCEPT_GUID)
            .finalize(),
    );
    check_header(headers, header::UPGRADE, |value| {
        value.eq_ignore_ascii_case("websocket")
    })?;
    check_header(headers, header::CONNECTION, |value| {
        value
            .split(',')
            .any(|token| token.trim().eq_ignore_ascii_case("upgrade"))
    })?;
    check_header(headers, header::SEC_WEBSOCKET_ACCEPT, |value| {
        value == accept
    })?;
    check_header(headers, header::SEC_WEBSOCKET_PROTOCOL, |value| {
        value == encoding.subprotocol()
    })?;
    // None was asked for, so none may be in use.
    match headers.get(header::SEC_WEBSOCKET_EXTENSIONS) {
        None => Ok(()),
        Some(_) => check_header(headers, header::SEC_WEBSOCKET_EXTENSIONS, |_| false),
    }
}

fn check_header(
    headers: &HeaderMap,
    name: HeaderName,
    is_right: impl FnOnce(&str) -> bool,
) -> Result<(), ConnectError> {
    let value = headers
        .get(&name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    match value {
        Some(value) if is_right(&value) => Ok(()),
        value => Err(ConnectError::Header { name, value }),
    }
}
