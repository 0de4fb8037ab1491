//! Catching up: subscriptions that are behind get one frame at a time, within a budget, so that
//! they do not delay the live ones.

use std::time::Duration;

use tickcast_protocol::message::Position;

use super::{
    Shard,
    age::age_ms,
    behind::{Allowance, CATCH_UP_FRAME_MAX_BYTES, CATCH_UP_FRAME_MIN_BYTES, FromLog, Step},
    connection::{SentAge, WaitingForLog},
    keys::{ConnectionKey, SubscriptionKey},
    output::Flushed,
    socket::Socket,
    subscription::Progress,
};
use crate::{audit::Fact, identity::Who, now::Now};

/// Maximum number of updates on the tape that one call of [`Shard::catch_up`] reads, so that
/// subscriptions that are behind do not delay live ones: a few milliseconds of work.
const CATCH_UP_BUDGET_UPDATES: usize = 100_000;

/// Maximum bytes that one call of [`Shard::catch_up`] writes, for the same reason.
const CATCH_UP_BUDGET_BYTES: usize = 4 * 1024 * 1024;

impl<S: Socket> Shard<S> {
    /// Queues a subscription that is behind for [`catch_up`](Self::catch_up).
    pub(crate) fn go_on(&mut self, key: ConnectionKey, subscription: SubscriptionKey) {
        if let Some(connection) = self.connections.get(key) {
            let behind = &mut connection.catching_up.subscriptions;
            behind.push_back(subscription);
            if connection.line_up_to_catch_up() {
                self.catching_up.push_back(key);
            }
        }
    }

    /// Handles a blocked connection whose socket accepts bytes again.
    ///
    /// Returns whether the caller must wait and call again.
    pub fn on_writable(&mut self, key: ConnectionKey, now: Now) -> bool {
        if self.connections.get(key).is_none() {
            return false;
        }
        // A broken socket stays writable, and the connection was blocked when it broke.
        self.connections[key.slot].output.link.opened(now.uptime);
        if self.flush(key.slot, 0, now) == Flushed::Broken {
            return false;
        }
        let connection = &mut self.connections[key.slot];
        if connection.line_up_to_catch_up() {
            self.catching_up.push_back(key);
        }
        connection.output.is_blocked()
    }

    /// Lets connections that are behind catch up, within a budget. A connection that comes back
    /// from the log is sent a frame if one is [due](Self::is_log_due). Returns whether more work
    /// can be done now.
    pub fn catch_up(&mut self, now: Now) -> bool {
        let mut allowance = Allowance {
            updates: CATCH_UP_BUDGET_UPDATES,
            frame_bytes: CATCH_UP_FRAME_MAX_BYTES,
        };
        if let Some(log) = &mut self.log {
            log.set_uptime(now.uptime);
        }
        self.catch_up_from_log(&mut allowance, now);
        let mut bytes = 0;
        for _ in 0..self.catching_up.len() {
            if allowance.updates == 0 || bytes >= CATCH_UP_BUDGET_BYTES {
                break;
            }
            let Some(key) = self.catching_up.pop_front() else {
                break;
            };
            let Some(connection) = self.connections.get(key) else {
                continue;
            };
            connection.catching_up.is_in_line = false;
            if connection.output.is_blocked() {
                continue;
            }
            if connection.catching_up.is_from_log {
                connection.catching_up.is_in_line = true;
                self.log_pace.line_up(key);
                continue;
            }
            bytes += self.catch_up_connection(key, &mut allowance, now);
            self.line_up_again(key);
        }
        let steps = CATCH_UP_BUDGET_UPDATES - allowance.updates;
        self.stats.steps.add(steps as u64);
        self.read_log();
        !self.catching_up.is_empty() || self.is_log_due(now)
    }

    /// Serves the first connection that comes back from the log and is due.
    fn catch_up_from_log(&mut self, allowance: &mut Allowance, now: Now) {
        while let Some(key) = self.log_pace.take(now.uptime) {
            let Some(connection) = self.connections.get(key) else {
                continue;
            };
            connection.catching_up.is_in_line = false;
            if connection.output.is_blocked() {
                continue;
            }
            self.catch_up_connection(key, allowance, now);
            self.line_up_again(key);
            return;
        }
    }

