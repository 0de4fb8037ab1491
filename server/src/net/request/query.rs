//! The parameters of `/v1/...`.
//!
//! A query is percent-encoded, and a `+` in it stands for a space, as in HTML forms. In a filter
//! `+` and `#` have a meaning of their own, and both are easily left unescaped: see [`filter`].

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use tickcast_protocol::topic::Filter;

/// Bytes of a wrong value that an answer repeats.
const SHOWN_MAX_BYTES: usize = 128;

/// Most filters of one request: the id of an event has a resume token of each, about 60 bytes long,
/// and comes with every event.
pub const FILTERS_MAX: usize = 16;

/// Splits a query into the parameters of these names. The values are as in the query, for
/// [`text`] and [`filter`]. A parameter that is unknown or given twice is an error, which is a
/// message for the client.
pub fn split<'a, const N: usize>(
    query: &'a str,
    names: [&str; N],
) -> Result<[Option<&'a str>; N], String> {
    Ok(split_with(None, query, names)?.1)
}

/// The same for a query with filters, at most [`FILTERS_MAX`]. If there is none, it is the one for
/// everything.
pub fn split_filters<'a, const N: usize>(
    query: &'a str,
    names: [&str; N],
) -> Result<(Vec<Filter>, [Option<&'a str>; N]), String> {
    let (encoded, values) = split_with(Some("filter"), query, names)?;
    if encoded.is_empty() {
        return Ok((vec![Filter::all()], values));
    }
    let mut filters: Vec<Filter> = Vec::with_capacity(encoded.len());
    for encoded in encoded {
        let filter = filter(encoded)?;
        if filters.contains(&filter) {
            let shown = shown(filter.as_str());
            return Err(format!("filter {shown:?} is there twice: use it once"));
        }
        filters.push(filter);
    }
    Ok((filters, values))
}

/// Splits a query into the values of a parameter that may be there several times, and into those
/// that may be there once.
fn split_with<'a, const N: usize>(
    list: Option<&str>,
    query: &'a str,
    names: [&str; N],
) -> Result<(Vec<&'a str>, [Option<&'a str>; N]), String> {
    let mut listed = Vec::new();
    let mut values = [None; N];
    for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = text(name)?;
        if list.is_some_and(|list| list == name) {
            if listed.len() == FILTERS_MAX {
                return Err(format!(
                    "the parameter {name:?} is there too often (limit {FILTERS_MAX}): use more \
                     requests, or a WebSocket"
                ));
            }
            listed.push(value);
            continue;
        }
        let Some(at) = names.iter().position(|known| *known == name) else {
            let name = shown(&name);
            let known: Vec<_> = list.into_iter().chain(names).collect();
            let known = known.join(", ");
            return Err(format!("unknown parameter {name:?}: use {known}"));
        };
        if values[at].replace(value).is_some() {
            return Err(format!(
                "the parameter {name:?} is there twice: use it once"
            ));
        }
    }
    Ok((listed, values))
}

/// Decodes a name or a value.
pub fn text(encoded: &str) -> Result<String, String> {
    let mut rest = encoded;
    while let Some((_, after)) = rest.split_once('%') {
        let is_code =
            after.len() >= 2 && after.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
        if !is_code {
            let code: String = after.chars().take(2).collect();
            return Err(format!(
                "\"%{}\" is not a percent-encoded byte: write % as %25",
                code.escape_debug()
            ));
        }
        rest = after;
    }
    let spaced: Cow<'_, str> = encoded.replace('+', " ").into();
    let decoded = percent_decode_str(&spaced).decode_utf8();
    decoded.map(Cow::into_owned).map_err(|_| {
        let encoded = shown(encoded);
        format!("{encoded:?} is not UTF-8 when it is decoded: percent-encode the bytes of UTF-8")
    })
}

/// Reads a filter.
///
/// * A level that is just `+` is the wildcard, escaped or not. A level that is one space, which
///   hardly any topic has, is written as `%20`.
/// * Within a level `+` stands for a space, but not at its beginning or end, where it is more
///   likely a mistake.
/// * An unescaped `#` begins the fragment of a URL, which is never sent. What is left then has an
///   empty last level.
pub fn filter(encoded: &str) -> Result<Filter, String> {
    let with_slashes = encoded.replace("%2F", "/").replace("%2f", "/");
    let mut levels = Vec::new();
    for level in with_slashes.split('/') {
        if level == "+" {
            levels.push("+".to_owned());
            continue;
        }
        if level.starts_with('+') || level.ends_with('+') {
            let encoded = shown(encoded);
            return Err(format!(
                "filter {encoded:?}: a + at the beginning or end of a level reads as a space: write \
                 %2B for the wildcard, which is a level by itself, and %20 for a space"
            ));
        }
        levels.push(text(level).map_err(|error| format!("filter {error}"))?);
    }
    let filter = levels.join("/");
    let shown = shown(&filter);
    if filter.is_empty() || filter.ends_with('/') {
        return Err(format!(
            "filter {shown:?}: the last level is empty: write # as %23, because a URL ends before \
             an unescaped #"
        ));
    }
    Filter::new(&filter).map_err(|error| format!("filter {shown:?}: {error}"))
}

/// The beginning of a text that may be as long as a request.
fn shown(text: &str) -> &str {
    &text[..text.floor_char_boundary(SHOWN_MAX_BYTES)]
}
