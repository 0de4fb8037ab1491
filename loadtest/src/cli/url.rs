//! The URLs of servers and brokers.

use std::{net::SocketAddr, sync::Arc};

use percent_encoding::percent_decode_str;
use tickcast_protocol::tls::{TlsClient, TlsOptions};
use url::Url;

use crate::plan::Endpoint;

/// The port of MQTT without TLS, as registered with IANA.
const MQTT_PORT: u16 = 1883;

/// User and password.
type Login = (String, String);

/// The server that a `ws://` or `wss://` URL names.
pub(super) fn endpoint(text: &str, tls: &TlsOptions) -> Result<Endpoint, String> {
    let (scheme, example) = match text.starts_with("wss://") {
        true => ("wss", "wss://localhost:7443/ws"),
        false => ("ws", "ws://127.0.0.1:7400/ws"),
    };
    let url = parse(text, scheme, example)?;
    let tls = match scheme {
        "wss" => {
            let client = TlsClient::new(tls, url.host_str().unwrap_or_default());
            Some(Arc::new(client.map_err(|bad| bad.said(tls))?))
        }
        _ if *tls != TlsOptions::named_as_flags() => {
            return Err(format!(
                "{text:?} is without TLS, but an option is for TLS (--ca, --cert, --key or \
                 --server-name): use wss://, or leave it out"
            ));
        }
        _ => None,
    };
    let address = resolve(text, &url, None)?;
    let path = match url.query() {
        Some(query) => format!("{}?{query}", url.path()),
        None => url.path().to_owned(),
    };
    Ok(Endpoint {
        url: text.to_owned(),
        address,
        host: format!("{}:{}", url.host_str().unwrap_or_default(), address.port()),
        path,
        tls,
        tokens: Vec::new(),
    })
}

/// The broker that an `mqtt://` URL names, with user and password if the URL has them. As in the
/// server's settings the scheme may be left out.
pub(super) fn broker(text: &str) -> Result<(SocketAddr, Option<Login>), String> {
    let text = &match text.contains("://") {
        true => text.to_owned(),
        false => format!("mqtt://{text}"),
    };
    let url = parse(text, "mqtt", "mqtt://127.0.0.1:1883")?;
    let address = resolve(text, &url, Some(MQTT_PORT))?;
    let decoded = |part: &str| {
        let decoded = percent_decode_str(part).decode_utf8();
        decoded.map(|text| text.into_owned()).map_err(|_| {
            format!("{text:?}: user and password must be UTF-8 after percent-decoding")
        })
    };
    let login = match (url.username(), url.password()) {
        ("", None) => None,
        (user, password) => Some((decoded(user)?, decoded(password.unwrap_or_default())?)),
    };
    Ok((address, login))
}

fn parse(text: &str, scheme: &str, example: &str) -> Result<Url, String> {
    let bad = |why: &str| format!("{text:?}: {why}");
    let expected = format!("expected a URL that starts with {scheme}://, such as {example}");
    if !text.starts_with(&format!("{scheme}://")) {
        return Err(bad(&expected));
    }
    let url = Url::parse(text).map_err(|error| bad(&error.to_string()))?;
    if url.host_str().is_none_or(str::is_empty) {
        return Err(bad("the URL has no host"));
    }
    if url.fragment().is_some() {
        return Err(bad(
            "the URL has a fragment (#...); write # in a password as %23",
        ));
    }
    Ok(url)
}

fn resolve(text: &str, url: &Url, default_port: Option<u16>) -> Result<SocketAddr, String> {
    let addresses = url
        .socket_addrs(|| default_port)
        .map_err(|error| format!("{text:?}: cannot resolve the host: {error}"))?;
    // A server on "localhost" listens on 127.0.0.1 more often than on ::1.
    let v4 = addresses.iter().find(|address| address.is_ipv4());
    v4.or(addresses.first())
        .copied()
        .ok_or_else(|| format!("{text:?}: the host has no address"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_has_an_address_a_host_and_a_path() {
        for (text, address, host, path) in [
            (
                "ws://127.0.0.1:7400/ws",
                "127.0.0.1:7400",
                "127.0.0.1:7400",
                "/ws",
            ),
            ("ws://127.0.0.1", "127.0.0.1:80", "127.0.0.1:80", "/"),
            (
                "ws://[::1]:7400/a?b=c",
                "[::1]:7400",
                "[::1]:7400",
                "/a?b=c",
            ),
        ] {
            let endpoint = endpoint(text, &TlsOptions::named_as_flags()).unwrap();
            assert!(endpoint.tls.is_none());
            assert_eq!(endpoint.address, address.parse().unwrap());
            assert_eq!((&*endpoint.host, &*endpoint.path), (host, path));
        }
    }

    #[test]
    fn a_broker_has_a_default_port_and_a_decoded_login() {
        let login = |user: &str, password: &str| Some((user.to_owned(), password.to_owned()));
        for (text, address, expected) in [
            ("mqtt://127.0.0.1", "127.0.0.1:1883", None),
            ("127.0.0.1:7", "127.0.0.1:7", None),
            ("mqtt://me@127.0.0.1:7", "127.0.0.1:7", login("me", "")),
            (
                "mqtt://me:a%23b%40@[::1]",
                "[::1]:1883",
                login("me", "a#b@"),
            ),
        ] {
            let (found, login) = broker(text).unwrap();
            assert_eq!(found, address.parse().unwrap());
            assert_eq!(login, expected);
        }
    }

    #[test]
    fn urls_that_cannot_be_used_are_refused_with_the_reason() {
        for (text, reason) in [
            ("http://x", "starts with ws://"),
            ("wss://", "host"),
            ("ws://", "host"),
            ("ws://127.0.0.1:99999/ws", "port"),
            ("ws://127.0.0.1:7400/ws#x", "fragment"),
            ("ws://host.invalid/ws", "cannot resolve"),
        ] {
            let error = endpoint(text, &TlsOptions::named_as_flags()).unwrap_err();
            assert!(error.contains(reason), "{text}: {error}");
        }
        let error = broker("mqtt://:1883").unwrap_err();
        assert!(error.contains("host"), "{error}");
        let tls = TlsOptions {
            ca: Some("/nowhere/ca.pem".into()),
            ..TlsOptions::named_as_flags()
        };
        let error = endpoint("ws://127.0.0.1:1/ws", &tls).unwrap_err();
        assert!(error.contains("use wss://"), "{error}");
        let error = endpoint("wss://127.0.0.1:1/ws", &tls).unwrap_err();
        assert!(error.starts_with("--ca: cannot read"), "{error}");
    }
}
