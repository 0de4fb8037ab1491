//! The address of a broker, and the secrets in it.

use std::{fmt, str::FromStr};

/// Printed instead of a secret.
pub const HIDDEN: &str = "(hidden)";

/// A text that must not be printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub String);

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

    /// Follows RFC 3986, section 3.2, with `%` escapes in the user name and the password.
    fn from_str(text: &str) -> Result<Self, String> {
        let rest = match text.split_once("://") {
            Some(("mqtt" | "tcp", rest)) => rest,
            Some(("mqtts" | "ssl", _)) => {
                return Err("MQTT over TLS is not supported yet".into());
            }
            _ => return Err("it does not start with mqtt://".into()),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        if rest.contains(['/', '?', '#']) {
            return Err("there is text after host and port".into());
        }
        let (login, address) = match rest.rsplit_once('@') {
            Some((login, address)) => (Some(login), address),
            None => (None, rest),
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, "")))
        {
            None => (None, None),
            Some((user, "")) => (Some(percent_decode(user)?), None),
            Some((user, password)) => (
                Some(percent_decode(user)?),
                Some(Secret(percent_decode(password)?)),
            ),
        };
        // The last colon of an IPv6 address is inside its brackets.
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => {
                let port = port.parse().ok().filter(|port| *port != 0);
                (
                    host,
                    port.ok_or("its port is not a number from 1 to 65535")?,
                )
            }
            _ => (address, Self::DEFAULT_PORT),
        };
        let is_bracketed = host.starts_with('[') && host.ends_with(']');
        if host.is_empty() || (host.contains(':') && !is_bracketed) {
            return Err("it has no host (write an IPv6 address in brackets)".into());
        }
        Ok(Self {
            host: host.into(),
            port,
            user,
            password,
        })
    }
}

fn percent_decode(text: &str) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                let both = digit().zip(digit());
                let (high, low) = both.ok_or("two hexadecimal digits must follow a %")?;
                u8::try_from(high * 16 + low).expect("two digits fit a byte")
            }
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "its % escapes are not UTF-8".into())
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
        check_error("broker:1883", "does not start with mqtt://");
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
