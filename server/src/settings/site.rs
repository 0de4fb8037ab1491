//! Hosts and origins: how requests and settings write them, and when two of them are the same.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

/// Longest name of a host (RFC 1035, section 2.3.4).
const NAME_MAX_BYTES: usize = 253;

/// A host, as in a URL.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Host {
    /// An IP address.
    Ip(IpAddr),
    /// A name in lower case, without a dot at the end.
    Name(String),
}

/// A host and its port, as in the header `Host`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// The host.
    pub host: Host,
    /// The port; `None` stands for the default of the scheme.
    pub port: Option<u16>,
}

/// The origin of a page (RFC 6454): scheme, host and port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// The scheme, in lower case.
    pub scheme: String,
    /// The host. Only schemes of programs, such as `file`, have none.
    pub host: Option<Host>,
    /// The port. With `http` and `https` there always is one.
    pub port: Option<u16>,
}

/// A member of the setting `hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HostRule {
    /// Every host.
    Any,
    /// One host, at any port.
    Only(Host),
}

/// A member of the setting `origins`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OriginRule {
    /// Every origin.
    Any,
    /// One origin.
    Only(Origin),
}

impl Host {
    /// Parses an address or a name without a port. An IPv6 address is in brackets.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(inner) = text.strip_prefix('[') {
            let address: Ipv6Addr = inner.strip_suffix(']')?.parse().ok()?;
            return Some(Self::Ip(address.into()));
        }
        if let Ok(address) = text.parse::<Ipv4Addr>() {
            return Some(Self::Ip(address.into()));
        }
        // "example.org." is the same name with the root of all names at its end.
        let name = text.strip_suffix('.').unwrap_or(text);
        let is_label = |label: &str| {
            let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
            !label.is_empty() && label.bytes().all(is_allowed)
        };
        let is_name = name.len() <= NAME_MAX_BYTES && name.split('.').all(is_label);
        is_name.then(|| Self::Name(name.to_ascii_lowercase()))
    }

    /// Whether it is `localhost` or a name below it. Both are always this machine, and are in no
    /// public list of names (RFC 6761, section 6.3).
    pub fn is_localhost(&self) -> bool {
        match self {
            Self::Ip(_) => false,
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Ip(address) => write!(f, "{address}"),
            Self::Name(name) => f.write_str(name),
        }
    }
}

impl fmt::Display for OriginRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self::Only(Origin { scheme, host, port }) = self else {
            return f.write_str("any site");
        };
        write!(f, "{scheme}://")?;
        if let Some(host) = host {
            write!(f, "{host}")?;
        }
        match port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

impl Authority {
    /// Parses `HOST`, `HOST:` or `HOST:PORT` (RFC 9110, section 7.2).
    pub fn parse(text: &str) -> Option<Self> {
        let host_end = text.rfind(']').unwrap_or(0);
        let (host, port) = match text[host_end..].find(':') {
            Some(colon) => {
                let colon = host_end + colon;
                (&text[..colon], &text[colon + 1..])
            }
            None => (text, ""),
        };
        let port = match port {
            "" => None,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(digits.parse().ok()?)
            }
            _ => return None,
        };
        let host = Host::parse(host)?;
        Some(Self { host, port })
    }
}

impl Origin {
    /// Parses the form that browsers send (RFC 6454, section 6.2).
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if !is_scheme {
            return None;
        }
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match &*scheme {
            "http" => Some(80),
            "https" => Some(443),
            _ if rest.is_empty() => {
                let (host, port) = (None, None);
                return Some(Self { scheme, host, port });
            }
            _ => None,
        };
        let Authority { host, port } = Authority::parse(rest)?;
        let (host, port) = (Some(host), port.or(default_port));
        Some(Self { scheme, host, port })
    }
}

/// A host without a port, or `*`: a member of the setting `hosts`.
pub(crate) fn host_rule(text: &str) -> Result<HostRule, &'static str> {
    if text == "*" {
        return Ok(HostRule::Any);
    }
    if let Some(host) = Host::parse(text) {
        return Ok(HostRule::Only(host));
    }
    Err(if text.contains("://") {
        "expected a host name such as dash.example, without a scheme"
    } else if Authority::parse(text).is_some() {
        "expected a host name such as dash.example, without a port"
    } else if !text.is_ascii() {
        "expected a host name in ASCII, such as xn--bcher-kva.example for bücher.example"
    } else if text.contains('*') {
        "expected a host name such as dash.example, or * for any; write out each name"
    } else {
        "expected a host name such as dash.example, or * for any"
    })
}

