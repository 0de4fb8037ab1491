//! Identities: random rights against a model that tries every topic, and random histories in which
//! roles change, tokens expire and connections are ended while updates flow.
//!
//! `authenticated` tells a client what it may do from then on, and everything on a connection has
//! an order. So a client sees by itself whether the server keeps its promises: nothing of a
//! forbidden topic after that message, and nothing missing before the position of `unsubscribed`.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet, VecDeque},
    rc::Rc,
    sync::Arc,
    time::Duration,
};

use proptest::{prelude::*, sample::select};
use tickcast_core::{
    Now, Refusal,
    audit::{Audit, Fact},
    identity::{
        Admitted, Authority, Claims, Denied, Identity, Limits, Narrowing, Pattern, Review,
        Revocations, Revoked, Role, Seat, Source, Standing, Verify, Who,
    },
    permissions::{Access, Action, Permissions},
    settings::CoreSettings,
    work::Work,
};
use tickcast_protocol::{
    codec::Encoding,
    error::{CloseCode, ErrorCode},
    message::{
        Authenticate, Authenticated, BearerToken, CandlesRequest, Change, ChannelId, ClientMessage,
        HistoryRequest, Interval, Mode, Position, Publication, Publish, Resume, ServerMessage,
        Start, Subscribe, SubscribeResult,
    },
    topic::{Filter, Topic},
    value::Value,
};

use crate::{
    bench::{Bench, Client, EPOCH},
    pipe::AMPLE_BYTES,
};

/// The roles: their names and what their bearers may read.
const ROLES: [(&str, &[&str]); 5] = [
    ("all", &["#"]),
    ("a", &["a/#"]),
    ("own", &["b/{sub}/+", "a/1"]),
    ("slow", &["#"]),
    ("none", &[]),
];
const SLOW_HZ: f64 = 2.0;
const TOPICS: [&str; 5] = ["a/1", "a/2", "b/al/x", "b/bo/x", "c"];
const FILTERS: [&str; 7] = ["#", "a/#", "a/1", "b/al/+", "b/+/x", "c", "a/2"];
const SUBJECTS: [&str; 2] = ["al", "bo"];

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).unwrap()
}

fn filters(texts: &[String]) -> Vec<Filter> {
    let texts = texts.iter();
    texts.map(|text| Filter::new(text).unwrap()).collect()
}

fn authority() -> Authority {
    let roles = ROLES.map(|(name, patterns)| {
        let patterns: Vec<_> = patterns.iter().map(|text| pattern(text)).collect();
        let limits = Limits {
            max_rate_hz: (name == "slow").then_some(SLOW_HZ),
            ..Limits::default()
        };
        let role = Role {
            name: name.into(),
            subscribe: patterns.clone(),
            history: None,
            publish: patterns,
            limits,
        };
        (name.into(), role)
    });
    Authority {
        roles: roles.into_iter().collect(),
        revocations: Revocations::default(),
    }
}

fn claims(subject: &str, role: &str, expires_ns: Option<i64>) -> Claims {
    Claims {
        source: Source::Listed,
        subject: subject.into(),
        token_id: Some(format!("{subject}-{role}").into()),
        role: role.into(),
        narrowing: Narrowing::default(),
        expires_ns,
    }
}

/// Tokens are `subject/role` or `subject/role/time`.
#[derive(Debug)]
struct Tokens(Authority);

impl Verify for Tokens {
    fn verify(&self, token: &str, now: Now) -> Result<Admitted, Refusal> {
        let refusal = |reason: String| Refusal::new(ErrorCode::TokenRefused, reason);
        let mut parts = token.split('/');
        let (Some(subject), Some(role)) = (parts.next(), parts.next()) else {
            return Err(refusal("not a token".to_owned()));
        };
        let expires_ns = parts.next().map(|time| time.parse().unwrap());
        let admitted = self.0.admit(claims(subject, role, expires_ns), now.wall_ns);
        let identity = admitted.map_err(|denied| refusal(denied.to_string()))?;
        Ok(Admitted {
            identity: Arc::new(identity),
            seat: seat(),
        })
    }
}

/// One of an identity that has no other connection.
fn seat() -> Seat {
    Seat::new((), Arc::default())
}

fn admitted(identity: Identity) -> Admitted {
    Admitted {
        identity: Arc::new(identity),
        seat: seat(),
    }
}

fn bench(settings: CoreSettings) -> Bench {
    Bench::new(settings).with_verify(Tokens(authority()))
}

fn generous() -> CoreSettings {
    CoreSettings {
        requests_per_s: 1_000_000,
        request_burst: 1_000_000,
        ..CoreSettings::default()
    }
}

