//! One message after another: births, data and deaths.

use bytes::Bytes;
use prost::Message as _;
use tickcast_core::sequencer::UNIT_MAX_BYTES;
use tickcast_protocol::{message::Quality, topic::TOPIC_MAX_BYTES};

use super::sender::{World, commands, metric, payload, session, text, updates};
use crate::feed::sparkplug::{
    Counts, Event, Outcome,
    bounds::ERRORS_PER_MESSAGE_MAX,
    payload::{Metric, MetricValue, Payload},
};

const NBIRTH: &str = "spBv1.0/G/NBIRTH/E";
const NDATA: &str = "spBv1.0/G/NDATA/E";
const NDEATH: &str = "spBv1.0/G/NDEATH/E";
const DBIRTH: &str = "spBv1.0/G/DBIRTH/E/D";
const DDATA: &str = "spBv1.0/G/DDATA/E/D";
const DDEATH: &str = "spBv1.0/G/DDEATH/E/D";
const REBIRTH: &str = "spBv1.0/G/NCMD/E";

/// A world with a node of session 7, whose metric `a` has alias 1, and a device whose `b` has 2.
fn born() -> World {
    let mut world = World::new();
    let now_ms = world.now_ms();
    let metrics = vec![session(7), text(Some("a"), Some(1), "1")];
    let birth = world.outcome(NBIRTH, &payload(Some(0), now_ms, metrics));
    assert_eq!(updates(&birth), ["G/E/a=1"]);
    assert_eq!(birth.decoded.passed_over, 1);
    let metrics = vec![text(Some("b"), Some(2), "2")];
    let birth = world.outcome(DBIRTH, &payload(Some(1), now_ms, metrics));
    assert_eq!(updates(&birth), ["G/E/D/b=2"]);
    world
}

fn data(seq: u64, world: &World, alias: u64, value: &str) -> Bytes {
    payload(
        Some(seq),
        world.now_ms(),
        vec![text(None, Some(alias), value)],
    )
}

fn dead(outcome: &Outcome) -> Vec<&str> {
    let mut topics: Vec<_> = outcome.dead.iter().map(|topic| topic.as_str()).collect();
    topics.sort_unstable();
    topics
}

#[test]
fn aliases_are_read_by_the_birth_of_their_node_or_device() {
    let mut world = born();
    let outcome = world.outcome(NDATA, &data(2, &world, 1, "3"));
    assert_eq!(updates(&outcome), ["G/E/a=3"]);
    let outcome = world.outcome(DDATA, &data(3, &world, 2, "4"));
    assert_eq!(updates(&outcome), ["G/E/D/b=4"]);
    // The alias of another scope is unknown here.
    let events = world.take(DDATA, &data(4, &world, 1, "5"));
    let [Event::Message(outcome)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!((updates(outcome).len(), outcome.unresolved), (0, 1));
    assert_eq!(commands(&world.wait(0)), [REBIRTH]);
}

#[test]
fn a_payload_written_byte_by_byte_is_a_reading_after_a_birth() {
    let hex = "08c0b6d5d0e3311214100118c0b6d5d0e331200a6900000000008035401801";
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap())
        .collect();
    let mut world = World::new();
    let define = Metric {
        alias: Some(1),
        ..metric("t", 10, MetricValue::Double(0.0))
    };
    world.outcome(NBIRTH, &payload(Some(0), 0, vec![define]));
    let outcome = world.outcome(NDATA, &bytes.into());
    assert_eq!(updates(&outcome), ["G/E/t=21.5"]);
}

