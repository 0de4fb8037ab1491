use std::net::SocketAddr;

use hyper::{HeaderMap, StatusCode};
use proptest::prelude::*;

use super::{
    super::origin::{OriginError, check},
    headers,
};
use crate::settings::site::{Authority, OriginRule, origin_rule};

/// Where the connections of these tests arrive.
const LOCAL: &str = "127.0.0.1:7400";

fn is_let_in(origin: &str, host: &str, local: &str, rules: &[OriginRule]) -> bool {
    let local: SocketAddr = local.parse().unwrap();
    let own = Authority::parse(host).unwrap();
    let sent = headers(&[("origin", origin)]);
    match check(&sent, Some(&own), local, false, rules) {
        Ok(Some(value)) => {
            assert_eq!(value, origin);
            true
        }
        Ok(None) => panic!("there is an origin"),
        Err(error) => {
            assert_eq!(error.status(), StatusCode::FORBIDDEN);
            assert!(error.to_string().contains("`origins`"), "{error}");
            false
        }
    }
}

fn is_own(origin: &str, host: &str) -> bool {
    is_let_in(origin, host, LOCAL, &[])
}

#[test]
fn the_servers_own_page_is_of_the_same_host_and_port() {
    assert!(is_own("http://127.0.0.1:7400", "127.0.0.1:7400"));
    assert!(is_own("http://localhost:7400", "localhost:7400"));
    assert!(is_own("https://dash.example", "dash.example:443"));
    assert!(is_own("https://dash.example", "dash.example"));
    assert!(is_own("https://dash.example:443", "dash.example"));
    assert!(is_own("http://dash.example", "dash.example"));
    assert!(is_own("http://dash.example", "dash.example:80"));
    assert!(is_own("http://Dash.Example", "DASH.example."));
    assert!(is_own("https://dash.example:8443", "dash.example:8443"));
    assert!(is_own("http://[::1]:7400", "[::1]:7400"));
}

#[test]
fn over_tls_a_page_without_it_is_the_servers_own_only_if_a_proxy_is_in_between() {
    let local: SocketAddr = LOCAL.parse().unwrap();
    for (origin, host, expected) in [
        ("https://127.0.0.1:7400", "127.0.0.1:7400", true),
        ("http://127.0.0.1:7400", "127.0.0.1:7400", false),
        ("https://dash.example", "dash.example", true),
        ("http://dash.example", "dash.example", true),
    ] {
        let own = Authority::parse(host).unwrap();
        let sent = headers(&[("origin", origin)]);
        let checked = check(&sent, Some(&own), local, true, &[]);
        assert_eq!(checked.is_ok(), expected, "{origin} {host}");
    }
}

#[test]
fn a_page_of_another_host_port_or_scheme_is_refused() {
    for (origin, host) in [
        ("http://evil.example", "dash.example"),
        ("http://evil.example:7400", "127.0.0.1:7400"),
        ("http://127.0.0.1:7401", "127.0.0.1:7400"),
        ("http://127.0.0.1", "127.0.0.1:7400"),
        ("http://localhost:7400", "127.0.0.1:7400"),
        ("https://dash.example:80", "dash.example:443"),
        ("https://dash.example", "dash.example:80"),
        ("http://dash.example", "dash.example:443"),
        ("https://dash.example:8443", "dash.example"),
        ("http://dash.example.evil.example", "dash.example"),
        ("http://a.dash.example", "dash.example"),
        ("ftp://dash.example:80", "dash.example:80"),
        ("ws://dash.example:80", "dash.example:80"),
        ("chrome-extension://dash.example", "dash.example"),
        ("null", "dash.example"),
        ("", "dash.example"),
        ("dash.example", "dash.example"),
        ("http://dash.example/", "dash.example"),
        ("http://dash.example http://evil.example", "dash.example"),
    ] {
        assert!(!is_own(origin, host), "{origin} at {host}");
    }
}

