//! Who a client is, as far as its address tells: limits, permissions of loopback and logs use it.

use std::{
    fmt,
    net::{IpAddr, SocketAddr},
};

use crate::settings::listen::TrustedProxy;

/// A client's address, and whether it is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer {
    from: From,
    is_local: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum From {
    Tcp(SocketAddr),
    /// An address without a port, as `X-Forwarded-For` has it.
    Ip(IpAddr),
    Unix,
    /// The client of a proxy that does not say which.
    Unnamed,
}

impl Peer {
    /// The other end of a TCP connection.
    pub(crate) fn tcp(address: SocketAddr) -> Self {
        Self {
            from: From::Tcp(address),
            is_local: address.ip().to_canonical().is_loopback(),
        }
    }

    /// The other end of a Unix socket.
    pub(crate) fn unix() -> Self {
        Self {
            from: From::Unix,
            is_local: true,
        }
    }

    /// The client that this proxy names.
    pub(crate) fn client_at(self, address: SocketAddr) -> Self {
        self.client(From::Tcp(address), address.ip())
    }

    /// The client that this proxy names without a port.
    pub(crate) fn client_ip(self, address: IpAddr) -> Self {
        self.client(From::Ip(address), address)
    }

    /// A client of this proxy, which does not name it.
    pub(crate) fn unnamed_client(self) -> Self {
        Self {
            from: From::Unnamed,
            is_local: false,
        }
    }

    /// Loopback of another machine is not this machine.
    fn client(self, from: From, address: IpAddr) -> Self {
        let is_local = self.is_local && address.to_canonical().is_loopback();
        Self { from, is_local }
    }

    /// Whether the client is on this machine.
    pub(crate) fn is_local(self) -> bool {
        self.is_local
    }

    /// The address whose connections are counted together.
    pub(crate) fn ip(self) -> Option<IpAddr> {
        match self.from {
            From::Tcp(address) => Some(address.ip().to_canonical()),
            From::Ip(address) => Some(address.to_canonical()),
            From::Unix | From::Unnamed => None,
        }
    }

    /// Whether it is a proxy that is believed.
    pub(crate) fn is_trusted(self, trusted: &[TrustedProxy]) -> bool {
        trusted.iter().any(|proxy| match (proxy, self.from) {
            (TrustedProxy::Unix, From::Unix) => true,
            (TrustedProxy::Network(network), _) => {
                self.ip().is_some_and(|ip| network.contains(&ip))
            }
            _ => false,
        })
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.from {
            From::Tcp(address) => write!(f, "{address}"),
            From::Ip(address) => write!(f, "{address}"),
            From::Unix => f.write_str("a Unix socket"),
            From::Unnamed => f.write_str("a client that its proxy does not name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::listen::trusted_proxy;

    fn tcp(text: &str) -> Peer {
        Peer::tcp(format!("{text}:1").parse().unwrap())
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn a_client_is_local_only_at_loopback_of_this_machine() {
        for local in ["127.0.0.1", "127.9.9.9", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(tcp(local).is_local(), "{local}");
        }
        for other in [
            "10.0.0.1",
            "[::ffff:10.0.0.1]",
            "[fd00::1]",
            "[2001:db8::1]",
            "0.0.0.0",
        ] {
            assert!(!tcp(other).is_local(), "{other}");
        }
        assert!(Peer::unix().is_local());
    }

    #[test]
    fn behind_a_proxy_a_client_is_local_only_if_both_are() {
        for (proxy, client, expected) in [
            (tcp("127.0.0.1"), "127.0.0.1", true),
            (Peer::unix(), "::1", true),
            (tcp("127.0.0.1"), "203.0.113.7", false),
            (Peer::unix(), "203.0.113.7", false),
            // Loopback of the proxy's machine.
            (tcp("10.0.0.1"), "127.0.0.1", false),
            (tcp("10.0.0.1"), "203.0.113.7", false),
        ] {
            let client = ip(client);
            assert_eq!(proxy.client_ip(client).is_local(), expected);
            let with_port = proxy.client_at(SocketAddr::new(client, 9));
            assert_eq!(with_port.is_local(), expected);
            assert!(!proxy.unnamed_client().is_local());
        }
    }

    #[test]
    fn only_the_proxies_of_the_settings_are_trusted() {
        let trusted = |texts: &[&str]| -> Vec<_> {
            texts
                .iter()
                .map(|text| trusted_proxy(text).unwrap())
                .collect()
        };
        let some = trusted(&["10.0.0.0/8", "::1"]);
        assert!(tcp("10.1.2.3").is_trusted(&some));
        assert!(tcp("[::ffff:10.1.2.3]").is_trusted(&some));
        assert!(tcp("[::1]").is_trusted(&some));
        assert!(!tcp("11.0.0.1").is_trusted(&some));
        assert!(!tcp("127.0.0.1").is_trusted(&some));
        assert!(!Peer::unix().is_trusted(&some));
        assert!(Peer::unix().is_trusted(&trusted(&["unix"])));
        assert!(!tcp("127.0.0.1").is_trusted(&trusted(&["unix"])));
        assert!(
            !Peer::unix()
                .unnamed_client()
                .is_trusted(&trusted(&["0.0.0.0/0", "unix"]))
        );
        assert!(!tcp("10.0.0.1").is_trusted(&[]));
    }

    #[test]
    fn connections_are_counted_by_the_address_in_its_shortest_form() {
        assert_eq!(tcp("[::ffff:10.0.0.1]").ip(), Some(ip("10.0.0.1")));
        assert_eq!(
            Peer::unix().client_ip(ip("::ffff:10.0.0.1")).ip(),
            Some(ip("10.0.0.1"))
        );
        assert_eq!(Peer::unix().ip(), None);
    }
}