#[test]
fn data_before_a_birth_are_counted_and_ask_for_one() {
    let mut world = World::new();
    let outcome = world.outcome(NDATA, &data(1, &world, 1, "x"));
    assert_eq!(outcome.unresolved, 1);
    let events = world.wait(0);
    let [Event::Command(topic, command)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(topic, REBIRTH);
    let command = Payload::decode(command.as_slice()).unwrap();
    let asked = Metric::decode(command.metrics[0].clone()).unwrap();
    assert_eq!(asked.name(), "Node Control/Rebirth");
    assert_eq!(asked.value, Some(MetricValue::Boolean(true)));
    assert_eq!(command.seq, None);
    // Once in a while.
    for _ in 0..10 {
        world.take(NDATA, &data(1, &world, 1, "x"));
    }
    assert_eq!(commands(&world.wait(4_999)), Vec::<&str>::new());
    assert_eq!(commands(&world.wait(1)), [REBIRTH]);
}

#[test]
fn a_death_ends_the_node_and_its_devices_until_the_next_birth() {
    let mut world = born();
    let death = payload(None, world.now_ms(), vec![session(7)]);
    let outcome = world.outcome(NDEATH, &death);
    assert_eq!(dead(&outcome), ["G/E/D/b", "G/E/a"]);
    for (topic, seq) in [(NDATA, 2), (DDATA, 3)] {
        let outcome = world.outcome(topic, &data(seq, &world, 1, "x"));
        assert_eq!((updates(&outcome).len(), outcome.unresolved), (0, 1));
    }
    let again = world.outcome(NDEATH, &death);
    assert_eq!(again.dead, []);
    assert_eq!((world.counts.deaths, world.counts.late), (1, 1));
    let metrics = vec![session(8), text(Some("a"), Some(9), "1")];
    world.uptime_ms += 1;
    let birth = payload(Some(0), world.now_ms(), metrics);
    assert_eq!(updates(&world.outcome(NBIRTH, &birth)), ["G/E/a=1"]);
    assert_eq!(
        updates(&world.outcome(NDATA, &data(1, &world, 9, "2"))),
        ["G/E/a=2"]
    );
}

#[test]
fn a_death_of_an_earlier_session_is_ignored_and_counted() {
    let mut world = born();
    let death = payload(None, world.now_ms(), vec![session(6)]);
    assert_eq!(world.outcome(NDEATH, &death).dead, []);
    assert_eq!(
        updates(&world.outcome(NDATA, &data(2, &world, 1, "3"))),
        ["G/E/a=3"]
    );
    assert_eq!((world.counts.deaths, world.counts.late), (0, 1));
}

#[test]
fn a_late_copy_of_a_birth_does_not_revive_a_dead_node() {
    let mut world = World::new();
    let birth = payload(
        Some(0),
        world.now_ms(),
        vec![session(7), text(Some("a"), None, "1")],
    );
    world.outcome(NBIRTH, &birth);
    world.outcome(NDEATH, &payload(None, 0, vec![session(7)]));
    let outcome = world.outcome(NBIRTH, &birth);
    assert_eq!((updates(&outcome).len(), outcome.unresolved), (0, 2));
    assert_eq!(world.counts.late, 1);
    // A node that does not count its sessions is born later.
    let birth = payload(
        Some(0),
        world.now_ms() + 1,
        vec![session(7), text(Some("a"), None, "2")],
    );
    assert_eq!(updates(&world.outcome(NBIRTH, &birth)), ["G/E/a=2"]);
}

#[test]
fn the_death_of_a_device_leaves_its_node_alive() {
    let mut world = born();
    let outcome = world.outcome(DDEATH, &payload(Some(2), world.now_ms(), vec![]));
    assert_eq!(dead(&outcome), ["G/E/D/b"]);
    let outcome = world.outcome(DDATA, &data(3, &world, 2, "x"));
    assert_eq!((updates(&outcome).len(), outcome.unresolved), (0, 1));
    assert_eq!(
        updates(&world.outcome(NDATA, &data(4, &world, 1, "3"))),
        ["G/E/a=3"]
    );
    let birth = payload(Some(5), world.now_ms(), vec![text(Some("b"), Some(3), "5")]);
    assert_eq!(updates(&world.outcome(DBIRTH, &birth)), ["G/E/D/b=5"]);
}

#[test]
fn a_message_that_overtakes_another_waits_for_it() {
    let mut world = born();
    assert_eq!(world.take(NDATA, &data(3, &world, 1, "4")), []);
    let events = world.take(NDATA, &data(2, &world, 1, "3"));
    let values: Vec<_> = events
        .iter()
        .map(|event| match event {
            Event::Message(outcome) => updates(outcome).concat(),
            event => panic!("{event:?}"),
        })
        .collect();
    assert_eq!(values, ["G/E/a=3", "G/E/a=4"]);
    assert_eq!(world.wait(60_000), []);
    assert_eq!(world.counts.gaps, 0);
}

#[test]
fn a_gap_asks_for_a_birth_and_aliases_are_not_trusted_until_then() {
    let mut world = born();
    assert_eq!(world.take(NDATA, &data(3, &world, 1, "4")), []);
    assert_eq!(world.wait(2_999), []);
    let events = world.wait(1);
    let [Event::Message(outcome), Event::Command(topic, _)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!((updates(outcome).len(), outcome.unresolved), (0, 1));
    assert_eq!(topic, REBIRTH);
    assert_eq!(world.counts.gaps, 1);
    // The sequence goes on, and a name is a name.
    let metrics = vec![text(Some("a"), None, "5"), text(None, Some(1), "6")];
    let outcome = world.outcome(NDATA, &payload(Some(4), world.now_ms(), metrics));
    assert_eq!(
        (updates(&outcome), outcome.unresolved),
        (vec!["G/E/a=5".into()], 1)
    );
    let metrics = vec![session(7), text(Some("a"), Some(1), "7")];
    world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), metrics));
    assert_eq!(
        updates(&world.outcome(NDATA, &data(1, &world, 1, "8"))),
        ["G/E/a=8"]
    );
    assert_eq!(world.counts.gaps, 1);
}

