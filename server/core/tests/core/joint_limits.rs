//! What connections may do together: random histories of four connections in two shards, which
//! share an identity and two addresses, against a model that only reads what the clients are sent.

use std::{collections::BTreeMap, sync::Arc, thread, time::Duration};

use proptest::prelude::*;
use tickcast_core::{
    Now, Refusal,
    identity::{
        Admitted, Authority, Claims, Identity, Limits, Pattern, Review, Role, Seat, Source,
        Standing, Verify,
    },
    permissions::Access,
    settings::CoreSettings,
    totals::{TotalLimits, Totals},
};
use tickcast_protocol::{
    codec::Encoding,
    error::ErrorCode,
    message::{
        Authenticate, BearerToken, Change, ChannelId, ClientMessage, List, Mode, ServerMessage,
        Start, Subscribe, SubscribeResult, Unsubscribe,
    },
};

use crate::bench::{Bench, Client};

const CONNECTIONS: usize = 4;
const OF_IDENTITY: usize = 5;
const OF_ADDRESS: usize = 3;
const FILTERS: [&str; 4] = ["#", "a/#", "a/1", "a/2"];

fn identity(role: &str, limits: Limits) -> Identity {
    let filter = if role == "all" { "#" } else { "a/#" };
    let role = Role {
        name: role.into(),
        subscribe: vec![Pattern::new(filter).unwrap()],
        history: None,
        publish: Vec::new(),
        limits,
    };
    let claims = Claims {
        source: Source::Listed,
        subject: "al".into(),
        ..Claims::anonymous(Arc::clone(&role.name))
    };
    let authority = Authority {
        roles: [(Arc::clone(&role.name), role)].into(),
        ..Authority::default()
    };
    authority.admit(claims, 0).unwrap()
}

/// Two shards, and what all connections share.
struct Shards {
    benches: [Bench; 2],
    of_identity: Arc<Totals>,
    of_addresses: [Arc<Totals>; 2],
    limits: Limits,
}

impl Shards {
    fn new(limits: Limits, of_address: TotalLimits) -> Self {
        let settings = CoreSettings {
            requests_per_s: 1_000_000,
            request_burst: 1_000_000,
            of_address,
            ..CoreSettings::default()
        };
        Self {
            benches: [0, 1].map(|_| Bench::new(settings.clone())),
            of_identity: Arc::default(),
            of_addresses: [Arc::default(), Arc::default()],
            limits,
        }
    }

    fn bench(&mut self, connection: usize) -> &mut Bench {
        &mut self.benches[connection % 2]
    }

    /// Connections 0 and 1 have the first address.
    fn connect(&mut self, connection: usize) -> Client {
        let seat = Seat::new((), Arc::clone(&self.of_identity));
        let identity = Arc::new(identity("all", self.limits));
        let address = Arc::clone(&self.of_addresses[connection / 2]);
        let bench = self.bench(connection);
        let now = bench.now();
        let standing = Standing::known(Admitted { identity, seat }, now);
        let client = bench.connect_with(|shard, pipe| {
            let (access, standing) = (Access::READER, Some(standing));
            let key = shard.connect_as(pipe, Encoding::Json, access, standing, now);
            shard.join_address(key, address);
            key
        });
        client.pipe.take_bytes();
        client
    }

    fn pass(&mut self, time: Duration) {
        self.benches.iter_mut().for_each(|bench| bench.pass(time));
    }
}

fn subscribe(filters: &[usize]) -> ClientMessage {
    let filters = filters.iter().map(|&filter| FILTERS[filter].into());
    ClientMessage::Subscribe(Subscribe {
        id: 1,
        filters: filters.collect(),
        mode: Mode::Every,
        max_rate_hz: None,
    })
}

#[derive(Debug, Clone)]
enum Op {
    Subscribe(usize, Vec<usize>),
    Unsubscribe(usize, usize),
    Change(usize, usize, Mode),
    /// The settings give the connection's identity a role with less, or the one with all.
    Review(usize, bool),
    Reconnect(usize),
}

fn op() -> impl Strategy<Value = Op> {
    let connection = || 0..CONNECTIONS;
    let filters = prop::collection::vec(0..FILTERS.len(), 1..4);
    let mode = prop_oneof![Just(Mode::Every), Just(Mode::Latest)];
    prop_oneof![
        6 => (connection(), filters).prop_map(|(at, filters)| Op::Subscribe(at, filters)),
        2 => (connection(), 0_usize..4).prop_map(|(at, nth)| Op::Unsubscribe(at, nth)),
        2 => (connection(), 0_usize..4, mode).prop_map(|(at, nth, mode)| Op::Change(at, nth, mode)),
        1 => (connection(), any::<bool>()).prop_map(|(at, all)| Op::Review(at, all)),
        1 => connection().prop_map(Op::Reconnect),
    ]
}

