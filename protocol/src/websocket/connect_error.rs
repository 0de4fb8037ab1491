//! Why connecting failed.

use std::{io, net::SocketAddr, time::Duration};

use hyper::{StatusCode, header::HeaderName};
use url::ParseError;

/// Why connecting failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The URL does not have the form `ws://host:port/path`.
    #[error("{url:?} is not the URL of a server: {reason}")]
    BadUrl {
        /// The URL, without a login.
        url: String,
        /// Which part is wrong, and what is expected.
        reason: UrlError,
    },
    /// The options have a token and a header of the user's choice, which would be the same header.
    #[error("a token and a header Authorization were given: use one of them")]
    TwoLogins,
    /// The name has no address.
    #[error("cannot find the host {host:?}: {error}")]
    Resolve {
        /// The name.
        host: String,
        /// The system's error.
        error: io::Error,
    },
    /// The socket could not be opened, bound or connected.
    #[error("cannot connect to {address}: {error}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// The system's error.
        error: io::Error,
    },
    /// TLS failed: an option is wrong, or the handshake.
    #[error("{0}")]
    Tls(String),
    /// The connection has broken at once.
    #[error("the connection is lost: {error}")]
    Lost {
        /// The system's error.
        error: io::Error,
    },
    /// Connecting took longer than this.
    #[error("no connection within {0:?}")]
    Timeout(Duration),
    /// The server did not answer, or its answer is not HTTP.
    #[error("the handshake failed: {0}")]
    Http(#[from] hyper::Error),
    /// The server did not switch to WebSocket.
    #[error(
        "the server answered {status}, expected 101 Switching Protocols{}",
        after_colon(*status, reason)
    )]
    Status {
        /// The status of its answer.
        status: StatusCode,
        /// The answer in plain text; empty if there is none.
        reason: String,
    },
    /// A header is missing or wrong.
    #[error("the server's answer {}", wrong_header(name, value.as_deref()))]
    Header {
        /// Its name.
        name: HeaderName,
        /// Its value; `None` if the header is missing.
        value: Option<String>,
    },
}

/// Which part of a URL is wrong, and what is expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UrlError {
    /// There is no scheme.
    #[error("the scheme is missing, expected ws://host:port/path")]
    MissingScheme,
    /// The scheme is another one than `ws` and `wss`.
    #[error("the scheme is {0:?}, expected ws://host:port/path or wss://host:port/path")]
    Scheme(String),
    /// There is no host.
    #[error("the host is missing, expected ws://host:port/path")]
    MissingHost,
    /// The host is not a name or an address.
    #[error("the host is wrong ({0}), expected a name, an IPv4 address or an IPv6 address in []")]
    Host(ParseError),
    /// The port is not a number or too large.
    #[error("the port is wrong, expected a number from 0 to 65535")]
    Port,
    /// There is a user name or a password.
    #[error("there is a login before the host, but the server has none, remove it and the '@'")]
    Login,
    /// There is a fragment. RFC 6455, section 3, forbids it.
    #[error("there is a fragment (from '#' on), write '#' as %23")]
    Fragment,
    /// The URL breaks another rule.
    #[error("{0}, expected ws://host:port/path")]
    Syntax(String),
}

fn wrong_header(name: &HeaderName, value: Option<&str>) -> String {
    match value {
        Some(value) => format!("has a wrong header {name}: {value:?}"),
        None if name.as_str() == "sec-websocket-protocol" => {
            "names no subprotocol: another WebSocket than Tickcast's is at this path, expected one \
             such as /ws"
                .to_owned()
        }
        None => format!("lacks the header {name}"),
    }
}

fn after_colon(status: StatusCode, reason: &str) -> String {
    match reason {
        "" if status == StatusCode::OK => {
            ": a page is at this path, and no WebSocket, which is at one such as /ws".to_owned()
        }
        "" => String::new(),
        reason => format!(": {reason}"),
    }
}