#[test]
fn a_sequence_wraps_after_255() {
    let mut world = born();
    for seq in 2..600 {
        let outcome = world.outcome(NDATA, &data(seq % 256, &world, 1, "x"));
        assert_eq!(updates(&outcome), ["G/E/a=x"], "{seq}");
    }
    let outcome = world.outcome(NDATA, &data(256, &world, 1, "x"));
    assert_eq!((outcome.decoded.errors.len(), outcome.unresolved), (1, 1));
}

#[test]
fn a_second_copy_of_a_message_is_counted_and_changes_nothing() {
    let mut world = born();
    let message = data(2, &world, 1, "3");
    assert_eq!(updates(&world.outcome(NDATA, &message)), ["G/E/a=3"]);
    let outcome = world.outcome(NDATA, &message);
    assert_eq!((updates(&outcome).len(), outcome.unresolved), (0, 1));
    assert_eq!(world.wait(60_000), []);
    let expected = Counts {
        births: 2,
        late: 1,
        ..Counts::default()
    };
    assert_eq!(world.counts, expected);
}

#[test]
fn another_birth_replaces_the_metrics_and_what_is_missing_is_dead() {
    let mut world = born();
    let metrics = vec![session(7), text(Some("c"), Some(1), "1")];
    let outcome = world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), metrics));
    assert_eq!(
        (updates(&outcome), dead(&outcome)),
        (vec!["G/E/c=1".into()], vec!["G/E/a"])
    );
    assert_eq!(
        updates(&world.outcome(NDATA, &data(1, &world, 1, "2"))),
        ["G/E/c=2"]
    );
    // The device must be born again as well.
    let outcome = world.outcome(DDATA, &data(2, &world, 2, "x"));
    assert_eq!(outcome.unresolved, 1);
    world.wait(9_999);
    let events = world.wait(1);
    let dead = events.iter().find_map(|event| match event {
        Event::Dead(topics) => Some(topics.iter().map(ToString::to_string).collect::<Vec<_>>()),
        _ => None,
    });
    assert_eq!(dead, Some(vec!["G/E/D/b".into()]));
}

#[test]
fn after_a_lost_connection_nothing_is_known_and_nodes_are_asked() {
    let mut world = born();
    world.host.lose(world.now());
    assert_eq!(world.events(), []);
    world.host.connect(world.now());
    assert_eq!(commands(&world.wait(0)), [REBIRTH]);
    let outcome = world.outcome(NDATA, &data(2, &world, 1, "3"));
    assert_eq!((updates(&outcome).len(), outcome.unresolved), (0, 1));
    // The death of a node that was alive before is no late one.
    let outcome = world.outcome(NDEATH, &payload(None, 0, vec![session(9)]));
    assert_eq!(dead(&outcome), ["G/E/D/b", "G/E/a"]);
}

