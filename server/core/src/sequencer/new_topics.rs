//! How many topics each client may introduce. A topic costs memory in every shard and is never
//! removed, so one client must not create a million of them by mistake within seconds.

use std::time::Duration;

use hashbrown::HashMap;

use crate::{token_bucket::TokenBucket, work::Ack};

/// Number of buckets at which the full ones are looked for, at the earliest.
const SWEEP_MIN: usize = 1024;

/// How fast one connection may introduce topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NewTopicLimits {
    /// Topics per second; 0 for no limit.
    pub per_s: u32,
    /// Topics at once.
    pub burst: u32,
}

/// The topics that each client may introduce now.
#[derive(Debug, Default)]
pub struct NewTopics {
    limits: NewTopicLimits,
    /// By shard and connection. A client without a bucket has a full one.
    buckets: HashMap<(usize, u64), TokenBucket>,
    sweep_at: usize,
}

impl NewTopics {
    /// All clients have full buckets.
    pub fn new(limits: NewTopicLimits) -> Self {
        Self {
            limits,
            buckets: HashMap::new(),
            sweep_at: SWEEP_MIN,
        }
    }

    /// Takes the tokens for the new topics of a publish, or none and returns the milliseconds until
    /// there are enough. A publish with more new topics than the burst needs a full bucket and
    /// leaves it in debt: otherwise it could never succeed.
    ///
    /// # Errors
    ///
    /// The milliseconds, if the client introduces topics too fast.
    pub fn take(&mut self, client: Ack, topics: usize, uptime: Duration) -> Result<(), u32> {
        let NewTopicLimits { per_s, burst } = self.limits;
        if per_s == 0 || topics == 0 {
            return Ok(());
        }
        self.sweep(uptime);
        let full = TokenBucket::full(burst.into(), uptime);
        let client = (client.shard, client.connection);
        let bucket = self.buckets.entry(client).or_insert(full);
        bucket.fill(per_s.into(), burst.into(), uptime);
        let topics = topics as f64;
        let missing = topics.min(burst.into()) - bucket.left();
        if missing > 0.0 {
            return Err((missing / f64::from(per_s) * 1000.0).ceil() as u32);
        }
        bucket.take(topics);
        Ok(())
    }

    /// Drops full buckets from time to time, so that only clients that have introduced topics
    /// lately cost memory.
    fn sweep(&mut self, uptime: Duration) {
        if self.buckets.len() < self.sweep_at {
            return;
        }
        let NewTopicLimits { per_s, burst } = self.limits;
        self.buckets.retain(|_, bucket| {
            bucket.fill(per_s.into(), burst.into(), uptime);
            bucket.left() < burst.into()
        });
        self.sweep_at = (2 * self.buckets.len()).max(SWEEP_MIN);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;

    fn client(connection: u64) -> Ack {
        Ack {
            shard: 0,
            connection,
            id: None,
        }
    }

    fn new_topics(per_s: u32, burst: u32) -> NewTopics {
        NewTopics::new(NewTopicLimits { per_s, burst })
    }

    #[test]
    fn each_client_has_a_burst_and_then_the_rate() {
        let mut new = new_topics(10, 100);
        assert_eq!(new.take(client(1), 100, MS(0)), Ok(()));
        assert_eq!(new.take(client(1), 1, MS(0)), Err(100));
        assert_eq!(new.take(client(1), 0, MS(0)), Ok(()));
        assert_eq!(new.take(client(2), 100, MS(0)), Ok(()));
        assert_eq!(new.take(client(1), 2, MS(100)), Err(100));
        assert_eq!(new.take(client(1), 2, MS(200)), Ok(()));
        assert_eq!(new.take(client(1), 100, MS(60_000)), Ok(()));
    }

    #[test]
    fn more_topics_than_the_burst_need_a_full_bucket_and_leave_a_debt() {
        let mut new = new_topics(10, 100);
        assert_eq!(new.take(client(1), 1, MS(0)), Ok(()));
        assert_eq!(new.take(client(1), 1000, MS(0)), Err(100));
        assert_eq!(new.take(client(1), 1000, MS(100)), Ok(()));
        assert_eq!(new.take(client(1), 1, MS(100)), Err(90_100));
        assert_eq!(new.take(client(1), 1, MS(90_200)), Ok(()));
    }

    #[test]
    fn without_a_rate_there_is_no_limit() {
        let mut new = new_topics(0, 100);
        assert_eq!(new.take(client(1), 1_000_000, MS(0)), Ok(()));
        assert!(new.buckets.is_empty());
    }

    #[test]
    fn a_client_that_has_used_its_burst_is_refused_however_many_others_come() {
        let mut new = new_topics(10, 100);
        assert_eq!(new.take(client(0), 100, MS(0)), Ok(()));
        for connection in 1..5_000 {
            assert_eq!(new.take(client(connection), 1, MS(0)), Ok(()));
            assert_eq!(new.take(client(0), 1, MS(0)), Err(100), "{connection}");
        }
    }

    #[test]
    fn full_buckets_are_looked_for_when_twice_as_many_are_kept_as_after_the_last_time() {
        let mut new = new_topics(10, 100);
        let mut longest = 0;
        for connection in 0..SWEEP_MIN as u64 {
            // Each bucket is full again when the next client comes.
            assert_eq!(
                new.take(client(connection), 1, MS(100 * connection)),
                Ok(())
            );
            longest = longest.max(new.buckets.len());
        }
        assert_eq!(longest, SWEEP_MIN);
        let mut new = new_topics(10, 100);
        for connection in 0..=SWEEP_MIN as u64 {
            assert_eq!(new.sweep_at, SWEEP_MIN);
            assert_eq!(new.take(client(connection), 1, MS(0)), Ok(()));
        }
        assert_eq!(new.sweep_at, 2 * SWEEP_MIN, "none was full");
    }

    #[test]
    fn only_clients_that_introduced_topics_lately_cost_memory() {
        let mut new = new_topics(10, 100);
        for connection in 0..100_000 {
            // A hundred connections per second; a bucket of which one token is taken is full again
            // after 100 ms.
            assert_eq!(new.take(client(connection), 1, MS(10 * connection)), Ok(()));
            assert!(new.buckets.len() <= SWEEP_MIN, "{}", new.buckets.len());
        }
    }
}
