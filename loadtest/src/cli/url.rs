//! Where servers and brokers are.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::plan::Target;

/// The parts of `scheme://[user:password@]host[:port][/path]`.
pub(super) struct Url {
    pub(super) login: Option<(String, String)>,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    pub(super) fn parse(text: &str, scheme: &str, default_port: u16) -> Result<Self, String> {
        let bad = |why: &str| format!("{text:?}: {why}");
        let rest = text
            .strip_prefix(scheme)
            .and_then(|rest| rest.strip_prefix("://"))
            .ok_or_else(|| bad(&format!("a URL that starts with {scheme}:// is wanted")))?;
        let (authority, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let (login, authority) = match authority.rsplit_once('@') {
            Some((login, authority)) => {
                let (user, password) = login.split_once(':').unwrap_or((login, ""));
                (Some((user.to_owned(), password.to_owned())), authority)
            }
            None => (None, authority),
        };
        let is_v6_without_port = authority.ends_with(']');
        let (host, port) = match authority.rsplit_once(':') {
            Some((host, port)) if !is_v6_without_port => (
                host,
                port.parse().map_err(|_| bad("the port is no number"))?,
            ),
            _ => (authority, default_port),
        };
        if host.is_empty() {
            return Err(bad("there is no host"));
        }
        Ok(Self {
            login,
            host: host.to_owned(),
            port,
            path: path.to_owned(),
        })
    }

    pub(super) fn resolve(&self) -> Result<SocketAddr, String> {
        let name = self.host.trim_start_matches('[').trim_end_matches(']');
        let addresses: Vec<SocketAddr> = (name, self.port)
            .to_socket_addrs()
            .map_err(|error| format!("{}: {error}", self.host))?
            .collect();
        // A server on "localhost" listens on 127.0.0.1 more often than on ::1.
        let v4 = addresses.iter().find(|address| address.is_ipv4());
        v4.or(addresses.first())
            .copied()
            .ok_or_else(|| format!("{}: no address", self.host))
    }
}

/// The server that a `ws://` URL names.
pub(super) fn target(url: &str) -> Result<Target, String> {
    if url.starts_with("wss://") {
        return Err("wss is not supported: measure behind the TLS proxy".to_owned());
    }
    let parsed = Url::parse(url, "ws", 80)?;
    Ok(Target {
        url: url.to_owned(),
        address: parsed.resolve()?,
        host: format!("{}:{}", parsed.host, parsed.port),
        path: parsed.path,
    })
}
