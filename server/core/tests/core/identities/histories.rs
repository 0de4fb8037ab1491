//! Random histories in which roles change, tokens expire and connections are ended while updates
//! flow.
//!
//! `authenticated` tells a client what it may do from then on, and everything on a connection has
//! an order. So a client sees by itself whether the server keeps its promises: nothing of a
//! forbidden topic after that message, and nothing missing before the position of `unsubscribed`.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use proptest::prelude::*;
use tickcast_core::{
    identity::{Denied, Review},
    settings::CoreSettings,
    work::Work,
};
use tickcast_protocol::{
    error::CloseCode,
    message::{
        Authenticate, BearerToken, CandlesRequest, Change, ClientMessage, HistoryRequest, Interval,
        Mode, Position, Publication, Publish, Subscribe,
    },
    topic::{Filter, Topic},
    value::Value,
};

use super::{
    ROLES, SLOW_HZ, authority, bench, claims, generous, model,
    reader::{Audited, Reader, check_complete},
};
use crate::{bench::Bench, pipe::AMPLE_BYTES};

const TOPICS: [&str; 5] = ["a/1", "a/2", "b/al/x", "b/bo/x", "c"];
const FILTERS: [&str; 7] = ["#", "a/#", "a/1", "b/al/+", "b/+/x", "c", "a/2"];
const SUBJECTS: [&str; 2] = ["al", "bo"];

#[derive(Debug, Clone)]
enum Op {
    Publish(Vec<usize>),
    Turn,
    CatchUp,
    Work,
    Subscribe {
        client: usize,
        filters: Vec<usize>,
        pace: (Mode, Option<f64>),
    },
    ChangePace {
        client: usize,
        pace: (Mode, Option<f64>),
    },
    /// The settings give a client's identity another role.
    Review {
        client: usize,
        role: usize,
    },
    /// The client shows a token of this role, which expires after this time if there is one.
    Authenticate {
        client: usize,
        role: usize,
        life_ms: Option<u64>,
    },
    ClientPublish {
        client: usize,
        topic: usize,
    },
    Ask {
        client: usize,
        topic: usize,
        is_about_candles: bool,
    },
    /// The sequencer answers the oldest question.
    Answer,
    Room {
        client: usize,
        bytes: usize,
    },
    Unblock(usize),
    Wait(u64),
    Kick(usize),
    Revoke(usize),
}

const CLIENTS: usize = 2;

/// The last one is slower than the slow role.
fn pace() -> impl Strategy<Value = (Mode, Option<f64>)> {
    let paces = [
        (Mode::Every, None),
        (Mode::Latest, None),
        (Mode::Latest, Some(SLOW_HZ / 2.0)),
    ];
    prop::sample::select(paces.to_vec())
}

fn op() -> impl Strategy<Value = Op> {
    let client = || 0..CLIENTS;
    let topics = || prop::collection::vec(0..TOPICS.len(), 1..5);
    prop_oneof![
        8 => topics().prop_map(Op::Publish),
        6 => Just(Op::Turn),
        4 => Just(Op::CatchUp),
        4 => Just(Op::Work),
        6 => (client(), prop::collection::vec(0..FILTERS.len(), 1..4), pace())
            .prop_map(|(client, filters, pace)| Op::Subscribe { client, filters, pace }),
        4 => (client(), pace()).prop_map(|(client, pace)| Op::ChangePace { client, pace }),
        4 => (client(), 0..ROLES.len()).prop_map(|(client, role)| Op::Review { client, role }),
        2 => (client(), 0..ROLES.len(), prop::option::of(1_u64..3_000))
            .prop_map(|(client, role, life_ms)| Op::Authenticate { client, role, life_ms }),
        2 => (client(), 0..TOPICS.len())
            .prop_map(|(client, topic)| Op::ClientPublish { client, topic }),
        2 => (client(), 0..TOPICS.len(), any::<bool>()).prop_map(
            |(client, topic, is_about_candles)| Op::Ask { client, topic, is_about_candles }
        ),
        2 => Just(Op::Answer),
        2 => (client(), 0_usize..2_000).prop_map(|(client, bytes)| Op::Room { client, bytes }),
        3 => client().prop_map(Op::Unblock),
        2 => (0_u64..1_000).prop_map(Op::Wait),
        1 => client().prop_map(Op::Kick),
        1 => client().prop_map(Op::Revoke),
    ]
}

#[derive(Debug)]
struct World {
    pub(super) bench: Bench,
    readers: Vec<Reader>,
    /// The topic of each position.
    pub(super) tape: Vec<&'static str>,
    questions: VecDeque<tickcast_core::work::HistoryQuestion>,
}

