//! Handshakes that fail: strangers cause them at will, so lines in the log are limited.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use crate::{
    log::limit::LogLimit,
    metrics::{HandshakeFailure, Metrics},
    net::peer::Peer,
};

/// Counts and logs failures.
#[derive(Debug)]
pub(crate) struct FailureLog {
    metrics: Arc<Metrics>,
    start: Instant,
    limits: Mutex<[LogLimit<1>; HandshakeFailure::ALL.len()]>,
}

impl FailureLog {
    pub(crate) fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            start: Instant::now(),
            limits: Mutex::default(),
        }
    }

    /// Counts a failure, and logs it unless another one with this reason was just logged.
    pub(super) fn note(&self, failure: HandshakeFailure, peer: Peer, message: &str) {
        self.metrics.handshakes.failed(failure);
        let left_out = {
            let mut limits = self.limits.lock().unwrap_or_else(PoisonError::into_inner);
            limits[failure as usize].allow(self.start.elapsed())
        };
        let Some(left_out) = left_out else {
            return;
        };
        let (reason, count) = (failure.as_str(), left_out + 1);
        match failure {
            // An operator may have to change a setting or a proxy.
            HandshakeFailure::Address
            | HandshakeFailure::Proxy
            | HandshakeFailure::PlainHttp
            | HandshakeFailure::Incompatible
            | HandshakeFailure::NoCertificate
            | HandshakeFailure::Certificate
            | HandshakeFailure::Refused => {
                tracing::warn!(reason, count, %peer, "handshake failed: {message}");
            }
            HandshakeFailure::Timeout
            | HandshakeFailure::Lost
            | HandshakeFailure::NotTls
            | HandshakeFailure::Protocol => {
                tracing::debug!(reason, count, %peer, "handshake failed: {message}");
            }
        }
    }
}
