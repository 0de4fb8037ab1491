//! Derived topics against a model that looks at every update again for each value.

use proptest::prelude::*;
use tickcast_protocol::{
    message::{Mode, Quality, Update},
    topic::Topic,
    value::{Trade, Value},
};

use super::{limits::DERIVED_MAX, *};
use crate::data::{history::LANE_MAIN, time::SECOND, topics::Store};

fn topic(name: &str) -> Topic {
    Topic::new(name).unwrap()
}

/// An update of source 0 or 1.
#[derive(Debug, Clone, Copy)]
struct Given {
    source: usize,
    time_ns: i64,
    /// A price in hundredths, and a size.
    price: i64,
    size: i64,
    /// Updates were lost before it.
    is_after_loss: bool,
    /// "unavailable" comes directly after it.
    is_last: bool,
}

impl Given {
    fn value(&self) -> f64 {
        self.price as f64 / 100.0
    }
}

fn given() -> impl Strategy<Value = Vec<Given>> {
    let one = (
        0..2usize,
        1..900i64,
        prop_oneof![9 => -500..5_000i64, 1 => Just(0)],
        0..5i64,
        prop::bool::weighted(0.08),
        prop::bool::weighted(0.08),
    );
    prop::collection::vec(one, 1..160).prop_map(|all| {
        let mut time_ns = 0;
        let mut was_last = [false; 2];
        let given = all
            .into_iter()
            .map(|(source, step, price, size, loss, last)| {
                time_ns += step * 10_000_000;
                // After "unavailable" a loss would hide when the source became unknown.
                let loss = loss && !was_last[source];
                was_last[source] = last;
                Given {
                    source,
                    time_ns,
                    price,
                    size,
                    is_after_loss: loss,
                    is_last: last,
                }
            });
        given.collect()
    })
}

/// A server that sends what was given, and the monitor's store.
struct Rig {
    store: Store,
    derived: DerivedTopics,
    positions: u64,
    seqs: [u64; 2],
}

impl Rig {
    fn new(rules: &[DerivedRule]) -> Self {
        let saved: Vec<DerivedTopic> = rules
            .iter()
            .enumerate()
            .map(|(number, rule)| DerivedTopic {
                name: number.to_string(),
                rule: rule.clone(),
            })
            .collect();
        let (derived, problems) = DerivedTopics::new(&saved);
        assert!(problems.is_empty(), "{problems:?}");
        let mut store = Store::default();
        store.connection_opened();
        for name in ["a", "b"] {
            store.want_every(&topic(name), true);
        }
        Self {
            store,
            derived,
            positions: 0,
            seqs: [0; 2],
        }
    }

    fn send(&mut self, source: usize, time_ns: i64, value: Value) {
        self.positions += 1;
        self.seqs[source] += 1;
        let update = Update {
            topic: topic(["a", "b"][source]),
            position: self.positions,
            seq: self.seqs[source],
            source_time_ns: None,
            ingest_time_ns: time_ns,
            quality: Quality::Live,
            value,
        };
        self.store.apply(update, Mode::Every);
    }

    fn give(&mut self, given: Given) {
        if given.is_after_loss && self.seqs[given.source] > 0 {
            self.seqs[given.source] += 3;
            self.positions += 3;
        }
        let trade = Trade {
            price: format!("{:.2}", given.value()).parse().unwrap(),
            size: given.size.to_string().parse().unwrap(),
            side: None,
        };
        self.send(given.source, given.time_ns, Value::Trade(trade));
        if given.is_last {
            let absent = Value::Absent("unavailable".to_owned());
            self.send(given.source, given.time_ns + 1, absent);
        }
    }

    fn advance(&mut self) {
        self.derived.advance(&mut self.store, |_, _, _| {});
    }

    /// Time, value and whether a gap comes before it, of all samples of a derived topic.
    fn found(&self, number: usize) -> Vec<(i64, f64, bool)> {
        let name = format!("derived/{number}");
        let Some(series) = self
            .store
            .topic_named(&name)
            .and_then(|t| t.series.as_ref())
        else {
            return Vec::new();
        };
        let gaps: Vec<u64> = series.gaps().map(|gap| gap.before).collect();
        (series.start()..series.end())
            .map(|at| {
                let value = series.value(LANE_MAIN, at);
                (series.time(at), value, gaps.contains(&at))
            })
            .collect()
    }
}

