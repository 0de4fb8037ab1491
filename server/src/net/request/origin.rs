//! The page that a browser sends a request for.

use std::net::SocketAddr;

use hyper::{
    HeaderMap, StatusCode,
    header::{HeaderValue, ORIGIN},
};

use crate::settings::site::{Authority, Host, Origin, OriginRule};

/// Bytes of a wrong origin that an answer and the log repeat.
const SHOWN_MAX_BYTES: usize = 128;

/// Why a request is refused for its origin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OriginError {
    /// The header is there more than once.
    #[error("the header Origin is there more than once")]
    Several,
    /// The page is of another site.
    #[error("pages of {0:?} may not connect: add it to the setting `origins` to allow them")]
    Foreign(String),
    /// The page is of the same host, with another port or scheme.
    #[error(
        "the page is of {0:?}, and the request is to another port or scheme of this host: add the \
         page's origin to the setting `origins`, or let the proxy pass on Host with its port"
    )]
    OtherPort(String),
}

impl OriginError {
    /// The status of the answer.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Several => StatusCode::BAD_REQUEST,
            Self::Foreign(_) | Self::OtherPort(_) => StatusCode::FORBIDDEN,
        }
    }
}

/// Refuses pages of other sites. A browser sends the origin of the page that connects (RFC 6455,
/// section 10.2). The server's own pages and the origins in the settings are allowed. Programs
/// other than browsers do not send the header. `requested` is what the request names as its host,
/// and `local` the address at which the connection arrived, with TLS if `is_tls`.
///
/// Returns the origin, if there is one.
pub fn check<'a>(
    headers: &'a HeaderMap,
    requested: Option<&Authority>,
    local: SocketAddr,
    is_tls: bool,
    rules: &[OriginRule],
) -> Result<Option<&'a HeaderValue>, OriginError> {
    let mut origins = headers.get_all(ORIGIN).iter();
    let value = match (origins.next(), origins.next()) {
        (None, _) => return Ok(None),
        (Some(_), Some(_)) => return Err(OriginError::Several),
        (Some(value), None) => value,
    };
    let origin = value.to_str().ok().and_then(Origin::parse);
    let is_allowed = rules.iter().any(|rule| match rule {
        OriginRule::Any => true,
        OriginRule::Only(allowed) => origin.as_ref() == Some(allowed),
    });
    let is_own = |origin: &Origin| requested.is_some_and(|own| is_same(origin, own, local, is_tls));
    if is_allowed || origin.as_ref().is_some_and(is_own) {
        return Ok(Some(value));
    }
    let bytes = value.as_bytes();
    let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(SHOWN_MAX_BYTES)]).into_owned();
    let host = origin.and_then(|origin| origin.host);
    Err(match (host, requested) {
        (Some(host), Some(own)) if host == own.host => OriginError::OtherPort(shown),
        _ => OriginError::Foreign(shown),
    })
}

/// Whether a page's origin is the one that its request names: the same host and port, where a
/// missing port is the default of the page's scheme.
///
/// In front of the server there may be a proxy that speaks TLS, and no header of the request proves
/// its scheme. So both `http` and `https` are accepted where there may be a proxy. A browser that
/// names the very address and port of this socket has no proxy in between: its page is of the
/// scheme of this connection.
fn is_same(origin: &Origin, own: &Authority, local: SocketAddr, is_tls: bool) -> bool {
    let (is_scheme, default_port) = match &*origin.scheme {
        "http" => (!is_tls || !is_direct(own, local), 80),
        "https" => (is_tls || !is_direct(own, local), 443),
        _ => return false,
    };
    is_scheme
        && origin.host.as_ref() == Some(&own.host)
        && origin.port == Some(own.port.unwrap_or(default_port))
}

/// Whether a request names the socket at which it arrived.
fn is_direct(own: &Authority, local: SocketAddr) -> bool {
    let ip = local.ip().to_canonical();
    let is_host = match &own.host {
        Host::Ip(named) => named.to_canonical() == ip,
        Host::Name(_) => own.host.is_localhost() && ip.is_loopback(),
    };
    is_host && own.port == Some(local.port())
}
