//! What several connections do together: all of one identity, or all of one address.
//!
//! The connections may belong to several shards, which share one [`Totals`]. It is made of atomic
//! numbers, so no shard waits for another one. The time is passed in.

use std::{
    sync::atomic::{
        AtomicU32, AtomicU64,
        Ordering::{AcqRel, Acquire},
    },
    time::Duration,
};

/// What may be done at once: as much as in this time.
const BURST_NS: u64 = NS_PER_S;

const NS_PER_S: u64 = 1_000_000_000;

/// Limits of several connections together. A missing one is no limit, and none is 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TotalLimits {
    /// Subscriptions at a time.
    pub subscriptions: Option<u32>,
    /// Requests per second, and as many at once. Publishes are not counted.
    pub requests_per_s: Option<u32>,
    /// Updates published per second, and as many at once.
    pub publish_updates_per_s: Option<u32>,
    /// Bytes of publishes per second, and as many at once.
    pub publish_bytes_per_s: Option<u32>,
}

impl TotalLimits {
    /// Why a request is refused; `whose` names the identity or the address.
    pub fn too_many_requests(&self, whose: &str) -> String {
        let per_s = self.requests_per_s.unwrap_or_default();
        format!(
            "all connections of {whose} together send more requests than they may (limit {per_s} \
             per second)"
        )
    }

    /// Why a subscription is refused.
    pub(crate) fn too_many_subscriptions(&self, whose: &str) -> String {
        let max = self.subscriptions.unwrap_or_default();
        format!(
            "all connections of {whose} together have as many subscriptions as they may (limit \
             {max})"
        )
    }
}

/// What is used of these limits; see the module.
#[derive(Debug, Default)]
pub struct Totals {
    subscriptions: AtomicU32,
    requests: Meter,
    updates: Meter,
    bytes: Meter,
}

impl Totals {
    /// Takes a request, or returns the time until there is one.
    pub fn take_request(&self, limits: &TotalLimits, uptime: Duration) -> Result<(), Duration> {
        match limits.requests_per_s {
            Some(per_s) => self.requests.take_one(per_s, uptime),
            None => Ok(()),
        }
    }

    /// Whether all is paid for, so that nothing would be forgiven if this was forgotten.
    pub fn is_paid(&self, uptime: Duration) -> bool {
        let meters = [&self.requests, &self.updates, &self.bytes];
        meters.iter().all(|meter| meter.is_paid(uptime))
    }

    /// Takes a subscription. Returns whether there was one.
    pub(crate) fn take_subscription(&self, limits: &TotalLimits) -> bool {
        let max = limits.subscriptions.unwrap_or(u32::MAX);
        let taken = self
            .subscriptions
            .try_update(AcqRel, Acquire, |taken| (taken < max).then(|| taken + 1));
        taken.is_ok()
    }

    /// Counts subscriptions that exist already, also above the limit.
    pub(crate) fn add_subscriptions(&self, number: u32) {
        self.subscriptions.fetch_add(number, AcqRel);
    }

    /// Gives subscriptions back.
    pub(crate) fn release_subscriptions(&self, number: u32) {
        self.subscriptions.fetch_sub(number, AcqRel);
    }

    /// Charges a message that was read, also above the limit.
    pub(crate) fn charge_publish(
        &self,
        limits: &TotalLimits,
        (updates, bytes): (usize, usize),
        uptime: Duration,
    ) {
        if let Some(per_s) = limits.publish_updates_per_s {
            self.updates.charge(updates.max(1), per_s, uptime);
        }
        if let Some(per_s) = limits.publish_bytes_per_s {
            self.bytes.charge(bytes, per_s, uptime);
        }
    }

    /// Time until the next message that publishes may be read; `None` if it may be read now.
    pub(crate) fn publish_pause(&self, limits: &TotalLimits, uptime: Duration) -> Option<Duration> {
        let pause = |meter: &Meter, limit: Option<u32>| limit.and_then(|_| meter.pause(uptime));
        let updates = pause(&self.updates, limits.publish_updates_per_s);
        updates.max(pause(&self.bytes, limits.publish_bytes_per_s))
    }
}

/// A rate limit as a virtual schedule (ITU-T I.371): the uptime, in ns, up to which everything
/// taken would last at the rate. One number, which needs no lock.
#[derive(Debug, Default)]
struct Meter(AtomicU64);

