//! One node: its session, its devices, and what its messages do.

use std::time::Duration;

use hashbrown::HashMap;
use tickcast_core::Now;
use tickcast_protocol::topic::Topic;

use super::{
    address::Kind,
    bounds::{DEVICES_BIRTH_WAIT, DEVICES_PER_NODE_MAX, METRICS_PER_NODE_MAX},
    held::{Sequence, Turn},
    message::Message,
    names::Names,
    outcome::{Counts, Event, Outcome},
    rebirth::Rebirth,
    scope::{Scope, State},
};
use crate::feed::decode::bad;

/// What the messages of a node may cost, and where their effects go.
pub(super) struct Context<'a> {
    pub(super) now: Now,
    /// Metrics for which there is room, over all nodes.
    pub(super) room: usize,
    /// Whether messages may wait for missing ones.
    pub(super) may_hold: bool,
    pub(super) counts: &'a mut Counts,
    pub(super) events: &'a mut Vec<Event>,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    names: Names,
    own: Scope,
    devices: HashMap<Box<str>, Scope>,
    sequence: Sequence,
    pub(super) rebirth: Rebirth,
    /// The session of its last birth (`bdSeq`).
    session: Option<u64>,
    /// When its last birth was sent, by its own clock.
    born_ms: Option<u64>,
    /// Whether its last birth was sent before another one, so that it may have come late. A clock
    /// that was set back looks the same.
    is_birth_doubtful: bool,
    /// When the devices that were not born again are dead.
    devices_due: Option<Duration>,
    /// Number of metrics of all scopes.
    metrics: usize,
}

impl Node {
    pub(super) fn new(group: &str, node: &str) -> Self {
        Self {
            names: Names::new(group, node),
            own: Scope::default(),
            devices: HashMap::new(),
            sequence: Sequence::default(),
            rebirth: Rebirth::default(),
            session: None,
            born_ms: None,
            is_birth_doubtful: false,
            devices_due: None,
            metrics: 0,
        }
    }

    /// Takes a message.
    pub(super) fn take(&mut self, message: Message, context: &mut Context<'_>) {
        match (&message.device, message.kind) {
            (None, Kind::Birth) => self.birth(&message, context),
            (None, Kind::Death) => self.death(&message, context),
            _ if self.own.state != State::Born => {
                // A death changes nothing, and needs no birth.
                if message.kind != Kind::Death {
                    self.rebirth.want(context.now.uptime);
                }
                drop_metrics(&message, context);
            }
            _ => self.in_sequence(message, context),
        }
    }

    /// Takes a message that the broker has kept, although the specification forbids to retain it.
    /// Its age is unknown; but the node may be alive.
    pub(super) fn take_retained(&mut self, message: Message, context: &mut Context<'_>) {
        context.counts.late += 1;
        if message.kind != Kind::Death && self.own.state != State::Born {
            self.rebirth.want(context.now.uptime);
        }
        drop_metrics(&message, context);
    }

    /// What becomes due at its time: a gap is given up, or devices are dead.
    pub(super) fn poll(&mut self, context: &mut Context<'_>) {
        let now = context.now.uptime;
        if self.sequence.due().is_some_and(|due| due <= now) {
            self.give_up(context);
        }
        if self.devices_due.is_some_and(|due| due <= now) {
            self.devices_due = None;
            let orphans = self.devices.values_mut();
            let orphans = orphans.filter(|device| device.state == State::Orphaned);
            let mut dead = Vec::new();
            for device in orphans {
                dead.extend(device.die());
                context.counts.deaths += 1;
            }
            self.count_metrics();
            context.events.push(Event::Dead(dead));
        }
    }

    /// When [`poll`](Self::poll) is due.
    pub(super) fn due(&self) -> Option<Duration> {
        let dues = [self.sequence.due(), self.devices_due];
        dues.into_iter().flatten().min()
    }

