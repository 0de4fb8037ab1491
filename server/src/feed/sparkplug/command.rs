//! The command that asks a node for its birth (section 5.17).

use bytes::Bytes;
use prost::Message;
use tickcast_protocol::message::TimeNs;

use super::payload::{Metric, MetricValue, Payload};

/// The datatype Boolean (6.4.16).
const BOOLEAN: u32 = 11;

/// The payload of a command `Node Control/Rebirth`. A command has no sequence number.
pub(super) fn rebirth_payload(now_ns: TimeNs) -> Vec<u8> {
    let now_ms = u64::try_from(now_ns / 1_000_000).unwrap_or_default();
    let metric = Metric {
        name: Some("Node Control/Rebirth".into()),
        timestamp: Some(now_ms),
        datatype: Some(BOOLEAN),
        value: Some(MetricValue::Boolean(true)),
        ..Metric::default()
    };
    let payload = Payload {
        timestamp: Some(now_ms),
        metrics: vec![Bytes::from(metric.encode_to_vec())],
        ..Payload::default()
    };
    payload.encode_to_vec()
}