const WINDOW_NS: i64 = 20 * SECOND;

/// The values of the window that counts them.
const COUNT: usize = 5;

/// Whether a rule is made of source 0 alone.
fn is_single(rule: usize) -> bool {
    rule < 3 || rule == 6
}

fn rules() -> Vec<DerivedRule> {
    let (a, b) = (topic("a"), topic("b"));
    let (source, window_ns) = (a.clone(), WINDOW_NS);
    vec![
        DerivedRule::Mean {
            source: source.clone(),
            window_ns,
        },
        DerivedRule::Rate {
            source: source.clone(),
            window_ns,
        },
        DerivedRule::Vwap { source, window_ns },
        DerivedRule::Spread {
            a: a.clone(),
            b: b.clone(),
        },
        DerivedRule::Ratio { a, b },
        DerivedRule::Formula {
            text: "({b} + 2) * {a} - abs({b})".to_owned(),
        },
        DerivedRule::MeanOf {
            source: topic("a"),
            count: COUNT as u32,
        },
    ]
}

/// What rule number `rule` gives after the updates until `at`, by looking at all of them.
fn model(rule: usize, given: &[Given], at: usize) -> Option<f64> {
    let now = given[at];
    let own = |source: usize| given[..=at].iter().filter(move |g| g.source == source);
    if is_single(rule) {
        if now.source != 0 {
            return None;
        }
        // From the newest gap on.
        let all: Vec<&Given> = own(0).collect();
        let first = all.iter().rposition(|g| g.is_after_loss).unwrap_or(0);
        let last = all[..all.len() - 1].iter().rposition(|g| g.is_last);
        let first = first.max(last.map_or(0, |at| at + 1));
        if rule == 6 {
            let newest = all[first..].iter().rev().take(COUNT);
            let sum: f64 = newest.map(|g| g.value()).sum();
            return (all.len() - first >= COUNT).then_some(sum / COUNT as f64);
        }
        let inside: Vec<&&Given> = all[first..]
            .iter()
            .filter(|g| g.time_ns > now.time_ns - WINDOW_NS)
            .collect();
        let size: i64 = inside.iter().map(|g| g.size).sum();
        return match rule {
            0 => Some(inside.iter().map(|g| g.value()).sum::<f64>() / inside.len() as f64),
            1 => {
                let seconds = (now.time_ns - inside[0].time_ns) as f64 / 1e9;
                (seconds > 0.0).then(|| (now.value() - inside[0].value()) / seconds)
            }
            _ => {
                let sum: f64 = inside.iter().map(|g| g.value() * g.size as f64).sum();
                (size > 0).then(|| sum / size as f64)
            }
        };
    }
    let newest = |source: usize| {
        let newest = own(source).next_back()?;
        let is_known = !newest.is_last || newest.time_ns == now.time_ns;
        is_known.then(|| newest.value())
    };
    let (a, b) = (newest(0)?, newest(1)?);
    match rule {
        3 => Some(a - b),
        4 => (b != 0.0).then(|| a / b),
        _ => Some((b + 2.0) * a - b.abs()),
    }
}

/// Whether anything before update `at`, after update `since`, interrupts the rule.
fn is_interrupted(rule: usize, given: &[Given], since: usize, at: usize) -> bool {
    let is_source = |g: &Given| !is_single(rule) || g.source == 0;
    let seen = |source: usize, until: usize| given[..until].iter().any(|g| g.source == source);
    let ends = given[since..at].iter().any(|g| is_source(g) && g.is_last);
    let losses = (since + 1..=at).any(|at| {
        let g = given[at];
        is_source(&g) && g.is_after_loss && seen(g.source, at)
    });
    let absent = (since + 1..at).any(|at| {
        let asked = is_source(&given[at]) && model(rule, given, at).is_none();
        // A division by zero, or nothing traded: not merely a source that is missing.
        let zero = rule == 4 && given[at].source == 1 && given[at].price == 0;
        asked && (zero || rule == 2 || (rule == 4 && zero_is_newest(given, at)))
    });
    ends || losses || absent
}

