//! A client that checks everything that it is sent, and what the audit says about it.

use std::{cell::RefCell, collections::BTreeMap, rc::Rc};

use tickcast_core::{
    audit::{Audit, Fact},
    identity::Who,
};
use tickcast_protocol::{
    error::CloseCode,
    message::{Authenticated, ChannelId, Mode, Position, ServerMessage, Start, SubscribeResult},
    topic::{Filter, Topic},
};

use super::{filters, model};
use crate::bench::Client;

/// What a client knows of a subscription.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) filter: String,
    pub(super) is_every: bool,
    is_unpaced: bool,
    /// The pace that was asked for, until it is answered: too fast for a role that comes meanwhile.
    pub(super) is_asked_too_fast: bool,
    begin: Position,
    pub(super) position: Position,
    pub(super) updates: Vec<Position>,
}

/// A client that checks everything that it is sent.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) client: Client,
    pub(super) subject: &'static str,
    pub(super) told: Authenticated,
    pub(super) open: BTreeMap<ChannelId, Seen>,
    pub(super) expected_code: Option<CloseCode>,
    pub(super) is_closed: bool,
    /// When its token expires, by the model.
    pub(super) expires_ns: Option<i64>,
    /// What the audit was told of all clients.
    pub(super) audited: Audited,
}

/// What an audit was told: the ranges of positions of each connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Audited(Rc<RefCell<BTreeMap<u64, Vec<Range>>>>);

/// The positions that a subscription has got.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Range {
    pub(super) channel: ChannelId,
    pub(super) filter: String,
    from: Position,
    pub(super) to: Option<Position>,
}

impl Audit for Audited {
    fn note(&self, connection: u64, who: Who<'_>, fact: Fact<'_>) {
        assert!(matches!(who, Who::Known(_)), "{who:?}");
        let mut all = self.0.borrow_mut();
        let ranges = all.entry(connection).or_default();
        match fact {
            Fact::Begun {
                channel,
                filter,
                from,
                ..
            } => ranges.push(Range {
                channel,
                filter: filter.as_str().to_owned(),
                from,
                to: None,
            }),
            Fact::Ended {
                channel,
                filter,
                to,
                ..
            } => {
                let is_open = |range: &&mut Range| range.channel == channel && range.to.is_none();
                let range = ranges.iter_mut().find(is_open).expect("it has begun");
                assert_eq!(range.filter, filter.as_str());
                assert!(range.from <= to, "{range:?} {to}");
                range.to = Some(to);
            }
            _ => {}
        }
    }
}

impl Audited {
    pub(super) fn of(&self, client: &Client) -> Vec<Range> {
        let all = self.0.borrow();
        all.get(&client.key.to_u64()).cloned().unwrap_or_default()
    }
}

impl Reader {
    fn may(&self, filters: &[String], topic: &str) -> bool {
        model(filters, None, topic)
    }

    fn is_allowed(&self, filter: &str) -> bool {
        let filter = Filter::new(filter).unwrap();
        let allowed = filters(&self.told.subscribe);
        allowed.iter().any(|allowed| allowed.includes(&filter))
    }

    fn check_rate(&self, mode: Mode, max_rate_hz: Option<f64>) {
        if let Some(limit) = self.told.max_rate_hz {
            let is_slow = max_rate_hz.is_some_and(|rate| rate <= limit);
            assert!(mode == Mode::Latest && is_slow, "{mode:?} {max_rate_hz:?}");
        }
    }

