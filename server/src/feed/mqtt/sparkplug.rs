//! A host application of Sparkplug at the broker: it passes messages to the
//! [`Host`](crate::feed::sparkplug::Host) and its results to the buffer, and publishes what the
//! host has to say.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use tickcast_protocol::value::Value;

use super::pending::Pending;
use crate::{
    feed::{
        handover::Handover,
        sparkplug::{Event, Host, HostState, state_topic},
    },
    mqtt::{Outgoing, Publisher},
};

/// Messages that wait to be published, at most. The host makes fifty a second at most, and the
/// client takes them within milliseconds; it takes none while the broker does not read.
const OUTGOING_MAX: usize = 256;

/// When to try again to publish.
const RETRY_AFTER: Duration = Duration::from_millis(10);

/// A host application at one broker.
pub(super) struct Sparkplug {
    host: Host,
    state_topic: String,
    publisher: Option<Publisher>,
    outgoing: VecDeque<Outgoing>,
    /// When to try again to publish.
    retry_at: Option<Duration>,
    /// The time in the will of the connection, in ms.
    will_ms: i64,
    /// Whether the host is online: the broker has its state.
    is_online: bool,
}

impl Sparkplug {
    pub(super) fn new(host: &str, payload_max_bytes: usize) -> Self {
        Self {
            host: Host::new(payload_max_bytes),
            state_topic: state_topic(host),
            publisher: None,
            outgoing: VecDeque::new(),
            retry_at: None,
            will_ms: 0,
            is_online: false,
        }
    }

    /// Publishes by this client from now on.
    pub(super) fn publish_with(&mut self, publisher: Publisher) {
        self.publisher = Some(publisher);
    }

    /// Records a connection with a will of this time.
    pub(super) fn connect(&mut self, will_ms: i64) {
        self.will_ms = will_ms;
    }

    /// Messages will come from now on: the host is online.
    pub(super) fn begin(&mut self, handover: &mut Handover, pending: &mut Pending) {
        self.is_online = true;
        self.push_state(true, self.will_ms);
        self.host.connect(handover.now());
        self.settle(handover, pending);
    }

    /// Takes a message. Returns `false` if its topic is none of Sparkplug.
    pub(super) fn take(
        &mut self,
        topic: &str,
        payload: &Bytes,
        is_retained: bool,
        handover: &mut Handover,
        pending: &mut Pending,
    ) -> bool {
        if topic == self.state_topic && !is_retained && self.is_online {
            // The will of an earlier connection, whose end the broker has noticed only now.
            let state = HostState::from_json(payload);
            if state.is_some_and(|state| !state.online) {
                self.push_state(true, self.will_ms);
            }
        }
        let is_taken = self.host.take(topic, payload, is_retained, handover.now());
        if is_taken {
            self.settle(handover, pending);
        }
        is_taken
    }

    /// Records the loss of the connection.
    pub(super) fn lose(&mut self, handover: &mut Handover, pending: &mut Pending) {
        self.is_online = false;
        self.outgoing.clear();
        self.host.lose(handover.now());
        self.settle(handover, pending);
    }

    /// Tells the broker that the host is not online any more. Returns `false` if that cannot be
    /// sent: then only the will says it, so the connection must not be ended cleanly.
    pub(super) fn end(&mut self, handover: &Handover) -> bool {
        self.is_online = false;
        let now = handover.now();
        self.push_state(false, now.wall_ns / 1_000_000);
        self.publish(now.uptime);
        self.outgoing.is_empty()
    }

    /// Does what is due.
    pub(super) fn poll(&mut self, handover: &mut Handover, pending: &mut Pending) {
        self.host.poll(handover.now());
        self.settle(handover, pending);
    }

    /// Uptime by which [`poll`](Self::poll) must be called.
    pub(super) fn next_due(&self) -> Option<Duration> {
        let dues = [self.host.next_due(), self.retry_at];
        dues.into_iter().flatten().min()
    }

    /// Passes on what the host has made of its messages.
    fn settle(&mut self, handover: &mut Handover, pending: &mut Pending) {
        for event in self.host.take_events() {
            match event {
                Event::Message(outcome) => {
                    let mut outcome = *outcome;
                    handover.count_decoded(&outcome.origin, &mut outcome.decoded);
                    let metrics = handover.metrics();
                    metrics.undecodable.add(outcome.unread);
                    metrics.sparkplug.unresolved.add(outcome.unresolved);
                    for update in outcome.decoded.updates {
                        let bytes = size_of_val(&update) + len_bytes(&update.value);
                        pending.push(update, bytes);
                    }
                    pending.push_dead(outcome.dead);
                }
                Event::Dead(topics) => pending.push_dead(topics),
                Event::Command(topic, payload) if self.is_online => self.push(Outgoing {
                    topic,
                    payload: payload.into(),
                    is_retained: false,
                    qos: 0,
                }),
                Event::Command(..) => {}
            }
        }
        let (counts, metrics) = (self.host.take_counts(), &handover.metrics().sparkplug);
        metrics.births.add(counts.births);
        metrics.deaths.add(counts.deaths);
        metrics.late.add(counts.late);
        metrics.gaps.add(counts.gaps);
        let asked = self.publish(handover.now().uptime);
        handover.metrics().sparkplug.rebirths.add(asked);
    }

    fn push_state(&mut self, online: bool, timestamp: i64) {
        let state = HostState { online, timestamp };
        self.push(Outgoing {
            topic: self.state_topic.clone(),
            payload: state.to_json().into(),
            is_retained: true,
            qos: 1,
        });
    }

    /// A command for which there is no room is not sent. The next message of its node asks again.
    /// Of the states of the host only the newest is true.
    fn push(&mut self, message: Outgoing) {
        if message.is_retained {
            self.outgoing.retain(|waiting| !waiting.is_retained);
        }
        if message.is_retained || self.outgoing.len() < OUTGOING_MAX {
            self.outgoing.push_back(message);
        }
    }

    /// Returns the number of commands that were passed on.
    fn publish(&mut self, now: Duration) -> u64 {
        let Some(publisher) = &self.publisher else {
            return 0;
        };
        let mut commands = 0;
        while let Some(message) = self.outgoing.front()
            && publisher.publish(message)
        {
            commands += u64::from(!message.is_retained);
            self.outgoing.pop_front();
        }
        let is_empty = self.outgoing.is_empty();
        self.retry_at = (!is_empty).then_some(now + RETRY_AFTER);
        commands
    }
}

fn len_bytes(value: &Value) -> usize {
    match value {
        Value::Text(text) | Value::Absent(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        Value::Reading(_) | Value::Trade(_) | Value::Quote(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_to_be_published_is_bounded_and_only_the_newest_state_is_kept() {
        let mut sparkplug = Sparkplug::new("h", 1024);
        for time in 0..10_000 {
            sparkplug.push_state(time % 2 == 0, time);
            sparkplug.push(Outgoing {
                topic: "spBv1.0/G/NCMD/E".into(),
                payload: Bytes::new(),
                is_retained: false,
                qos: 0,
            });
        }
        assert!(sparkplug.outgoing.len() <= OUTGOING_MAX + 1);
        let states = sparkplug
            .outgoing
            .iter()
            .filter(|message| message.is_retained);
        let states: Vec<_> = states.map(|state| &state.payload[..]).collect();
        assert_eq!(states, [br#"{"online":false,"timestamp":9999}"#]);
    }
}
