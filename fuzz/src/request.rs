//! The checks of an HTTP request.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hyper::{
    HeaderMap, Method, Uri, Version,
    header::{HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_KEY},
};
use tickcast_core::wire::{event_id, parse_event_id};
use tickcast_protocol::topic::Filter;
use tickcast_server::testing::request::{
    Authority, Host, HostRule, Origin, OriginRule, handshake, host, origin, query,
};

/// Where the request arrives.
const LOCAL: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 7400);

/// Answers repeat a part of a wrong request, and never all of it.
const REASON_MAX_BYTES: usize = 1_000;

/// A request as on the wire: a line with method, target and version, and then a header field in
/// each line.
pub fn request(bytes: &[u8]) {
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let first = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let mut words = first.split(' ');
    let mut next = || words.next().unwrap_or_default();
    let (method, target, version) = (next(), next(), next());
    let (Ok(method), Ok(target)) = (method.parse::<Method>(), target.parse::<Uri>()) else {
        return;
    };
    let version = match version {
        "HTTP/1.0" => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let mut headers = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let name = HeaderName::from_bytes(&line[..colon]);
        let value = HeaderValue::from_bytes(line[colon + 1..].trim_ascii());
        if let (Ok(name), Ok(value)) = (name, value) {
            headers.append(name, value);
        }
    }
    let own = check_host(version, &target, &headers);
    check_origin(&headers, own.as_ref());
    check_handshake(&method, version, &headers);
    check_query(target.query().unwrap_or_default());
    if let Some(id) = headers.get("last-event-id").and_then(|id| id.to_str().ok())
        && let Some(resume) = parse_event_id(id)
    {
        assert_eq!(parse_event_id(&event_id(&resume)), Some(resume));
    }
}

fn check_reason(reason: &impl ToString) {
    let reason = reason.to_string();
    assert!(reason.len() < REASON_MAX_BYTES, "{reason}");
}

fn check_host(version: Version, target: &Uri, headers: &HeaderMap) -> Option<Authority> {
    let own = match host::requested(version, target, headers) {
        Ok(own) => own,
        Err(error) => {
            assert!(error.status().is_client_error());
            check_reason(&error);
            return None;
        }
    };
    let dash = Host::parse("dash.example").expect("it is a name");
    let rules = [HostRule::Only(dash.clone())];
    let is_own = own.as_ref().is_none_or(|own| match &own.host {
        Host::Ip(_) => true,
        Host::Name(name) => name.rsplit('.').next() == Some("localhost") || own.host == dash,
    });
    match host::check(own.as_ref(), LOCAL.ip(), &rules) {
        Ok(()) => assert!(is_own, "{own:?}"),
        Err(error) => {
            assert!(!is_own, "{own:?}");
            check_reason(&error);
        }
    }
    assert_eq!(
        host::check(own.as_ref(), LOCAL.ip(), &[HostRule::Any]),
        Ok(())
    );
    own
}

fn check_origin(headers: &HeaderMap, own: Option<&Authority>) {
    let app = Origin::parse("https://app.example").expect("it is an origin");
    match origin::check(headers, own, LOCAL, &[OriginRule::Only(app.clone())]) {
        Ok(None) => assert!(!headers.contains_key(ORIGIN)),
        Ok(Some(value)) => {
            let text = value.to_str().expect("it was parsed");
            let origin = Origin::parse(text).expect("it was parsed");
            let is_own = own.is_some_and(|own| origin.host.as_ref() == Some(&own.host));
            assert!(is_own || origin == app, "{text}");
        }
        Err(error) => {
            assert!(headers.contains_key(ORIGIN) && error.status().is_client_error());
            check_reason(&error);
        }
    }
}

fn check_handshake(method: &Method, version: Version, headers: &HeaderMap) {
    match handshake::check(method, version, headers) {
        Ok(()) => {
            assert_eq!((method, version), (&Method::GET, Version::HTTP_11));
            assert_eq!(headers.get_all(SEC_WEBSOCKET_KEY).iter().count(), 1);
            assert_eq!(headers[SEC_WEBSOCKET_KEY].len(), 24);
        }
        Err(error) => {
            assert!(error.status().is_client_error());
            check_reason(&error);
        }
    }
    if let Err(error) = handshake::encoding(headers) {
        check_reason(&error);
    }
}

fn check_query(parameters: &str) {
    match query::split(parameters, ["filter", "mode"]) {
        Ok(values) => {
            for value in values.into_iter().flatten() {
                assert!(parameters.contains(value));
                check_value(value);
            }
        }
        Err(reason) => check_reason(&reason),
    }
    check_value(parameters);
}

fn check_value(value: &str) {
    if let Err(reason) = query::text(value) {
        check_reason(&reason);
    }
    match query::filter(value) {
        Ok(filter) => {
            let text = filter.as_str();
            assert_eq!(Filter::new(text), Ok(filter.clone()));
            assert!(!text.ends_with('/'));
            // What is read can be written, and is then read as the same.
            let escaped: String = text.bytes().map(|byte| format!("%{byte:02X}")).collect();
            assert_eq!(query::filter(&escaped), Ok(filter));
        }
        Err(reason) => check_reason(&reason),
    }
}