fn zero_is_newest(given: &[Given], at: usize) -> bool {
    let newest = |source: usize| given[..=at].iter().rfind(|g| g.source == source);
    let is_known = |g: &Given| !g.is_last || g.time_ns == given[at].time_ns;
    match (newest(0), newest(1)) {
        (Some(a), Some(b)) => is_known(a) && is_known(b) && b.price == 0,
        _ => false,
    }
}

proptest! {
    #[test]
    fn derived_topics_are_what_a_look_at_every_update_gives(
        given in given(),
        turns in prop::collection::vec(1..12usize, 1..20),
    ) {
        let rules = rules();
        let mut live = Rig::new(&rules);
        let mut turns = turns.into_iter().cycle();
        let mut rest = &given[..];
        while !rest.is_empty() {
            let turn = turns.next().unwrap_or(1).min(rest.len());
            for &update in &rest[..turn] {
                live.give(update);
            }
            live.advance();
            rest = &rest[turn..];
        }
        // A monitor that was told of the rules only now computes the same.
        let mut late = Rig::new(&rules);
        for &update in &given {
            late.give(update);
        }
        late.advance();
        for rule in 0..rules.len() {
            let found = live.found(rule);
            prop_assert_eq!(&found, &late.found(rule), "rule {}", rule);
            let mut before = None;
            let mut expected = Vec::new();
            for at in 0..given.len() {
                // A topic of one source knows nothing of the other one.
                if is_single(rule) && given[at].source != 0 {
                    continue;
                }
                // Both sources must have come once.
                if let Some(value) = model(rule, &given, at) {
                    let gap = before.is_some_and(|since| is_interrupted(rule, &given, since, at));
                    expected.push((given[at].time_ns, value, gap));
                    before = Some(at);
                }
            }
            prop_assert_eq!(found.len(), expected.len(), "rule {}: {:?} {:?}", rule, &found, &expected);
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert_eq!((found.0, found.2), (expected.0, expected.2), "rule {}", rule);
                let error = (found.1 - expected.1).abs();
                prop_assert!(error <= 1e-9 * expected.1.abs().max(1.0), "rule {}: {} {}", rule, found.1, expected.1);
            }
        }
    }
}

#[test]
fn a_division_by_zero_is_absent_and_said_so() {
    let mut rig = Rig::new(&rules()[4..5]);
    for (source, time_ns, value) in [(0, 1, 6.0), (1, 2, 3.0), (1, 3, 0.0)] {
        rig.send(source, time_ns * SECOND, Value::Reading(value));
        rig.advance();
    }
    let shown = rig.store.topic_named("derived/0").unwrap();
    assert_eq!(shown.number, None);
    assert_eq!(crate::data::format::latest(shown, true), "division by zero");
    assert!(shown.series.as_ref().unwrap().open_gap().is_some());
    rig.send(1, 4 * SECOND, Value::Reading(2.0));
    rig.advance();
    let found = rig.found(0);
    assert_eq!(found, [(2 * SECOND, 2.0, false), (4 * SECOND, 3.0, true)]);
}

#[test]
fn older_history_of_a_source_is_computed_too() {
    let mut rig = Rig::new(&rules()[..1]);
    rig.store.every_accepted(&topic("a"), 20);
    let update = |seq: u64| Update {
        topic: topic("a"),
        position: seq * 2,
        seq,
        source_time_ns: None,
        ingest_time_ns: seq as i64 * SECOND,
        quality: Quality::Live,
        value: Value::Reading(seq as f64),
    };
    for seq in 11..=12 {
        rig.store.apply(update(seq), Mode::Every);
    }
    rig.advance();
    assert_eq!(rig.found(0).len(), 2);
    let page: Vec<_> = (1..=10).map(update).collect();
    rig.store.fill(&topic("a"), &page, false);
    rig.advance();
    let found = rig.found(0);
    assert_eq!(found.len(), 12);
    assert_eq!(found[11], (12 * SECOND, 6.5, false));
}