impl Meter {
    fn take_one(&self, per_s: u32, uptime: Duration) -> Result<(), Duration> {
        let now = ns(uptime);
        let next = |paid: u64| paid.max(now).saturating_add(cost(1, per_s));
        let taken = self.0.try_update(AcqRel, Acquire, |paid| {
            let next = next(paid);
            (next - now <= BURST_NS).then_some(next)
        });
        match taken {
            Ok(_) => Ok(()),
            Err(paid) => Err(Duration::from_nanos(next(paid) - now - BURST_NS)),
        }
    }

    fn charge(&self, amount: usize, per_s: u32, uptime: Duration) {
        let now = ns(uptime);
        let cost = cost(amount as u64, per_s);
        self.0
            .update(AcqRel, Acquire, |paid| paid.max(now).saturating_add(cost));
    }

    fn pause(&self, uptime: Duration) -> Option<Duration> {
        let ahead = self.0.load(Acquire).saturating_sub(ns(uptime));
        let pause = ahead.saturating_sub(BURST_NS);
        (pause > 0).then(|| Duration::from_nanos(pause))
    }

    fn is_paid(&self, uptime: Duration) -> bool {
        self.0.load(Acquire) <= ns(uptime)
    }
}

/// The time that an amount lasts at a rate.
fn cost(amount: u64, per_s: u32) -> u64 {
    let cost = u128::from(amount) * u128::from(NS_PER_S) / u128::from(per_s.max(1));
    u64::try_from(cost).unwrap_or(u64::MAX)
}

fn ns(uptime: Duration) -> u64 {
    u64::try_from(uptime.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn limits(each: u32) -> TotalLimits {
        TotalLimits {
            subscriptions: Some(each),
            requests_per_s: Some(each),
            publish_updates_per_s: Some(each),
            publish_bytes_per_s: Some(each),
        }
    }

    #[test]
    fn a_second_s_worth_at_once_and_then_the_rate() {
        let (totals, limits) = (Totals::default(), limits(4));
        for _ in 0..4 {
            assert_eq!(totals.take_request(&limits, MS(7_000)), Ok(()));
        }
        assert_eq!(totals.take_request(&limits, MS(7_000)), Err(MS(250)));
        assert_eq!(totals.take_request(&limits, MS(7_100)), Err(MS(150)));
        assert_eq!(totals.take_request(&limits, MS(7_250)), Ok(()));
        assert!(!totals.is_paid(MS(8_249)));
        assert!(totals.is_paid(MS(8_250)));
        // What was not used for long is no more than a second's worth.
        for _ in 0..4 {
            assert_eq!(totals.take_request(&limits, MS(99_000)), Ok(()));
        }
        assert!(totals.take_request(&limits, MS(99_000)).is_err());
    }

    #[test]
    fn a_publish_is_read_whole_and_the_next_ones_wait_for_what_it_was_too_long() {
        let (totals, limits) = (Totals::default(), limits(1_000));
        totals.charge_publish(&limits, (1_000, 10), MS(0));
        assert_eq!(totals.publish_pause(&limits, MS(0)), None);
        totals.charge_publish(&limits, (0, 0), MS(0));
        assert_eq!(
            totals.publish_pause(&limits, MS(0)),
            Some(MS(1)),
            "an empty message is one update"
        );
        totals.charge_publish(&limits, (1, 5_000), MS(0));
        assert_eq!(totals.publish_pause(&limits, MS(0)), Some(MS(4_010)));
        let no_bytes = TotalLimits {
            publish_bytes_per_s: None,
            ..limits
        };
        assert_eq!(totals.publish_pause(&no_bytes, MS(0)), Some(MS(2)));
        assert_eq!(totals.publish_pause(&limits, MS(4_010)), None);
    }

    #[test]
    fn without_limits_nothing_is_counted_but_subscriptions() {
        let (totals, none) = (Totals::default(), TotalLimits::default());
        for _ in 0..10_000 {
            assert_eq!(totals.take_request(&none, MS(0)), Ok(()));
            assert!(totals.take_subscription(&none));
        }
        totals.charge_publish(&none, (usize::MAX, usize::MAX), MS(0));
        assert_eq!(totals.publish_pause(&none, MS(0)), None);
        assert!(totals.is_paid(MS(0)));
        assert!(!totals.take_subscription(&limits(10_000)));
        totals.release_subscriptions(1);
        assert!(totals.take_subscription(&limits(10_000)));
    }
}
