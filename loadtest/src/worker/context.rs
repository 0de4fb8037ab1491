//! What the subscribers of a worker share and change.

use std::collections::BTreeMap;

use super::{counts::ConnectionCounts, session::WorkerShared};
use crate::{latency::Histogram, ledger::Baseline};

/// Kinds of errors that are counted separately. Further kinds count as "other".
const ERROR_KINDS_MAX: usize = 64;

/// See the module.
#[derive(Debug)]
pub(super) struct WorkerContext {
    pub(super) shared: WorkerShared,
    pub(super) counts: ConnectionCounts,
    pub(super) errors: BTreeMap<String, u64>,
    pub(super) connect: Histogram,
    pub(super) baseline: Baseline,
    /// Whether connections that end now stay closed.
    pub(super) is_ending: bool,
}

impl WorkerContext {
    /// Counts an error.
    pub(super) fn error(&mut self, kind: String) {
        let is_known = self.errors.contains_key(&kind);
        let kind = if is_known || self.errors.len() < ERROR_KINDS_MAX {
            kind
        } else {
            "other".to_owned()
        };
        *self.errors.entry(kind).or_default() += 1;
    }
}
