use proptest::prelude::*;
use tickcast_protocol::{message::TimeNs, topic::Filter};

use super::*;

const FEED: FeedId = 3;

fn filter(text: &str) -> Filter {
    Filter::new(text).unwrap()
}

fn update(topic: &str, value: Value, quality: Quality) -> NewUpdate {
    NewUpdate {
        quality,
        ..NewUpdate::live(Topic::new(topic).unwrap(), value)
    }
}

/// A tracker with names, in virtual time.
struct World {
    liveness: Liveness,
    names: Vec<String>,
    now: Now,
}

impl World {
    fn new(settings: LivenessSettings) -> Self {
        Self {
            liveness: Liveness::new(settings),
            names: Vec::new(),
            now: Now {
                uptime: Duration::ZERO,
                wall_ns: 0,
            },
        }
    }

    fn silence(topics: &str, expect_every: Expected, dead_after: Option<Duration>) -> Self {
        let rule = SilenceRule {
            filter: filter(topics),
            expect_every,
            dead_after,
        };
        Self::new(LivenessSettings {
            silence: vec![rule],
            wills: vec![],
        })
    }

    fn wills(topic: &str, topics: &str) -> Self {
        let rule = WillRule {
            topic: filter(topic),
            dead_if: "offline".into(),
            topics: filter(topics),
        };
        rule.check().unwrap();
        Self::new(LivenessSettings {
            silence: vec![],
            wills: vec![rule],
        })
    }

    fn wait(&mut self, ms: u64) {
        self.now.uptime += Duration::from_millis(ms);
        self.now.wall_ns = self.now.uptime.as_nanos() as TimeNs;
        self.liveness.poll(self.now);
    }

    fn hear_as(&mut self, topic: &str, value: Value, quality: Quality) {
        let update = update(topic, value, quality);
        let known = self.names.iter().position(|name| name == topic);
        let id = known.unwrap_or_else(|| {
            self.liveness.introduce(&update, self.now);
            self.names.push(topic.into());
            self.names.len() - 1
        });
        self.liveness
            .heard(id as TopicId, &update, Some(FEED), self.now);
    }

    fn hear(&mut self, topic: &str) {
        self.hear_as(topic, Value::Reading(1.0), Quality::Live);
    }

    fn say(&mut self, topic: &str, text: &str) {
        self.hear_as(topic, Value::Text(text.into()), Quality::Live);
    }

    fn status(&self, topic: &str) -> Status {
        let id = self.names.iter().position(|name| name == topic).unwrap();
        self.liveness.status(id as TopicId)
    }
}

#[test]
fn a_silent_topic_becomes_stale_then_dead_and_an_update_makes_it_live() {
    let every = Expected::Every(Duration::from_secs(5));
    let mut world = World::silence("a/#", every, Some(Duration::from_secs(60)));
    world.hear("a/1");
    world.hear("b");
    world.wait(14_999);
    assert_eq!(world.status("a/1"), Status::Live);
    world.wait(1);
    assert_eq!(world.status("a/1"), Status::Stale);
    world.wait(44_999);
    assert_eq!(world.status("a/1"), Status::Stale);
    world.wait(1);
    assert_eq!(world.status("a/1"), Status::Dead);
    world.hear("a/1");
    assert_eq!(world.status("a/1"), Status::Live);
    assert_eq!(world.status("b"), Status::Live);
    let changes: Vec<_> = world.liveness.take_changes(10).collect();
    let seconds: Vec<_> = changes
        .iter()
        .map(|change| (change.status, change.since_ns / 1_000_000_000))
        .collect();
    assert_eq!(
        seconds,
        [(Status::Stale, 15), (Status::Dead, 60), (Status::Live, 60)]
    );
    assert_eq!(world.liveness.counts(), [2, 0, 0]);
}

#[test]
fn a_retained_value_does_not_make_a_topic_live() {
    let every = Expected::Every(Duration::from_secs(1));
    let mut world = World::silence("#", every, None);
    let hear_retained =
        |world: &mut World| world.hear_as("a", Value::Reading(1.0), Quality::Retained);
    hear_retained(&mut world);
    world.wait(3_000);
    assert_eq!(world.status("a"), Status::Stale);
    hear_retained(&mut world);
    assert_eq!(world.status("a"), Status::Stale);
    world.hear("a");
    assert_eq!(world.status("a"), Status::Live);
}

