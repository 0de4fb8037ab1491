//! Ids of requests.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use crate::message::RequestId;

/// Gives out request ids that are unique among a client and its handles.
#[derive(Debug, Clone, Default)]
pub(super) struct RequestIds(Arc<AtomicU32>);

impl RequestIds {
    /// An id that was not used before. The first one is 1.
    pub(super) fn next(&self) -> RequestId {
        // The id is not ordered with anything else.
        self.0.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }
}
