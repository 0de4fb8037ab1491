//! One message of a node or device, on its way through the host.

use bytes::{Bytes, BytesMut};

use super::{
    address::Kind,
    payload::{MetricValue, Payload},
    unpack::decode_metric,
};

/// The metric that counts the sessions of a node (section 6.4.19).
const SESSION_METRIC: &str = "bdSeq";

/// A message whose payload is unpacked.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) origin: String,
    pub(super) kind: Kind,
    /// `None` for the node itself.
    pub(super) device: Option<Box<str>>,
    pub(super) payload: Payload,
}

impl Message {
    /// Its place in the sequence of its node.
    pub(super) fn seq(&self) -> Option<u64> {
        self.payload.seq
    }

    /// When it was sent, by the node's clock, in ms.
    pub(super) fn sent_ms(&self) -> Option<u64> {
        self.payload.timestamp
    }

    pub(super) fn metrics(&self) -> u64 {
        self.payload.metrics.len() as u64
    }

    /// Bytes that it takes while it waits.
    pub(super) fn len_bytes(&self) -> usize {
        let metrics = self.payload.metrics.iter();
        let metrics: usize = metrics.map(|bytes| size_of_val(bytes) + bytes.len()).sum();
        let device = self.device.as_ref().map_or(0, |device| device.len());
        size_of_val(self) + self.origin.len() + device + metrics
    }

    /// Copies what it shares with the buffer that it came in. Otherwise all of that would wait.
    pub(super) fn detach(&mut self) {
        let Payload {
            metrics,
            uuid,
            body,
            ..
        } = &mut self.payload;
        (*uuid, *body) = (None, None);
        metrics.shrink_to_fit();
        let bytes = metrics.iter().map(Bytes::len).sum();
        let mut copy = BytesMut::with_capacity(bytes);
        for metric in metrics.iter() {
            copy.extend_from_slice(metric);
        }
        let mut copy = copy.freeze();
        for metric in metrics {
            *metric = copy.split_to(metric.len());
        }
    }

    /// The number of the session that a birth or death of a node names.
    pub(super) fn session(&self) -> Option<u64> {
        self.payload.metrics.iter().find_map(|bytes| {
            let metric = decode_metric(bytes).ok()?;
            if metric.name() != SESSION_METRIC {
                return None;
            }
            match metric.value? {
                MetricValue::Int(number) => Some(number.into()),
                MetricValue::Long(number) => Some(number),
                _ => None,
            }
        })
    }
}

/// Whether a metric is part of the protocol and no value of a device: the number of the session,
/// and commands that a node accepts.
pub(super) fn is_internal(name: &str) -> bool {
    let is_control = |folder| {
        let rest = name.strip_prefix(folder);
        rest.is_some_and(|rest: &str| rest.starts_with('/'))
    };
    name == SESSION_METRIC || is_control("Node Control") || is_control("Device Control")
}
