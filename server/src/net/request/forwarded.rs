//! The client that proxies name in `X-Forwarded-For`.
//!
//! Each proxy appends the address that it was asked from. So the last one is what the nearest proxy
//! saw, and is true if that proxy is trusted. What is left of the first address that is not a
//! trusted proxy's was written by a stranger, and is not read.

use std::net::{IpAddr, SocketAddr};

use hyper::{HeaderMap, header::HeaderName};

use crate::{net::peer::Peer, settings::listen::TrustedProxy};

/// The header. Several of them are one list (RFC 9110, section 5.3).
pub(crate) const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Maximum number of addresses that are read: more proxies than any request passes.
const HOPS_MAX: usize = 16;

/// The client of a request that comes from a trusted proxy.
pub(crate) fn client(headers: &HeaderMap, proxy: Peer, trusted: &[TrustedProxy]) -> Peer {
    let fields = headers.get_all(X_FORWARDED_FOR).iter();
    // The newest is the last one of the last field.
    let mut fields: Vec<_> = fields.collect();
    fields.reverse();
    let hops = fields.iter().flat_map(|field| {
        let text = field.to_str().unwrap_or("?");
        text.rsplit(',').map(str::trim)
    });
    let mut peer = proxy;
    let mut is_named = false;
    for hop in hops.take(HOPS_MAX) {
        let Some(address) = address(hop) else {
            return peer.unnamed_client();
        };
        peer = peer.client_ip(address);
        is_named = true;
        if !peer.is_trusted(trusted) {
            return peer;
        }
    }
    match is_named {
        // All of them are proxies: the outermost asks for itself.
        true => peer,
        // The proxy asks for itself, or does not name its clients. No client is local by accident.
        false => peer.unnamed_client(),
    }
}

/// An address, which some proxies write with its port.
fn address(text: &str) -> Option<IpAddr> {
    let plain = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || {
        let inner = text.strip_prefix('[')?.strip_suffix(']')?;
        inner.parse::<IpAddr>().ok()
    };
    plain.or_else(with_port).or_else(in_brackets)
}

#[cfg(test)]
mod tests {
    use hyper::header::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::settings::listen::trusted_proxy;

    fn trusted() -> Vec<TrustedProxy> {
        ["127.0.0.1", "10.0.0.0/8"]
            .map(|text| trusted_proxy(text).unwrap())
            .into()
    }

    fn resolved(proxy: &str, fields: &[&str]) -> (String, bool) {
        let mut headers = HeaderMap::new();
        for field in fields {
            headers.append(X_FORWARDED_FOR, HeaderValue::from_str(field).unwrap());
        }
        let proxy = Peer::tcp(format!("{proxy}:1").parse().unwrap());
        let peer = client(&headers, proxy, &trusted());
        (peer.to_string(), peer.is_local())
    }

    #[test]
    fn the_last_address_that_is_no_trusted_proxy_is_the_client() {
        for (fields, expected) in [
            (&["203.0.113.7"][..], "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
            (&["6.6.6.6, 203.0.113.7, 10.0.0.2"], "203.0.113.7"),
            (
                &["6.6.6.6", "203.0.113.7, 10.0.0.2", "10.0.0.3"],
                "203.0.113.7",
            ),
            (&["127.0.0.1, 203.0.113.7"], "203.0.113.7"),
            (&["203.0.113.7:40000"], "203.0.113.7"),
            (&["[2001:db8::7]:40000"], "2001:db8::7"),
            (&["[2001:db8::7]"], "2001:db8::7"),
            (&["2001:db8::7"], "2001:db8::7"),
            (&["10.0.0.5, 10.0.0.4"], "10.0.0.5"),
        ] {
            let (peer, is_local) = resolved("127.0.0.1", fields);
            assert_eq!((&*peer, is_local), (expected, false), "{fields:?}");
        }
    }

    #[test]
    fn behind_a_proxy_only_its_own_loopback_is_local() {
        assert!(resolved("127.0.0.1", &["127.0.0.1"]).1);
        assert!(resolved("127.0.0.1", &["203.0.113.7, 127.0.0.2"]).1);
        assert!(!resolved("10.0.0.1", &["127.0.0.1"]).1);
        assert!(!resolved("127.0.0.1", &["127.0.0.1, 10.0.0.1"]).1);
    }

    #[test]
    fn a_client_that_is_not_named_is_not_local() {
        let unnamed = "a client that its proxy does not name";
        for fields in [
            &[][..],
            &[""],
            &["unknown"],
            &["203.0.113.7, unknown"],
            &["203.0.113.7,"],
            &["203.0.113.7, 10.0.0.1, _hidden"],
        ] {
            let (peer, is_local) = resolved("127.0.0.1", fields);
            assert_eq!((&*peer, is_local), (unnamed, false), "{fields:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_client_writes_changes_its_address(text in "[0-9a-f:., \\[\\]]{0,60}") {
            let field = format!("{text}, 203.0.113.7, 10.0.0.9");
            let (peer, is_local) = resolved("127.0.0.1", &[&field]);
            prop_assert_eq!((&*peer, is_local), ("203.0.113.7", false));
        }
    }
}
