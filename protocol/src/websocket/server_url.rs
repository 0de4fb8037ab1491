//! The parts of a server's URL.

use std::{cell::Cell, fmt};

use url::{Host, ParseError, Position, SyntaxViolation, Url};

use super::connect_error::{ConnectError, UrlError};

const WS_SCHEME: &str = "ws";

/// The scheme with TLS.
const WSS_SCHEME: &str = "wss";

/// Ports of URLs without one (RFC 6455, section 3).
const WS_PORT: u16 = 80;
const WSS_PORT: u16 = 443;

/// Where to connect and what to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    /// Whether its scheme is `wss`.
    pub is_tls: bool,
    /// A name or an address, without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Host and port as in the header `Host`.
    pub authority: String,
    /// Path and query.
    pub path: String,
}

/// Leaves out the query, which may have a key.
impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.is_tls { WSS_SCHEME } else { WS_SCHEME };
        let path = self.path.split('?').next().unwrap_or_default();
        write!(f, "{scheme}://{}{path}", self.authority)
    }
}

impl ServerUrl {
    /// Reads a URL like [`Self::from_url`]. The error has the URL without a login.
    pub fn parse(url: &str) -> Result<Self, ConnectError> {
        Self::from_url(url).map_err(|reason| ConnectError::BadUrl {
            url: without_login(url),
            reason,
        })
    }

    /// Reads a URL: `ws://host:port/path` or `wss://host:port/path`.
    pub fn from_url(text: &str) -> Result<Self, UrlError> {
        // The URL standard repairs what a person mistyped; a setting should rather be corrected.
        let violation = Cell::new(None);
        let note_first = |found| violation.set(violation.get().or(Some(found)));
        let parsed = Url::options()
            .syntax_violation_callback(Some(&note_first))
            .parse(text);
        let url = parsed.map_err(from_parse_error)?;
        let (is_tls, default_port) = match url.scheme() {
            WS_SCHEME => (false, WS_PORT),
            WSS_SCHEME => (true, WSS_PORT),
            other => return Err(UrlError::Scheme(other.to_owned())),
        };
        match violation.get() {
            None => {}
            Some(SyntaxViolation::EmbeddedCredentials | SyntaxViolation::UnencodedAtSign) => {
                return Err(UrlError::Login);
            }
            Some(violation) => return Err(UrlError::Syntax(violation.to_string())),
        }
        if url.fragment().is_some() {
            return Err(UrlError::Fragment);
        }
        let host = match url.host().ok_or(UrlError::MissingHost)? {
            Host::Domain(name) => name.to_owned(),
            Host::Ipv4(address) => address.to_string(),
            Host::Ipv6(address) => address.to_string(),
        };
        Ok(Self {
            is_tls,
            host,
            port: url.port().unwrap_or(default_port),
            authority: url[Position::BeforeHost..Position::AfterPort].to_owned(),
            path: url[Position::BeforePath..Position::AfterQuery].to_owned(),
        })
    }
}

fn from_parse_error(error: ParseError) -> UrlError {
    match error {
        ParseError::EmptyHost => UrlError::MissingHost,
        ParseError::InvalidPort => UrlError::Port,
        ParseError::RelativeUrlWithoutBase => UrlError::MissingScheme,
        ParseError::IdnaError
        | ParseError::InvalidDomainCharacter
        | ParseError::InvalidIpv4Address
        | ParseError::InvalidIpv6Address => UrlError::Host(error),
        error => UrlError::Syntax(error.to_string()),
    }
}

/// Removes what may be a password from a URL that is wrong in any way, so that it can be printed.
fn without_login(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    match rest[..end].rfind('@') {
        Some(at) => format!("{scheme}://{}", &rest[at + 1..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(url: &str, host: &str, port: u16, authority: &str, path: &str) {
        let expected = ServerUrl {
            is_tls: url.starts_with("wss"),
            host: host.into(),
            port,
            authority: authority.into(),
            path: path.into(),
        };
        assert_eq!(ServerUrl::from_url(url), Ok(expected), "{url}");
    }

    #[test]
    fn a_url_names_host_port_and_path() {
        check("ws://h:7400/ws", "h", 7400, "h:7400", "/ws");
        check("ws://h", "h", 80, "h", "/");
        check("WS://H:80/a?b=c&d", "h", 80, "h", "/a?b=c&d");
        check("ws://127.0.0.1:1/", "127.0.0.1", 1, "127.0.0.1:1", "/");
        check("ws://[::1]:7400/ws", "::1", 7400, "[::1]:7400", "/ws");
        check("ws://h/%23", "h", 80, "h", "/%23");
        check("wss://h/ws", "h", 443, "h", "/ws");
        check("wss://h:443/ws", "h", 443, "h", "/ws");
    }

    #[track_caller]
    fn check_error(url: &str, expected: UrlError) {
        assert_eq!(ServerUrl::from_url(url), Err(expected), "{url}");
    }

    #[test]
    fn an_error_names_the_part_of_the_url_that_is_wrong() {
        check_error("", UrlError::MissingScheme);
        check_error("127.0.0.1:7400/ws", UrlError::MissingScheme);
        check_error("localhost:7400", UrlError::Scheme("localhost".into()));
        check_error("http://h/ws", UrlError::Scheme("http".into()));
        check_error("ws://", UrlError::MissingHost);
        check_error("ws://:80/ws", UrlError::MissingHost);
        check_error(
            "ws://[::1/ws",
            UrlError::Host(ParseError::InvalidIpv6Address),
        );
        check_error(
            "ws://1.2.3.400/",
            UrlError::Host(ParseError::InvalidIpv4Address),
        );
        check_error("ws://h:99999/", UrlError::Port);
        check_error("ws://h:x/", UrlError::Port);
        check_error("ws://me@h/", UrlError::Login);
        check_error("ws://me:secret@h/", UrlError::Login);
        check_error("ws://h/ws#top", UrlError::Fragment);
        for url in ["ws:/h", " ws://h", "ws://h/\n", "ws:\\\\h", "ws://h/a b"] {
            let result = ServerUrl::from_url(url);
            assert!(
                matches!(result, Err(UrlError::Syntax(_))),
                "{url:?}: {result:?}"
            );
        }
    }

    #[test]
    fn an_error_says_what_is_expected_and_shows_no_password() {
        let error = |url| ServerUrl::parse(url).unwrap_err().to_string();
        assert_eq!(
            error("http://h/ws"),
            "\"http://h/ws\" is not the URL of a server: \
             the scheme is \"http\", expected ws://host:port/path or wss://host:port/path"
        );
        for url in [
            "ws://me:secret@h/",
            "ws://me:secret@h:x/",
            "wss://me:secret@h/",
        ] {
            assert!(!error(url).contains("secret"), "{}", error(url));
        }
    }
}
