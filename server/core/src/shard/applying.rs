//! Applying strips: the newest values are replaced, and the updates join the open batches.
//!
//! A strip may have more updates and new topics than one turn can apply, and its updates may go to
//! many channels. Then the next turn goes on where this one has stopped.

use std::sync::Arc;

use tickcast_protocol::message::{Position, Published, ServerMessage, TopicInfo};

use super::{
    Event, Shard,
    keys::ConnectionKey,
    latest_batch::introduce_steps,
    socket::Socket,
    steps::{Steps, json_steps, name_steps},
};
use crate::tape::{AckResult, Strip};

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
            let unapplied = &mut self.unapplied;
            unapplied.strips.pop_front();
            (unapplied.topics, unapplied.updates, unapplied.is_begun) = (0, 0, false);
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
        if !self.unapplied.is_begun {
            self.tape.begin(Arc::clone(strip));
            self.unapplied.is_begun = true;
        }
        if !self.apply_updates(strip, steps) {
            return false;
        }
        for &change in strip.statuses() {
            self.statuses
                .change(change, &mut self.topics, &mut self.channels);
        }
        for &ack in strip.acks() {
            self.acknowledge(ack);
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
                if let Some(batch) = channel.append(&update, is_newest) {
                    let json = strip.json(update.position, |id| self.topics.name(id));
                    batch.push(json.bytes);
                    taken += json_steps(json.new_bytes);
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
            let topic = &mut self.topics[info.id];
            topic.info = info.clone();
            topic.info_position = self.tape.head();
            steps.take(1 + topic.channels.len());
            self.statuses
                .change_info(info.id, &mut self.topics, &mut self.channels);
            return;
        }
        let channels = self.channels.matching(&info.topic, steps);
        steps.take(channels.len() + name_steps(info.topic.as_str()));
        for &key in &channels {
            self.channels[key].add_topic(info.id);
        }
        self.topics.introduce(info.clone(), channels);
        self.stats.topics.set(self.topics.len() as u64);
    }

    fn acknowledge(&mut self, answer: AckResult) {
        let AckResult { ack, result } = answer;
        if ack.shard != self.index {
            return;
        }
        let key = ConnectionKey::from_u64(ack.connection);
        if key.is_without_connection() {
            self.events.push(Event::Posted(answer));
            return;
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
    }
}
