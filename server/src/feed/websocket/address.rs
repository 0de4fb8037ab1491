//! The address of a server and the headers for it, either of which may have secrets.

use std::{fmt, str::FromStr};

use hyper::header::{self, HeaderName, HeaderValue};
use tickcast_protocol::websocket::ServerUrl;

/// The address of a server: `ws://host:port/path` or `wss://host:port/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebsocketUrl(pub(super) ServerUrl);

impl FromStr for WebsocketUrl {
    type Err = String;

    /// The error does not quote the text, whose query may have a key.
    fn from_str(text: &str) -> Result<Self, String> {
        let url = ServerUrl::from_url(text).map_err(|error| {
            format!("{error}; a URL such as wss://stream.example/ws is with TLS")
        })?;
        match url.port {
            0 => Err("the port is 0, expected a number from 1 to 65535".into()),
            _ => Ok(Self(url)),
        }
    }
}

impl WebsocketUrl {
    /// Whether it has a query, which may have a key.
    pub(crate) fn has_query(&self) -> bool {
        self.0.path.contains('?')
    }
}

/// Leaves out the query.
impl fmt::Display for WebsocketUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A header of the handshake's request. Its value may be a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

/// Headers that belong to the handshake itself.
const OWN: [HeaderName; 9] = [
    header::HOST,
    header::UPGRADE,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::SEC_WEBSOCKET_KEY,
    header::SEC_WEBSOCKET_VERSION,
    header::SEC_WEBSOCKET_EXTENSIONS,
    header::SEC_WEBSOCKET_ACCEPT,
];

impl FromStr for Header {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "expected a header such as Authorization: Bearer abc".to_owned();
        let (name, value) = text.split_once(':').ok_or_else(wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
        let value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
        if OWN.contains(&name) || name == header::SEC_WEBSOCKET_PROTOCOL {
            return Err(format!("{name} is a header of the handshake itself"));
        }
        Ok(Self { name, value })
    }
}

/// Leaves out the value.
impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_query() {
        let check = |text: &str, shown: &str| {
            let url: WebsocketUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
        };
        check("ws://h:80/a", "ws://h/a");
        check("wss://h:8443?token=secret", "wss://h:8443/");
        check("wss://h/a/b?token=secret", "wss://h/a/b");
        for text in ["http://h", "h", "ws://", "ws://h:0/", "wss://u:secret@h/"] {
            let error = text.parse::<WebsocketUrl>().unwrap_err();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    #[test]
    fn a_header_has_a_name_and_a_value_and_is_not_one_of_the_handshake() {
        let header: Header = "authorization: Bearer a:b".parse().unwrap();
        assert_eq!(
            (header.name.as_str(), header.value.as_bytes()),
            ("authorization", &b"Bearer a:b"[..])
        );
        assert_eq!(format!("{header:?}"), "authorization: …");
        for text in [
            "",
            "a",
            "a b: c",
            "x: a\nb",
            "Host: h",
            "sec-websocket-key: a",
        ] {
            assert!(text.parse::<Header>().is_err(), "{text}");
        }
    }
}
