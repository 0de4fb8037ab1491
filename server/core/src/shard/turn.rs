//! The turns of a shard's rounds: apply strips, close batches, write to connections.

use std::sync::Arc;

use bytes::Bytes;

use super::{
    Shard,
    behind::Behind,
    channel::Close,
    keys::{ChannelKey, ConnectionKey, SubscriptionKey},
    pace::Pace,
    socket::{Socket, WRITE_MANY_MAX},
    status_cursor::{STATUSES_PER_FRAME_MAX, StatusCursor},
    statuses::Statuses,
    steps::Steps,
    subscription::{Progress, Subscription},
};
use crate::{now::Now, tape::Strip, wire};

impl<S: Socket> Shard<S> {
    /// Runs a whole round in one call: sends the strips to all connections.
    pub fn round(&mut self, strips: &[Arc<Strip>], now: Now) {
        self.turn(strips, now);
        while self.has_unsent() {
            self.turn(&[], now);
        }
    }

    /// Runs one turn of a round: applies strips, closes the batches that are due, and writes to the
    /// connections that have waited longest.
    ///
    /// Each turn applies all strips available at its start, unless they are more than [a turn may
    /// apply](Self::is_applying). So a connection that is late in a round gets them in the same
    /// write, and has waited no longer for them than the early ones.
    pub fn turn(&mut self, strips: &[Arc<Strip>], now: Now) {
        let mut steps = Steps::new(self.turn_max_steps);
        self.apply_strips(strips, &mut steps);
        let was_line_empty = self.rounds.is_line_empty();
        // What is known about a topic comes before its values.
        self.send_statuses();
        self.close_touched(now, &mut steps);
        self.close_due(now);
        self.close_in_turn(&mut steps);
        self.stats.steps.add(steps.taken() as u64);
        if was_line_empty {
            self.rounds.rotate();
        }
        self.flush_answers(now);
        self.flush_line(now);
        self.stats.tape_bytes.set(self.tape.bytes() as u64);
        self.stats.position.set(self.tape.head());
    }

    /// Closes the batches of channels without a pace, and sets a timer for the others. Latest
    /// values wait for the end of the round, so that as few as possible are sent.
    fn close_touched(&mut self, now: Now, steps: &mut Steps) {
        for key in std::mem::take(&mut self.rounds.touched) {
            let channel = self.channels.get_mut(key);
            let Some(channel) = channel.filter(|channel| !channel.is_silent()) else {
                continue;
            };
            match channel.spec.pace {
                Pace::Latest { interval_ms: 0 } if !self.rounds.is_over() => {
                    self.rounds.touched.push(key);
                }
                Pace::Every => {
                    self.close_batch(key, steps);
                }
                Pace::Latest { interval_ms: 0 } => self.rounds.closing.push_back(key),
                Pace::Latest { .. } => self.schedule(key, now),
            }
        }
    }

    /// Sets a paced channel's timer unless it is set. The next batch is due an interval after the
    /// last one; the first batch is due now.
    pub(super) fn schedule(&mut self, key: ChannelKey, now: Now) {
        let channel = &mut self.channels[key];
        if !channel.is_scheduled {
            channel.is_scheduled = true;
            let interval = channel.spec.pace.interval();
            let last = channel.last_flush;
            let due = last.map_or(now.uptime, |last| last + interval);
            self.rounds.set_due(key, due);
        }
    }

    fn close_due(&mut self, now: Now) {
        while let Some(key) = self.rounds.take_due(now.uptime) {
            // The channel may have ended, and another channel may have its key now.
            let channel = self.channels.get_mut(key);
            let Some(channel) = channel.filter(|channel| channel.is_scheduled) else {
                continue;
            };
            channel.is_scheduled = false;
            channel.last_flush = Some(now.uptime);
            self.rounds.closing.push_back(key);
        }
    }

    /// Closes batches of newest values as far as the steps of a turn allow. The next turn goes on,
    /// and applies no update before all of them are closed.
    fn close_in_turn(&mut self, steps: &mut Steps) {
        while let Some(&key) = self.rounds.closing.front() {
            let channel = self.channels.get_mut(key);
            // The channel may have ended.
            let is_open = channel.is_some_and(|channel| !channel.is_silent());
            if is_open && !self.close_batch(key, steps) {
                return;
            }
            self.rounds.closing.pop_front();
        }
    }

