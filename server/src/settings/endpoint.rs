//! Where a listener listens, and how settings write it.

use std::{fmt, net::SocketAddr, path::PathBuf, slice};

use super::values::{Place, place};

/// Access to a Unix socket unless `mode` is set: its owner and its group.
pub(super) const MODE_DEFAULT: u32 = 0o660;

/// The bits of a file's mode that say who may read, write and execute it.
pub(crate) const MODE_MAX: u32 = 0o777;

/// Addresses of a name, at most: each has a socket for every shard.
const NAME_ADDRESSES_MAX: usize = 16;

/// What stands in front of the path of a Unix socket.
const UNIX: &str = "unix:";

/// Stands for the sockets that the process was started with.
const PASSED: &str = "systemd";

/// What stands in front of the name of one of them.
const PASSED_BY_NAME: &str = "systemd:";

/// What a listener is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Endpoint {
    /// An address of TCP.
    Tcp(SocketAddr),
    /// All addresses of a name, at one port.
    Name {
        /// The name and the port, as they were set.
        name: String,
        /// The addresses that it had when the settings were read, in order.
        addresses: Vec<SocketAddr>,
    },
    /// A Unix socket.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its mode as a file.
        mode: u32,
    },
    /// Sockets that the process was started with.
    Passed {
        /// Their name. Without one, it is all that no other listener names.
        name: Option<String>,
    },
}

impl Endpoint {
    /// The addresses of TCP that it stands for. A Unix socket has none, and those of passed sockets
    /// are not known before the start.
    pub fn addresses(&self) -> &[SocketAddr] {
        match self {
            Self::Tcp(address) => slice::from_ref(address),
            Self::Name { addresses, .. } => addresses,
            Self::Unix { .. } | Self::Passed { .. } => &[],
        }
    }

    /// The same at another port.
    pub(crate) fn at_port(mut self, port: u16) -> Self {
        match &mut self {
            Self::Tcp(address) => address.set_port(port),
            Self::Name { addresses, .. } => {
                addresses.iter_mut().for_each(|one| one.set_port(port));
            }
            Self::Unix { .. } | Self::Passed { .. } => {}
        }
        self
    }

    /// A Unix socket with the usual mode.
    pub(super) fn unix(path: PathBuf) -> Self {
        let mode = MODE_DEFAULT;
        Self::Unix { path, mode }
    }
}

impl From<SocketAddr> for Endpoint {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address)
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Name { name, .. } => f.write_str(name),
            Self::Unix { path, .. } => write!(f, "{UNIX}{}", path.display()),
            Self::Passed { name: None } => f.write_str(PASSED),
            Self::Passed { name: Some(name) } => write!(f, "{PASSED_BY_NAME}{name}"),
        }
    }
}

/// The values of the setting `listen`: `HOST:PORT`, `:PORT`, `unix:PATH`, `systemd` or
/// `systemd:NAME`. A name of a host is resolved now.
pub(crate) fn endpoint(text: &str) -> Result<Endpoint, String> {
    if text == PASSED {
        return Ok(Endpoint::Passed { name: None });
    }
    if let Some(name) = text.strip_prefix(PASSED_BY_NAME) {
        let name = Some(name.to_owned()).filter(|name| !name.is_empty());
        let name = name.ok_or("expected a name after systemd:, such as systemd:web")?;
        return Ok(Endpoint::Passed { name: Some(name) });
    }
    match text.strip_prefix(UNIX) {
        Some("") => {
            return Err("expected a path after unix:, such as unix:/run/tickcast.sock".into());
        }
        Some(path) => return Ok(Endpoint::unix(path.into())),
        None => {}
    }
    match place(text).map_err(|problem| {
        format!("{problem}; a Unix socket is unix:PATH, and a passed one systemd:NAME")
    })? {
        Place::Address(address) => Ok(Endpoint::Tcp(address)),
        Place::Name(mut addresses) => {
            addresses.sort();
            addresses.dedup();
            let number = addresses.len();
            if number > NAME_ADDRESSES_MAX {
                return Err(format!(
                    "the name has {number} addresses (limit {NAME_ADDRESSES_MAX}): write one of \
                     them, or :PORT for all of this machine"
                ));
            }
            let name = text.to_owned();
            Ok(Endpoint::Name { name, addresses })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endpoint_reads_as_it_is_written() {
        for (text, shown) in [
            ("127.0.0.1:7400", "127.0.0.1:7400"),
            ("[::1]:7400", "[::1]:7400"),
            (":7400", "0.0.0.0:7400"),
            ("localhost:7400", "localhost:7400"),
            ("unix:/run/a.sock", "unix:/run/a.sock"),
            ("unix:a.sock", "unix:a.sock"),
            ("systemd", "systemd"),
            ("systemd:web", "systemd:web"),
        ] {
            let read = endpoint(text).unwrap();
            assert_eq!(read.to_string(), shown);
            assert_eq!(endpoint(shown), Ok(read));
        }
        for text in ["", "7400", "unix:", "unix", "a b:1", "systemd.web"] {
            let error = endpoint(text).unwrap_err();
            assert!(error.contains("unix:"), "{text}: {error}");
        }
    }

    #[test]
    fn a_passed_socket_has_a_name_or_none() {
        let passed = |name: Option<&str>| {
            let name = name.map(ToOwned::to_owned);
            Ok(Endpoint::Passed { name })
        };
        assert_eq!(endpoint("systemd"), passed(None));
        assert_eq!(endpoint("systemd:7400"), passed(Some("7400")));
        let error = endpoint("systemd:").unwrap_err();
        assert!(error.contains("such as systemd:web"), "{error}");
    }

    #[test]
    fn a_name_has_all_its_addresses_each_once_and_in_order() {
        let Ok(Endpoint::Name { name, addresses }) = endpoint("localhost:7400") else {
            panic!("it is a name");
        };
        assert_eq!(name, "localhost:7400");
        assert!(addresses.contains(&"127.0.0.1:7400".parse().unwrap()));
        assert!(
            addresses.is_sorted_by(|one, other| one < other),
            "{addresses:?}"
        );
        let error = endpoint("no-such-host.invalid:7400").unwrap_err();
        assert!(
            error.starts_with("cannot resolve \"no-such-host.invalid\": "),
            "{error}"
        );
    }
}
