//! The number of connections of each identity, in all shards.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use tickcast_core::identity::{Identity, Seat};

/// Counts connections by subject.
#[derive(Debug, Default)]
pub(super) struct Seats {
    counts: Mutex<HashMap<Arc<str>, u32>>,
}

/// One of them, until it is dropped.
#[derive(Debug)]
struct Taken {
    seats: Arc<Seats>,
    subject: Arc<str>,
}

impl Seats {
    /// A seat for a connection; `None` if the identity has as many as it may. Clients without a
    /// token are counted together.
    pub(super) fn take(self: &Arc<Self>, identity: &Identity) -> Option<Seat> {
        let Some(max) = identity.limits.connections else {
            return Some(Seat::default());
        };
        let subject = Arc::clone(&identity.claims.subject);
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(Arc::clone(&subject)).or_default();
        if *count >= max {
            if *count == 0 {
                counts.remove(&subject);
            }
            return None;
        }
        *count += 1;
        let seats = Arc::clone(self);
        Some(Seat::new(Taken { seats, subject }))
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        let counts = self.seats.counts.lock();
        let mut counts = counts.unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.subject) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.subject);
            }
        }
    }
}
