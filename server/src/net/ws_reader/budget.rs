//! Memory that the messages of many connections share.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

/// Memory for messages, shared by connections of all threads.
#[derive(Debug)]
pub(crate) struct Budget {
    max_bytes: usize,
    used_bytes: AtomicUsize,
}

/// One connection's part of a budget, returned when dropped.
#[derive(Debug)]
pub(super) struct Lease {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Budget {
    /// A budget of `max_bytes`.
    pub(crate) fn new(max_bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            max_bytes,
            used_bytes: AtomicUsize::new(0),
        })
    }

    /// Bytes in use.
    #[cfg(test)]
    pub(crate) fn used(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }

    /// An empty part of it.
    pub(super) fn lease(self: &Arc<Self>) -> Lease {
        Lease {
            budget: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Lease {
    /// Changes the part to `bytes`. Returns `false`, and changes nothing, if the budget does not
    /// have them.
    pub(super) fn resize(&mut self, bytes: usize) -> bool {
        let Budget {
            max_bytes,
            used_bytes,
        } = &*self.budget;
        let held = self.bytes;
        let resized = used_bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |used| {
            let used = used - held + bytes;
            (bytes <= held || used <= *max_bytes).then_some(used)
        });
        if resized.is_ok() {
            self.bytes = bytes;
        }
        resized.is_ok()
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_of_a_budget_never_exceed_it_and_are_returned() {
        let budget = Budget::new(100);
        let (mut one, mut other) = (budget.lease(), budget.lease());
        assert!(one.resize(60));
        assert!(!other.resize(41));
        assert!(other.resize(40));
        assert!(!one.resize(61));
        assert!(one.resize(10));
        assert!(other.resize(90));
        drop(other);
        assert!(one.resize(100));
        drop(one);
        assert_eq!(budget.used_bytes.load(Ordering::Relaxed), 0);
    }
}
