//! Permits: how many connections each address may have.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// Counts the connections of each address.
#[derive(Debug)]
pub(crate) struct Permits {
    max: usize,
    counts: Mutex<HashMap<IpAddr, usize>>,
}

/// Permission for one connection of an address, returned when dropped.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    _held: Option<Arc<Held>>,
}

#[derive(Debug)]
struct Held {
    permits: Arc<Permits>,
    address: IpAddr,
}

impl Permits {
    /// Allows up to `max` connections per address.
    pub(crate) fn new(max: usize) -> Arc<Self> {
        Arc::new(Self {
            max,
            counts: Mutex::default(),
        })
    }

    /// Takes a permit for an address; `None` if the limit is reached. Loopback is not counted.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let address = address.to_canonical();
        if address.is_loopback() {
            return Some(Permit { _held: None });
        }
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(address).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        let held = Held {
            permits: Arc::clone(self),
            address,
        };
        Some(Permit {
            _held: Some(Arc::new(held)),
        })
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut counts = self
            .permits
            .counts
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}