/// An origin, or `*`: a member of the setting `origins`.
pub(crate) fn origin_rule(text: &str) -> Result<OriginRule, &'static str> {
    if text == "*" {
        return Ok(OriginRule::Any);
    }
    if let Some(origin) = Origin::parse(text) {
        return Ok(OriginRule::Only(origin));
    }
    let site = text.split_once("://").map(|(_, rest)| rest);
    Err(match site.and_then(|site| site.split_once('/')) {
        Some(_) => "expected an origin such as https://example.org, which ends before the path",
        None if text == "null" => {
            "expected an origin such as https://example.org, or *; pages of any site can be \"null\""
        }
        None => "expected an origin such as https://example.org, or *",
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn authority(text: &str) -> Option<(String, Option<u16>)> {
        let Authority { host, port } = Authority::parse(text)?;
        let host = match host {
            Host::Ip(address) => address.to_string(),
            Host::Name(name) => format!("name {name}"),
        };
        Some((host, port))
    }

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        let check = |text: &str, host: &str, port: Option<u16>| {
            assert_eq!(authority(text), Some((host.to_owned(), port)), "{text}");
        };
        check("dash.example", "name dash.example", None);
        check("Dash.Example.:443", "name dash.example", Some(443));
        check("dash.example:", "name dash.example", None);
        check("my_host-1:0", "name my_host-1", Some(0));
        check("127.0.0.1:7400", "127.0.0.1", Some(7400));
        check("127.1", "name 127.1", None);
        check("[::1]", "::1", None);
        check("[::1]:65535", "::1", Some(65535));
        for wrong in [
            "",
            ":",
            ":7400",
            ".",
            "..",
            "a..b",
            ".a",
            "a b",
            " a",
            "a ",
            "a/b",
            "a@b",
            "a?b",
            "a#b",
            "a%41",
            "a,b",
            "a:b",
            "a:-1",
            "a:+1",
            "a:65536",
            "a:1:2",
            "::1",
            "[::1",
            "[::1]x",
            "[::1]x:1",
            "[fe80::1%25eth0]",
            "[127.0.0.1]",
            "[v1.a]",
            "bücher.example",
            "a\0",
            "a\tb",
        ] {
            assert_eq!(authority(wrong), None, "{wrong:?}");
        }
        let longest = "a.".repeat(NAME_MAX_BYTES / 2) + "a";
        assert_eq!(longest.len(), NAME_MAX_BYTES);
        assert!(authority(&longest).is_some());
        assert!(authority(&format!("{longest}a")).is_none());
    }

    #[test]
    fn a_rule_is_shown_as_it_is_written() {
        for text in [
            "https://dash.example:443",
            "http://127.0.0.1:80",
            "http://[::1]:8080",
            "app://dash.example",
            "file://",
        ] {
            assert_eq!(origin_rule(text).unwrap().to_string(), text);
        }
        assert_eq!(origin_rule("*").unwrap().to_string(), "any site");
    }

    #[test]
    fn only_localhost_and_names_below_it_are_local() {
        let check = |text: &str, expected: bool| {
            assert_eq!(
                Host::parse(text).unwrap().is_localhost(),
                expected,
                "{text}"
            );
        };
        check("localhost", true);
        check("LocalHost.", true);
        check("dash.localhost", true);
        check("evillocalhost", false);
        check("localhost.evil.example", false);
        check("127.0.0.1", false);
    }

    #[test]
    fn origins_are_the_same_if_scheme_host_and_port_are() {
        let same = |one: &str, other: &str| {
            let parse = |text: &str| Origin::parse(text).unwrap_or_else(|| panic!("{text}"));
            parse(one) == parse(other)
        };
        assert!(same("https://dash.example", "HTTPS://Dash.Example:443"));
        assert!(same("http://dash.example", "http://dash.example:80"));
        assert!(same("file://", "file://"));
        assert!(same("chrome-extension://abc", "chrome-extension://abc"));
        assert!(!same("https://dash.example", "http://dash.example"));
        assert!(!same("https://dash.example", "https://dash.example:444"));
        assert!(!same("https://dash.example", "https://dash.example:80"));
        assert!(!same("https://dash.example", "https://a.dash.example"));
        assert!(!same("file://", "file://a"));
        for wrong in [
            "",
            "null",
            "dash.example",
            "://a",
            "1a://b",
            "a b://c",
            "https://",
            "https://a/",
            "https://a/b",
            "https://a?b",
            "https://b@a",
            "https://a https://b",
            "https:/a",
        ] {
            assert_eq!(Origin::parse(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn a_setting_that_is_not_a_host_or_an_origin_says_what_is_expected() {
        let host = Host::parse("dash.example").unwrap();
        assert_eq!(host_rule("Dash.Example"), Ok(HostRule::Only(host)));
        assert_eq!(host_rule("*"), Ok(HostRule::Any));
        for (text, expected) in [
            ("dash.example:443", "without a port"),
            ("https://dash.example", "without a scheme"),
            ("*.example", "write out each name"),
            ("bücher.example", "in ASCII"),
            ("a b", "* for any"),
            ("", "* for any"),
        ] {
            let error = host_rule(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
        }
        let origin = Origin::parse("https://dash.example").unwrap();
        assert_eq!(
            origin_rule("https://dash.example:443"),
            Ok(OriginRule::Only(origin))
        );
        assert_eq!(origin_rule("*"), Ok(OriginRule::Any));
        for (text, expected) in [
            ("https://dash.example/", "before the path"),
            ("null", "pages of any site"),
            ("dash.example", "such as https://example.org, or *"),
            ("https://", "such as https://example.org, or *"),
        ] {
            let error = origin_rule(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert_eq!(error.contains("null"), text == "null", "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_parsed_or_refused(text in "\\PC{0,40}", bytes in "[a.:\\[\\]0-9/@]{0,12}") {
            for text in [text, bytes] {
                let _ = (Authority::parse(&text), Origin::parse(&text));
                let _ = (host_rule(&text), origin_rule(&text));
            }
        }

        #[test]
        fn a_host_is_read_as_it_is_written(
            name in "[a-z_-][a-z0-9_-]{0,8}(\\.[a-z][a-z0-9-]{0,9}){0,3}",
            address: [u16; 8],
            port: u16,
        ) {
            let address = IpAddr::from(address);
            for host in [Host::Name(name), Host::Ip(address)] {
                let text = match &host {
                    Host::Name(name) => name.clone(),
                    Host::Ip(address) => format!("[{address}]"),
                };
                prop_assert_eq!(Host::parse(&text), Some(host.clone()));
                let expected = Authority { host: host.clone(), port: Some(port) };
                prop_assert_eq!(Authority::parse(&format!("{text}:{port}")), Some(expected));
                let expected = Authority { host, port: None };
                prop_assert_eq!(Authority::parse(&text), Some(expected));
            }
        }
    }
}