    /// Queues a connection again that has more to catch up with.
    fn line_up_again(&mut self, key: ConnectionKey) {
        let connection = &mut self.connections[key.slot];
        if connection.line_up_to_catch_up() {
            match connection.catching_up.is_from_log {
                true => self.log_pace.line_up(key),
                false => self.catching_up.push_back(key),
            }
        }
    }

    /// Whether [`catch_up`](Self::catch_up) serves a connection that comes back from the log now.
    /// What that took is to be [told](Self::rest_log).
    pub fn is_log_due(&self, now: Now) -> bool {
        self.log_pace.is_due(now.uptime)
    }

    /// Lets the connections that come back from the log rest, after one of them was served at `now`
    /// for a time: live ones come first. `idle` is the time in which the shard's thread had nothing
    /// to do since it began, if that is known. Returns whether [`catch_up`](Self::catch_up) has
    /// more work that can be done now.
    pub fn rest_log(&mut self, elapsed: Duration, idle: Option<Duration>, now: Now) -> bool {
        self.log_pace
            .served(elapsed, idle, now.uptime, self.tape.head());
        self.has_catching_up() || self.is_log_due(now)
    }

    /// Sends one connection about one frame, in one write.
    fn catch_up_connection(
        &mut self,
        key: ConnectionKey,
        allowance: &mut Allowance,
        now: Now,
    ) -> usize {
        let mut bytes = 0;
        let catching_up = &self.connections[key.slot].catching_up;
        allowance.frame_bytes = catching_up.frame_bytes;
        if catching_up.is_from_log && self.log_pace.gives_way() {
            // A live update waits for one frame at most.
            allowance.frame_bytes = allowance.frame_bytes.min(CATCH_UP_FRAME_MIN_BYTES);
        }
        for _ in 0..catching_up.subscriptions.len() {
            if bytes >= allowance.frame_bytes || allowance.updates == 0 {
                break;
            }
            let catching_up = &mut self.connections[key.slot].catching_up;
            let Some(subscription) = catching_up.subscriptions.pop_front() else {
                break;
            };
            bytes += self.catch_up_subscription(subscription, allowance, now);
        }
        self.flush(key.slot, 0, now);
        let connection = &mut self.connections[key.slot];
        connection.catching_up.is_from_log &= !connection.catching_up.is_done();
        if !connection.output.is_blocked() {
            connection.lengthen_frames();
        }
        bytes
    }