impl Bench {
    fn connect_known(&mut self, identity: Identity) -> Client {
        let standing = Standing::known(admitted(identity), self.now());
        self.connect_standing(standing)
    }

    fn connect_standing(&mut self, standing: Standing) -> Client {
        let now = self.now();
        self.connect_with(|shard, pipe| {
            let access = Access::READER;
            shard.connect_as(pipe, Encoding::Json, access, Some(standing), now)
        })
    }

    fn identity(&self, subject: &str, role: &str) -> Identity {
        let claims = claims(subject, role, None);
        authority().admit(claims, self.now().wall_ns).unwrap()
    }
}

// Rights against a model.

fn level() -> impl Strategy<Value = &'static str> {
    select(&["a", "b", "al", "$x"][..])
}

fn topic() -> impl Strategy<Value = String> {
    prop::collection::vec(level(), 1..4).prop_map(|levels| levels.join("/"))
}

fn filter() -> impl Strategy<Value = String> {
    let level = prop_oneof![3 => level(), 2 => Just("+")];
    let levels = prop::collection::vec(level, 0..4);
    (levels, any::<bool>()).prop_map(|(mut levels, has_hash)| {
        if has_hash || levels.is_empty() {
            levels.push("#");
        }
        levels.join("/")
    })
}

fn role_pattern() -> impl Strategy<Value = String> {
    prop_oneof![
        filter(),
        filter().prop_map(|filter| filter.replace("al", "{sub}"))
    ]
}

fn all_topics() -> Vec<String> {
    let levels = ["a", "b", "al", "$x", "other"];
    let mut topics: Vec<String> = levels.iter().map(|level| (*level).to_owned()).collect();
    for depth in 1..4 {
        let longer = topics
            .iter()
            .filter(|topic| topic.split('/').count() == depth);
        let longer: Vec<_> = longer
            .flat_map(|topic| levels.iter().map(move |level| format!("{topic}/{level}")))
            .collect();
        topics.extend(longer);
    }
    topics
}

/// What the role and the token both allow, topic by topic.
fn model(role: &[String], token: Option<&[String]>, topic: &str) -> bool {
    let is_in = |filters: &[String]| {
        let mut filters = filters.iter().map(|text| text.replace("{sub}", "al"));
        filters.any(|text| Filter::new(&text).unwrap().matches(topic))
    };
    is_in(role) && token.is_none_or(is_in)
}

proptest! {
    #[test]
    fn a_token_narrows_its_role_and_never_widens_it(
        role in prop::collection::vec(role_pattern(), 0..4),
        token in prop::option::of(prop::collection::vec(filter(), 0..4)),
        wanted in filter(),
        topic in topic(),
    ) {
        let authority = Authority {
            roles: BTreeMap::from([("r".into(), Role {
                name: "r".into(),
                subscribe: role.iter().map(|text| pattern(text)).collect(),
                history: None,
                publish: role.iter().map(|text| pattern(text)).collect(),
                limits: Limits::default(),
            })]),
            revocations: Revocations::default(),
        };
        let claims = Claims {
            narrowing: Narrowing {
                subscribe: token.as_deref().map(filters),
                history: None,
                publish: token.as_deref().map(filters),
                limits: Limits::default(),
            },
            ..claims("al", "r", None)
        };
        let identity = authority.admit(claims, 0).unwrap();
        // The settings allow everything, also what starts with `$`.
        let everything = filters(&["#".to_owned(), "$x/#".to_owned()]);
        let settings = Permissions { subscribe: everything.clone(), publish: everything };
        let check = |action| {
            settings.check(Access::READER, Who::Known(&identity), action).is_ok()
        };
        let expected = |topic: &str| model(&role, token.as_deref(), topic);
        let name = Topic::new(&topic).unwrap();
        prop_assert_eq!(check(Action::ReadHistory(&name)), expected(&topic));
        prop_assert_eq!(check(Action::PublishTo(&name)), expected(&topic));
        let exact = Filter::new(&topic).unwrap();
        prop_assert_eq!(check(Action::Subscribe(&exact)), expected(&topic));
        // The message to the client says the same.
        let told = identity.told(None);
        prop_assert_eq!(model(&told.subscribe, None, &topic), expected(&topic));
        let wanted = Filter::new(&wanted).unwrap();
        if check(Action::Subscribe(&wanted)) {
            for topic in all_topics().iter().filter(|topic| wanted.matches(topic)) {
                prop_assert!(expected(topic), "{wanted} would give {topic}");
            }
        }
    }
}