    /// Records that the connection to the broker is lost, and with it an unknown number of
    /// messages.
    pub(super) fn lose(&mut self, context: &mut Context<'_>) {
        for (_, message) in self.sequence.give_up() {
            drop_metrics(&message, context);
        }
        self.own.orphan();
        self.devices.values_mut().for_each(Scope::orphan);
        self.devices_due = None;
        self.rebirth.forget();
    }

    /// Asks for a birth if the node may be alive without being known.
    pub(super) fn find_again(&mut self, now: Duration) {
        if self.own.state == State::Orphaned {
            self.rebirth.want(now);
        }
    }

    /// Bytes of the messages that wait for missing ones.
    pub(super) fn held_bytes(&self) -> usize {
        self.sequence.held_bytes()
    }

    /// Number of metrics that cost memory.
    pub(super) fn metrics(&self) -> usize {
        self.metrics + self.names.len()
    }

    fn birth(&mut self, message: &Message, context: &mut Context<'_>) {
        let session = message.session();
        let is_known = session.is_some() && session == self.session;
        let is_older = message.sent_ms().is_some() && message.sent_ms() <= self.born_ms;
        if self.own.state == State::Dead && is_known && is_older {
            // A duplicate of the birth of a session that has ended.
            context.counts.late += 1;
            return drop_metrics(message, context);
        }
        for held in self.sequence.restart(message) {
            drop_metrics(&held, context);
        }
        self.is_birth_doubtful = match (message.sent_ms(), self.born_ms) {
            // A second copy of a late birth is as late.
            (Some(sent), Some(born)) => sent < born || sent == born && self.is_birth_doubtful,
            _ => false,
        };
        (self.session, self.born_ms) = (session, message.sent_ms());
        self.devices.values_mut().for_each(Scope::orphan);
        let mut devices = self.devices.values();
        let has_orphans = devices.any(|device| device.state == State::Orphaned);
        self.devices_due = has_orphans.then_some(context.now.uptime + DEVICES_BIRTH_WAIT);
        self.rebirth.forget();
        if self.is_birth_doubtful {
            self.rebirth.want(context.now.uptime);
        }
        let mut outcome = outcome(message);
        let room = self.room(self.own.len(), context);
        let (names, now_ns) = (&mut self.names, context.now.wall_ns);
        self.own.birth(message, names, room, now_ns, &mut outcome);
        context.counts.births += 1;
        self.count_metrics();
        context.events.push(Event::Message(outcome.into()));
    }

    fn death(&mut self, message: &Message, context: &mut Context<'_>) {
        let session = message.session();
        let is_other = session.is_some() && self.session.is_some() && session != self.session;
        let is_late = match self.own.state {
            State::Born => is_other && !self.is_birth_doubtful,
            State::Orphaned => false,
            State::Dead => true,
        };
        let mut outcome = outcome(message);
        if is_late {
            context.counts.late += 1;
        } else {
            for (_, held) in self.sequence.give_up() {
                drop_metrics(&held, context);
            }
            let dead: Vec<Topic> = self.own.die();
            let devices = self.devices.values_mut().flat_map(Scope::die);
            outcome.dead = dead.into_iter().chain(devices).collect();
            self.devices_due = None;
            self.rebirth.forget();
            context.counts.deaths += 1;
            self.count_metrics();
        }
        context.events.push(Event::Message(outcome.into()));
    }

    fn in_sequence(&mut self, message: Message, context: &mut Context<'_>) {
        match self.sequence.take(message, context.now.uptime) {
            Turn::Now(message) => {
                self.process(message, context);
                while let Some(message) = self.sequence.release() {
                    self.process(message, context);
                }
            }
            Turn::Waits => {
                let due = self.sequence.due();
                if !context.may_hold || due.is_some_and(|due| due <= context.now.uptime) {
                    self.give_up(context);
                }
            }
            Turn::Late(message) => {
                context.counts.late += 1;
                drop_metrics(&message, context);
            }
            Turn::Invalid(message) => {
                let mut outcome = outcome(&message);
                let seq = message.seq().unwrap_or_default().to_string();
                let error = bad("seq", &seq, "it is not between 0 and 255");
                outcome.decoded.errors.push(error);
                outcome.unresolved = message.metrics();
                context.events.push(Event::Message(outcome.into()));
            }
        }
    }

