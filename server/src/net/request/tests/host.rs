use std::net::IpAddr;

use hyper::{HeaderMap, StatusCode, Uri, Version};
use proptest::prelude::*;

use super::{
    super::host::{HostError, check, is_private, requested},
    headers,
};
use crate::settings::site::{Authority, Host, HostRule, host_rule};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn authority(text: &str) -> Authority {
    Authority::parse(text).unwrap()
}

fn request(target: &str, headers: &HeaderMap) -> Result<Option<Authority>, HostError> {
    requested(Version::HTTP_11, &target.parse().unwrap(), headers, "http")
}

#[test]
fn a_request_names_exactly_one_host() {
    let one = headers(&[("host", "dash.example:80")]);
    assert_eq!(request("/", &one), Ok(Some(authority("dash.example:80"))));
    assert_eq!(request("*", &one), Ok(Some(authority("dash.example:80"))));
    let two = headers(&[("host", "a"), ("host", "a")]);
    assert_eq!(request("/", &two), Err(HostError::Several));
    let none = HeaderMap::new();
    assert_eq!(request("/", &none), Err(HostError::Missing));
    let old = |headers| requested(Version::HTTP_10, &Uri::from_static("/"), headers, "http");
    assert_eq!(old(&none), Ok(None));
    assert_eq!(old(&one), Ok(Some(authority("dash.example:80"))));
    assert_eq!(old(&two), Err(HostError::Several));
}

#[test]
fn the_host_of_the_target_counts_before_the_header() {
    let own = headers(&[("host", "127.0.0.1")]);
    let target = "http://Evil.Example:7400/ws";
    let expected = Ok(Some(authority("evil.example:7400")));
    assert_eq!(request(target, &own), expected);
    // The header is still required, and still has to be a host.
    assert_eq!(request(target, &HeaderMap::new()), Err(HostError::Missing));
    let wrong = request(target, &headers(&[("host", "a b")]));
    assert_eq!(wrong, Err(HostError::Invalid("a b".into())));
    for target in ["http://user@a/", "http://a!b/"] {
        let refused = request(target, &own);
        assert!(matches!(refused, Err(HostError::Invalid(_))), "{target}");
    }
    for target in ["https://a/", "ws://a/", "ftp://a/"] {
        let refused = request(target, &own);
        assert!(matches!(refused, Err(HostError::Scheme(..))), "{target}");
    }
}

#[test]
fn a_host_that_is_no_host_is_refused_and_shown_in_part() {
    for wrong in ["", "a b", "a/b", "a@b", "a:x", "[::1", "a\tb", "ä"] {
        let refused = request("/", &headers(&[("host", wrong)]));
        assert!(matches!(refused, Err(HostError::Invalid(_))), "{wrong:?}");
    }
    let long = "x".repeat(10_000);
    let Err(error) = request("/", &headers(&[("host", &long)])) else {
        panic!("it is too long");
    };
    assert!(error.to_string().len() < 200, "{error}");
}

#[test]
fn at_a_private_address_only_own_names_and_addresses_are_answered() {
    let named = [host_rule("dash.example").unwrap()];
    let any = [HostRule::Any];
    let refused = |host: &str, local: &str, rules: &[HostRule]| {
        let host = authority(host);
        match check(Some(&host), ip(local), rules) {
            Ok(()) => false,
            Err(HostError::Foreign(name)) => {
                assert_eq!(host.host, Host::Name(name));
                true
            }
            Err(other) => panic!("{other}"),
        }
    };
    for local in ["127.0.0.1", "192.168.1.7", "::1", "fd00::1"] {
        assert!(refused("evil.example", local, &[]), "{local}");
        assert!(refused("evil.example:7400", local, &named), "{local}");
        assert!(refused("a.dash.example", local, &named), "{local}");
        assert!(!refused("evil.example", local, &any), "{local}");
        for own in [
            "localhost",
            "a.localhost:7400",
            "10.0.0.1",
            "[::1]:7400",
            "8.8.8.8",
        ] {
            assert!(!refused(own, local, &[]), "{own} at {local}");
            assert!(!refused(own, local, &named), "{own} at {local}");
        }
        assert!(!refused("DASH.example.:1", local, &named), "{local}");
    }
    // A public address checks once hosts are named.
    assert!(!refused("evil.example", "8.8.8.8", &[]));
    assert!(refused("evil.example", "8.8.8.8", &named));
    assert!(!refused("dash.example", "8.8.8.8", &named));
    assert_eq!(check(None, ip("127.0.0.1"), &[]), Ok(()));
}