// Random histories.

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

/// What a client knows of a subscription.
#[derive(Debug)]
struct Seen {
    filter: String,
    is_every: bool,
    is_unpaced: bool,
    /// The pace that was asked for, until it is answered: too fast for a role that comes meanwhile.
    is_asked_too_fast: bool,
    begin: Position,
    position: Position,
    updates: Vec<Position>,
}

/// A client that checks everything that it is sent.
#[derive(Debug)]
struct Reader {
    client: Client,
    subject: &'static str,
    told: Authenticated,
    open: BTreeMap<ChannelId, Seen>,
    expected_code: Option<CloseCode>,
    is_closed: bool,
    /// When its token expires, by the model.
    expires_ns: Option<i64>,
    /// What the audit was told of all clients.
    audited: Audited,
}

/// What an audit was told: the ranges of positions of each connection.
#[derive(Debug, Clone, Default)]
struct Audited(Rc<RefCell<BTreeMap<u64, Vec<Range>>>>);

/// The positions that a subscription has got.
#[derive(Debug, Clone, PartialEq)]
struct Range {
    channel: ChannelId,
    filter: String,
    from: Position,
    to: Option<Position>,
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
    fn of(&self, client: &Client) -> Vec<Range> {
        let all = self.0.borrow();
        all.get(&client.key.to_u64()).cloned().unwrap_or_default()
    }
}

#[derive(Debug)]
struct World {
    bench: Bench,
    readers: Vec<Reader>,
    /// The topic of each position.
    tape: Vec<&'static str>,
    questions: VecDeque<tickcast_core::work::HistoryQuestion>,
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

