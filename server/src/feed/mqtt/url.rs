//! The address of a broker, and the secrets in it.

use std::{fmt, str::FromStr};

use percent_encoding::percent_decode_str;
use url::{ParseError, Url};

/// What is printed instead of a secret.
pub const HIDDEN: &str = "(hidden)";

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

impl From<&str> for Secret {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

/// The address of a broker: `mqtt://[user[:password]@]host[:port]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttUrl {
    /// A name or an address; IPv6 in brackets.
    pub host: String,
    /// The port; 1883 by default.
    pub port: u16,
    /// The user name.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
}

impl MqttUrl {
    /// The port of MQTT without TLS.
    pub const DEFAULT_PORT: u16 = 1883;
}

/// Leaves out the password.
impl fmt::Display for MqttUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mqtt://")?;
        match (&self.user, &self.password) {
            (Some(user), None) => write!(f, "{user}@")?,
            (Some(user), Some(_)) => write!(f, "{user}:{HIDDEN}@")?,
            (None, _) => {}
        }
        write!(f, "{}:{}", self.host, self.port)
    }
}

impl FromStr for MqttUrl {
    type Err = String;

    /// As in RFC 3986, section 3.2; the scheme may be left out, and then `:1883` is this machine.
    /// The error does not quote the text, which may have a password.
    fn from_str(text: &str) -> Result<Self, String> {
        parse(text).map_err(|reason| {
            format!("{reason}; expected a URL such as mqtt://user:password@host:1883")
        })
    }
}

fn parse(text: &str) -> Result<MqttUrl, String> {
    let whole = match text.split_once("://") {
        Some(_) => text.to_owned(),
        None if text.starts_with(':') => format!("mqtt://localhost{text}"),
        None => format!("mqtt://{text}"),
    };
    let url = Url::parse(&whole).map_err(|error| match error {
        ParseError::RelativeUrlWithoutBase => NO_SCHEME.to_owned(),
        ParseError::EmptyHost => NO_HOST.to_owned(),
        ParseError::InvalidPort => BAD_PORT.to_owned(),
        other => other.to_string(),
    })?;
    match url.scheme() {
        "mqtt" | "tcp" => {}
        "mqtts" | "ssl" => return Err("MQTT over TLS is not supported yet".into()),
        _ => return Err(NO_SCHEME.into()),
    }
    let host = url.host_str().ok_or(NO_HOST)?;
    if !matches!(url.path(), "" | "/") || url.query().is_some() || url.fragment().is_some() {
        return Err("a broker has no path, query or fragment after host and port".into());
    }
    let user = Some(url.username()).filter(|user| !user.is_empty());
    let password = url.password().map(decode).transpose()?;
    Ok(MqttUrl {
        host: decode(host)?,
        port: match url.port() {
            Some(0) => return Err(BAD_PORT.into()),
            port => port.unwrap_or(MqttUrl::DEFAULT_PORT),
        },
        user: user.map(decode).transpose()?,
        password: password.map(Secret),
    })
}

const NO_SCHEME: &str = "it does not start with mqtt://";
const NO_HOST: &str = "it has no host (write an IPv6 address in brackets)";
const BAD_PORT: &str = "its port is not a number from 1 to 65535";

/// Resolves `%` escapes, of which each must be complete.
fn decode(text: &str) -> Result<String, String> {
    let is_escape = |rest: &str| {
        let digits = rest.as_bytes().first_chunk::<2>();
        digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    if !text.split('%').skip(1).all(is_escape) {
        return Err("two hexadecimal digits must follow a %".into());
    }
    let decoded = percent_decode_str(text).decode_utf8();
    Ok(decoded
        .map_err(|_| "its % escapes are not UTF-8")?
        .into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, host: &str, port: u16, user: Option<&str>, password: Option<&str>) {
        let expected = MqttUrl {
            host: host.into(),
            port,
            user: user.map(Into::into),
            password: password.map(|password| Secret(password.into())),
        };
        assert_eq!(text.parse(), Ok(expected), "{text}");
    }

    #[track_caller]
    fn check_error(text: &str, part: &str) {
        let error = text.parse::<MqttUrl>().unwrap_err();
        assert!(error.contains(part), "{text}: {error}");
    }

    #[test]
    fn urls_name_host_port_user_and_password() {
        check("mqtt://broker", "broker", 1883, None, None);
        check("tcp://10.0.0.1:2883/", "10.0.0.1", 2883, None, None);
        check("mqtt://[::1]:1884", "[::1]", 1884, None, None);
        check("mqtt://[::1]", "[::1]", 1883, None, None);
        check("mqtt://me@h", "h", 1883, Some("me"), None);
        check("localhost:1884", "localhost", 1884, None, None);
        check("broker", "broker", 1883, None, None);
        check("me:p@broker:1884", "broker", 1884, Some("me"), Some("p"));
        check(":1884", "localhost", 1884, None, None);
        check(
            "mqtt://me:p%40ss:w%C3%B6rd@h:1",
            "h",
            1,
            Some("me"),
            Some("p@ss:wörd"),
        );
    }

    #[test]
    fn bad_urls_are_refused_with_the_reason() {
        check_error("http://broker", "does not start with mqtt://");
        check_error("", "has no host");
        check_error("broker:x", "port");
        check_error("mqtts://broker", "TLS");
        check_error("mqtt://", "has no host");
        check_error("mqtt://:1883", "has no host");
        check_error("mqtt://::1", "has no host");
        check_error("mqtt://h:0", "port");
        check_error("mqtt://h:70000", "port");
        check_error("mqtt://h/path", "after host and port");
        check_error("mqtt://a:%zz@h", "hexadecimal");
        check_error("mqtt://a:%ff@h", "UTF-8");
    }

    #[test]
    fn the_password_is_never_printed() {
        let url: MqttUrl = "mqtt://me:geheim@h".parse().unwrap();
        assert_eq!(url.to_string(), "mqtt://me:(hidden)@h:1883");
        assert!(!format!("{url:?}").contains("geheim"));
    }
}