    pub(super) fn read(&mut self, tape: &[&'static str]) {
        for frame in self.client.frames() {
            assert!(!self.is_closed, "a frame after the close frame: {frame:?}");
            match frame.opcode {
                1 => {
                    let message = tickcast_protocol::codec::decode_server_json(&frame.payload);
                    self.message(message.unwrap(), tape);
                }
                8 => {
                    let code = u16::from_be_bytes([frame.payload[0], frame.payload[1]]);
                    let expected = self.expected_code.expect("the model has closed it");
                    assert_eq!(code, expected.number());
                    self.is_closed = true;
                }
                opcode => panic!("opcode {opcode}"),
            }
        }
    }

    /// The audit says that a subscription has ended where the client sees it.
    pub(super) fn check_audited(&self, channel: ChannelId, seen: &Seen) {
        let ranges = self.audited.of(&self.client);
        let is_same = |range: &Range| {
            range.channel == channel
                && range.filter == seen.filter
                && range.to == Some(seen.position)
        };
        assert!(ranges.iter().any(is_same), "{seen:?} {ranges:?}");
    }

    fn message(&mut self, message: ServerMessage<Topic>, tape: &[&'static str]) {
        match message {
            ServerMessage::Authenticated(told) => self.told = told,
            ServerMessage::Subscribed(subscribed) => {
                for result in subscribed.results {
                    let SubscribeResult::Accepted(accepted) = result else {
                        continue;
                    };
                    assert!(self.is_allowed(&accepted.filter), "{accepted:?}");
                    self.check_rate(accepted.mode, accepted.max_rate_hz);
                    if accepted.start != Start::Existing {
                        let ranges = self.audited.of(&self.client);
                        let is_same = |range: &Range| {
                            range.channel == accepted.channel && range.from == accepted.position
                        };
                        assert!(ranges.iter().any(is_same), "{accepted:?} {ranges:?}");
                    }
                    let is_every = accepted.mode == Mode::Every;
                    self.open.entry(accepted.channel).or_insert(Seen {
                        filter: accepted.filter,
                        is_every,
                        is_unpaced: accepted.max_rate_hz.is_none(),
                        is_asked_too_fast: false,
                        begin: accepted.position,
                        position: accepted.position,
                        updates: Vec::new(),
                    });
                }
            }
            ServerMessage::Changed(changed) => {
                let Some(mut seen) = self.open.remove(&changed.previous) else {
                    panic!("{changed:?}");
                };
                self.check_rate(changed.mode, changed.max_rate_hz);
                let is_every = changed.mode == Mode::Every;
                if seen.is_every != is_every || changed.position != seen.position {
                    seen.begin = changed.position;
                    seen.updates.clear();
                }
                seen.is_every = is_every;
                seen.is_unpaced = changed.max_rate_hz.is_none();
                seen.is_asked_too_fast = false;
                seen.position = changed.position;
                self.open.entry(changed.channel).or_insert(seen);
            }
            ServerMessage::Batch(batch) => {
                let seen = self.open.get_mut(&batch.channel);
                let seen = seen.expect("a batch of an open subscription");
                let filter = Filter::new(&seen.filter).unwrap();
                for update in &batch.updates {
                    assert!(filter.matches(update.topic.as_str()));
                }
                if !batch.snapshot {
                    assert_eq!(batch.from, seen.position);
                    seen.position = batch.to;
                    seen.updates
                        .extend(batch.updates.iter().map(|update| update.position));
                }
                for update in &batch.updates {
                    let topic = update.topic.as_str();
                    assert!(
                        self.may(&self.told.subscribe, topic),
                        "{topic}: {:?}",
                        self.told
                    );
                }
            }
            ServerMessage::Unsubscribed(ended) => {
                assert_eq!(ended.id, None);
                let [channel] = ended.channels[..] else {
                    panic!("{ended:?}");
                };
                let seen = self.open.remove(&channel).expect("an open subscription");
                assert_eq!(ended.position, Some(seen.position), "{seen:?}");
                self.check_audited(channel, &seen);
                check_complete(&seen, tape);
                let is_fast = seen.is_every || seen.is_unpaced || seen.is_asked_too_fast;
                let is_too_fast = self.told.max_rate_hz.is_some() && is_fast;
                let is_allowed = self.is_allowed(&seen.filter);
                assert!(!is_allowed || is_too_fast, "{seen:?} {:?}", self.told);
            }
            ServerMessage::History(history) => {
                for update in &history.updates {
                    let topic = update.topic.as_str();
                    assert!(self.may(&self.told.history, topic), "{topic}");
                }
            }
            ServerMessage::Candles(candles) => {
                for info in &candles.topics {
                    let topic = info.topic.as_str();
                    assert!(self.may(&self.told.history, topic), "{topic}");
                }
            }
            ServerMessage::Welcome(_)
            | ServerMessage::Error(_)
            | ServerMessage::Published(_)
            | ServerMessage::Heartbeat(_)
            | ServerMessage::Expiring(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Every update from the subscription's begin to its position has come, once and in order.
pub(super) fn check_complete(seen: &Seen, tape: &[&'static str]) {
    if !seen.is_every {
        return;
    }
    let filter = Filter::new(&seen.filter).unwrap();
    let all = seen.begin + 1..=seen.position;
    let expected = all.filter(|position| filter.matches(tape[*position as usize - 1]));
    assert_eq!(seen.updates, expected.collect::<Vec<_>>(), "{seen:?}");
}