#[test]
fn a_topic_is_dead_when_its_feed_says_so_until_its_next_live_update() {
    let mut world = World::new(LivenessSettings::default());
    for topic in ["a", "b"] {
        world.hear(topic);
    }
    world.liveness.topic_dead(0, FEED + 1, world.now);
    assert_eq!(world.status("a"), Status::Live);
    world.liveness.topic_dead(0, FEED, world.now);
    world.liveness.feed_down(FEED, world.now);
    assert_eq!(world.status("a"), Status::Dead);
    assert_eq!(world.status("b"), Status::Stale);
    world.hear_as("a", Value::Reading(1.0), Quality::Historical);
    assert_eq!(world.status("a"), Status::Dead);
    world.hear("a");
    assert_eq!(world.status("a"), Status::Live);
}

#[test]
fn the_topics_of_a_feed_are_stale_while_it_is_down() {
    let mut world = World::new(LivenessSettings::default());
    world.hear("a");
    world.liveness.feed_down(FEED + 1, world.now);
    assert_eq!(world.status("a"), Status::Live);
    world.liveness.feed_down(FEED, world.now);
    assert_eq!(world.status("a"), Status::Stale);
    world.hear("a");
    assert_eq!(world.status("a"), Status::Live);
}

#[test]
fn a_will_makes_only_the_topics_of_its_source_dead() {
    let mut world = World::wills("devices/+/status", "devices/+/#");
    for topic in ["devices/a/t", "devices/b/t", "devices/a/x/y", "other/a/t"] {
        world.hear(topic);
    }
    world.say("devices/a/status", "online");
    assert_eq!(world.liveness.counts(), [5, 0, 0]);
    world.say("devices/a/status", "offline");
    assert_eq!(world.status("devices/a/t"), Status::Dead);
    assert_eq!(world.status("devices/a/x/y"), Status::Dead);
    assert_eq!(world.status("devices/b/t"), Status::Live);
    assert_eq!(world.status("other/a/t"), Status::Live);

    // A value that the broker still holds for a dead device is not live, in whatever order it
    // arrives.
    world.hear_as("devices/a/new", Value::Reading(1.0), Quality::Retained);
    assert_eq!(world.status("devices/a/new"), Status::Dead);

    world.hear("devices/a/t");
    assert_eq!(world.status("devices/a/t"), Status::Live);
    assert_eq!(world.status("devices/a/x/y"), Status::Dead);
}

#[test]
fn a_will_may_have_more_wildcards_than_it_needs_but_not_fewer() {
    let mut world = World::wills("site/+/device/+/status", "data/+/#");
    world.hear("data/north/t");
    world.hear("data/south/t");
    world.say("site/north/device/7/status", "offline");
    assert_eq!(world.status("data/north/t"), Status::Dead);
    assert_eq!(world.status("data/south/t"), Status::Live);
    let check = |topic, topics| {
        WillRule {
            topic: filter(topic),
            dead_if: String::new(),
            topics: filter(topics),
        }
        .check()
        .unwrap_err()
    };
    assert!(check("a/+", "b/+/+").contains("more +"));
    assert!(check("a/#", "b").contains("must not end with #"));
}

#[test]
fn an_interval_is_learned_from_the_longest_gaps() {
    let mut world = World::silence("#", Expected::Learned, None);
    // Every fourth gap is twenty times as long as the others.
    for _ in 0..10 {
        for gap_ms in [500, 500, 500, 10_000] {
            world.hear("a");
            world.wait(gap_ms);
            assert_eq!(world.status("a"), Status::Live);
        }
    }
    world.hear("a");
    world.wait(25_000);
    assert_eq!(world.status("a"), Status::Live);
    world.wait(6_000);
    assert_eq!(world.status("a"), Status::Stale);
}

#[test]
fn a_slower_source_is_accepted_after_a_few_long_gaps() {
    let mut world = World::silence("#", Expected::Learned, None);
    for _ in 0..20 {
        world.hear("a");
        world.wait(1_000);
    }
    let mut alarms = 0;
    for _ in 0..10 {
        world.wait(20_000);
        alarms += u32::from(world.status("a") == Status::Stale);
        world.hear("a");
    }
    assert!((1..=4).contains(&alarms), "{alarms}");
}