#[test]
fn a_retained_message_is_ignored_but_shows_that_a_node_exists() {
    let mut world = World::new();
    let birth = payload(Some(0), world.now_ms(), vec![text(Some("a"), None, "1")]);
    assert!(world.host.take(NBIRTH, &birth, true, world.now()));
    let events = world.events();
    let [Event::Message(outcome)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!((updates(outcome).len(), outcome.unresolved), (0, 1));
    assert_eq!(commands(&world.wait(0)), [REBIRTH]);
    assert_eq!(world.counts.late, 1);
}

#[test]
fn an_empty_payload_removes_a_retained_message_and_ends_nothing() {
    let mut world = born();
    for topic in [NBIRTH, NDEATH, DBIRTH, DDEATH, NDATA, DDATA] {
        let outcome = world.outcome(topic, &Bytes::new());
        let counted = (outcome.decoded.passed_over, outcome.dead.len());
        assert_eq!(counted, (1, 0), "{topic}");
        assert_eq!(updates(&outcome).len(), 0, "{topic}");
    }
    // The node is alive, its sequence goes on, and its aliases hold.
    let outcome = world.outcome(NDATA, &data(2, &world, 1, "3"));
    assert_eq!(updates(&outcome), ["G/E/a=3"]);
    let outcome = world.outcome(DDATA, &data(3, &world, 2, "4"));
    assert_eq!(updates(&outcome), ["G/E/D/b=4"]);
    assert_eq!(commands(&world.wait(60_000)).len(), 0);
}

#[test]
fn names_that_no_topic_can_have_are_changed_and_stay_apart() {
    let mut world = World::new();
    let names = ["a+b", "a#b", "a_b", "x/y z", ""];
    let metrics = names.map(|name| text(Some(name), None, "1")).to_vec();
    let outcome = world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), metrics));
    let expected = ["G/E/a_b=1", "G/E/a_b_2=1", "G/E/a_b_3=1", "G/E/x/y z=1"];
    assert_eq!(updates(&outcome), expected);
    assert_eq!(outcome.decoded.errors.len(), 1);
    assert!(outcome.decoded.renamed.is_some());
    // They keep their topics, in whatever order they come.
    let metrics = names.map(|name| text(Some(name), None, "2"));
    let metrics = metrics.into_iter().rev().collect();
    let outcome = world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), metrics));
    let expected = ["G/E/x/y z=2", "G/E/a_b_3=2", "G/E/a_b_2=2", "G/E/a_b=2"];
    assert_eq!(updates(&outcome), expected);
    assert_eq!(outcome.decoded.renamed, None);
    // A metric of the node whose name begins with that of a device.
    let metrics = vec![text(Some("D/b"), None, "node")];
    world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), metrics));
    let birth = payload(
        Some(1),
        world.now_ms(),
        vec![text(Some("b"), None, "device")],
    );
    assert_eq!(
        updates(&world.outcome(DBIRTH, &birth)),
        ["G/E/D/b_2=device"]
    );
}

#[test]
fn an_alias_that_two_metrics_have_means_neither() {
    let mut world = World::new();
    let metrics = vec![text(Some("a"), Some(1), "1"), text(Some("b"), Some(1), "2")];
    world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), metrics));
    let outcome = world.outcome(NDATA, &data(1, &world, 1, "x"));
    assert_eq!((updates(&outcome).len(), outcome.unresolved), (0, 1));
}

#[test]
fn historical_and_doubtful_values_say_so() {
    let mut world = born();
    let historical = Metric {
        is_historical: Some(true),
        timestamp: Some(world.now_ms() - 3_600_000),
        ..text(None, Some(1), "old")
    };
    let mut stale = text(None, Some(1), "bad");
    stale.properties = Some(super::values::properties(&[("Quality", Err(500))]));
    let now = text(None, Some(1), "new");
    let metrics = vec![historical, now, stale];
    let outcome = world.outcome(NDATA, &payload(Some(2), world.now_ms(), metrics));
    let found: Vec<_> = outcome
        .decoded
        .updates
        .iter()
        .map(|update| (update.quality, update.source_time_ns.unwrap() / 1_000_000))
        .collect();
    let now_ms = world.now_ms() as i64;
    let expected = [
        (Quality::Historical, now_ms - 3_600_000),
        (Quality::Live, now_ms),
        (Quality::Stale, now_ms),
    ];
    assert_eq!(found, expected);
}

