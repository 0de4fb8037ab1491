//! Random histories against a model of a server. The model publishes, forgets, conflates, restarts,
//! has power cuts, loses connections, and loses messages, which a real server never does. In the
//! end the caller must have counted each update once, as delivered or as lost, and know the latest
//! value of each topic.

mod server;

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::{
    client::{command::ClientCommand, event::Event, request_ids::RequestIds},
    codec::Encoding,
    message::{
        Accepted, Batch, ChannelId, ClientMessage, Limits, Mode, Position, ServerMessage, Start,
        SubscribeResult, Subscribed,
    },
    topic::{Filter, Topic},
};
use server::Server;

const CHANNEL: ChannelId = 5;
const TOPICS: u8 = 3;

fn filter() -> Filter {
    Filter::new("home/#").unwrap()
}

fn topic(index: u8) -> Topic {
    Topic::new(&format!("home/{index}")).unwrap()
}

pub(super) fn limits() -> Limits {
    Limits {
        message_bytes: 65_536,
        topic_bytes: 256,
        subscriptions: 1_024,
        requests_per_s: 20,
        request_burst: 100,
        write_timeout_ms: 10_000,
        tape_bytes: 0,
        rate_min_hz: 0.01,
        rate_max_hz: 1000.0,
        publish_updates_per_s: 0,
        publish_bytes_per_s: 0,
        new_topics_per_s: 0,
        new_topics_burst: 0,
    }
}

/// What the caller of a client knows from its events.
#[derive(Debug, Default)]
struct Caller {
    /// Updates before the subscription started.
    base: u64,
    delivered: u64,
    lost: u64,
    latest: BTreeMap<Topic, Position>,
    breaks: u32,
    /// Whether there is a subscription to resume.
    has_been_accepted: bool,
}

impl Caller {
    fn event(&mut self, event: Event, mode: Mode) {
        match event {
            Event::Truncated { lost, .. } => {
                if mode == Mode::Every {
                    let lost = lost.expect("the client brings its count");
                    let had = self.base + self.delivered + self.lost;
                    (self.base, self.delivered, self.lost) = (had - lost, 0, 0);
                }
                self.latest.clear();
            }
            Event::Accepted { accepted, .. } if accepted.start == Start::Truncated => {
                if mode == Mode::Every {
                    assert_eq!(self.base, accepted.count, "what is left");
                }
                self.base = accepted.count;
            }
            Event::Accepted { accepted, .. } if accepted.start != Start::Resumed => {
                assert!(accepted.start != Start::Fresh || !self.has_been_accepted);
                *self = Self {
                    base: accepted.count,
                    has_been_accepted: true,
                    breaks: self.breaks,
                    ..Self::default()
                };
            }
            Event::Batch(batch) => {
                if !batch.snapshot {
                    self.delivered += batch.updates.len() as u64;
                }
                for update in batch.updates {
                    let latest = self.latest.entry(update.topic).or_default();
                    *latest = (*latest).max(update.position);
                }
            }
            Event::Gap { lost, .. } => {
                assert_eq!(mode, Mode::Every);
                self.lost += lost.expect("the client brings its count");
            }
            Event::ChainBroken { .. } => self.breaks += 1,
            _ => {}
        }
    }
}

#[derive(Debug, Clone)]
enum Op {
    Publish(Vec<u8>),
    Forget,
    Step {
        most: usize,
    },
    Heartbeat,
    /// The client handles this many messages. The caller does not handle the events of the last
    /// one.
    Take(usize),
    /// The server reads this many requests.
    Read(usize),
    Disconnect,
    Restart,
    /// The server loses up to this many of its newest updates.
    PowerCut(usize),
    /// The server loses the oldest message on its way, unless it is an answer.
    Lose,
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => proptest::collection::vec(0..TOPICS, 1..6).prop_map(Op::Publish),
        2 => Just(Op::Forget),
        4 => (1..4usize).prop_map(|most| Op::Step { most }),
        1 => Just(Op::Heartbeat),
        4 => (1..4usize).prop_map(Op::Take),
        3 => (1..3usize).prop_map(Op::Read),
        2 => Just(Op::Disconnect),
        1 => Just(Op::Restart),
        1 => (0..8usize).prop_map(Op::PowerCut),
        1 => Just(Op::Lose),
    ]
}

struct World {
    server: Server,
    session: Session,
    caller: Caller,
    mode: Mode,
}

impl World {
    fn new(mode: Mode) -> Self {
        let mut session = Session::new(Encoding::Json, RequestIds::default(), 7);
        session.command(ClientCommand::Subscribe {
            filters: vec![filter()],
            mode,
            max_rate_hz: None,
        });
        let mut server = Server::default();
        server.connect();
        Self {
            server,
            session,
            caller: Caller::default(),
            mode,
        }
    }

