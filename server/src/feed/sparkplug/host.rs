//! The host application: all nodes, and what it asks of them.

use std::{
    collections::{BTreeSet, VecDeque},
    time::Duration,
};

use bytes::Bytes;
use hashbrown::HashMap;
use tickcast_core::Now;
use tickcast_protocol::topic::{TOPIC_MAX_BYTES, TopicError};

use super::{
    address::{Address, Kind, command_topic},
    bounds::{HELD_MAX_BYTES, METRICS_MAX, NODES_MAX, REBIRTH_INTERVAL},
    command::rebirth_payload,
    message::Message,
    node::{Context, Node},
    outcome::{Counts, Event, Outcome},
    unpack::unpack,
};
use crate::feed::decode::bad;

/// A host application; see the module.
///
/// Input: [`take`](Self::take), [`lose`](Self::lose), [`connect`](Self::connect), and
/// [`poll`](Self::poll) when it is [`next_due`](Self::next_due). Output:
/// [`take_events`](Self::take_events) and [`take_counts`](Self::take_counts).
#[derive(Debug)]
pub struct Host {
    payload_max_bytes: usize,
    nodes: Vec<Known>,
    by_id: HashMap<Box<str>, usize>,
    /// When a node is to be polled or asked for a birth.
    due: BTreeSet<(Duration, usize)>,
    /// Nodes that are to be asked for a birth, in order.
    asked: VecDeque<usize>,
    /// When the next node may be asked.
    ask_at: Duration,
    /// Whether a node can be asked.
    is_connected: bool,
    held_bytes: usize,
    metrics: usize,
    counts: Counts,
    events: Vec<Event>,
}

#[derive(Debug)]
struct Known {
    group: Box<str>,
    name: Box<str>,
    node: Node,
    due: Option<Duration>,
    is_asked: bool,
}

impl Host {
    /// A host that knows no node and has no connection. A payload, when it is expanded, has at most
    /// this many bytes.
    pub fn new(payload_max_bytes: usize) -> Self {
        Self {
            payload_max_bytes,
            nodes: Vec::new(),
            by_id: HashMap::new(),
            due: BTreeSet::new(),
            asked: VecDeque::new(),
            ask_at: Duration::ZERO,
            is_connected: false,
            held_bytes: 0,
            metrics: 0,
            counts: Counts::default(),
            events: Vec::new(),
        }
    }

    /// Takes a message. Returns `false` if its topic is none of Sparkplug.
    pub fn take(&mut self, topic: &str, payload: &Bytes, is_retained: bool, now: Now) -> bool {
        let Some(address) = Address::parse(topic) else {
            return false;
        };
        let mut outcome = Outcome {
            origin: topic.into(),
            ..Outcome::default()
        };
        let (group, node, device, kind) = match address {
            Address::State { .. }
            | Address::Edge {
                kind: Kind::Command,
                ..
            } => {
                outcome.decoded.passed_over = 1;
                self.events.push(Event::Message(outcome.into()));
                return true;
            }
            Address::Edge {
                group,
                node,
                device,
                kind,
            } => (group, node, device, kind),
        };
        if payload.is_empty() {
            // Nothing is a payload of Protobuf as well, but no node sends it: it removes a message
            // that a broker has retained. As a birth or a death it would end a node that is alive.
            outcome.decoded.passed_over = 1;
            self.events.push(Event::Message(outcome.into()));
            return true;
        }
        let unpacked = match check_levels(topic, group, node, device) {
            Ok(()) => unpack(payload.clone(), self.payload_max_bytes),
            Err(error) => Err(error.into()),
        };
        let payload = match unpacked {
            Ok(payload) => payload,
            Err(error) => {
                outcome.decoded.errors.push(error);
                self.events.push(Event::Message(outcome.into()));
                return true;
            }
        };
        let Some(index) = self.find(group, node) else {
            let reason = format!("too many nodes (limit {NODES_MAX})");
            outcome.decoded.errors.push(bad("node", node, &reason));
            outcome.unresolved = payload.metrics.len() as u64;
            self.events.push(Event::Message(outcome.into()));
            return true;
        };
        let message = Message {
            origin: outcome.origin,
            kind,
            device: device.map(Into::into),
            payload,
        };
        self.with(index, now, |node, context| match is_retained {
            false => node.take(message, context),
            true => node.take_retained(message, context),
        });
        true
    }

