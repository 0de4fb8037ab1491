//! The content coding that a client accepts (RFC 9110, section 12.5.3).

use hyper::{HeaderMap, header::ACCEPT_ENCODING};

/// The names of gzip. The second one is from before its registration.
const GZIP: [&str; 2] = ["gzip", "x-gzip"];
const IDENTITY: &str = "identity";
const ANY: &str = "*";
/// A weight has at most this many digits after the point, so it counts thousandths.
const WEIGHT_DIGITS: usize = 3;
const FULL_WEIGHT: u16 = 1_000;

/// Whether a client prefers a body that is compressed with gzip to one that is not. A client that
/// says nothing gets a body that is not.
#[must_use]
pub(crate) fn prefers_gzip(headers: &HeaderMap) -> bool {
    let mut gzip = None;
    let mut identity = None;
    let mut any = None;
    let named = headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|field| field.to_str().ok())
        .flat_map(|field| field.split(','));
    for coding in named {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        // A weight that cannot be read is that of a coding that was not named.
        let Some(weight) = weight_of(weight.trim()) else {
            continue;
        };
        let name = name.trim();
        let is = |other: &str| name.eq_ignore_ascii_case(other);
        let slot = if GZIP.iter().any(|gzip| is(gzip)) {
            &mut gzip
        } else if is(IDENTITY) {
            &mut identity
        } else if is(ANY) {
            &mut any
        } else {
            continue;
        };
        *slot = (*slot).max(Some(weight));
    }
    let gzip = gzip.or(any).unwrap_or(0);
    gzip > 0 && gzip >= identity.unwrap_or(0)
}

/// `q=0.8` as 800; an empty text as 1000.
fn weight_of(text: &str) -> Option<u16> {
    if text.is_empty() {
        return Some(FULL_WEIGHT);
    }
    let value = text.strip_prefix("q=").or(text.strip_prefix("Q="))?;
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    if digits.len() > WEIGHT_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    match whole {
        "0" => format!("{digits:0<WEIGHT_DIGITS$}").parse().ok(),
        "1" if digits.bytes().all(|digit| digit == b'0') => Some(FULL_WEIGHT),
        _ => None,
    }
}
