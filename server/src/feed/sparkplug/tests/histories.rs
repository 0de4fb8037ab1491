//! Random histories of a node and its device, over a network that loses, doubles and reorders, and
//! a host that loses its connection.
//!
//! Each value names its metric, so a value under a wrong name shows. A birth of a new session, and
//! each birth of the device, gives the metrics other aliases.
//!
//! One fault is left out, because no host can notice it: the birth of a node is lost without its
//! death, and the sequence, which begins again at 0, happens to continue the earlier one.

use std::collections::{BTreeSet, VecDeque};

use bytes::Bytes;
use proptest::prelude::*;
use prost::Message as _;
use tickcast_protocol::value::Value;

use super::sender::{World, payload, session, text};
use crate::feed::sparkplug::{
    Event, Outcome,
    payload::{Metric, Payload},
};

const NODE_METRICS: [&str; 4] = ["a", "b", "c", "D/x"];
const DEVICE_METRICS: [&str; 3] = ["x", "y", "z"];

#[derive(Debug, Clone)]
enum Op {
    /// Data of the node or the device: metrics, whether they go by alias, and their way.
    Data(bool, Vec<usize>, bool, Way),
    /// Data with an alias that is not defined.
    UnknownAlias(Way),
    DeviceBirth(u64, Way),
    DeviceDeath(Way),
    /// The same session, born again.
    Rebirth(Way),
    /// The connection of the node breaks, and it is born in another session.
    NewSession {
        shift: u64,
        is_death_late: bool,
        birth: Way,
    },
    /// The first birth comes once more, after a later one: the broker is a cluster.
    OldBirth,
    /// The node is gone.
    End,
    /// The host loses its connection, and this many messages of the node.
    HostRestart(usize),
    Wait(u64),
}

/// What the network does with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Straight,
    Lost,
    Twice,
    /// It is overtaken by this many.
    Late(usize),
}

fn way() -> impl Strategy<Value = Way> {
    prop_oneof![
        12 => Just(Way::Straight),
        1 => Just(Way::Lost),
        1 => Just(Way::Twice),
        1 => (1..4usize).prop_map(Way::Late),
    ]
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let data = (
        any::<bool>(),
        prop::collection::vec(0..4usize, 1..4),
        any::<bool>(),
        way(),
    );
    let op = prop_oneof![
        20 => data.prop_map(|(is_device, metrics, by_alias, way)| {
            Op::Data(is_device, metrics, by_alias, way)
        }),
        1 => way().prop_map(Op::UnknownAlias),
        2 => (0..5u64, way()).prop_map(|(shift, way)| Op::DeviceBirth(shift, way)),
        1 => way().prop_map(Op::DeviceDeath),
        1 => prop_oneof![Just(Way::Straight), Just(Way::Twice)].prop_map(Op::Rebirth),
        2 => (0..5u64, any::<bool>(), way()).prop_map(|(shift, is_death_late, birth)| {
            Op::NewSession { shift, is_death_late, birth }
        }),
        1 => Just(Op::OldBirth),
        1 => Just(Op::End),
        1 => (0..4usize).prop_map(Op::HostRestart),
        4 => prop_oneof![1..50u64, 1_000..5_000u64, 10_000..20_000u64].prop_map(Op::Wait),
    ];
    prop::collection::vec(op, 1..120)
}

/// A message on its way: the messages that may overtake it, and what it is.
#[derive(Debug)]
struct InFlight {
    overtaken_by: usize,
    topic: &'static str,
    payload: Bytes,
    metrics: usize,
}

struct History {
    world: World,
    network: VecDeque<InFlight>,
    /// The node's side.
    seq: u64,
    session: u64,
    is_alive: bool,
    node_shift: u64,
    device_shift: u64,
    serial: u64,
    /// The first birth of the node, and the number of its metrics.
    first_birth: Option<(Bytes, usize)>,
    /// Whether the host has had a later birth.
    has_later_birth: bool,
    /// Messages of the node that the host, without a connection, does not get.
    away: usize,
    is_away: bool,
    /// What the test expects: whether node and device are born as the host has told, and whether
    /// something has happened that a birth must repair.
    is_born: bool,
    needs_birth: bool,
    last_command_ms: Option<u64>,
    /// Topics that have had a value since their source was said to be gone.
    alive: BTreeSet<String>,
    updates: usize,
    /// Metrics that went in and that came out.
    metrics: (u64, u64),
    messages: (u64, u64),
}

