//! The load of a workload, for the generator.

use std::net::{IpAddr, Ipv4Addr};

use tickcast_loadtest::busy_loop::{LoadSettings, SubscriberSettings};

use crate::compare::{contender::Contender, program::RunningContender, workload::Workload};

/// Connections from each local address: far fewer than the kernel has ports, even while those of
/// the last run are not free yet.
const PER_ADDRESS: usize = 4_000;

/// The settings of a contender's load.
pub(super) fn load_settings(
    contender: Contender,
    workload: &Workload,
    running: &RunningContender,
) -> LoadSettings {
    let subscribers = (0..workload.subscribers).map(|subscriber| SubscriberSettings {
        topics: workload.selection(subscriber),
        source: source(contender, subscriber),
        is_to_stall: workload.stalls(subscriber),
    });
    LoadSettings {
        address: running.address,
        tls: running.tls.clone(),
        dialect: contender.dialect(workload.mode, workload.max_rate_hz),
        mode: workload.mode,
        topics: workload.topics,
        payload_bytes: workload.payload_bytes,
        subscribers: subscribers.collect(),
        publisher_source: source(contender, 0),
    }
}

/// The local address of a subscriber. Each contender's subscribers have addresses of their own,
/// because all contenders may have their subscribers at the same time.
fn source(contender: Contender, subscriber: usize) -> IpAddr {
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    let host = byte(2 + subscriber / PER_ADDRESS);
    IpAddr::V4(Ipv4Addr::new(127, 0, byte(contender as usize), host))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contenders_do_not_share_addresses_and_no_address_has_too_many_subscribers() {
        assert_ne!(source(Contender::Raw, 0), source(Contender::Nats, 0));
        let of = |subscriber| source(Contender::Raw, subscriber);
        assert_eq!(of(0), of(PER_ADDRESS - 1));
        assert_ne!(of(0), of(PER_ADDRESS));
    }
}
