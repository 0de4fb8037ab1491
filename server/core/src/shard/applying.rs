//! Applying strips: the newest values are replaced, and the updates join the open batches.
//!
//! A strip may have more updates and new topics than one turn can apply, and its updates may go to
//! many channels. Then the next turn goes on where this one has stopped.

use std::sync::Arc;

use tickcast_protocol::message::{Position, Published, ServerMessage, TopicInfo};

use super::{
    Event, Shard,
    channel::Appended,
    keys::ConnectionKey,
    latest_batch::introduce_steps,
    socket::Socket,
    status_cursor::news_steps,
    steps::{Steps, json_steps},
    topics::TopicState,
};
use crate::tape::{AckResult, Strip};

/// Steps of applying a change of a topic's status or info.
const CHANGE_STEPS: usize = 8;

/// Steps of an answer to a publish.
const ANSWER_STEPS: usize = 16;

impl<S: Socket> Shard<S> {
    /// Whether strips wait for the next turn to be applied, or batches to be closed.
    pub fn is_applying(&self) -> bool {
        !self.unapplied.is_empty() || !self.rounds.closing.is_empty()
    }

    /// Applies strips, and those that earlier turns have left over, as far as one turn may. While
    /// an earlier batch is being closed, they wait.
    pub(super) fn apply_strips(&mut self, strips: &[Arc<Strip>], steps: &mut Steps) {
        self.unapplied.strips.extend(strips.iter().cloned());
        if !self.rounds.closing.is_empty() {
            return;
        }
        while let Some(strip) = self.unapplied.strips.front() {
            let strip = Arc::clone(strip);
            if !self.apply(&strip, steps) {
                break;
            }
            self.unapplied.next();
        }
        if self.unapplied.is_empty() && !self.unapplied.answers.is_empty() {
            let answers = std::mem::take(&mut self.unapplied.answers);
            self.take_answers(answers);
        }
    }

    /// Goes on to apply the first strip. Returns whether all of it is applied.
    fn apply(&mut self, strip: &Arc<Strip>, steps: &mut Steps) -> bool {
        for info in &strip.topics()[self.unapplied.topics..] {
            if steps.are_spent() {
                return false;
            }
            self.introduce(info, steps);
            self.unapplied.topics += 1;
        }
        // What is known about a topic comes before its values.
        for &change in &strip.statuses()[self.unapplied.statuses..] {
            if steps.are_spent() {
                return false;
            }
            self.statuses
                .change(change, &mut self.topics, &mut self.channels);
            steps.take(change_steps(&self.topics[change.topic]));
            self.unapplied.statuses += 1;
        }
        if !self.unapplied.is_begun {
            self.tape.begin(Arc::clone(strip));
            self.unapplied.is_begun = true;
        }
        if !self.apply_updates(strip, steps) {
            return false;
        }
        for &ack in &strip.acks()[self.unapplied.acks..] {
            if steps.are_spent() {
                return false;
            }
            steps.take(self.acknowledge(ack));
            self.unapplied.acks += 1;
        }
        true
    }

    /// Goes on to apply the updates of a strip. Returns whether all of them are applied.
    fn apply_updates(&mut self, strip: &Strip, steps: &mut Steps) -> bool {
        let begin = self.unapplied.updates;
        let (mut index, mut taken) = (begin, 0);
        let left = steps.left();
        for update in strip.updates_from(begin) {
            if taken >= left {
                break;
            }
            let is_first = self.topics.apply(update, strip.is_historical(index)).seq == 1;
            let is_newest = self.topics.position(update.topic) == update.position;
            let topic = &self.topics[update.topic];
            taken += 1 + topic.channels.len();
            for &key in &topic.channels {
                let channel = &mut self.channels[key];
                if !channel.is_open() {
                    self.rounds.touched.push(key);
                }
                if is_first {
                    channel.introduce(update.topic);
                    taken += introduce_steps(&topic.info);
                }
                let is_full = match channel.append(&update, is_newest, self.batch_max_bytes) {
                    Appended::Done => false,
                    Appended::InJson(batch) => {
                        let json = strip.json(update.position, |id| self.topics.name(id));
                        batch.push(json.bytes);
                        taken += json_steps(json.new_bytes);
                        batch.len_bytes() >= self.batch_max_bytes
                    }
                    Appended::Full => true,
                };
                if is_full {
                    // It is closed at the end of the turn.
                    taken = taken.max(left);
                }
            }
            index += 1;
        }
        steps.take(taken);
        self.unapplied.updates = index;
        if index > begin {
            self.tape.advance(strip.first() + index as Position - 1);
        }
        index == strip.len()
    }

    /// Introduces a new topic, or applies what else is known about one.
    fn introduce(&mut self, info: &TopicInfo, steps: &mut Steps) {
        if (info.id as usize) < self.topics.len() {
            let (topics, channels) = (&mut self.topics, &mut self.channels);
            self.statuses
                .change_info(info, self.tape.head(), topics, channels);
            steps.take(change_steps(&self.topics[info.id]));
            return;
        }
        let channels = self.channels.matching(&info.topic, steps);
        steps.take(channels.len());
        for &key in &channels {
            self.channels[key].add_topic(info.id);
        }
        self.topics.introduce(info.clone(), channels, steps);
        self.stats.topics.set(self.topics.len() as u64);
    }

    /// Returns the steps that it has taken.
    fn acknowledge(&mut self, answer: AckResult) -> usize {
        let AckResult { ack, result } = answer;
        if ack.shard != self.index {
            return 1;
        }
        let key = ConnectionKey::from_u64(ack.connection);
        if key.is_without_connection() {
            self.events.push(Event::Posted(answer));
            return ANSWER_STEPS;
        }
        match result {
            Ok(position) => {
                if let Some(id) = ack.id {
                    let published = Published { id, position };
                    self.answer(key, &ServerMessage::Published(published));
                }
            }
            Err(reason) => self.refuse_publish(key, ack.id, reason),
        }
        ANSWER_STEPS
    }
}

/// Steps of applying a change of a topic's status or info, and of telling it to each channel.
fn change_steps(topic: &TopicState) -> usize {
    CHANGE_STEPS + topic.channels.len() * news_steps(&topic.info)
}
