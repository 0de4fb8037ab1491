//! The limits of a connection that publishes: when its next message may be read, and the refusals
//! of the sequencer.

use std::time::Duration;

use tickcast_protocol::{
    error::ErrorCode,
    message::{PUBLISHER_WINDOW, RequestId},
};

use super::{Shard, keys::ConnectionKey, publish_budget::PublishBudget, socket::Socket};
use crate::{
    now::Now,
    refusal::Refusal,
    sequencer::{NewTopicLimits, PUBLISHERS_MAX},
    stats::{LimitOf, Limited},
    work::Unpublished,
};

/// Interval at which a client that does not read its answers is checked.
const CLOGGED_POLL: Duration = Duration::from_millis(20);

/// Longest pause of a client that publishes too much, before it is checked again: it may have been
/// closed meanwhile.
const PAUSE_MAX: Duration = Duration::from_millis(250);

impl<S: Socket> Shard<S> {
    /// Charges a message that publishes to its connection, its identity and its address. Call it
    /// before [`handle`](Self::handle). Returns the time to wait before that, if others have used
    /// up what they may publish together.
    pub fn charge_publish(
        &mut self,
        key: ConnectionKey,
        updates: usize,
        bytes: usize,
        now: Now,
    ) -> Option<Duration> {
        let connection = self.connections.get(key)?;
        let updates_per_s = self.settings.publish_updates_per_s;
        let bytes_per_s = self.settings.publish_bytes_per_s;
        let budget = connection.publishing.get_or_insert_with(|| {
            Box::new(PublishBudget::new(updates_per_s, bytes_per_s, now.uptime))
        });
        budget.charge(updates, bytes, now.uptime);
        if budget.pause(now.uptime).is_some() {
            self.stats.publish_pauses.add(1);
            self.stats.limited(Limited::Publishes, LimitOf::Connection);
        }
        connection.joint.as_ref()?;
        let wait = self.joint_pause(key, now);
        self.charge_jointly(key, (updates, bytes), now);
        wait
    }

    /// Time to wait before this connection is read; `None` to read now. It is not read while it
    /// does not read its answers, and while it has published more than its limits allow, alone or
    /// together with others.
    pub fn reading_pause(&mut self, key: ConnectionKey, now: Now) -> Option<Duration> {
        let connection = self.connections.get(key)?;
        if connection.output.is_clogged() {
            return Some(CLOGGED_POLL);
        }
        let is_closing = connection.times.closing_since.is_some();
        let budget = connection.publishing.as_ref().filter(|_| !is_closing)?;
        let mut pause = budget.pause(now.uptime);
        if connection.joint.is_some() {
            pause = pause.max(self.joint_pause(key, now));
        }
        let pause = pause?;
        // Its pongs wait unread as well, so it does not count as silent.
        self.heard(key, now);
        Some(pause.min(PAUSE_MAX))
    }

    /// Answers a publish that the sequencer refused.
    pub(super) fn refuse_publish(
        &mut self,
        key: ConnectionKey,
        id: Option<RequestId>,
        reason: Unpublished,
    ) {
        let (refusal, retry_after_ms) = self.unpublished(reason);
        self.refuse(key, id, refusal, retry_after_ms);
    }

    /// What a client is told whose publish the sequencer refused, and when to try again, in ms.
    pub fn unpublished(&self, reason: Unpublished) -> (Refusal, Option<u32>) {
        match reason {
            Unpublished::TooManyTopics => {
                let max = self.settings.topics_max;
                let reason = format!("the server holds as many topics as it may (limit {max})");
                (Refusal::new(ErrorCode::TooManyTopics, reason), None)
            }
            Unpublished::TooManyNewTopics { retry_after_ms } => {
                let NewTopicLimits { per_s, burst } = self.settings.new_topics;
                let reason = format!(
                    "too many new topics: {burst} at once (new_topics_burst) and {per_s} per second \
                     (new_topics_per_s) are allowed"
                );
                let refusal = Refusal::new(ErrorCode::TooManyRequests, reason);
                (refusal, Some(retry_after_ms))
            }
            Unpublished::TooLong => {
                let reason = "the values are too long together for the cluster (limit 512 KiB): \
                              publish them apart";
                (Refusal::new(ErrorCode::ValueTooLarge, reason), None)
            }
            Unpublished::NumberTooOld => {
                let reason = format!(
                    "the server cannot tell any more whether this was published: it knows the last \
                     {PUBLISHER_WINDOW} numbers of each of the last {PUBLISHERS_MAX} publishers, \
                     and a publisher that it does not know begins with number 1"
                );
                (Refusal::new(ErrorCode::NumberTooOld, reason), None)
            }
        }
    }
}