/// What the clients know.
struct Model {
    shards: Shards,
    clients: Vec<Client>,
    /// The channels of each connection, with their filters.
    open: Vec<BTreeMap<ChannelId, String>>,
}

impl Model {
    fn new() -> Self {
        let limits = Limits {
            subscriptions: Some(OF_IDENTITY as u32),
            ..Limits::default()
        };
        let of_address = TotalLimits {
            subscriptions: Some(OF_ADDRESS as u32),
            ..TotalLimits::default()
        };
        let mut shards = Shards::new(limits, of_address);
        let clients = (0..CONNECTIONS).map(|connection| shards.connect(connection));
        Self {
            clients: clients.collect(),
            shards,
            open: vec![BTreeMap::new(); CONNECTIONS],
        }
    }

    fn counts(&self, connection: usize) -> (usize, usize) {
        let pair = connection / 2 * 2;
        let of_address = self.open[pair].len() + self.open[pair + 1].len();
        (self.open.iter().map(BTreeMap::len).sum(), of_address)
    }

    fn ask(&mut self, connection: usize, message: ClientMessage) {
        let client = self.clients[connection].clone();
        self.shards.bench(connection).ask(&client, message);
        self.read(connection);
    }

    fn apply(&mut self, op: &Op) {
        let nth = |open: &BTreeMap<ChannelId, String>, nth| open.keys().nth(nth).copied();
        match op {
            Op::Subscribe(at, filters) => self.ask(*at, subscribe(filters)),
            Op::Unsubscribe(at, number) => {
                let channels = nth(&self.open[*at], *number).into_iter().collect();
                let request = Unsubscribe { id: 2, channels };
                self.ask(*at, ClientMessage::Unsubscribe(request));
            }
            Op::Change(at, number, mode) => {
                if let Some(channel) = nth(&self.open[*at], *number) {
                    let request = Change {
                        id: 3,
                        channel,
                        mode: *mode,
                        max_rate_hz: None,
                    };
                    self.ask(*at, ClientMessage::Change(request));
                }
            }
            Op::Review(at, is_all) => {
                let role = if *is_all { "all" } else { "a" };
                let identity = identity(role, self.shards.limits);
                let key = self.clients[*at].key;
                let bench = self.shards.bench(*at);
                let now = bench.now();
                bench
                    .shard
                    .review(key, Review::Change(Arc::new(identity)), now);
                self.read(*at);
            }
            Op::Reconnect(at) => {
                let key = self.clients[*at].key;
                self.shards.bench(*at).shard.disconnect(key);
                self.open[*at].clear();
                self.clients[*at] = self.shards.connect(*at);
            }
        }
        for connection in 0..CONNECTIONS {
            let (of_identity, of_address) = self.counts(connection);
            assert!(of_identity <= OF_IDENTITY && of_address <= OF_ADDRESS);
        }
    }

    fn read(&mut self, connection: usize) {
        for message in self.clients[connection].messages() {
            match message {
                ServerMessage::Subscribed(subscribed) => {
                    for result in subscribed.results {
                        self.result(connection, result);
                    }
                }
                ServerMessage::Unsubscribed(ended) => {
                    for channel in ended.channels {
                        self.open[connection].remove(&channel).unwrap();
                    }
                }
                ServerMessage::Changed(changed) => {
                    let open = &mut self.open[connection];
                    let filter = open.remove(&changed.previous).unwrap();
                    open.insert(changed.channel, filter);
                }
                _ => {}
            }
        }
    }

    fn result(&mut self, connection: usize, result: SubscribeResult) {
        let (of_identity, of_address) = self.counts(connection);
        let has_room = of_identity < OF_IDENTITY && of_address < OF_ADDRESS;
        match result {
            SubscribeResult::Accepted(accepted) if accepted.start == Start::Existing => {
                assert!(self.open[connection].contains_key(&accepted.channel));
            }
            SubscribeResult::Accepted(accepted) => {
                assert!(has_room, "one too many");
                let other = self.open[connection].insert(accepted.channel, accepted.filter);
                assert_eq!(other, None);
            }
            SubscribeResult::Refused(refused) => {
                if refused.code == ErrorCode::SubscribeForbidden {
                    return;
                }
                assert_eq!(refused.code, ErrorCode::TooManySubscriptions);
                assert!(!has_room, "{}", refused.reason);
                let (whose, limit) = if of_identity >= OF_IDENTITY {
                    ("\"al\" (role ", "limit 5")
                } else {
                    ("your address", "limit 3")
                };
                let names = refused.reason.contains(whose) && refused.reason.contains(limit);
                assert!(names, "{}", refused.reason);
            }
        }
    }