#[test]
fn at_the_sockets_own_address_there_is_no_tls_and_no_page_of_https() {
    for host in [
        "127.0.0.1:7400",
        "localhost:7400",
        "[::ffff:127.0.0.1]:7400",
    ] {
        assert!(!is_own(&format!("https://{host}"), host), "{host}");
        assert!(is_own(&format!("http://{host}"), host), "{host}");
    }
    // There may be a proxy at another port or address.
    assert!(is_own("https://localhost:8443", "localhost:8443"));
    assert!(is_own("https://10.0.0.1:7400", "10.0.0.1:7400"));
    assert!(is_own("https://dash.example:7400", "dash.example:7400"));
    let inside = "172.17.0.2:7400";
    assert!(is_let_in(
        "https://localhost:7400",
        "localhost:7400",
        inside,
        &[]
    ));
    assert!(!is_let_in(
        &format!("https://{inside}"),
        inside,
        inside,
        &[]
    ));
}

#[test]
fn an_origin_that_the_list_does_not_name_is_refused() {
    let rules = ["https://app.example", "http://app.example:8080", "file://"];
    let rules = rules.map(|rule| origin_rule(rule).unwrap());
    let check = |origin: &str| is_let_in(origin, "127.0.0.1:7400", LOCAL, &rules);
    assert!(check("https://app.example"));
    assert!(check("https://app.example:443"));
    assert!(check("http://app.example:8080"));
    assert!(check("file://"));
    // The server's own page needs no entry.
    assert!(check("http://127.0.0.1:7400"));
    assert!(!check("http://app.example"));
    assert!(!check("https://app.example:8080"));
    assert!(!check("https://app.example.evil.example"));
    assert!(!check("https://evil.example"));
    assert!(!check("file://app.example"));
    assert!(!check("null"));
}

#[test]
fn a_star_lets_every_page_in() {
    for origin in ["https://any.example", "null", "nonsense", ""] {
        assert!(
            is_let_in(origin, "127.0.0.1:7400", LOCAL, &[OriginRule::Any]),
            "{origin}"
        );
    }
}

#[test]
fn a_request_without_origin_is_no_pages_and_one_with_two_is_refused() {
    let local = LOCAL.parse().unwrap();
    assert_eq!(check(&HeaderMap::new(), None, local, false, &[]), Ok(None));
    let two = headers(&[("origin", "http://a"), ("origin", "http://a")]);
    let refused = check(&two, None, local, false, &[OriginRule::Any]);
    assert_eq!(refused, Err(OriginError::Several));
    assert_eq!(OriginError::Several.status(), StatusCode::BAD_REQUEST);
    // Without a host no page is the server's own.
    let one = headers(&[("origin", "http://a")]);
    assert!(check(&one, None, local, false, &[]).is_err());
}

#[test]
fn a_proxy_that_drops_the_port_is_told_so() {
    let local = LOCAL.parse().unwrap();
    let own = Authority::parse("dash.example").unwrap();
    let error = |origin| {
        check(
            &headers(&[("origin", origin)]),
            Some(&own),
            local,
            false,
            &[],
        )
        .unwrap_err()
    };
    let told = error("https://dash.example:8443").to_string();
    assert!(
        told.contains("let the proxy pass on Host with its port"),
        "{told}"
    );
    let told = error("https://evil.example").to_string();
    assert!(!told.contains("proxy"), "{told}");
    let long = format!("https://{}", "x".repeat(10_000));
    let told = check(
        &headers(&[("origin", &long)]),
        Some(&own),
        local,
        false,
        &[],
    )
    .unwrap_err();
    assert!(told.to_string().len() < 400, "{told}");
}

proptest! {
    #[test]
    fn no_page_of_another_name_is_let_in(
        page in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
        own in "[a-z]{1,8}(\\.[a-z]{1,8}){0,2}",
        scheme in prop_oneof!["http", "https", "[a-z]{2,6}"],
        port in proptest::option::of(1u16..),
        own_port in proptest::option::of(1u16..),
    ) {
        let with = |host: &str, port: Option<u16>| {
            port.map_or(host.to_owned(), |port| format!("{host}:{port}"))
        };
        let origin = format!("{scheme}://{}", with(&page, port));
        let default = if scheme == "https" { 443 } else { 80 };
        let expected = page == own
            && matches!(&*scheme, "http" | "https")
            && port.unwrap_or(default) == own_port.unwrap_or(default);
        prop_assert_eq!(is_own(&origin, &with(&own, own_port)), expected);
    }
}
