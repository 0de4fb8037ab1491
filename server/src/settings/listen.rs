//! The keys of `[[listen]]`: where clients connect, and what is special there.

use std::{net::IpAddr, path::PathBuf};

use clap::{Args, ValueEnum};
use ipnet::IpNet;

use super::endpoint::{Endpoint, MODE_MAX, endpoint};
use crate::tls::ServerTls;

/// The keys of a table.
#[derive(Debug, Clone, Args)]
pub(crate) struct ListenKeys {
    /// Address to listen on, as in listen. Either this or unix.
    #[arg(value_name = "ADDRESS", value_parser = endpoint)]
    address: Option<Endpoint>,
    /// Path of a Unix socket to listen on.
    #[arg(value_name = "PATH")]
    unix: Option<PathBuf>,
    /// Who may connect to the Unix socket, as an octal mode in quotes.
    #[arg(value_name = "MODE", value_parser = mode)]
    mode: Option<u32>,
    /// PEM file with the server's certificate, followed by the certificates between it and its
    /// authority: clients must use TLS here.
    #[arg(value_name = "FILE")]
    tls_cert: Option<PathBuf>,
    /// PEM file with the private key [default: the file of the certificate].
    #[arg(value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// PEM file with the authorities that sign clients' certificates: a client must have one.
    #[arg(value_name = "FILE")]
    tls_client_ca: Option<PathBuf>,
    /// Version of the PROXY protocol that each connection must begin with: v2. It names the
    /// client's address, so only trusted_proxies may connect.
    #[arg(value_name = "VERSION")]
    proxy_protocol: Option<ProxyProtocol>,
    /// Paths that do not exist here: /metrics, /echo or /try.
    #[arg(value_name = "PATH")]
    off: Vec<OffPath>,
}

/// A version of the PROXY protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ProxyProtocol {
    V2,
}

/// A path that a listener can be without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OffPath {
    /// The metrics.
    #[value(name = "/metrics")]
    Metrics,
    /// The WebSocket that returns each message.
    #[value(name = "/echo")]
    Echo,
    /// The page to try the protocol.
    #[value(name = "/try")]
    Try,
}

/// A listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenSettings {
    /// Where it listens.
    pub endpoint: Endpoint,
    /// Its certificate and key, if clients must use TLS.
    pub tls: Option<ServerTls>,
    /// Whether each connection must begin with a PROXY header of version 2.
    pub proxy_protocol: bool,
    /// Paths that do not exist there.
    pub off: Vec<OffPath>,
}

/// Proxies that are believed when they name their client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedProxy {
    /// Those with an address of a network.
    Network(IpNet),
    /// Every program that may connect to a Unix socket of the server.
    Unix,
}

impl ListenSettings {
    /// A listener with nothing special.
    pub fn plain(endpoint: impl Into<Endpoint>) -> Self {
        Self {
            endpoint: endpoint.into(),
            tls: None,
            proxy_protocol: false,
            off: Vec::new(),
        }
    }

    /// Whether a shard cannot begin with HTTP at once, or cannot have a socket of its own.
    pub(crate) fn has_preamble(&self) -> bool {
        self.tls.is_some() || self.proxy_protocol || self.endpoint.addresses().is_empty()
    }
}

impl TryFrom<ListenKeys> for ListenSettings {
    type Error = String;

    fn try_from(keys: ListenKeys) -> Result<Self, String> {
        let endpoint = match (keys.address, keys.unix, keys.mode) {
            (Some(endpoint), None, None) => endpoint,
            (None, Some(path), None) => Endpoint::unix(path),
            (None, Some(path), Some(mode))
            | (Some(Endpoint::Unix { path, .. }), None, Some(mode)) => {
                Endpoint::Unix { path, mode }
            }
            (Some(_), None, Some(_)) => {
                return Err("mode is for a Unix socket: set unix instead of address".into());
            }
            (Some(_), Some(_), _) => {
                return Err("address and unix are both set: write two tables".into());
            }
            (None, None, _) => {
                return Err(
                    "neither address nor unix is set: write address = \"0.0.0.0:7400\"".into(),
                );
            }
        };
        let tls = match (keys.tls_cert, keys.tls_key, keys.tls_client_ca) {
            (Some(cert), key, client_ca) => Some(ServerTls {
                key: key.unwrap_or_else(|| cert.clone()),
                cert,
                client_ca,
            }),
            (None, None, None) => None,
            (None, Some(_), _) => {
                return Err("tls_key needs a certificate: set tls_cert".into());
            }
            (None, None, Some(_)) => {
                return Err("tls_client_ca needs a server's certificate: set tls_cert".into());
            }
        };
        Ok(Self {
            endpoint,
            tls,
            proxy_protocol: keys.proxy_protocol.is_some(),
            off: keys.off,
        })
    }
}

/// An octal mode. It begins with 0, because TOML's number `0o660` would arrive here as 432.
fn mode(text: &str) -> Result<u32, &'static str> {
    let mode = text.strip_prefix('0');
    let mode = mode.and_then(|digits| u32::from_str_radix(digits, 8).ok());
    mode.filter(|mode| *mode <= MODE_MAX)
        .ok_or("expected an octal mode in quotes, from \"0000\" to \"0777\", such as \"0660\"")
}

