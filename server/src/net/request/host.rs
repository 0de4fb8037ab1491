//! The host that a request names, and whether this server answers for it.
//!
//! A page of any site can have its name resolve to this machine (DNS rebinding): to the browser the
//! server is then a part of that site. Only the host in the request shows it. So a server that a
//! stranger's page can reach but the stranger cannot answers only to names that are its own.

use std::net::IpAddr;

use hyper::{HeaderMap, StatusCode, Uri, Version, header::HOST};

use crate::settings::site::{Authority, Host, HostRule};

/// Bytes of a wrong host that an answer and the log repeat.
const SHOWN_MAX_BYTES: usize = 64;

/// Why a request is refused for its host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// HTTP/1.1 requires the header.
    #[error("the header Host is missing (RFC 9112, section 3.2)")]
    Missing,
    /// It is there more than once.
    #[error("the header Host is there more than once (RFC 9112, section 3.2)")]
    Several,
    /// It is not a host.
    #[error("the host {0:?} is not a name or an address with an optional port")]
    Invalid(String),
    /// The target is a URL of another scheme.
    #[error("the target has the scheme {0:?}, and this connection is {1}")]
    Scheme(String, &'static str),
    /// The server does not answer for this host.
    #[error(
        "this server does not answer for the host {0:?}: if the name is its own, add it to the \
         setting `hosts` (--hosts {0})"
    )]
    Foreign(String),
}

impl HostError {
    /// The status of the answer. 421 stands for a target that the server is not configured for
    /// (RFC 9110, sections 7.4 and 15.5.20).
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Missing | Self::Several | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Scheme(..) | Self::Foreign(_) => StatusCode::MISDIRECTED_REQUEST,
        }
    }
}

/// The host and port that a request names: in its target, or else in the header `Host` (RFC 9112,
/// section 3.2.2). A request of HTTP/1.0 may name none. `scheme` is that of the connection.
pub fn requested(
    version: Version,
    target: &Uri,
    headers: &HeaderMap,
    scheme: &'static str,
) -> Result<Option<Authority>, HostError> {
    let mut hosts = headers.get_all(HOST).iter();
    let named = match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => None,
        (None, _) => return Err(HostError::Missing),
        (Some(_), Some(_)) => return Err(HostError::Several),
        (Some(host), None) => Some(parse(host.as_bytes())?),
    };
    if let Some(other) = target.scheme_str().filter(|other| *other != scheme) {
        return Err(HostError::Scheme(shown(other.as_bytes()), scheme));
    }
    match target.authority() {
        Some(authority) => parse(authority.as_str().as_bytes()).map(Some),
        None => Ok(named),
    }
}

/// Checks whether the server answers for a host. `local` is the address at which the connection
/// arrived. Browsers always name a host, so a request without one is no page's.
pub fn check(
    requested: Option<&Authority>,
    local: IpAddr,
    rules: &[HostRule],
) -> Result<(), HostError> {
    let Some(Authority { host, .. }) = requested else {
        return Ok(());
    };
    if rules.is_empty() && !is_private(local) {
        return Ok(());
    }
    let name = match host {
        // A page with an address for a host was served from that address.
        Host::Ip(_) => return Ok(()),
        Host::Name(name) => name,
    };
    let is_named = rules.iter().any(|rule| match rule {
        HostRule::Any => true,
        HostRule::Only(own) => own == host,
    });
    if is_named || host.is_localhost() {
        return Ok(());
    }
    Err(HostError::Foreign(name.clone()))
}

/// Whether an address is one that strangers cannot reach from outside, but pages in a browser of
/// this machine or network can: loopback, link-local, private and shared addresses (RFC 1918, 3927,
/// 4193, 4291, 6598).
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            let [first, second, ..] = address.octets();
            let is_shared = first == 100 && second & 0xc0 == 64;
            address.is_loopback()
                || address.is_private()
                || address.is_link_local()
                || address.is_unspecified()
                || is_shared
        }
        IpAddr::V6(address) => {
            address.is_loopback()
                || address.is_unique_local()
                || address.is_unicast_link_local()
                || address.is_unspecified()
        }
    }
}

fn parse(host: &[u8]) -> Result<Authority, HostError> {
    let parsed = std::str::from_utf8(host).ok().and_then(Authority::parse);
    parsed.ok_or_else(|| HostError::Invalid(shown(host)))
}

fn shown(host: &[u8]) -> String {
    let shown = &host[..host.len().min(SHOWN_MAX_BYTES)];
    String::from_utf8_lossy(shown).into_owned()
}