    /// Without connections everything is free again.
    fn finish(&mut self) {
        for connection in 0..CONNECTIONS {
            let key = self.clients[connection].key;
            self.shards.bench(connection).shard.disconnect(key);
            self.open[connection].clear();
        }
        for (connection, number) in [(0, OF_ADDRESS), (2, OF_IDENTITY - OF_ADDRESS)] {
            self.clients[connection] = self.shards.connect(connection);
            self.ask(connection, subscribe(&[0, 1, 2, 3]));
            assert_eq!(self.open[connection].len(), number);
        }
    }
}

proptest! {
    #[test]
    fn connections_together_have_no_more_subscriptions_than_their_limits_and_no_fewer(
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut model = Model::new();
        for op in &ops {
            model.apply(op);
        }
        model.finish();
    }
}

/// Admits each token as one identity.
#[derive(Debug)]
struct OneIdentity(Limits, Arc<Totals>);

impl OneIdentity {
    fn admitted(&self) -> Admitted {
        Admitted {
            identity: Arc::new(identity("all", self.0)),
            seat: Seat::new((), Arc::clone(&self.1)),
        }
    }
}

impl Verify for OneIdentity {
    fn verify(&self, _token: &str, _now: Now) -> Result<Admitted, Refusal> {
        Ok(self.admitted())
    }
}

#[test]
fn a_client_that_proves_another_identity_gives_back_what_it_had_of_the_first_one() {
    let limits = Limits {
        subscriptions: Some(2),
        ..Limits::default()
    };
    let [first, second] = [0, 1].map(|_| OneIdentity(limits, Arc::default()));
    let (of_first, of_second) = (first.admitted(), second.admitted());
    let mut bench = Bench::new(CoreSettings::default()).with_verify(second);
    let now = bench.now();
    let connect = |bench: &mut Bench, admitted| {
        let standing = Some(Standing::known(admitted, now));
        let client = bench.connect_with(|shard, pipe| {
            shard.connect_as(pipe, Encoding::Json, Access::READER, standing, now)
        });
        client.pipe.take_bytes();
        client
    };
    let client = connect(&mut bench, of_first);
    let other = connect(&mut bench, first.admitted());
    let of_the_second = connect(&mut bench, of_second);
    let accepted = |bench: &mut Bench, client: &Client, filters: &[usize]| {
        bench.ask(client, subscribe(filters));
        let results = client
            .messages()
            .into_iter()
            .find_map(|message| match message {
                ServerMessage::Subscribed(subscribed) => Some(subscribed.results),
                _ => None,
            });
        let is_accepted =
            |result: &&SubscribeResult| matches!(result, SubscribeResult::Accepted(_));
        results.unwrap().iter().filter(is_accepted).count()
    };
    assert_eq!(accepted(&mut bench, &client, &[0, 1]), 2);
    assert_eq!(accepted(&mut bench, &other, &[2]), 0);
    let token = BearerToken::new("any");
    bench.ask(
        &client,
        ClientMessage::Authenticate(Authenticate { id: 7, token }),
    );
    client.pipe.take_bytes();
    // The client keeps its subscriptions, which now count for the second identity.
    assert_eq!(accepted(&mut bench, &other, &[0, 1, 2]), 2);
    assert_eq!(accepted(&mut bench, &of_the_second, &[0]), 0);
}

