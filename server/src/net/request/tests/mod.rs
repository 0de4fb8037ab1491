//! Each check refuses what it is there for, and nothing else.

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

mod bearer;
mod encoding;
mod handshake;
mod host;
mod origin;
mod query;

/// A header of these fields.
fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
    let field = |(name, value): &(&'static str, &str)| {
        let value = HeaderValue::from_bytes(value.as_bytes()).unwrap();
        (HeaderName::from_static(name), value)
    };
    fields
        .iter()
        .map(field)
        .fold(HeaderMap::new(), |mut headers, (name, value)| {
            headers.append(name, value);
            headers
        })
}