#[test]
fn a_learned_interval_rises_at_once_and_sinks_by_a_64th_of_the_difference() {
    let mut world = World::silence("#", Expected::Learned, None);
    let mut interval_after = |gap_ms: u64| {
        world.hear("a");
        world.wait(gap_ms);
        world.hear("a");
        world.liveness.topics[0].interval_s
    };
    assert_eq!(interval_after(16_000), 16.0);
    // Not the gap since the update that ended the last one.
    let sunk = interval_after(8_000);
    assert!((15.0..16.0).contains(&sunk), "{sunk}");
    let mut interval_s = sunk;
    for gap_s in [2, 4, 1] {
        interval_s -= interval_s / 64.0;
        interval_s -= (interval_s - gap_s as f32) / 64.0;
        let learned = interval_after(gap_s * 1_000);
        assert!(
            (learned - interval_s).abs() < 0.001,
            "{learned} {interval_s}"
        );
    }
}

#[test]
fn a_gap_that_makes_a_topic_stale_doubles_its_interval_at_most() {
    let mut world = World::silence("#", Expected::Learned, None);
    for _ in 0..=LEARN_GAPS_MIN {
        world.hear("a");
        world.wait(10_000);
    }
    world.hear("a");
    // Below three intervals there is no alarm, and no reason for doubt.
    for (gap_ms, is_stale, expected) in [
        (29_000, false, 29.0),
        (100_000, true, 58.0),
        (175_000, true, 116.0),
    ] {
        world.wait(gap_ms);
        assert_eq!(world.status("a") == Status::Stale, is_stale, "{gap_ms}");
        world.hear("a");
        assert_eq!(world.liveness.topics[0].interval_s, expected);
    }
}

#[test]
fn a_topic_whose_times_end_together_is_dead_at_once() {
    let every = Expected::Every(Duration::from_secs(1));
    let mut world = World::silence("#", every, Some(Duration::from_secs(3)));
    world.hear("a");
    world.wait(3_000);
    assert_eq!(world.status("a"), Status::Dead);
    let changes: Vec<_> = world.liveness.take_changes(10).map(|c| c.status).collect();
    assert_eq!(changes, [Status::Dead]);
}

#[test]
fn a_will_may_be_a_text_bytes_or_a_number() {
    for (dead_if, value, is_end) in [
        ("offline", Value::Text("offline".into()), true),
        ("offline", Value::Text("online".into()), false),
        ("offline", Value::Bytes(b"offline".to_vec()), true),
        ("offline", Value::Bytes(b"online".to_vec()), false),
        ("0", Value::Reading(0.0), true),
        ("0", Value::Reading(1.0), false),
        ("offline", Value::Reading(0.0), false),
    ] {
        let rule = WillRule {
            topic: filter("status"),
            dead_if: dead_if.into(),
            topics: filter("#"),
        };
        assert_eq!(rule.is_end(&value), is_end, "{dead_if} {value:?}");
    }
}

#[test]
fn bursts_do_not_cause_an_alarm() {
    let mut world = World::silence("#", Expected::Learned, None);
    (0..100).for_each(|_| world.hear("a"));
    world.wait(2_999);
    assert_eq!(world.status("a"), Status::Live);
    world.wait(1);
    assert_eq!(world.status("a"), Status::Stale);
}

#[test]
fn the_heap_is_touched_once_per_interval_and_not_once_per_update() {
    let every = Expected::Every(Duration::from_secs(1));
    let mut world = World::silence("#", every, None);
    for _ in 0..10_000 {
        world.hear("a");
        assert_eq!(world.liveness.due.len(), 1);
    }
    let first = world.liveness.next_due();
    assert_eq!(first, Some(Duration::from_secs(3)));
    world.wait(2_000);
    world.hear("a");
    assert_eq!(world.liveness.next_due(), first);
}

#[derive(Debug, Clone)]
enum Op {
    Hear(usize, Quality),
    Wait(u64),
    FeedDown,
    Will(usize, bool),
}

