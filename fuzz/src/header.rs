//! The head of a request, as the targets write it.

use hyper::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

/// Reads fields, one `name: value` per line. Leaves out what is not a field, as hyper would refuse
/// it before a check sees it.
pub(super) fn fields<'a>(lines: impl Iterator<Item = &'a [u8]>) -> HeaderMap {
    let mut fields = HeaderMap::new();
    for line in lines {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        let field = (HeaderName::from_bytes(name), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = field {
            fields.append(name, value);
        }
    }
    fields
}

/// All values of a field.
pub(super) fn values<'a>(fields: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    let values = fields.get_all(name).iter();
    values.map(HeaderValue::as_bytes).collect()
}