    fn op(&mut self, op: Op) {
        match op {
            Op::Publish(topics) => self.server.tape.extend(topics),
            Op::Forget => self.server.floor = self.server.head(),
            Op::Step { most } => self.server.step(most),
            Op::Heartbeat => self.server.heartbeat(),
            Op::Take(messages) => (0..messages).for_each(|_| self.take()),
            Op::Read(requests) => {
                for request in (0..requests).filter_map(|_| self.session.next_request()) {
                    self.server.request(request);
                }
            }
            Op::Disconnect => self.disconnect(),
            Op::Restart => {
                self.server.epoch += 1;
                self.server.tape.clear();
                self.server.floor = 0;
                self.server.ended.clear();
                self.disconnect();
            }
            Op::PowerCut(lost) => {
                self.server.cut(lost);
                self.disconnect();
            }
            Op::Lose => {
                if let Some(ServerMessage::Batch(_) | ServerMessage::Gap(_)) =
                    self.server.wire.front()
                {
                    self.server.wire.pop_front();
                }
            }
        }
    }

    /// In the order of the client: the next message only after all events were handled.
    fn take(&mut self) {
        self.session.handled();
        while let Some(event) = self.session.next_event() {
            self.caller.event(event, self.mode);
            self.session.handled();
        }
        if let Some(message) = self.server.wire.pop_front()
            && self.session.message(message, 0).is_err()
        {
            self.disconnect();
        }
        if let Some(event) = self.session.next_event() {
            self.caller.event(event, self.mode);
        }
    }

    fn disconnect(&mut self) {
        self.server.connect();
        self.session.disconnected();
    }

    /// Runs without losses until both sides have nothing more to send.
    fn settle(&mut self) {
        // A last update reveals that the tail of a snapshot is missing, a heartbeat any other tail.
        self.server.tape.push(0);
        for _ in 0..1_000 {
            for op in [
                Op::Read(10),
                Op::Step { most: 2 },
                Op::Heartbeat,
                Op::Take(4),
            ] {
                self.op(op);
            }
        }
        while !self.server.wire.is_empty() {
            self.take();
        }
    }
}

fn check(mode: Mode, ops: Vec<Op>) {
    let can_break = ops.iter().any(|op| matches!(op, Op::Lose));
    let mut world = World::new(mode);
    ops.into_iter().for_each(|op| world.op(op));
    world.settle();
    let World { server, caller, .. } = world;
    let mut known: Vec<_> = caller.latest.values().copied().collect();
    known.sort_unstable();
    let latest = server.latest(0, server.head());
    let latest: Vec<_> = latest.iter().map(|update| update.position).collect();
    assert_eq!(known, latest, "latest values");
    if mode == Mode::Every {
        assert_eq!(
            caller.base + caller.delivered + caller.lost,
            server.head(),
            "{caller:?}"
        );
    }
    assert!(can_break || caller.breaks == 0, "{caller:?}");
}

proptest! {
    // The interesting cases need several rare events in a row.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases * 4))]

    #[test]
    fn in_mode_every_each_update_is_counted_once(
        ops in proptest::collection::vec(op(), 0..120),
    ) {
        check(Mode::Every, ops);
    }

    #[test]
    fn in_mode_latest_the_last_value_of_each_topic_arrives(
        ops in proptest::collection::vec(op(), 0..120),
    ) {
        check(Mode::Latest, ops);
    }
}

#[test]
fn an_unsubscribe_that_overtakes_an_answer_leaves_one_subscription_and_no_more() {
    let mut session = Session::new(Encoding::Json, RequestIds::default(), 7);
    let mut server = Server::default();
    server.connect();
    session
        .message(server.wire.pop_front().unwrap(), 0)
        .unwrap();
    let subscribe = |mode| ClientCommand::Subscribe {
        filters: vec![filter()],
        mode,
        max_rate_hz: None,
    };
    session.command(subscribe(Mode::Every));
    session.command(ClientCommand::Unsubscribe {
        filters: vec![filter()],
    });
    session.command(subscribe(Mode::Latest));
    let mut ids = vec![];
    while let Some(ClientMessage::Subscribe(subscribe)) = session.next_request() {
        ids.push((subscribe.id, subscribe.mode));
    }
    assert_eq!(ids.len(), 2);
    for (channel, (id, mode)) in (10..).zip(ids) {
        let SubscribeResult::Accepted(accepted) = server.subscribe(mode, &"home/#".into()) else {
            unreachable!()
        };
        server.cursor = None;
        let results = vec![SubscribeResult::Accepted(Accepted {
            channel,
            snapshot: None,
            ..accepted
        })];
        let subscribed = ServerMessage::Subscribed(Subscribed { id, results });
        session.message(subscribed, 0).unwrap();
    }
    let mut batch = |channel| {
        while session.next_event().is_some() {}
        let batch = Batch {
            channel,
            from: 0,
            to: 1,
            snapshot: false,
            topics: vec![],
            updates: vec![],
        };
        session.message(ServerMessage::Batch(batch), 0).unwrap();
        session.next_event()
    };
    assert_eq!(batch(10), None);
    assert!(matches!(batch(11), Some(Event::Batch(_))));
    let requests: Vec<_> = std::iter::from_fn(|| session.next_request()).collect();
    assert!(
        requests.iter().any(|request| matches!(
            request,
            ClientMessage::Unsubscribe(unsubscribe) if unsubscribe.channels == [10]
        )),
        "{requests:?}"
    );
}
