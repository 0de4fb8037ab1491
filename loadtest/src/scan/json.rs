//! The scanners of batches in JSON: a whole one, and a fast one that finds only the stamps.

use std::borrow::Cow;

use base64::{Engine, prelude::BASE64_STANDARD};
use memchr::memmem;
use serde::Deserialize;
use tickcast_protocol::message::{ChannelId, Position, Seq};

use super::facts::{BatchHead, BatchSink, Facts, ScanError};
use crate::schedule::{STAMP_BYTES, Stamp};

/// How the server's JSON of a batch starts. It saves looking at the type before parsing.
const JSON_BATCH_START: &[u8] = br#"{"type":"batch","#;

#[derive(Deserialize)]
struct JsonBatch<'a> {
    channel: ChannelId,
    from: Position,
    to: Position,
    snapshot: bool,
    #[serde(borrow)]
    updates: Vec<JsonUpdate<'a>>,
}

#[derive(Deserialize)]
struct JsonUpdate<'a> {
    #[serde(borrow)]
    topic: Cow<'a, str>,
    position: Position,
    seq: Seq,
    ingest_time_ns: &'a str,
    #[serde(borrow)]
    value: JsonValue<'a>,
}

#[derive(Deserialize)]
struct JsonValue<'a> {
    bytes: Option<&'a str>,
}

/// Hands the parts of a batch in JSON to `sink`: all of them, or none after a syntax error.
pub fn scan_json<'a>(
    payload: &'a [u8],
    sink: &mut impl for<'t> BatchSink<&'t str>,
) -> Result<(), ScanError> {
    if !payload.starts_with(JSON_BATCH_START) {
        return Err(ScanError::OtherMessage);
    }
    let batch: JsonBatch<'a> = serde_json::from_slice(payload).map_err(|_| ScanError::Malformed)?;
    sink.head(BatchHead {
        channel: batch.channel,
        from: batch.from,
        to: batch.to,
        snapshot: batch.snapshot,
    });
    for update in &batch.updates {
        let facts = Facts {
            position: update.position,
            seq: update.seq,
            ingest_time_ns: update
                .ingest_time_ns
                .parse()
                .map_err(|_| ScanError::Malformed)?,
            stamp: update
                .value
                .bytes
                .map(str::as_bytes)
                .and_then(stamp_from_base64),
        };
        sink.update(&update.topic, &facts);
    }
    Ok(())
}

/// Whether a batch in JSON is part of a snapshot, by its first bytes.
pub fn is_json_snapshot(payload: &[u8]) -> Result<bool, ScanError> {
    const UPDATES: &[u8] = br#","updates":["#;

    if !payload.starts_with(JSON_BATCH_START) {
        return Ok(false);
    }
    let head_len = memmem::find(payload, UPDATES).ok_or(ScanError::Malformed)?;
    Ok(memmem::find(&payload[..head_len], br#""snapshot":true"#).is_some())
}

/// Hands out only the stamps in a batch in JSON, for receivers that cannot afford to parse all of
/// it.
pub fn stamps_in_json(payload: &[u8], mut found: impl FnMut(Stamp)) -> Result<(), ScanError> {
    /// The start of a value that holds a stamp. Its quotes cannot occur inside a string.
    const STAMP_START: &[u8] = br#""bytes":"/1RLQ"#;
    const PREFIX: &[u8] = br#""bytes":""#;

    if !payload.starts_with(JSON_BATCH_START) {
        return Err(ScanError::OtherMessage);
    }
    for at in memmem::find_iter(payload, STAMP_START) {
        let text = &payload[at + PREFIX.len()..];
        found(stamp_from_base64(text).ok_or(ScanError::Malformed)?);
    }
    Ok(())
}

/// Reads the stamp without decoding the padding after it.
fn stamp_from_base64(text: &[u8]) -> Option<Stamp> {
    const TEXT_BYTES: usize = STAMP_BYTES.div_ceil(3) * 4;
    let mut bytes = [0; TEXT_BYTES / 4 * 3];
    let start = text.get(..TEXT_BYTES)?;
    BASE64_STANDARD.decode_slice(start, &mut bytes).ok()?;
    Stamp::read(&bytes)
}