const NBIRTH: &str = "spBv1.0/G/NBIRTH/E";
const NDATA: &str = "spBv1.0/G/NDATA/E";
const NDEATH: &str = "spBv1.0/G/NDEATH/E";
const DBIRTH: &str = "spBv1.0/G/DBIRTH/E/D";
const DDATA: &str = "spBv1.0/G/DDATA/E/D";
const DDEATH: &str = "spBv1.0/G/DDEATH/E/D";

impl History {
    fn new() -> Self {
        Self {
            world: World::new(),
            network: VecDeque::new(),
            seq: 0,
            session: 0,
            is_alive: false,
            node_shift: 0,
            device_shift: 0,
            serial: 0,
            first_birth: None,
            has_later_birth: false,
            away: 0,
            is_away: false,
            is_born: false,
            needs_birth: false,
            last_command_ms: None,
            alive: BTreeSet::new(),
            updates: 0,
            metrics: (0, 0),
            messages: (0, 0),
        }
    }

    /// The value of a metric: its topic and a number.
    fn value(&mut self, is_device: bool, index: usize) -> String {
        self.serial += 1;
        match is_device {
            false => format!("G/E/{} {}", NODE_METRICS[index], self.serial),
            // The node's metric "D/x" has the plain name, because it is born first.
            true if index == 0 => format!("G/E/D/x_2 {}", self.serial),
            true => format!("G/E/D/{} {}", DEVICE_METRICS[index], self.serial),
        }
    }

    fn metric(&mut self, is_device: bool, index: usize, by: By) -> Metric {
        let (names, shift) = match is_device {
            true => (&DEVICE_METRICS[..], self.device_shift),
            false => (&NODE_METRICS[..], self.node_shift),
        };
        let index = index % names.len();
        let alias = (index as u64 + shift) % 5;
        let value = self.value(is_device, index);
        let (name, alias) = match by {
            By::Name => (Some(names[index]), None),
            By::Alias => (None, Some(alias)),
            By::Both => (Some(names[index]), Some(alias)),
        };
        text(name, alias, &value)
    }

    fn next_seq(&mut self) -> Option<u64> {
        let seq = self.seq;
        self.seq = (seq + 1) % 256;
        Some(seq)
    }

    fn send(&mut self, topic: &'static str, seq: Option<u64>, metrics: Vec<Metric>, way: Way) {
        // Each message is sent at a time of its own.
        self.world.uptime_ms += 1;
        let count = metrics.len();
        let payload = payload(seq, self.world.now_ms(), metrics);
        if topic == NBIRTH {
            self.first_birth.get_or_insert((payload.clone(), count));
        }
        let copies = match way {
            Way::Lost => 0,
            Way::Twice => 2,
            Way::Straight | Way::Late(_) => 1,
        };
        for _ in 0..copies {
            self.network.push_back(InFlight {
                overtaken_by: match way {
                    Way::Late(messages) => messages,
                    _ => 0,
                },
                topic,
                payload: payload.clone(),
                metrics: count,
            });
        }
        self.deliver();
    }

    /// Delivers what is not to be overtaken.
    fn deliver(&mut self) {
        while let Some(index) = self.network.iter().position(|m| m.overtaken_by == 0) {
            for message in self.network.range_mut(..index) {
                message.overtaken_by -= 1;
            }
            let message = self.network.remove(index).unwrap();
            if self.is_away {
                self.away = self.away.saturating_sub(1);
                if self.away == 0 {
                    self.is_away = false;
                    self.world.host.connect(self.world.now());
                }
                continue;
            }
            self.messages.0 += 1;
            if message.topic != NDEATH && message.topic != DDEATH {
                self.metrics.0 += message.metrics as u64;
            }
            if message.topic == NBIRTH {
                let first = self.first_birth.as_ref();
                self.has_later_birth |= first.is_some_and(|(first, _)| *first != message.payload);
            }
            let gaps = self.world.counts.gaps;
            let events = self.world.take(message.topic, &message.payload);
            self.check(&events, gaps);
        }
    }

    fn flush(&mut self) {
        for message in &mut self.network {
            message.overtaken_by = 0;
        }
        self.deliver();
    }

    fn wait(&mut self, ms: u64) {
        let gaps = self.world.counts.gaps;
        let events = self.world.wait(ms);
        self.check(&events, gaps);
    }

