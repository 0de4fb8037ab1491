//! Headers of the user's choice.

use std::{fmt, str::FromStr};

use hyper::header::{self, HeaderName, HeaderValue};

/// Names of headers that the handshake itself needs.
const RESERVED: [HeaderName; 5] = [
    header::HOST,
    header::CONNECTION,
    header::UPGRADE,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
];

/// The start of the names of a WebSocket's own headers.
const RESERVED_START: &str = "sec-websocket-";

/// A header of the user's choice, such as a proxy in front of the server may want. Its debug output
/// does not show the value, which may be a secret.
#[derive(Clone, PartialEq, Eq)]
pub struct ExtraHeader {
    pub(super) name: HeaderName,
    pub(super) value: HeaderValue,
}

/// Why a line is no header. No error shows the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// There is no colon.
    #[error("a header has the form `Name: value`")]
    NoColon,
    /// The name is none.
    #[error("{0:?} is no name of a header")]
    Name(String),
    /// The handshake has this header already.
    #[error("the handshake sets the header {0} itself: choose another name")]
    Reserved(String),
    /// The value has characters that no header may have.
    #[error("the value of the header {0} has characters that a header cannot have")]
    Value(String),
}

impl ExtraHeader {
    /// Its name, in lower case.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }
}

impl FromStr for ExtraHeader {
    type Err = HeaderError;

    /// Reads `Name: value`.
    fn from_str(line: &str) -> Result<Self, HeaderError> {
        let (name, value) = line.split_once(':').ok_or(HeaderError::NoColon)?;
        let name = name.trim();
        let Ok(name) = HeaderName::from_str(name) else {
            return Err(HeaderError::Name(name.to_owned()));
        };
        if RESERVED.contains(&name) || name.as_str().starts_with(RESERVED_START) {
            return Err(HeaderError::Reserved(name.to_string()));
        }
        let Ok(mut value) = HeaderValue::from_str(value.trim()) else {
            return Err(HeaderError::Value(name.to_string()));
        };
        value.set_sensitive(true);
        Ok(Self { name, value })
    }
}

impl fmt::Debug for ExtraHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ExtraHeader({}: ..)", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_name_and_a_value_and_never_shows_the_value() {
        let header: ExtraHeader = "X-Proxy-Key:  secret ".parse().unwrap();
        assert_eq!(header.name(), "x-proxy-key");
        assert_eq!(header.value, "secret");
        assert_eq!(format!("{header:?}"), "ExtraHeader(x-proxy-key: ..)");
        for (line, expected) in [
            ("secret", HeaderError::NoColon),
            ("a b: secret", HeaderError::Name("a b".to_owned())),
            ("Host: secret", HeaderError::Reserved("host".to_owned())),
            (
                "Sec-WebSocket-Key: secret",
                HeaderError::Reserved("sec-websocket-key".to_owned()),
            ),
            ("X: sec\nret", HeaderError::Value("x".to_owned())),
        ] {
            let error = line.parse::<ExtraHeader>().unwrap_err();
            assert!(!error.to_string().contains("secret"), "{error}");
            assert_eq!(error, expected);
        }
    }
}
