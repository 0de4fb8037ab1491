//! Permits: how many connections each address may have.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
};

use tickcast_core::totals::Totals;

use super::peer::Peer;
use crate::{
    accounts::{Accounts, Member},
    clock::Clock,
};

/// The part of an address of IPv6 that is counted: what follows is free for a single client to
/// choose (RFC 4291, section 2.5.4).
const NETWORK_BITS: u32 = 64;

/// Counts the connections of each address.
#[derive(Debug)]
pub(crate) struct Permits {
    max: usize,
    accounts: Arc<Accounts<IpAddr>>,
}

/// Permission for one connection of an address, returned when dropped.
#[derive(Debug, Clone)]
pub(crate) struct Permit {
    held: Option<Arc<Member<IpAddr>>>,
}

impl Permits {
    /// Allows up to `max` connections per address.
    pub(crate) fn new(max: usize, clock: Clock) -> Arc<Self> {
        let accounts = Accounts::new(clock);
        Arc::new(Self { max, accounts })
    }

    /// Takes a permit for a client; `None` if the limit of its address is reached. Clients of this
    /// machine are not counted, nor are those without an address.
    pub(crate) fn take(&self, peer: Peer) -> Option<Permit> {
        let Some(address) = peer.ip().filter(|_| !peer.is_local()) else {
            return Some(Permit::uncounted());
        };
        let member = self.accounts.join(network(address), Some(self.max))?;
        Some(Permit {
            held: Some(Arc::new(member)),
        })
    }
}

impl Permit {
    /// For a connection whose requests take permits of their own, or that has no limit.
    pub(crate) fn uncounted() -> Self {
        Self { held: None }
    }

    /// What all connections of its address use together, if it is counted.
    pub(super) fn totals(&self) -> Option<&Arc<Totals>> {
        self.held.as_ref().map(|member| member.totals())
    }
}

/// What is counted as one address.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(address) => {
            let rest = u128::MAX >> NETWORK_BITS;
            Ipv6Addr::from_bits(address.to_bits() & !rest).into()
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
        let permits = Permits::new(2, Clock::start());
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
    }

    #[test]
    fn permits_of_one_address_share_its_totals() {
        let permits = Permits::new(4, Clock::start());
        let taken = ["10.0.0.1", "10.0.0.1", "10.0.0.2"]
            .map(|text| permits.take(ip(text)).expect("there are some"));
        let totals = taken
            .each_ref()
            .map(|permit| permit.totals().expect("it is counted"));
        assert!(Arc::ptr_eq(totals[0], totals[1]));
        assert!(!Arc::ptr_eq(totals[0], totals[2]));
        assert!(Permit::uncounted().totals().is_none());
    }

    #[test]
    fn the_addresses_of_ipv6_that_one_client_can_have_are_counted_as_one() {
        let permits = Permits::new(1, Clock::start());
        let _first = permits.take(ip("2001:db8:0:1::1")).expect("the first");
        assert!(
            permits
                .take(ip("2001:db8:0:1:ffff:ffff:ffff:ffff"))
                .is_none()
        );
        assert!(permits.take(ip("2001:db8:0:2::1")).is_some());
    }

    #[test]
    fn loopback_is_not_counted() {
        let permits = Permits::new(1, Clock::start());
        let all = ["127.0.0.1", "127.0.0.1", "::1", "::1", "::ffff:127.0.0.1"];
        let taken: Vec<_> = all.map(|address| permits.take(ip(address))).into();
        assert!(taken.iter().all(Option::is_some));
    }
}