    fn check(&mut self, events: &[Event], gaps_before: u64) {
        self.needs_birth |= self.world.counts.gaps > gaps_before;
        for event in events {
            match event {
                Event::Message(outcome) => self.check_outcome(outcome),
                Event::Dead(topics) => {
                    for topic in topics {
                        self.alive.remove(topic.as_str());
                    }
                }
                Event::Command(_, command) => {
                    let command = Payload::decode(command.as_slice()).unwrap();
                    let now_ms = command.timestamp.unwrap();
                    if let Some(last_ms) = self.last_command_ms {
                        assert!(now_ms - last_ms >= 5_000, "two requests within 5 s");
                    }
                    self.last_command_ms = Some(now_ms);
                    self.needs_birth = false;
                }
            }
        }
    }

    fn check_outcome(&mut self, outcome: &Outcome) {
        self.messages.1 += 1;
        let decoded = &outcome.decoded;
        let updates = decoded.updates.len() as u64;
        self.metrics.1 += updates + outcome.unresolved + decoded.passed_over;
        assert_eq!(
            (decoded.errors.len(), decoded.left_out),
            (0, 0),
            "{outcome:?}"
        );
        for update in &decoded.updates {
            let Value::Text(value) = &update.value else {
                panic!("{update:?}");
            };
            let (topic, _) = value.split_once(' ').unwrap();
            assert_eq!(update.topic.as_str(), topic, "a value under a wrong name");
            self.alive.insert(topic.to_owned());
        }
        self.updates += decoded.updates.len();
        for topic in &outcome.dead {
            self.alive.remove(topic.as_str());
        }
        match outcome.origin.as_str() {
            NBIRTH if updates > 0 => {
                self.is_born = true;
                self.needs_birth = false;
            }
            NDEATH if !outcome.dead.is_empty() => {
                self.is_born = false;
                self.needs_birth = false;
            }
            _ => assert!(self.is_born || updates == 0, "a value after a death"),
        }
    }

    fn born(&mut self, way: Way) {
        self.seq = 0;
        let mut metrics = vec![session(self.session)];
        for index in 0..NODE_METRICS.len() {
            metrics.push(self.metric(false, index, By::Both));
        }
        let seq = self.next_seq();
        self.send(NBIRTH, seq, metrics, way);
        self.device_born(Way::Straight);
    }

    fn device_born(&mut self, way: Way) {
        let indices = 0..DEVICE_METRICS.len();
        let metrics = indices.map(|index| self.metric(true, index, By::Both));
        let metrics = metrics.collect();
        let seq = self.next_seq();
        self.send(DBIRTH, seq, metrics, way);
    }

    fn run(&mut self, op: &Op) {
        match op {
            Op::Data(is_device, indices, by_alias, way) if self.is_alive => {
                let by = if *by_alias { By::Alias } else { By::Name };
                let metrics = indices
                    .iter()
                    .map(|&index| self.metric(*is_device, index, by));
                let metrics = metrics.collect();
                let seq = self.next_seq();
                self.send(if *is_device { DDATA } else { NDATA }, seq, metrics, *way);
            }
            Op::UnknownAlias(way) if self.is_alive => {
                let seq = self.next_seq();
                self.send(NDATA, seq, vec![text(None, Some(77), "unknown 0")], *way);
            }
            Op::DeviceBirth(shift, way) if self.is_alive => {
                self.device_shift = *shift;
                self.device_born(*way);
            }
            Op::DeviceDeath(way) if self.is_alive => {
                let seq = self.next_seq();
                self.send(DDEATH, seq, vec![], *way);
            }
            Op::Rebirth(way) if self.is_alive => {
                self.flush();
                self.born(*way);
            }
            Op::NewSession {
                shift,
                is_death_late,
                birth,
            } => {
                self.flush();
                let death = vec![session(self.session)];
                // A birth may be lost only if the death is not: a host that gets neither cannot
                // know of another session until the sequence shows it.
                let (death_way, birth_way) = match (self.is_alive, is_death_late) {
                    (true, true) => (Way::Late(2), Way::Straight),
                    _ => (Way::Straight, *birth),
                };
                if self.is_alive {
                    self.send(NDEATH, None, death, death_way);
                }
                self.is_alive = true;
                self.session += 1;
                self.node_shift = *shift;
                self.born(birth_way);
            }
            Op::OldBirth if self.has_later_birth => {
                if let Some((payload, metrics)) = self.first_birth.clone() {
                    self.network.push_back(InFlight {
                        overtaken_by: 0,
                        topic: NBIRTH,
                        payload,
                        metrics,
                    });
                    self.deliver();
                }
            }
            Op::End if self.is_alive => {
                self.flush();
                self.is_alive = false;
                self.send(NDEATH, None, vec![session(self.session)], Way::Straight);
            }
            Op::HostRestart(away) => {
                self.world.host.lose(self.world.now());
                let gaps = self.world.counts.gaps;
                let events = self.world.events();
                self.check(&events, gaps);
                (self.is_born, self.needs_birth) = (false, false);
                (self.is_away, self.away) = (true, *away);
                if *away == 0 {
                    self.is_away = false;
                    self.world.host.connect(self.world.now());
                }
            }
            Op::Wait(ms) => self.wait(*ms),
            _ => {}
        }
        // What is due comes soon.
        self.wait(1);
    }