/// A member of the setting `trusted_proxies`.
pub(crate) fn trusted_proxy(text: &str) -> Result<TrustedProxy, &'static str> {
    if text == "unix" {
        return Ok(TrustedProxy::Unix);
    }
    let network = text.parse::<IpNet>().ok();
    let address = || text.parse::<IpAddr>().ok().map(IpNet::from);
    match network.or_else(address) {
        Some(network) if network.addr() != network.network() => Err(
            "the address has bits after the prefix of its network: write 10.0.0.0/8 for a network, \
             or 10.0.0.1 for one proxy",
        ),
        Some(network) => Ok(TrustedProxy::Network(network)),
        None => Err(
            "expected an address such as 10.0.0.1, a network such as 10.0.0.0/8 or fd00::/8, or \
             unix for the server's Unix sockets",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::field::command;
    use clap::FromArgMatches;

    fn read(flags: &[&str]) -> Result<ListenSettings, String> {
        let matches = command::<ListenKeys>().try_get_matches_from(flags);
        let matches = matches.map_err(|error| error.to_string())?;
        ListenKeys::from_arg_matches(&matches).unwrap().try_into()
    }

    #[test]
    fn a_listener_is_an_address_or_a_unix_socket() {
        for text in ["127.0.0.1:1", "localhost:1", "unix:/run/t"] {
            let listener = read(&[&format!("--address={text}")]);
            assert_eq!(listener, Ok(ListenSettings::plain(endpoint(text).unwrap())));
        }
        let unix = read(&["--unix=/run/t", "--mode=0600", "--off=/echo", "--off=/try"]).unwrap();
        assert_eq!(
            unix,
            ListenSettings {
                endpoint: Endpoint::Unix {
                    path: "/run/t".into(),
                    mode: 0o600
                },
                tls: None,
                proxy_protocol: false,
                off: vec![OffPath::Echo, OffPath::Try],
            }
        );
        assert_eq!(unix.endpoint.to_string(), "unix:/run/t");
        let mode = |flags: &[&str]| match read(flags).unwrap().endpoint {
            Endpoint::Unix { mode, .. } => mode,
            other => panic!("{other:?}"),
        };
        assert_eq!(mode(&["--unix=/run/t"]), 0o660);
        assert_eq!(mode(&["--address=unix:/run/t", "--mode=0600"]), 0o600);
        for (flags, expected) in [
            (&["--off=/echo"][..], "neither address nor unix"),
            (&["--address=:1", "--unix=/run/t"], "write two tables"),
            (&["--address=:1", "--mode=0600"], "mode is for"),
            (&["--address=:1", "--tls_key=a"], "set tls_cert"),
            (&["--address=:1", "--tls_client_ca=a"], "set tls_cert"),
            (&["--unix=/run/t", "--mode=432"], "octal mode in quotes"),
            (&["--unix=/run/t", "--mode=01777"], "octal mode in quotes"),
            (&["--address=:1", "--proxy_protocol=v1"], "v2"),
            (&["--address=:1", "--off=/ws"], "/metrics"),
        ] {
            let error = read(flags).unwrap_err();
            assert!(error.contains(expected), "{flags:?}: {error}");
        }
    }

    #[test]
    fn the_key_is_in_the_file_of_the_certificate_unless_it_has_its_own() {
        let tls = |flags: &[&str]| read(flags).unwrap().tls.unwrap();
        let alone = tls(&["--address=:1", "--tls_cert=a"]);
        assert_eq!(alone.key, PathBuf::from("a"));
        let both = tls(&[
            "--address=:1",
            "--tls_cert=a",
            "--tls_key=b",
            "--tls_client_ca=c",
        ]);
        assert_eq!(both.key, PathBuf::from("b"));
        assert_eq!(both.client_ca, Some(PathBuf::from("c")));
    }

    #[test]
    fn a_trusted_proxy_is_an_address_a_network_or_unix() {
        let network = |text: &str| TrustedProxy::Network(text.parse().unwrap());
        for (text, expected) in [
            ("unix", TrustedProxy::Unix),
            ("10.0.0.1", network("10.0.0.1/32")),
            ("10.0.0.0/8", network("10.0.0.0/8")),
            ("::1", network("::1/128")),
            ("fd00::/8", network("fd00::/8")),
            ("0.0.0.0/0", network("0.0.0.0/0")),
        ] {
            assert_eq!(trusted_proxy(text), Ok(expected), "{text}");
        }
        for text in ["", "10.0.0", "10.0.0.0/33", "proxy", "10.0.0.1:80", "[::1]"] {
            let error = trusted_proxy(text).unwrap_err();
            assert!(error.contains("expected an address"), "{text}: {error}");
        }
        assert!(
            trusted_proxy("10.0.0.1/8")
                .unwrap_err()
                .contains("one proxy")
        );
    }
}