    /// Takes a subscription's steps until it is live, waits, or has filled a frame. Returns the
    /// bytes handed to the connection.
    fn catch_up_subscription(
        &mut self,
        key: SubscriptionKey,
        allowance: &mut Allowance,
        now: Now,
    ) -> usize {
        let mut bytes = 0;
        loop {
            let Some(subscription) = self.subscriptions.get_mut(key) else {
                return bytes;
            };
            let Progress::Behind(behind) = &mut subscription.progress else {
                return bytes;
            };
            let channel = &mut self.channels[subscription.channel];
            let slot = subscription.connection.slot;
            let connection = &mut self.connections[slot];
            let log = self.log.as_mut();
            let scanned = behind.scanned;
            let step = behind.step(channel, &mut self.topics, &self.tape, log, allowance);
            if behind.log == FromLog::Read {
                let catching_up = &mut connection.catching_up;
                catching_up.is_from_log = true;
                // The others of the connection advance in the same time.
                let subscriptions = catching_up.subscriptions.len() as Position + 1;
                let advanced = behind.scanned - scanned;
                self.log_pace.note_advanced(advanced / subscriptions);
            }
            match step {
                Step::Frame {
                    frame,
                    updates,
                    ends,
                } => {
                    if let Some((oldest, newest)) = ends {
                        connection.catching_up.sent_age = Some(SentAge {
                            oldest_ms: age_ms(&oldest, now),
                            newest_ms: age_ms(&newest, now),
                        });
                    }
                    self.stats.batches.add(1);
                    self.stats.deliveries.add(updates);
                    let frame = self.moved(&self.connections[slot], &frame);
                    bytes += frame.len();
                    self.connections[slot].output.push(frame);
                }
                Step::Gap { frame, lost } => {
                    self.stats.gaps.add(1);
                    self.stats.gap_updates.add(lost.unwrap_or(0));
                    if let Some(audit) = &self.audit {
                        let standing = connection.standing.as_ref();
                        let who = standing.map_or(Who::Everybody, |standing| standing.who());
                        let fact = Fact::Lost {
                            channel: channel.key.id(),
                            to: behind.cursor,
                            updates: lost,
                        };
                        audit.note(subscription.connection.to_u64(), who, fact);
                    }
                    let frame = self.moved(&self.connections[slot], &frame);
                    bytes += frame.len();
                    self.connections[slot].output.push(frame);
                }
                Step::Status(frame) => {
                    bytes += frame.len();
                    connection.output.push(frame);
                }
                Step::Reading(from) => {
                    match &mut connection.catching_up.log {
                        Some(waiting) => waiting.subscriptions.push(key),
                        none => {
                            *none = Some(Box::new(WaitingForLog {
                                from,
                                subscriptions: vec![key],
                            }));
                            if let Some(log) = &mut self.log {
                                log.ask(from, subscription.connection);
                            }
                        }
                    }
                    return bytes;
                }
                Step::Searching => {
                    connection.catching_up.subscriptions.push_back(key);
                    return bytes;
                }
                Step::Waiting => {
                    channel.waiting.push(key);
                    subscription.is_waiting = true;
                    let channel = channel.key;
                    self.schedule(channel, now);
                    return bytes;
                }
                Step::Live => {
                    if let (Some(count), true) = (behind.count, behind.sent > 0) {
                        let arrived = channel.flushed_count().saturating_sub(count);
                        self.stats
                            .conflated
                            .add(arrived.saturating_sub(behind.sent));
                    }
                    subscription.progress = Progress::Live(channel.live.len() as u32);
                    channel.live.push(key);
                    return bytes;
                }
            }
            if bytes >= allowance.frame_bytes || allowance.updates == 0 {
                let catching_up = &mut self.connections[slot].catching_up;
                catching_up.subscriptions.push_back(key);
                return bytes;
            }
        }
    }

    /// Whether [`catch_up`](Self::catch_up) has work to do that does not wait until it is due.
    pub fn has_catching_up(&self) -> bool {
        !self.catching_up.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        io::{self, ErrorKind, IoSlice},
        rc::Rc,
        sync::Arc,
        time::Duration,
    };

    use tickcast_protocol::{codec::Encoding, message::Epoch};

    use super::*;
    use crate::{permissions::Access, settings::CoreSettings, shard::Event, stats::ShardStats};

    /// A socket that fails with a fixed error.
    #[derive(Clone)]
    struct Failing(Rc<Cell<ErrorKind>>);

    impl Socket for Failing {
        fn try_write(&self, _: &[IoSlice<'_>]) -> io::Result<usize> {
            Err(self.0.get().into())
        }
    }

    #[test]
    fn a_blocked_connection_that_breaks_is_not_waited_for() {
        let now = Now {
            uptime: Duration::ZERO,
            wall_ns: 0,
        };
        let settings = Arc::new(CoreSettings::default());
        let mut shard = Shard::new(0, Epoch(7), settings, Arc::<ShardStats>::default());
        let socket = Failing(Rc::new(Cell::new(ErrorKind::WouldBlock)));
        let key = shard.connect(
            socket.clone(),
            Encoding::Json,
            Access { may_publish: true },
            now,
        );
        assert!(matches!(shard.take_events()[..], [Event::Blocked(_)]));
        assert!(shard.on_writable(key, now));
        socket.0.set(ErrorKind::BrokenPipe);
        assert!(!shard.on_writable(key, now));
        assert!(matches!(shard.take_events()[..], [Event::Broken(_)]));
    }
}