    /// The checks at the end.
    fn end(&mut self) {
        self.flush();
        self.wait(3_600_000);
        assert!(!self.needs_birth, "a gap did not ask for a birth");
        self.world.host.lose(self.world.now());
        let gaps = self.world.counts.gaps;
        let events = self.world.events();
        self.check(&events, gaps);
        assert_eq!(self.messages.0, self.messages.1, "messages in and out");
        assert_eq!(self.metrics.0, self.metrics.1, "metrics in and out");
    }
}

#[derive(Debug, Clone, Copy)]
enum By {
    Name,
    Alias,
    Both,
}

fn run(ops: &[Op]) -> History {
    let mut history = History::new();
    for op in ops {
        history.run(op);
    }
    history.end();
    history
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases * 2))]

    #[test]
    fn no_value_comes_under_a_wrong_name_or_after_a_death_and_each_metric_is_counted(
        ops in ops(),
    ) {
        run(&ops);
    }

    #[test]
    fn without_faults_every_metric_is_an_update_and_no_birth_is_asked_for(ops in ops()) {
        let straight = ops.into_iter().filter_map(|op| match op {
            Op::Data(is_device, metrics, by_alias, _) => {
                Some(Op::Data(is_device, metrics, by_alias, Way::Straight))
            }
            Op::DeviceBirth(shift, _) => Some(Op::DeviceBirth(shift, Way::Straight)),
            Op::Rebirth(_) => Some(Op::Rebirth(Way::Straight)),
            Op::NewSession { shift, .. } => Some(Op::NewSession {
                shift,
                is_death_late: false,
                birth: Way::Straight,
            }),
            Op::End => Some(Op::End),
            Op::Wait(ms) => Some(Op::Wait(ms)),
            _ => None,
        });
        let straight: Vec<_> = straight.collect();
        let history = run(&straight);
        let counts = history.world.counts;
        prop_assert_eq!((counts.gaps, counts.late, counts.rebirths), (0, 0, 0));
        // All but the numbers of sessions.
        let sessions = history.metrics.0 - history.serial;
        prop_assert_eq!(history.metrics.1 - sessions, history.serial);
    }

    #[test]
    fn whatever_came_before_a_birth_makes_all_metrics_known_and_a_death_ends_them(ops in ops()) {
        let mut history = History::new();
        for op in &ops {
            history.run(op);
        }
        history.flush();
        if std::mem::take(&mut history.is_away) {
            history.world.host.connect(history.world.now());
        }
        history.run(&Op::NewSession {
            shift: 3,
            is_death_late: false,
            birth: Way::Straight,
        });
        let before = history.updates;
        history.run(&Op::Data(false, vec![0, 1, 2, 3], true, Way::Straight));
        history.run(&Op::Data(true, vec![0, 1, 2], true, Way::Straight));
        prop_assert_eq!(history.updates - before, 7);
        // Topics of metrics that no birth has had again.
        history.run(&Op::Wait(20_000));
        let topics = ["D/x", "D/x_2", "D/y", "D/z", "a", "b", "c"];
        let expected: BTreeSet<_> = topics.map(|name| format!("G/E/{name}")).into();
        prop_assert_eq!(&history.alive, &expected);
        history.run(&Op::End);
        prop_assert_eq!(&history.alive, &BTreeSet::new());
    }
}