impl World {
    pub(super) fn new() -> Self {
        let settings = CoreSettings {
            tape_bytes: 1 << 20,
            ping: Duration::from_secs(100_000),
            write_timeout: Duration::from_secs(100_000),
            ..generous()
        };
        let audited = Audited::default();
        let bench = bench(settings).with_max_steps(2);
        let mut bench = bench.with_audit(audited.clone());
        let readers = SUBJECTS.map(|subject| {
            let identity = bench.identity(subject, "all");
            let told = identity.told(None);
            let client = bench.connect_known(identity);
            Reader {
                client,
                subject,
                told,
                open: BTreeMap::new(),
                expected_code: None,
                is_closed: false,
                expires_ns: None,
                audited: audited.clone(),
            }
        });
        Self {
            bench,
            readers: readers.into(),
            tape: Vec::new(),
            questions: VecDeque::new(),
        }
    }

    /// Sends a request, unless the client's last one is under way or its connection has ended.
    pub(super) fn ask(&mut self, client: usize, message: ClientMessage) {
        let key = self.readers[client].client.key;
        if self.is_ended(client) || self.bench.shard.is_busy(key) {
            return;
        }
        let now = self.bench.now();
        let is_renewal = matches!(message, ClientMessage::Authenticate(_));
        if !is_renewal && self.has_expired(client) {
            self.readers[client].expected_code = Some(CloseCode::TokenExpired);
        }
        match self.bench.shard.handle(key, message, now) {
            None => {}
            Some(Work::Updates(submission)) => {
                for update in &submission.updates {
                    let topics = TOPICS.iter();
                    let name = topics.copied().find(|name| *name == update.topic.as_str());
                    self.tape.push(name.unwrap());
                }
                self.bench.sequencer.push(submission, now);
            }
            Some(Work::History(question)) => self.questions.push_back(question),
            Some(Work::FeedDown(_) | Work::TopicsDead(..)) => panic!("no feed"),
        }
    }

    fn is_ended(&self, client: usize) -> bool {
        self.readers[client].expected_code.is_some()
    }

    fn has_expired(&self, client: usize) -> bool {
        let now = self.bench.now().wall_ns;
        self.readers[client]
            .expires_ns
            .is_some_and(|end| end <= now)
    }

    fn end(&mut self, client: usize, code: CloseCode) {
        self.readers[client].expected_code.get_or_insert(code);
    }

    pub(super) fn tick(&mut self) {
        for client in 0..CLIENTS {
            if self.has_expired(client) {
                self.end(client, CloseCode::TokenExpired);
            }
        }
        let now = self.bench.now();
        self.bench.shard.tick(now);
    }