    fn read(&mut self, tape: &[&'static str]) {
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
    fn check_audited(&self, channel: ChannelId, seen: &Seen) {
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
fn check_complete(seen: &Seen, tape: &[&'static str]) {
    if !seen.is_every {
        return;
    }
    let filter = Filter::new(&seen.filter).unwrap();
    let all = seen.begin + 1..=seen.position;
    let expected = all.filter(|position| filter.matches(tape[*position as usize - 1]));
    assert_eq!(seen.updates, expected.collect::<Vec<_>>(), "{seen:?}");
}

impl World {
    fn new() -> Self {
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
    fn ask(&mut self, client: usize, message: ClientMessage) {
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

    fn tick(&mut self) {
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

// Scripts.

#[test]
fn a_refusal_names_what_is_allowed() {
    let bench = bench(generous());
    let identity = bench.identity("al", "own");
    let settings = Permissions::default();
    let check = |action| {
        let result = settings.check(Access::READER, Who::Known(&identity), action);
        result.map_err(|refusal| (refusal.code, refusal.reason))
    };
    let refused = check(Action::Subscribe(&Filter::all())).unwrap_err();
    let reason = "subscribing to \"#\" is not allowed for \"al\" (role \"own\"); allowed: \"a/1\", \
                  \"b/al/+\"";
    assert_eq!(refused, (ErrorCode::SubscribeForbidden, reason.to_owned()));
    let unknown = settings.check(Access::READER, Who::Unknown, Action::Publish);
    assert_eq!(unknown.unwrap_err().code, ErrorCode::NotAuthenticated);
}

#[test]
fn a_client_that_proves_no_identity_in_time_can_do_nothing_and_is_closed() {
    let mut bench = bench(generous());
    let client = bench.connect_standing(Standing::unknown(Duration::from_secs(5)));
    client.pipe.take_bytes();
    let subscribe = Subscribe {
        id: 1,
        filters: vec!["a".into()],
        mode: Mode::Every,
        max_rate_hz: None,
    };
    bench.ask(&client, ClientMessage::Subscribe(subscribe));
    let messages = client.messages();
    let [ServerMessage::Subscribed(subscribed)] = &messages[..] else {
        panic!("{messages:?}");
    };
    let [SubscribeResult::Refused(refused)] = &subscribed.results[..] else {
        panic!("{subscribed:?}");
    };
    assert_eq!(refused.code, ErrorCode::NotAuthenticated);
    bench.pass(Duration::from_secs(5));
    let now = bench.now();
    bench.shard.tick(now);
    client.is_closed_with(CloseCode::NotAuthenticated);
}

#[test]
fn a_client_is_warned_once_and_then_closed_unless_it_shows_another_token() {
    let mut bench = bench(CoreSettings {
        ping: Duration::from_secs(100_000),
        ..generous()
    });
    let end = |bench: &Bench, s: i64| bench.now().wall_ns + s * 1_000_000_000;
    let first = end(&bench, 100);
    let claims = claims("al", "all", Some(first));
    let identity = authority().admit(claims, 0).unwrap();
    let client = bench.connect_known(identity);
    client.pipe.take_bytes();
    let tick = |bench: &mut Bench, s: u64| {
        bench.pass(Duration::from_secs(s));
        let now = bench.now();
        bench.shard.tick(now);
    };
    // Without the pings.
    let texts = |client: &Client| -> Vec<ServerMessage<Topic>> {
        let frames = client.frames().into_iter();
        let texts = frames.filter(|frame| frame.opcode == 1);
        let decode = tickcast_protocol::codec::decode_server_json;
        texts.map(|frame| decode(&frame.payload).unwrap()).collect()
    };
    let is_warning = |message: &ServerMessage<Topic>| matches!(message, ServerMessage::Expiring(_));
    // A fifth of 100 s before the end.
    tick(&mut bench, 79);
    assert!(!texts(&client).iter().any(is_warning));
    tick(&mut bench, 1);
    tick(&mut bench, 1);
    let warnings = texts(&client).into_iter().filter(is_warning).count();
    assert_eq!(warnings, 1);
    let token = BearerToken::new(format!("al/a/{}", end(&bench, 100)));
    bench.ask(
        &client,
        ClientMessage::Authenticate(Authenticate { id: 7, token }),
    );
    let messages = texts(&client);
    let [ServerMessage::Authenticated(told)] = &messages[..] else {
        panic!("{messages:?}");
    };
    assert_eq!((told.id, &*told.role), (Some(7), "a"));
    tick(&mut bench, 99);
    assert!(client.frames().iter().all(|frame| frame.opcode != 8));
    tick(&mut bench, 1);
    client.is_closed_with(CloseCode::TokenExpired);
}

#[test]
fn a_token_of_two_seconds_is_warned_of_although_a_shard_looks_twice_a_second() {
    // Wherever the looks fall.
    for late_ms in (0..500).step_by(20) {
        let mut bench = bench(generous());
        let expires_ns = bench.now().wall_ns + 2_000_000_000;
        let claims = claims("al", "all", Some(expires_ns));
        let identity = authority().admit(claims, 0).unwrap();
        let client = bench.connect_known(identity);
        client.pipe.take_bytes();
        bench.pass(Duration::from_millis(late_ms));
        let mut warnings = 0;
        loop {
            let now = bench.now();
            bench.shard.tick(now);
            let frames = client.frames();
            if frames.iter().any(|frame| frame.opcode == 8) {
                break;
            }
            let decode = tickcast_protocol::codec::decode_server_json;
            let texts = frames.iter().filter(|frame| frame.opcode == 1);
            warnings += texts
                .map(|frame| decode(&frame.payload).unwrap())
                .filter(|message| matches!(message, ServerMessage::Expiring(_)))
                .count();
            bench.pass(Duration::from_millis(500));
        }
        assert_eq!(warnings, 1, "{late_ms}");
    }
}

#[test]
fn a_token_of_another_subject_is_refused_and_the_connection_stays() {
    let mut bench = bench(generous());
    let identity = bench.identity("al", "all");
    let client = bench.connect_known(identity);
    client.pipe.take_bytes();
    for token in ["bo/all", "nonsense", "al/unknown"] {
        let token = BearerToken::new(token);
        bench.ask(
            &client,
            ClientMessage::Authenticate(Authenticate { id: 7, token }),
        );
        client.is_refused(ErrorCode::TokenRefused);
    }
    bench.subscribe(&client, "a/1", (Mode::Every, None), None);
}

#[test]
fn a_revoked_token_or_subject_is_denied_until_the_revocation_is_lifted() {
    let mut authority = authority();
    let admit = |authority: &Authority, subject| {
        let admitted = authority.admit(claims(subject, "all", None), 0);
        admitted.map(|_| ())
    };
    let token = Revoked::Token("al-all".into());
    assert_eq!(authority.revocations.add(token.clone()), Some(true));
    assert_eq!(authority.revocations.add(token.clone()), Some(false));
    assert_eq!(admit(&authority, "al"), Err(Denied::Revoked));
    assert_eq!(admit(&authority, "bo"), Ok(()));
    assert!(authority.revocations.lift(&token));
    assert_eq!(admit(&authority, "al"), Ok(()));
    authority.revocations.add(Revoked::Subject("bo".into()));
    assert_eq!(admit(&authority, "bo"), Err(Denied::Revoked));
    let left: BTreeSet<_> = authority.revocations.iter().cloned().collect();
    assert_eq!(left, BTreeSet::from([Revoked::Subject("bo".into())]));
}

#[test]
fn an_identity_has_its_own_limits_and_they_change_with_it() {
    let mut bench = bench(generous());
    let mut identity = bench.identity("al", "all");
    identity.limits.subscriptions = Some(1);
    let client = bench.connect_known(identity.clone());
    client.pipe.take_bytes();
    bench.subscribe(&client, "a/1", (Mode::Every, None), None);
    let request = || Subscribe {
        id: 1,
        filters: vec!["a/2".into()],
        mode: Mode::Every,
        max_rate_hz: None,
    };
    let code = |bench: &mut Bench| {
        bench.ask(&client, ClientMessage::Subscribe(request()));
        let messages = client.messages();
        let [ServerMessage::Subscribed(subscribed)] = &messages[..] else {
            panic!("{messages:?}");
        };
        match &subscribed.results[..] {
            [SubscribeResult::Refused(refused)] => Some(refused.code),
            _ => None,
        }
    };
    assert_eq!(code(&mut bench), Some(ErrorCode::TooManySubscriptions));
    identity.limits.subscriptions = Some(2);
    let review = Review::Change(Arc::new(identity));
    let now = bench.now();
    bench.shard.review(client.key, review, now);
    client.pipe.take_bytes();
    assert_eq!(code(&mut bench), None);
}

#[test]
fn a_change_of_pace_that_is_under_way_ends_with_its_subscription() {
    // A slice finds two topics, so the new channel takes many.
    let mut bench = bench(generous()).with_max_steps(2);
    let names: Vec<_> = (0..200).map(|n| format!("a/{n}")).collect();
    let updates: Vec<_> = names.iter().map(|name| (&**name, 1.0)).collect();
    bench.publish(&updates);
    let identity = bench.identity("al", "all");
    let client = bench.connect_known(identity);
    client.pipe.take_bytes();
    let accepted = bench.subscribe(&client, "#", (Mode::Latest, None), None);
    bench.settle();
    client.pipe.take_bytes();
    let request = Change {
        id: 8,
        channel: accepted.channel,
        mode: Mode::Latest,
        max_rate_hz: Some(SLOW_HZ / 2.0),
    };
    let now = bench.now();
    bench
        .shard
        .handle(client.key, ClientMessage::Change(request), now);
    assert!(bench.shard.is_busy(client.key));
    let review = Review::Change(Arc::new(bench.identity("al", "slow")));
    bench.shard.review(client.key, review, now);
    assert!(!bench.shard.is_busy(client.key));
    let messages = client.messages();
    let [
        ServerMessage::Authenticated(_),
        ServerMessage::Error(error),
        ServerMessage::Unsubscribed(ended),
    ] = &messages[..]
    else {
        panic!("{messages:?}");
    };
    assert_eq!(error.code, ErrorCode::SubscribeForbidden);
    assert_eq!(error.id, Some(8));
    assert_eq!(ended.position, Some(200));
    bench.publish(&updates);
    bench.settle();
    assert_eq!(client.messages(), []);
}

#[test]
fn a_subscription_that_reads_the_log_ends_at_its_position_when_it_is_no_longer_allowed() {
    let settings = CoreSettings {
        tape_bytes: 2_000,
        ..generous()
    };
    let mut bench = bench(settings).with_log();
    for _ in 0..50 {
        bench.publish(&[("a/1", 1.0), ("c", 1.0)]);
    }
    let identity = bench.identity("al", "all");
    let client = bench.connect_known(identity);
    client.pipe.take_bytes();
    let resume = |position, count| Resume {
        epoch: EPOCH,
        position,
        count: Some(count),
        snapshot: None,
    };
    let every = (Mode::Every, None);
    bench.subscribe(&client, "c", every, Some(resume(4, 2)));
    bench.subscribe(&client, "a/1", every, Some(resume(4, 2)));
    bench.settle();
    assert_eq!(bench.reads(), [5]);
    let (review, now) = (
        Review::Change(Arc::new(bench.identity("al", "a"))),
        bench.now(),
    );
    bench.shard.review(client.key, review, now);
    let messages = client.messages();
    let [
        ServerMessage::Authenticated(_),
        ServerMessage::Unsubscribed(ended),
    ] = &messages[..]
    else {
        panic!("{messages:?}");
    };
    assert_eq!(ended.position, Some(4));
    bench.answer_read(5, 5);
    bench.read_log(5);
    let updates = client.updates();
    assert_eq!(updates.len(), 48);
    assert!(updates.iter().all(|(topic, _, _)| topic == "a/1"));
}
