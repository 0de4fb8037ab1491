use proptest::prelude::*;
use tickcast_protocol::{topic::Topic, value::Value};

use super::*;

fn update(number: usize) -> NewUpdate {
    NewUpdate {
        topic: Topic::new("t").unwrap(),
        value: Value::Reading(number as f64),
        source_time_ns: None,
        quality: Quality::Live,
        unit: None,
    }
}

#[test]
fn pending_gives_up_the_oldest_and_counts_them() {
    let mut pending = Pending::default();
    for number in 0..PENDING_MAX_UPDATES + 5 {
        pending.push(update(number), 1);
    }
    assert!(pending.is_full());
    assert_eq!(pending.drop_oldest(), 6);
    assert!(!pending.is_full());
    assert_eq!(pending.take_batch()[0], update(6));
}

#[test]
fn pending_is_bounded_in_bytes_as_well() {
    let mut pending = Pending::default();
    for number in 0..3 {
        pending.push(update(number), PENDING_MAX_BYTES / 2);
    }
    assert_eq!(pending.drop_oldest(), 2);
    assert_eq!(pending.take_batch().as_slice(), [update(2)]);
    assert_eq!(pending.bytes, 0);
}

#[test]
fn waits_grow_to_the_longest_and_begin_anew_after_a_good_connection() {
    let mut backoff = Backoff::default();
    let mut now = Instant::now();
    assert_eq!(backoff.take_wait(), Duration::ZERO);
    for losses in 0..20u32 {
        let full = RETRY_MIN.saturating_mul(1 << losses.min(16)).min(RETRY_MAX);
        let wait = backoff.lost(now);
        assert!(
            wait >= full.mul_f64(0.499) && wait <= full,
            "{wait:?} of {full:?}"
        );
        assert_eq!(backoff.take_wait(), wait);
        assert_eq!(backoff.take_wait(), Duration::ZERO);
        now += GOOD_AFTER / 2;
        // Connections that do not hold do not count as good.
        backoff.connected(now);
    }
    assert!(backoff.lost(now + GOOD_AFTER) <= RETRY_MIN);
}

#[test]
fn settings_out_of_bounds_are_refused() {
    let check = |change: fn(&mut MqttSettings), part: &str| {
        let mut settings = MqttSettings::default();
        settings.check().unwrap();
        change(&mut settings);
        let error = settings.check().unwrap_err();
        assert!(error.contains(part), "{error}");
    };
    check(|s| s.filters.clear(), "0 filters");
    check(|s| s.qos = 3, "quality of service 3");
    check(|s| s.max_packet_bytes = 0, "0 bytes");
    check(
        |s| s.session_expiry = Duration::from_secs(60),
        "needs a client id",
    );
}

proptest! {
    #[test]
    fn pending_is_a_queue(sizes in prop::collection::vec(0usize..10_000, 0..2_000)) {
        let mut pending = Pending::default();
        for (number, size) in sizes.iter().enumerate() {
            pending.push(update(number), *size);
        }
        let mut taken = Vec::new();
        while !pending.is_empty() {
            let batch = pending.take_batch();
            prop_assert!(batch.len() <= BATCH_MAX_UPDATES);
            taken.extend(batch);
        }
        let expected: Vec<_> = (0..sizes.len()).map(update).collect();
        prop_assert_eq!(taken, expected);
        prop_assert_eq!(pending.bytes, 0);
    }
}
