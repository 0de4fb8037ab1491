//! The host that a request names, and the page that it comes from.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::{Uri, Version};
use tickcast_server::testing::request::{HostRule, Origin, OriginRule, host, origin};

use super::header::{fields, values};

/// Where the connection arrives: a loopback address, which a page can reach by another name.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7400);

/// The origin of a setting.
const ALLOWED: &str = "https://dash.example";

/// A target in the first line, and a field in each further line.
pub fn host_origin(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let target = lines.next().unwrap_or_default();
    let target = Uri::try_from(target).unwrap_or_default();
    let fields = fields(lines);
    let named = host::requested(Version::HTTP_11, &target, &fields, "http");
    let hosts = values(&fields, "host");
    if hosts.len() != 1 {
        assert!(named.is_err(), "{} hosts", hosts.len());
    }
    let Ok(named) = named else {
        return;
    };
    let text = match target.authority() {
        Some(authority) => authority.as_str().to_owned(),
        None => String::from_utf8_lossy(hosts[0]).into_owned(),
    };
    let own = without_port(&text);
    let is_own = is_address(&own) || own == "localhost" || own.ends_with(".localhost");
    let checked = host::check(named.as_ref(), LOCAL.ip(), &[]);
    assert_eq!(checked.is_ok(), is_own, "{text:?}");
    assert!(host::check(named.as_ref(), LOCAL.ip(), &[HostRule::Any]).is_ok());

    let origins = values(&fields, "origin");
    let strict = origin::check(&fields, named.as_ref(), LOCAL, false, &[]);
    let named_origin = Origin::parse(ALLOWED).expect("it is an origin");
    let rules = [OriginRule::Only(named_origin)];
    let with_rule = origin::check(&fields, named.as_ref(), LOCAL, false, &rules);
    match origins[..] {
        [] => assert_eq!((strict, with_rule), (Ok(None), Ok(None))),
        [page] => {
            let page = String::from_utf8_lossy(page).to_ascii_lowercase();
            let site = page.split_once("://").map(|(_, site)| without_port(site));
            if strict.is_ok() {
                assert!(page.starts_with("http"), "{page:?}");
                assert!(
                    is_same(&site.unwrap_or_default(), &own),
                    "{page:?} {text:?}"
                );
                assert!(with_rule.is_ok());
            } else if with_rule.is_ok() {
                let is_listed = [ALLOWED, "https://dash.example:443"];
                let page = page.trim_end_matches(['.', ':']).replace(".:", ":");
                assert!(is_listed.iter().any(|listed| page == *listed), "{page:?}");
            }
        }
        _ => assert!(strict.is_err() && with_rule.is_err()),
    }
}

/// A host without its port and the dot at its end, in lower case.
fn without_port(text: &str) -> String {
    let after_address = text.rfind(']').map_or(0, |bracket| bracket + 1);
    let end = text[after_address..].find(':');
    let host = &text[..end.map_or(text.len(), |colon| after_address + colon)];
    let host = host.strip_suffix('.').unwrap_or(host);
    host.to_ascii_lowercase()
}

fn is_address(host: &str) -> bool {
    address(host).is_some()
}

fn address(host: &str) -> Option<IpAddr> {
    let inner = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    match inner {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => host.parse().ok().map(IpAddr::V4),
    }
}

fn is_same(one: &str, other: &str) -> bool {
    match (address(one), address(other)) {
        (Some(one), Some(other)) => one == other,
        _ => one == other,
    }
}