    /// Closes a channel's batch or a part of it, hands that to the live subscriptions, and resumes
    /// the subscriptions that waited for the batch. Returns whether all of it is closed.
    fn close_batch(&mut self, key: ChannelKey, steps: &mut Steps) -> bool {
        let channel = &mut self.channels[key];
        let head = self.tape.head();
        let close = channel.close(&mut self.topics, head, self.batch_max_bytes, steps);
        if let Close::Unfinished = close {
            return false;
        }
        if let Close::Closed(closed) = close {
            let live = channel.live.len() as u64;
            if live > 0 {
                self.log_pace.note_live();
            }
            self.stats.batches.add(live);
            self.stats.deliveries.add(live * closed.updates);
            self.stats.conflated.add(live * closed.conflated);
            for &subscription in &self.channels[key].live {
                let slot = self.subscriptions[subscription].connection.slot;
                let frame = self.moved(&self.connections[slot], &closed.frame);
                let connection = &mut self.connections[slot];
                self.rounds.line_up(slot, connection, frame);
            }
            if !closed.is_last {
                return false;
            }
        }
        for subscription in std::mem::take(&mut self.channels[key].waiting) {
            let Subscription {
                connection,
                ref mut progress,
                ref mut is_waiting,
                is_ended,
                ..
            } = self.subscriptions[subscription];
            *is_waiting = false;
            if is_ended {
                self.remove_ended(subscription);
            } else if let Progress::Behind(behind) = progress {
                behind.is_due = true;
                self.go_on(connection, subscription);
            }
        }
        true
    }

    /// Sends the status changes of this turn to live subscriptions, and to those that only wait for
    /// their channel's next batch.
    fn send_statuses(&mut self) {
        for key in self.statuses.take_channels() {
            self.send_statuses_of(key);
        }
    }

    fn send_statuses_of(&mut self, key: ChannelKey) {
        let Some(unsent) = Statuses::take_unsent(key, &mut self.channels) else {
            return;
        };
        let channel = &self.channels[key];
        let listeners = [channel.live.as_slice(), channel.waiting.as_slice()].concat();
        if listeners.is_empty() {
            return;
        }
        let rows = unsent.topics.iter().map(|&id| {
            let topic = &self.topics[id];
            let is_new = |number| number > unsent.known;
            topic.news(is_new(topic.info_number), is_new(topic.status_number))
        });
        let rows: Vec<_> = rows.collect();
        let frames: Vec<Bytes> = rows
            .chunks(STATUSES_PER_FRAME_MAX)
            .map(|rows| wire::statuses(key.id(), rows, channel.spec.wire))
            .collect();
        let current = StatusCursor::current(channel);
        for subscription in listeners {
            let Subscription {
                connection: ConnectionKey { slot, .. },
                ref mut progress,
                is_ended,
                ..
            } = self.subscriptions[subscription];
            if is_ended {
                continue;
            }
            let connection = &mut self.connections[slot];
            if let Progress::Behind(behind) = progress {
                // A subscription that does not get the change now finds it later by its cursor.
                if connection.output.is_blocked() || behind.statuses.known != unsent.known {
                    continue;
                }
                behind.statuses = current;
            }
            for frame in &frames {
                self.rounds.line_up(slot, connection, frame.clone());
            }
        }
    }

    /// Writes to the connections that have waited longest, as many as one turn allows.
    fn flush_line(&mut self, now: Now) {
        let mut left = self.rounds.begin_turn();
        let mut bytes = 0;
        while left > 0 {
            let many = left.min(WRITE_MANY_MAX);
            left -= many;
            let slots = self.rounds.take_line(many, &mut self.connections);
            let written = self.rounds.write_many(&slots, &self.connections);
            for (&slot, written) in slots.iter().zip(written) {
                bytes += self.flush_uncounted(slot, written, now).1;
            }
        }
        self.stats.bytes.add(bytes as u64);
    }

    /// Removes a blocked connection's subscriptions from their channels' live lists.
    pub(super) fn fall_behind(&mut self, key: ConnectionKey) {
        let Some(connection) = self.connections.get(key) else {
            return;
        };
        for subscription in connection.subscriptions.clone() {
            if let Progress::Live(_) = self.subscriptions[subscription].progress {
                let behind = self.leave_live(subscription);
                self.subscriptions[subscription].progress = Progress::Behind(behind);
                let catching_up = &mut self.connections[key.slot].catching_up;
                catching_up.subscriptions.push_back(subscription);
            }
        }
    }

    /// Removes a live subscription from its channel's list, and returns its state.
    pub(super) fn leave_live(&mut self, subscription: SubscriptionKey) -> Behind {
        let Subscription {
            channel,
            ref progress,
            ..
        } = self.subscriptions[subscription];
        let channel = &mut self.channels[channel];
        if let Progress::Live(at) = *progress {
            channel.live.swap_remove(at as usize);
            if let Some(&moved) = channel.live.get(at as usize) {
                self.subscriptions[moved].progress = Progress::Live(at);
            }
        }
        let statuses = StatusCursor::current(channel);
        let mut behind = Behind::at(channel.flushed(), Some(channel.flushed_count()), statuses);
        behind.sent = channel.closed_updates();
        behind
    }
}