    fn apply(&mut self, op: &Op) {
        let now = self.bench.now();
        match *op {
            Op::Publish(ref topics) => {
                let names: Vec<_> = topics.iter().map(|topic| TOPICS[*topic]).collect();
                let updates = names.iter().map(|name| (*name, Value::Reading(1.0)));
                let updates = updates.map(|(name, value)| {
                    tickcast_core::work::NewUpdate::live(Topic::new(name).unwrap(), value)
                });
                let submission = tickcast_core::work::Submission {
                    updates: updates.collect(),
                    ..Default::default()
                };
                self.bench.sequencer.push(submission, now);
                self.tape.extend(names);
            }
            Op::Turn => {
                self.bench.sequencer.poll(now);
                let strips: Vec<_> =
                    std::iter::from_fn(|| self.bench.sequencer.take_strip()).collect();
                self.bench.shard.turn(&strips, now);
            }
            Op::CatchUp => {
                self.bench.shard.catch_up(now);
            }
            Op::Work => {
                self.bench.shard.work(now);
            }
            Op::Subscribe {
                client,
                ref filters,
                pace: (mode, max_rate_hz),
            } => {
                let filters = filters.iter().map(|filter| FILTERS[*filter].into());
                let request = Subscribe {
                    id: 1,
                    filters: filters.collect(),
                    mode,
                    max_rate_hz,
                };
                self.ask(client, ClientMessage::Subscribe(request));
            }
            Op::ChangePace {
                client,
                pace: (mode, max_rate_hz),
            } => {
                // What the client knows may be old.
                self.readers[client].read(&self.tape);
                let open = self.readers[client].open.iter_mut().next();
                if let Some((&channel, seen)) = open {
                    seen.is_asked_too_fast = mode == Mode::Every || max_rate_hz.is_none();
                    let request = Change {
                        id: 2,
                        channel,
                        mode,
                        max_rate_hz,
                    };
                    self.ask(client, ClientMessage::Change(request));
                }
            }
            Op::Review { client, role } => {
                if self.is_ended(client) {
                    return;
                }
                let reader = &mut self.readers[client];
                let claims = claims(reader.subject, ROLES[role].0, reader.expires_ns);
                let review = match authority().admit(claims, now.wall_ns) {
                    Ok(identity) => Review::Change(Arc::new(identity)),
                    Err(denied) => Review::End(denied),
                };
                if let Review::End(denied) = &review {
                    assert_eq!(*denied, Denied::Expired);
                    reader.expected_code = Some(CloseCode::TokenExpired);
                }
                let key = reader.client.key;
                self.bench.shard.review(key, review, now);
            }
            Op::Authenticate {
                client,
                role,
                life_ms,
            } => {
                let key = self.readers[client].client.key;
                if self.is_ended(client) || self.bench.shard.is_busy(key) {
                    return;
                }
                let end = life_ms.map(|ms| now.wall_ns + ms as i64 * 1_000_000);
                let reader = &mut self.readers[client];
                let mut token = format!("{}/{}", reader.subject, ROLES[role].0);
                if let Some(end) = end {
                    token = format!("{token}/{end}");
                }
                reader.expires_ns = end;
                let token = BearerToken::new(token);
                self.ask(
                    client,
                    ClientMessage::Authenticate(Authenticate { id: 3, token }),
                );
            }
            Op::ClientPublish { client, topic } => {
                let before = self.tape.len();
                let request = Publish {
                    id: Some(4),
                    updates: vec![Publication {
                        topic: TOPICS[topic].to_owned(),
                        value: Value::Reading(2.0),
                        source_time_ns: None,
                    }],
                };
                let key = self.readers[client].client.key;
                let is_busy = self.bench.shard.is_busy(key);
                let is_ended = self.is_ended(client) || self.has_expired(client);
                self.ask(client, ClientMessage::Publish(request));
                let told = self.bench.shard.identity(key).unwrap().told(None);
                let is_allowed = model(&told.publish, None, TOPICS[topic]);
                let is_published = self.tape.len() > before;
                assert_eq!(is_published, is_allowed && !is_busy && !is_ended);
            }
            Op::Ask {
                client,
                topic,
                is_about_candles: true,
            } => {
                let request = CandlesRequest {
                    id: 6,
                    topic: TOPICS[topic].to_owned(),
                    interval: Interval::Second,
                    limit: None,
                    from_ns: None,
                    before_ns: None,
                };
                self.ask(client, ClientMessage::Candles(request));
            }
            Op::Ask { client, topic, .. } => {
                let request = HistoryRequest {
                    id: 5,
                    topic: TOPICS[topic].to_owned(),
                    limit: None,
                    before: None,
                };
                self.ask(client, ClientMessage::History(request));
            }
            Op::Answer => self.answer(),
            Op::Room { client, bytes } => self.readers[client].client.pipe.set_room(bytes),
            Op::Unblock(client) => {
                let client = self.readers[client].client.clone();
                self.bench.unblock(&client);
            }
            Op::Wait(ms) => {
                self.bench.pass(Duration::from_millis(ms));
                self.tick();
            }
            Op::Kick(client) => {
                self.end(client, CloseCode::Kicked);
                let key = self.readers[client].client.key;
                self.bench.shard.kick(key, now);
            }
            Op::Revoke(client) => {
                self.end(client, CloseCode::Revoked);
                let key = self.readers[client].client.key;
                self.bench
                    .shard
                    .review(key, Review::End(Denied::Revoked), now);
            }
        }
        for reader in &mut self.readers {
            reader.read(&self.tape);
        }
    }

    fn answer(&mut self) {
        if let Some(question) = self.questions.pop_front() {
            let answer = self.bench.sequencer.answer(question, self.bench.now());
            self.bench.turn();
            self.bench.shard.answer_history(vec![answer]);
        }
    }

    /// In the end all clients read: each open subscription gets everything.
    fn finish(&mut self) {
        for client in 0..CLIENTS {
            let client = self.readers[client].client.clone();
            client.pipe.set_room(AMPLE_BYTES);
            self.bench.unblock(&client);
        }
        while !self.questions.is_empty() {
            self.answer();
        }
        for _ in 0..3 {
            self.bench.settle();
            self.bench.pass(Duration::from_secs(1));
            self.tick();
        }
        self.bench.settle();
        for reader in &mut self.readers {
            reader.read(&self.tape);
            assert_eq!(
                reader.is_closed,
                reader.expected_code.is_some(),
                "{reader:?}"
            );
            let ranges = reader.audited.of(&reader.client);
            let running = ranges.iter().filter(|range| range.to.is_none()).count();
            if reader.is_closed {
                assert_eq!(running, 0, "{ranges:?}");
                for (channel, seen) in &reader.open {
                    reader.check_audited(*channel, seen);
                }
                continue;
            }
            assert_eq!(running, reader.open.len(), "{ranges:?}");
            for seen in reader.open.values_mut() {
                let filter = Filter::new(&seen.filter).unwrap();
                let newest = self.tape.iter().rposition(|topic| filter.matches(topic));
                let newest = newest.map_or(0, |at| at as Position + 1);
                if seen.is_every {
                    seen.position = seen.position.max(newest);
                    check_complete(seen, &self.tape);
                }
                assert!(seen.position >= newest, "{seen:?}");
            }
        }
    }
}

fn run(ops: &[Op]) {
    let mut world = World::new();
    for op in ops {
        world.apply(op);
    }
    world.finish();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases * 8,
        max_shrink_iters: ProptestConfig::default().max_shrink_iters.min(20_000),
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_change_ends_what_is_forbidden_at_a_position_and_nothing_else(
        ops in prop::collection::vec(op(), 1..120),
    ) {
        run(&ops);
    }
}
