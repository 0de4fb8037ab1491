//! From the bytes of a message to its metrics.

use std::io::Read;

use bytes::Bytes;
use flate2::read::{DeflateDecoder, GzDecoder, ZlibDecoder};
use prost::Message;

use super::payload::{Metric, MetricValue, Payload};
use crate::feed::decode::{DecodeError, bad};

/// The `uuid` of a payload whose body is another payload, compressed. It is a convention of Eclipse
/// Tahu, which the specification does not describe.
const COMPRESSED: &str = "SPBV1.0_COMPRESSED";

/// Bytes that an error shows of what cannot be decoded.
const SHOWN_BYTES: usize = 16;

/// Decodes a payload. A compressed one is expanded to at most `max_bytes`.
pub(super) fn unpack(bytes: Bytes, max_bytes: usize) -> Result<Payload, DecodeError> {
    let payload = decode(bytes)?;
    if payload.uuid.as_deref() != Some(COMPRESSED) {
        return Ok(payload);
    }
    let compressed = |text: &str, reason: &str| bad("compressed payload", text, reason);
    let Some(body) = &payload.body else {
        return Err(compressed("", "it has no body"));
    };
    let expanded = match algorithm(&payload)?.as_deref() {
        None | Some("DEFLATE") => match is_zlib(body) {
            true => expand(ZlibDecoder::new(&**body), max_bytes),
            false => expand(DeflateDecoder::new(&**body), max_bytes),
        },
        Some("GZIP") => expand(GzDecoder::new(&**body), max_bytes),
        Some(other) => {
            return Err(compressed(
                other,
                "the algorithm is neither DEFLATE nor GZIP",
            ));
        }
    };
    let inner = decode(expanded.map_err(|reason| compressed("", &reason))?.into())?;
    Ok(Payload {
        timestamp: inner.timestamp.or(payload.timestamp),
        seq: inner.seq.or(payload.seq),
        ..inner
    })
}

fn decode(bytes: Bytes) -> Result<Payload, DecodeError> {
    Payload::decode(bytes.clone()).map_err(|_| no_protobuf("Sparkplug payload", &bytes))
}

/// The error of bytes that are no message of Protobuf. What the decoder says names its own types.
fn no_protobuf(field: &'static str, bytes: &[u8]) -> DecodeError {
    let begin = &bytes[..bytes.len().min(SHOWN_BYTES)];
    let mut shown: Vec<String> = begin.iter().map(|byte| format!("{byte:02x}")).collect();
    if begin.len() < bytes.len() {
        shown.push(format!("... ({} bytes)", bytes.len()));
    }
    let reason = "it is not in Protobuf, or it is cut off";
    bad(field, &shown.join(" "), reason)
}

/// The algorithm that a compressed payload names in its metrics.
fn algorithm(payload: &Payload) -> Result<Option<String>, DecodeError> {
    for bytes in &payload.metrics {
        let metric = decode_metric(bytes)?;
        if let (Some("algorithm"), Some(MetricValue::Text(name))) =
            (metric.given_name(), &metric.value)
        {
            return Ok(Some(name.to_ascii_uppercase()));
        }
    }
    Ok(None)
}

/// Decodes one metric of a payload.
pub(super) fn decode_metric(bytes: &Bytes) -> Result<Metric, DecodeError> {
    Metric::decode(bytes.clone()).map_err(|_| no_protobuf("metric", bytes))
}

/// RFC 1950, section 2.2: the method is 8, and the first two bytes are a multiple of 31.
fn is_zlib(body: &[u8]) -> bool {
    matches!(body, [method, flags, ..]
        if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]).is_multiple_of(31))
}

fn expand(reader: impl Read, max_bytes: usize) -> Result<Vec<u8>, String> {
    let mut expanded = Vec::new();
    let limit = max_bytes as u64 + 1;
    let read = reader.take(limit).read_to_end(&mut expanded);
    read.map_err(|error| error.to_string())?;
    match expanded.len() > max_bytes {
        true => Err(format!("it has more than {max_bytes} bytes when expanded")),
        false => Ok(expanded),
    }
}
