//! Permits: how many connections each address may have.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

use super::peer::Peer;

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

    /// Takes a permit for a client; `None` if the limit of its address is reached. Clients of this
    /// machine are not counted, nor are those without an address.
    pub(crate) fn take(self: &Arc<Self>, peer: Peer) -> Option<Permit> {
        let Some(address) = peer.ip().filter(|_| !peer.is_local()) else {
            return Some(Permit::uncounted());
        };
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

impl Permit {
    /// For a connection whose requests take permits of their own, or that has no limit.
    pub(crate) fn uncounted() -> Self {
        Self { _held: None }
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

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;

    fn ip(text: &str) -> Peer {
        let address = text.parse().expect("it is an address");
        Peer::tcp(SocketAddr::new(address, 1))
    }

    #[test]
    fn an_address_gets_as_many_permits_as_the_limit_and_one_for_each_that_it_returns() {
        let permits = Permits::new(2);
        let first = permits.take(ip("10.0.0.1")).expect("the first of two");
        // The same address in the form of IPv6 is counted with it.
        let second = permits.take(ip("::ffff:10.0.0.1")).expect("the second");
        assert!(permits.take(ip("10.0.0.1")).is_none());
        assert!(permits.take(ip("10.0.0.2")).is_some());
        let again = first.clone();
        drop(first);
        assert!(permits.take(ip("10.0.0.1")).is_none(), "a clone holds it");
        drop(again);
        assert!(permits.take(ip("10.0.0.1")).is_some());
        drop(second);
        let counts = permits.counts.lock().expect("no thread panics with it");
        assert!(counts.is_empty(), "{counts:?}");
    }

    #[test]
    fn loopback_is_not_counted() {
        let permits = Permits::new(1);
        let all = ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"];
        let taken: Vec<_> = all.map(|address| permits.take(ip(address))).into();
        assert!(taken.iter().all(Option::is_some));
    }
}