#[test]
fn topics_are_made_of_earlier_ones_and_refused_in_words() {
    let mut rig = Rig::new(&[]);
    rig.send(0, SECOND, Value::Reading(4.0));
    rig.send(1, SECOND, Value::Reading(1.0));
    let make = |name: &str, a: &str, b: &str| DerivedTopic {
        name: name.to_owned(),
        rule: DerivedRule::Spread {
            a: topic(a),
            b: topic(b),
        },
    };
    let mut add = |definition| rig.derived.add(definition, &rig.store).map(|_| ());
    assert_eq!(add(make("x", "a", "b")), Ok(()));
    assert_eq!(
        add(make("x", "a", "b")),
        Err(DerivedError::Taken(topic("derived/x")))
    );
    let unknown = add(make("y", "a", "nowhere")).unwrap_err();
    assert_eq!(
        unknown.to_string(),
        "unknown topic nowhere: no value of it has come"
    );
    assert_eq!(add(make(" ", "a", "b")), Err(DerivedError::NoName));
    assert!(matches!(
        add(make("#", "a", "b")),
        Err(DerivedError::Name { .. })
    ));
    rig.advance();
    let second = make("y", "derived/x", "b");
    assert!(rig.derived.add(second, &rig.store).is_ok());
    rig.advance();
    assert_eq!(
        rig.store.topic_named("derived/y").unwrap().number,
        Some(2.0)
    );
    let needed = rig.derived.remove(&topic("derived/x"), &mut rig.store);
    assert_eq!(needed, Err(DerivedError::Needed(topic("derived/y"))));
    for name in ["derived/y", "derived/x"] {
        assert!(rig.derived.remove(&topic(name), &mut rig.store).is_ok());
        assert!(rig.store.topic_named(name).unwrap().latest.is_none());
    }
    assert_eq!(rig.store.with_value().len(), 2);
    let circle = DerivedTopics::new(&[make("z", "derived/z", "a")]).1;
    assert_eq!(circle, ["z: derived/z would be made of itself"]);
    let many: Vec<_> = (0..=DERIVED_MAX)
        .map(|n| make(&n.to_string(), "a", "b"))
        .collect();
    assert_eq!(DerivedTopics::new(&many).1.len(), 1);
}

#[test]
fn a_window_with_too_many_updates_has_no_value_until_it_holds_all_again() {
    let mut window = super::window::ValueWindow::of_time(10, 3);
    for time_ns in 1..=3 {
        window.push(time_ns, 1.0, 1.0);
        assert!(!window.is_too_full());
    }
    window.push(4, 1.0, 1.0);
    assert!(window.is_too_full(), "the value at 1 is missing");
    window.push(11, 1.0, 1.0);
    assert!(window.is_too_full(), "the values at 2 and 3 may be");
    window.push(40, 2.0, 1.0);
    assert!(!window.is_too_full());
    assert_eq!(window.sums(), (2.0, 1.0));
}

#[test]
fn a_topic_whose_source_has_not_come_says_so_and_gets_its_unit_later() {
    let mut rig = Rig::new(&rules()[..1]);
    rig.advance();
    let shown = |rig: &Rig| {
        let topic = rig.store.topic_named("derived/0").unwrap();
        (crate::data::format::latest(topic, true), topic.unit.clone())
    };
    assert_eq!(shown(&rig).0, "waiting for a");
    rig.send(0, SECOND, Value::Text("hello".to_owned()));
    rig.advance();
    assert_eq!(shown(&rig).0, "a has no numbers");
    rig.send(0, 2 * SECOND, Value::Reading(4.5));
    let info = tickcast_protocol::message::TopicInfo {
        unit: Some("bar".to_owned()),
        ..tickcast_protocol::message::TopicInfo::new(1, topic("a"))
    };
    rig.store.introduce(&info);
    rig.advance();
    assert_eq!(shown(&rig), ("4.5".to_owned(), Some("bar".into())));
}