fn op() -> impl Strategy<Value = Op> {
    let quality = prop_oneof![4 => Just(Quality::Live), 1 => Just(Quality::Retained)];
    prop_oneof![
        5 => (0..NAMES.len(), quality).prop_map(|(topic, quality)| Op::Hear(topic, quality)),
        5 => (0..5_000u64).prop_map(Op::Wait),
        1 => Just(Op::FeedDown),
        1 => (0..2usize, any::<bool>()).prop_map(|(device, is_end)| Op::Will(device, is_end)),
    ]
}

const NAMES: [&str; 4] = ["d/0/fast", "d/0/slow", "d/1/fast", "d/1/any"];

/// The expected state of one topic, computed from its whole past.
#[derive(Debug, Clone, Copy)]
struct Past {
    heard: Duration,
    /// The worst status announced since the last live update.
    announced: Status,
}

fn expected(name: &str, past: Past, now: Duration) -> Status {
    let silence = now - past.heard;
    let (stale, dead) = match name {
        _ if name.ends_with("fast") => (Duration::from_secs(3), Duration::from_secs(9)),
        _ if name.ends_with("slow") => (Duration::from_secs(6), Duration::MAX),
        _ => (Duration::MAX, Duration::MAX),
    };
    if past.announced == Status::Dead || silence >= dead {
        Status::Dead
    } else if past.announced == Status::Stale || silence >= stale {
        Status::Stale
    } else {
        Status::Live
    }
}

proptest! {
    #[test]
    fn the_status_agrees_with_one_computed_from_the_whole_past(ops in prop::collection::vec(op(), 0..80)) {
        let rule = |topics, seconds, dead_after| SilenceRule {
            filter: filter(topics),
            expect_every: Expected::Every(Duration::from_secs(seconds)),
            dead_after,
        };
        let mut world = World::new(LivenessSettings {
            silence: vec![
                rule("d/+/fast", 1, Some(Duration::from_secs(9))),
                rule("d/+/slow", 2, None),
            ],
            wills: vec![WillRule {
                topic: filter("w/+"),
                dead_if: "offline".into(),
                topics: filter("d/+/#"),
            }],
        });
        let mut pasts: HashMap<usize, Past> = HashMap::new();
        let mut ended = [false; 2];
        let mut reported: HashMap<TopicId, Status> = HashMap::new();
        for op in ops {
            match op {
                Op::Wait(ms) => world.wait(ms),
                Op::FeedDown => {
                    // Topics that carry wills match no rule here.
                    world.liveness.feed_down(FEED, world.now);
                    for past in pasts.values_mut() {
                        past.announced = past.announced.max(Status::Stale);
                    }
                }
                Op::Will(device, is_end) => {
                    world.say(&format!("w/{device}"), if is_end { "offline" } else { "online" });
                    ended[device] = is_end;
                    for (topic, past) in &mut pasts {
                        if is_end && NAMES[*topic].starts_with(&format!("d/{device}")) {
                            past.announced = Status::Dead;
                        }
                    }
                }
                Op::Hear(topic, quality) => {
                    let device = usize::from(NAMES[topic].starts_with("d/1"));
                    let is_new = !pasts.contains_key(&topic);
                    world.hear_as(NAMES[topic], Value::Reading(1.0), quality);
                    let now = world.now.uptime;
                    let past = pasts.entry(topic).or_insert(Past { heard: now, announced: Status::Live });
                    if quality == Quality::Live {
                        *past = Past { heard: now, announced: Status::Live };
                    } else if is_new && ended[device] {
                        past.announced = Status::Dead;
                    }
                }
            }
            for (&topic, &past) in &pasts {
                let name = NAMES[topic];
                prop_assert_eq!(world.status(name), expected(name, past, world.now.uptime), "{}", name);
            }
            reported.extend(world.liveness.take_changes(usize::MAX).map(|c| (c.topic, c.status)));
            for id in 0..world.names.len() as TopicId {
                let reported = reported.get(&id).copied().unwrap_or_default();
                prop_assert_eq!(reported, world.liveness.status(id));
            }
            prop_assert!(world.liveness.due.len() <= world.names.len());
            prop_assert_eq!(world.liveness.counts().iter().sum::<u64>(), world.names.len() as u64);
        }
    }
}