#[test]
fn messages_of_other_hosts_and_unreadable_ones_are_counted() {
    let mut world = World::new();
    for topic in ["spBv1.0/STATE/h", REBIRTH, "spBv1.0/G/DCMD/E/D"] {
        let outcome = world.outcome(topic, &Bytes::from_static(b"{}"));
        assert_eq!(outcome.decoded.passed_over, 1, "{topic}");
    }
    let outcome = world.outcome(NBIRTH, &Bytes::from_static(b"\xff\x01"));
    let errors: Vec<_> = outcome
        .decoded
        .errors
        .iter()
        .map(ToString::to_string)
        .collect();
    let expected = "Sparkplug payload \"ff 01\": it is not in Protobuf, or it is cut off";
    assert_eq!(errors, [expected]);
    let now = world.now();
    assert!(
        !world
            .host
            .take("spBv1.0/G/OTHER/E", &Bytes::new(), false, now)
    );
    assert!(!world.host.take("plant/a", &Bytes::new(), false, now));
}

#[test]
fn a_birth_that_was_sent_before_another_asks_for_a_third_and_its_aliases_are_not_trusted() {
    let mut world = World::new();
    let birth = |world: &World, number, alias| {
        let metrics = vec![
            session(number),
            text(Some("a"), Some(alias), "1"),
            text(Some("b"), Some(3 - alias), "1"),
        ];
        payload(Some(0), world.now_ms(), metrics)
    };
    let late = birth(&world, 6, 1);
    world.uptime_ms += 1;
    let birth_now = birth(&world, 7, 2);
    world.outcome(NBIRTH, &birth_now);
    let events = world.take(NBIRTH, &late);
    assert_eq!(events.len(), 1);
    let outcome = world.outcome(NDATA, &data(1, &world, 1, "x"));
    assert_eq!((updates(&outcome).len(), outcome.unresolved), (0, 1));
    assert_eq!(commands(&world.wait(0)), [REBIRTH]);
    // A clock that was set back goes on from there.
    world.uptime_ms += 1;
    let again = birth(&world, 7, 2);
    world.outcome(NBIRTH, &again);
    let outcome = world.outcome(NDATA, &data(1, &world, 2, "x"));
    assert_eq!(updates(&outcome), ["G/E/a=x"]);
    assert_eq!(commands(&world.wait(60_000)), Vec::<&str>::new());
}

#[test]
fn two_nodes_of_one_name_are_asked_rarely_and_each_metric_is_counted() {
    let mut world = World::new();
    let mut sent = 0;
    let mut settled = 0;
    let mut asked = 0;
    let mut seqs = [0u64; 2];
    let mut must_bear = [true; 2];
    for second in 0..3_600u64 {
        for node in 0..2 {
            // Both hear each command, and answer it.
            let is_birth = std::mem::take(&mut must_bear[node]);
            let (topic, metrics) = match is_birth {
                true => {
                    seqs[node] = 0;
                    let names = [["a", "b"], ["b", "a"]][node];
                    let metrics = [0, 1]
                        .map(|alias| text(Some(names[alias]), Some(alias as u64), names[alias]));
                    let mut metrics = metrics.to_vec();
                    metrics.push(session(second));
                    (NBIRTH, metrics)
                }
                false => (
                    NDATA,
                    vec![text(None, Some(0), "?"), text(None, Some(1), "?")],
                ),
            };
            sent += metrics.len() as u64;
            let message = payload(Some(seqs[node]), world.now_ms(), metrics);
            seqs[node] = (seqs[node] + 1) % 256;
            let mut events = world.take(topic, &message);
            events.extend(world.wait(500));
            for event in &events {
                if let Event::Message(outcome) = event {
                    let decoded = &outcome.decoded;
                    let updates = decoded.updates.len() as u64;
                    settled += updates + decoded.passed_over + outcome.unresolved;
                }
            }
            let commands = commands(&events).len();
            asked += commands;
            if commands > 0 {
                must_bear = [true; 2];
            }
        }
    }
    for event in world.wait(60_000) {
        if let Event::Message(outcome) = event {
            settled += outcome.unresolved + outcome.decoded.updates.len() as u64;
        }
    }
    assert_eq!(settled, sent);
    // 5 s, 10 s, 20 s and so on up to 10 minutes between two requests.
    assert!((5..=16).contains(&asked), "{asked} requests in an hour");
}

