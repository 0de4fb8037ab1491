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

/// How to speak to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Over TCP.
    Mqtt,
    /// Over TLS.
    Mqtts,
    /// Over WebSocket.
    Ws,
    /// Over WebSocket with TLS.
    Wss,
}

/// The address of a broker: `mqtt://[user[:password]@]host[:port]`, or with mqtts, ws or wss.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MqttUrl {
    /// How to speak to it.
    pub scheme: Scheme,
    /// A name or an address; IPv6 in brackets.
    pub host: String,
    /// The port; 1883, 8883, 80 or 443 by default.
    pub port: u16,
    /// The user name.
    pub user: Option<String>,
    /// The password.
    pub password: Option<Secret>,
    /// Path of a WebSocket; `/mqtt` by default.
    path: String,
    /// Query of a WebSocket. It may have a secret.
    query: Option<Secret>,
}

/// The path that MQTT over WebSocket usually has.
const PATH: &str = "/mqtt";

impl Scheme {
    const ALL: [Self; 4] = [Self::Mqtt, Self::Mqtts, Self::Ws, Self::Wss];

    fn from_name(name: &str) -> Option<Self> {
        match name {
            "tcp" => Some(Self::Mqtt),
            "ssl" | "tls" => Some(Self::Mqtts),
            _ => Self::ALL.into_iter().find(|scheme| scheme.name() == name),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Mqtts => "mqtts",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Mqtt => 1883,
            Self::Mqtts => 8883,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    pub(crate) fn has_tls(self) -> bool {
        matches!(self, Self::Mqtts | Self::Wss)
    }

    pub(crate) fn has_websocket(self) -> bool {
        matches!(self, Self::Ws | Self::Wss)
    }
}

impl MqttUrl {
    /// Whether it has something that must not be printed.
    pub(crate) fn has_secret(&self) -> bool {
        self.password.is_some() || self.query.is_some()
    }

    /// Path and query for a request.
    pub(crate) fn path(&self) -> String {
        match &self.query {
            Some(Secret(query)) => format!("{}?{query}", self.path),
            None => self.path.clone(),
        }
    }

    /// Host, and port unless it is the usual one.
    pub(crate) fn authority(&self) -> String {
        match self.port == self.scheme.default_port() {
            true => self.host.clone(),
            false => format!("{}:{}", self.host, self.port),
        }
    }
}

/// Leaves out secrets.
impl fmt::Display for MqttUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://", self.scheme.name())?;
        match (&self.user, &self.password) {
            (Some(user), None) => write!(f, "{user}@")?,
            (Some(user), Some(_)) => write!(f, "{user}:{HIDDEN}@")?,
            (None, _) => {}
        }
        write!(f, "{}:{}", self.host, self.port)?;
        if self.scheme.has_websocket() {
            f.write_str(&self.path)?;
        }
        match self.query {
            Some(_) => write!(f, "?{HIDDEN}"),
            None => Ok(()),
        }
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
    let scheme = Scheme::from_name(url.scheme()).ok_or(NO_SCHEME)?;
    let host = url.host_str().ok_or(NO_HOST)?;
    let has_path = !matches!(url.path(), "" | "/");
    if url.fragment().is_some() {
        return Err("a broker has no fragment after host and port".into());
    }
    if !scheme.has_websocket() && (has_path || url.query().is_some()) {
        return Err("a path or a query is only for ws:// and wss://".into());
    }
    let user = Some(url.username()).filter(|user| !user.is_empty());
    let password = url.password().map(decode).transpose()?;
    Ok(MqttUrl {
        scheme,
        host: decode(host)?,
        port: match url.port() {
            Some(0) => return Err(BAD_PORT.into()),
            port => port.unwrap_or(scheme.default_port()),
        },
        user: user.map(decode).transpose()?,
        password: password.map(Secret),
        path: if has_path { url.path() } else { PATH }.into(),
        query: url.query().map(Secret::from),
    })
}

const NO_SCHEME: &str = "it does not start with mqtt://, mqtts://, ws:// or wss://";
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
            scheme: Scheme::Mqtt,
            path: PATH.into(),
            query: None,
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
        check_error("mqtt://", "has no host");
        check_error("mqtt://:1883", "has no host");
        check_error("mqtt://::1", "has no host");
        check_error("mqtt://h:0", "port");
        check_error("mqtt://h:70000", "port");
        check_error("mqtt://h/path", "only for ws:// and wss://");
        check_error("mqtt://a:%zz@h", "hexadecimal");
        check_error("mqtt://a:%ff@h", "UTF-8");
    }

    #[test]
    fn each_scheme_has_its_port_and_a_websocket_has_a_path() {
        for (text, shown, authority, path) in [
            ("mqtts://h", "mqtts://h:8883", "h", "/mqtt"),
            ("ssl://h:1", "mqtts://h:1", "h:1", "/mqtt"),
            ("ws://h", "ws://h:80/mqtt", "h", "/mqtt"),
            (
                "wss://H:8084/a/b?token=x",
                "wss://h:8084/a/b?(hidden)",
                "h:8084",
                "/a/b?token=x",
            ),
            ("wss://[::1]/", "wss://[::1]:443/mqtt", "[::1]", "/mqtt"),
        ] {
            let url: MqttUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert_eq!(
                (url.authority().as_str(), url.path().as_str()),
                (authority, path)
            );
            assert_eq!(url.has_secret(), text.contains('?'));
        }
        check_error("wss://h/a#b", "fragment");
    }

    #[test]
    fn the_password_is_never_printed() {
        let url: MqttUrl = "mqtt://me:geheim@h".parse().unwrap();
        assert_eq!(url.to_string(), "mqtt://me:(hidden)@h:1883");
        assert!(!format!("{url:?}").contains("geheim"));
    }
}