#[test]
fn private_addresses_are_those_of_the_standards() {
    for private in [
        "127.0.0.1",
        "127.255.255.255",
        "10.0.0.0",
        "10.255.255.255",
        "172.16.0.0",
        "172.31.255.255",
        "192.168.0.0",
        "192.168.255.255",
        "169.254.0.0",
        "169.254.255.255",
        "100.64.0.0",
        "100.127.255.255",
        "0.0.0.0",
        "::1",
        "::",
        "fc00::",
        "fdff::1",
        "fe80::",
        "febf::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
    ] {
        assert!(is_private(ip(private)), "{private}");
    }
    for public in [
        "1.1.1.1",
        "9.255.255.255",
        "11.0.0.0",
        "172.15.255.255",
        "172.32.0.0",
        "192.167.255.255",
        "192.169.0.0",
        "169.253.255.255",
        "169.255.0.0",
        "100.63.255.255",
        "100.128.0.0",
        "101.64.0.0",
        "126.255.255.255",
        "128.0.0.0",
        "2001:db8::1",
        "fbff::1",
        "fe00::1",
        "fec0::1",
        "::2",
        "::ffff:8.8.8.8",
    ] {
        assert!(!is_private(ip(public)), "{public}");
    }
}

#[test]
fn a_request_that_is_not_http_gets_400_and_one_for_another_host_421() {
    let bad = [
        HostError::Missing,
        HostError::Several,
        HostError::Invalid("x".into()),
    ];
    for error in bad {
        assert_eq!(error.status(), StatusCode::BAD_REQUEST);
    }
    let foreign = HostError::Foreign("dash.example".into());
    assert_eq!(foreign.status(), StatusCode::MISDIRECTED_REQUEST);
    let told = foreign.to_string();
    assert!(told.contains("`hosts` (--hosts dash.example)"), "{told}");
    let scheme = HostError::Scheme("https".into(), "http");
    assert_eq!(scheme.status(), StatusCode::MISDIRECTED_REQUEST);
}

proptest! {
    /// A page can only choose its name, and no name but the listed ones passes.
    #[test]
    fn no_name_of_a_page_passes_at_a_private_address(
        name in "[a-z0-9-]{1,10}(\\.[a-z][a-z0-9-]{0,10}){1,3}\\.?",
        port in proptest::option::of(any::<u16>()),
        private: u8,
    ) {
        let host = port.map_or(name.clone(), |port| format!("{name}:{port}"));
        let sent = headers(&[("host", &host)]);
        let named = request("/", &sent).unwrap().unwrap();
        prop_assume!(!named.host.is_localhost());
        let local = IpAddr::from([127, 0, 0, private]);
        prop_assert!(check(Some(&named), local, &[]).is_err());
        let rules = [host_rule("dash.invalid").unwrap()];
        prop_assert!(check(Some(&named), local, &rules).is_err());
        let own = [host_rule(&name).unwrap()];
        prop_assert_eq!(check(Some(&named), local, &own), Ok(()));
    }

    #[test]
    fn any_header_is_parsed_or_refused(value in proptest::collection::vec(32u8..255, 0..60)) {
        prop_assume!(!value.contains(&127));
        let mut sent = HeaderMap::new();
        sent.insert("host", hyper::header::HeaderValue::from_bytes(&value).unwrap());
        match request("/", &sent) {
            Ok(host) => {
                let _ = check(host.as_ref(), ip("127.0.0.1"), &[]);
            }
            Err(error) => assert!(error.to_string().len() < 1_000),
        }
    }
}