    fn give_up(&mut self, context: &mut Context<'_>) {
        for (is_after_gap, message) in self.sequence.give_up() {
            // Each gap may have been a birth, also one after a birth that waited.
            if is_after_gap {
                context.counts.gaps += 1;
                self.own.is_doubtful = true;
                for device in self.devices.values_mut() {
                    device.is_doubtful = true;
                }
                self.rebirth.want(context.now.uptime);
            }
            self.process(message, context);
        }
    }

    /// Takes a message of the running session whose turn it is.
    fn process(&mut self, message: Message, context: &mut Context<'_>) {
        let mut outcome = outcome(&message);
        let now = context.now;
        // A message of an earlier session, or a clock that was set back.
        let is_older = match (message.sent_ms(), self.born_ms) {
            (Some(sent), Some(born)) => sent < born,
            _ => false,
        };
        let is_doubtful = is_older || self.is_birth_doubtful;
        match (&message.device, message.kind) {
            (None, _) => {
                if self
                    .own
                    .data(&message, now.wall_ns, is_doubtful, &mut outcome)
                {
                    self.rebirth.want(now.uptime);
                }
            }
            (Some(_), _) if is_older && message.kind != Kind::Data => {
                context.counts.late += 1;
                outcome.unresolved = message.metrics();
                self.rebirth.want(now.uptime);
            }
            (Some(device), Kind::Birth) => {
                let known = self.devices.get(device);
                if known.is_none() && self.devices.len() >= DEVICES_PER_NODE_MAX {
                    outcome.decoded.left_out = message.metrics().max(1);
                } else {
                    let room = self.room(known.map_or(0, Scope::len), context);
                    let scope = self.devices.entry(device.clone()).or_default();
                    let names = &mut self.names;
                    scope.birth(&message, names, room, now.wall_ns, &mut outcome);
                    context.counts.births += 1;
                    self.count_metrics();
                }
            }
            (Some(device), Kind::Death) => {
                let known = self.devices.get_mut(device);
                match known.filter(|device| device.state != State::Dead) {
                    Some(scope) => {
                        outcome.dead = scope.die();
                        context.counts.deaths += 1;
                        self.count_metrics();
                    }
                    None => context.counts.late += 1,
                }
            }
            (Some(device), Kind::Data | Kind::Command) => {
                let known = self.devices.get_mut(device);
                let needs_birth = match known.filter(|device| device.state == State::Born) {
                    Some(scope) => scope.data(&message, now.wall_ns, is_doubtful, &mut outcome),
                    None => {
                        outcome.unresolved = message.metrics();
                        true
                    }
                };
                if needs_birth {
                    self.rebirth.want(now.uptime);
                }
            }
        }
        context.events.push(Event::Message(outcome.into()));
    }

    /// The number of metrics that a scope with some of them may have.
    fn room(&self, has: usize, context: &Context<'_>) -> usize {
        let others = self.metrics - has;
        METRICS_PER_NODE_MAX
            .saturating_sub(others)
            .min(context.room.saturating_add(has))
    }

    fn count_metrics(&mut self) {
        let devices: usize = self.devices.values().map(Scope::len).sum();
        self.metrics = self.own.len() + devices;
    }
}

fn outcome(message: &Message) -> Outcome {
    Outcome {
        origin: message.origin.clone(),
        ..Outcome::default()
    }
}

/// Counts the metrics of a message that cannot be used.
fn drop_metrics(message: &Message, context: &mut Context<'_>) {
    let unresolved = match message.kind {
        Kind::Death => 0,
        _ => message.metrics(),
    };
    let outcome = Outcome {
        unresolved,
        ..outcome(message)
    };
    context.events.push(Event::Message(outcome.into()));
}