#[test]
fn a_node_is_asked_only_while_there_is_a_connection() {
    let mut world = World::new();
    world.host.lose(world.now());
    world.take(NDATA, &data(1, &world, 1, "x"));
    assert_eq!(commands(&world.wait(60_000)), Vec::<&str>::new());
    world.host.connect(world.now());
    assert_eq!(commands(&world.wait(0)), [REBIRTH]);
}

#[test]
fn levels_and_names_that_leave_no_room_in_a_topic_are_refused_and_counted() {
    let mut world = World::new();
    let birth = payload(Some(0), world.now_ms(), vec![text(Some("a"), None, "1")]);
    let long = "g".repeat(TOPIC_MAX_BYTES - "/E/a".len());
    let outcome = world.outcome(&format!("spBv1.0/{long}/NBIRTH/E"), &birth);
    assert_eq!(updates(&outcome).len(), 1);
    for topic in [
        format!("spBv1.0/{long}g/NBIRTH/E"),
        format!("spBv1.0/G/NBIRTH/{long}gg"),
        format!("spBv1.0/G/DBIRTH/E/{long}g"),
        "spBv1.0/G/NBIRTH/E\u{7}".into(),
    ] {
        let outcome = world.outcome(&topic, &birth);
        assert_eq!(outcome.decoded.errors.len(), 1, "{topic}");
    }
    let internal = format!("Node Control/{}", "x".repeat(TOPIC_MAX_BYTES));
    let metrics = vec![
        text(Some(&internal), None, "1"),
        text(Some("a\0b"), None, "1"),
    ];
    let outcome = world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), metrics));
    assert_eq!(updates(&outcome), ["G/E/a_b=1"]);
    assert_eq!(outcome.decoded.errors.len(), 1);
}

#[test]
fn a_message_tells_only_its_first_unreadable_metrics_and_counts_all() {
    let mut world = World::new();
    let message = Payload {
        metrics: vec![Bytes::new(); 20_000],
        seq: Some(0),
        ..Payload::default()
    };
    let outcome = world.outcome(NBIRTH, &message.encode_to_vec().into());
    let told = outcome.decoded.errors.len();
    assert_eq!(told, ERRORS_PER_MESSAGE_MAX);
    assert_eq!(told as u64 + outcome.unread, 20_000);
}

#[test]
fn a_unit_that_is_too_long_is_left_out_and_counted() {
    let mut world = World::new();
    let unit = "x".repeat(UNIT_MAX_BYTES + 1);
    let define = Metric {
        properties: Some(super::values::properties(&[("unit", Ok(&unit))])),
        ..text(Some("a"), None, "1")
    };
    let outcome = world.outcome(NBIRTH, &payload(Some(0), world.now_ms(), vec![define]));
    assert_eq!(updates(&outcome), ["G/E/a=1"]);
    assert_eq!(
        (
            outcome.decoded.updates[0].unit.clone(),
            outcome.decoded.left_out
        ),
        (None, 1)
    );
}

#[test]
fn a_birth_between_two_gaps_is_not_trusted_after_the_second_one() {
    let mut world = born();
    let birth = |alias| {
        vec![
            text(Some("b"), Some(alias), "1"),
            text(Some("c"), Some(5 - alias), "1"),
        ]
    };
    // Number 2 is missing. Number 3 is a birth of the device, and number 4 may have been another.
    world.take(DBIRTH, &payload(Some(3), world.now_ms(), birth(2)));
    world.take(DDATA, &data(5, &world, 2, "x"));
    let events = world.wait(3_000);
    let outcomes: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::Message(outcome) => Some((outcome.decoded.updates.len(), outcome.unresolved)),
            _ => None,
        })
        .collect();
    assert_eq!(outcomes, [(2, 0), (0, 1)]);
    assert_eq!(commands(&events), [REBIRTH]);
    assert_eq!(world.counts.gaps, 2);
}