    /// Does what is due. Must be called when [`next_due`](Self::next_due) says so.
    pub fn poll(&mut self, now: Now) {
        while let Some(&(due, index)) = self.due.first()
            && due <= now.uptime
        {
            self.with(index, now, Node::poll);
        }
        while self.is_connected
            && self.ask_at <= now.uptime
            && let Some(index) = self.asked.pop_front()
        {
            let known = &mut self.nodes[index];
            known.is_asked = false;
            // A birth may have come in between.
            if known.node.rebirth.due().is_some() {
                known.node.rebirth.sent(now.uptime);
                let topic = command_topic(&known.group, &known.name);
                let payload = rebirth_payload(now.wall_ns);
                self.events.push(Event::Command(topic, payload));
                self.counts.rebirths += 1;
                self.ask_at = now.uptime + REBIRTH_INTERVAL;
            }
        }
    }

    /// Uptime by which [`poll`](Self::poll) must be called.
    pub fn next_due(&self) -> Option<Duration> {
        let due = self.due.first().map(|&(due, _)| due);
        let may_ask = self.is_connected && !self.asked.is_empty();
        let ask = may_ask.then_some(self.ask_at);
        [due, ask].into_iter().flatten().min()
    }

    /// Records that the connection to the broker is lost.
    pub fn lose(&mut self, now: Now) {
        self.is_connected = false;
        for index in 0..self.nodes.len() {
            self.with(index, now, Node::lose);
        }
    }

    /// Records a new connection, whose subscriptions hold. Nodes that were alive before are asked
    /// for a birth.
    pub fn connect(&mut self, now: Now) {
        self.is_connected = true;
        for index in 0..self.nodes.len() {
            self.with(index, now, |node, _| node.find_again(now.uptime));
        }
    }

    /// Takes what has happened, in order.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// Takes what was counted since the last call.
    pub fn take_counts(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }

    /// The index of a node. `None` if there are too many.
    fn find(&mut self, group: &str, name: &str) -> Option<usize> {
        let id = format!("{group}/{name}");
        if let Some(index) = self.by_id.get(id.as_str()) {
            return Some(*index);
        }
        if self.nodes.len() >= NODES_MAX {
            return None;
        }
        let index = self.nodes.len();
        self.nodes.push(Known {
            group: group.into(),
            name: name.into(),
            node: Node::new(group, name),
            due: None,
            is_asked: false,
        });
        self.by_id.insert(id.into(), index);
        Some(index)
    }

    /// Does something with a node, and notes what it costs and when it is due next.
    fn with(&mut self, index: usize, now: Now, act: impl FnOnce(&mut Node, &mut Context<'_>)) {
        let known = &mut self.nodes[index];
        let (held_before, metrics_before) = (known.node.held_bytes(), known.node.metrics());
        let mut context = Context {
            now,
            room: METRICS_MAX.saturating_sub(self.metrics),
            may_hold: self.held_bytes < HELD_MAX_BYTES,
            counts: &mut self.counts,
            events: &mut self.events,
        };
        act(&mut known.node, &mut context);
        self.held_bytes = self.held_bytes + known.node.held_bytes() - held_before;
        self.metrics = self.metrics + known.node.metrics() - metrics_before;
        let ask = known.node.rebirth.due().filter(|_| !known.is_asked);
        if ask.is_some_and(|due| due <= now.uptime) {
            known.is_asked = true;
            self.asked.push_back(index);
        }
        let ask = ask.filter(|_| !known.is_asked);
        let due = [known.node.due(), ask].into_iter().flatten().min();
        if let Some(before) = std::mem::replace(&mut known.due, due) {
            self.due.remove(&(before, index));
        }
        if let Some(due) = due {
            self.due.insert((due, index));
        }
    }
}

/// Checks the levels with which the topics of metrics begin.
fn check_levels(
    topic: &str,
    group: &str,
    node: &str,
    device: Option<&str>,
) -> Result<(), TopicError> {
    if let Some((at, _)) = topic.char_indices().find(|(_, c)| c.is_control()) {
        return Err(TopicError::ControlCharacter(at));
    }
    let levels = [Some(group), Some(node), device];
    let levels = levels.into_iter().flatten();
    // Each with its slash, and a name of one character.
    let bytes = levels.map(|level| level.len() + 1).sum::<usize>() + 1;
    match bytes <= TOPIC_MAX_BYTES {
        true => Ok(()),
        false => Err(TopicError::TooLong(bytes)),
    }
}