#[test]
fn connections_of_an_identity_in_all_shards_share_its_requests() {
    let limits = Limits {
        requests_per_s: Some(2),
        ..Limits::default()
    };
    let of_address = TotalLimits {
        requests_per_s: Some(3),
        ..TotalLimits::default()
    };
    let mut shards = Shards::new(limits, of_address);
    let clients = [0, 1, 2].map(|connection| shards.connect(connection));
    let list = |shards: &mut Shards, connection: usize| {
        let client = &clients[connection];
        let message = ClientMessage::List(List { id: 4 });
        shards.bench(connection).ask(client, message);
        client.messages().pop().unwrap()
    };
    for connection in [0, 1] {
        let answer = list(&mut shards, connection);
        assert!(
            matches!(answer, ServerMessage::Subscriptions(_)),
            "{answer:?}"
        );
    }
    let ServerMessage::Error(error) = list(&mut shards, 2) else {
        panic!("the third request of a second");
    };
    assert_eq!(
        (error.id, error.code),
        (Some(4), ErrorCode::TooManyRequests)
    );
    assert_eq!((error.temporary, error.retry_after_ms), (true, Some(500)));
    let whose = "all connections of \"al\" (role \"all\") together";
    assert!(error.reason.starts_with(whose), "{}", error.reason);
    shards.pass(Duration::from_millis(500));
    let answer = list(&mut shards, 2);
    assert!(
        matches!(answer, ServerMessage::Subscriptions(_)),
        "{answer:?}"
    );
    // What the identity was refused is counted, and nothing else.
    let counted = |shards: &Shards, of: &str| {
        let limits = shards.benches.iter().flat_map(|bench| bench.stats.limits());
        let mut rows: Vec<_> = limits.filter(|(what, ..)| *what == "requests").collect();
        rows.retain(|(_, whose, _)| *whose == of);
        rows.iter().map(|(.., number)| number).sum::<u64>()
    };
    assert_eq!(counted(&shards, "identity"), 1);
    assert_eq!(counted(&shards, "address"), 0);
    // The limit of the first address is the lower one now.
    shards.limits.requests_per_s = None;
    let lifted = Arc::new(identity("all", shards.limits));
    let review = Review::Change(lifted);
    let now = shards.benches[0].now();
    shards.benches[0].shard.review(clients[0].key, review, now);
    let answers: Vec<_> = (0..4).map(|_| list(&mut shards, 0)).collect();
    let refused = answers.iter().filter_map(|answer| match answer {
        ServerMessage::Error(error) => Some(error.reason.as_str()),
        _ => None,
    });
    let refused: Vec<_> = refused.collect();
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|reason| reason.contains("your address")));
    assert_eq!(counted(&shards, "address"), refused.len() as u64);
}

#[test]
fn connections_that_publish_too_much_together_all_wait_and_a_new_one_as_well() {
    let limits = Limits {
        publish_updates_per_s: Some(10),
        ..Limits::default()
    };
    let of_address = TotalLimits {
        publish_bytes_per_s: Some(1_000),
        ..TotalLimits::default()
    };
    let mut shards = Shards::new(limits, of_address);
    let clients = [0, 1, 2].map(|connection| shards.connect(connection).key);
    let now = shards.benches[0].now();
    let [first, second] = &mut shards.benches;
    first.shard.charge_publish(clients[0], 6, 10, now);
    second.shard.charge_publish(clients[1], 4, 10, now);
    assert_eq!(first.shard.reading_pause(clients[0], now), None);
    first.shard.charge_publish(clients[0], 1, 10, now);
    let pause = Some(Duration::from_millis(100));
    for (shard, key) in [
        (&mut first.shard, clients[0]),
        (&mut second.shard, clients[1]),
    ] {
        assert_eq!(shard.reading_pause(key, now), pause);
    }
    // One that has not published is read, and what it publishes waits.
    assert_eq!(first.shard.reading_pause(clients[2], now), None);
    assert_eq!(first.shard.charge_publish(clients[2], 1, 10, now), pause);
    let pause = Some(Duration::from_millis(200));
    for (shard, key) in [
        (&mut first.shard, clients[2]),
        (&mut second.shard, clients[1]),
    ] {
        assert_eq!(shard.reading_pause(key, now), pause);
    }
    shards.pass(Duration::from_millis(200));
    let now = shards.benches[0].now();
    let [first, second] = &mut shards.benches;
    assert_eq!(second.shard.reading_pause(clients[1], now), None);
    // Bytes are limited for each address. The pause is told in parts.
    second.shard.charge_publish(clients[1], 1, 1_970 + 500, now);
    let pause = second.shard.reading_pause(clients[1], now);
    assert_eq!(pause, Some(Duration::from_millis(250)));
    let counted: Vec<_> = second.stats.limits().collect();
    assert!(
        counted.contains(&("publishes", "address", 1)),
        "{counted:?}"
    );
    let pause = first.shard.reading_pause(clients[2], now);
    assert_eq!(pause, Some(Duration::from_millis(100)), "another address");
}

#[test]
fn several_threads_together_get_no_more_requests_than_the_limit() {
    const EACH: u32 = 500;
    let limits = TotalLimits {
        requests_per_s: Some(EACH),
        ..TotalLimits::default()
    };
    let (totals, now) = (Totals::default(), Duration::from_millis(1));
    let take = || {
        let requests = (0..EACH).filter(|_| totals.take_request(&limits, now).is_ok());
        requests.count()
    };
    let taken = thread::scope(|scope| {
        let threads = [0; 4].map(|_| scope.spawn(take));
        threads.map(|thread| thread.join().unwrap())
    });
    assert_eq!(taken.iter().sum::<usize>(), EACH as usize);
}
