//! What the contenders have to do. Pure.

use std::time::Duration;

use tickcast_protocol::message::Mode;

use super::contender::Contender;

/// Bytes of an update's payload, unless a workload says otherwise.
const PAYLOAD_BYTES: usize = 64;

/// How many updates are published when.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Pace {
    /// So many per second, on an absolute schedule, whatever becomes of them.
    Rate(f64),
    /// As many as possible while this many at most are under way to the slowest subscriber.
    Window(u64),
    /// None.
    Silent,
}

/// One workload: so many subscribers, each with some of the topics.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Workload {
    /// The letter it is asked for with.
    pub letter: &'static str,
    /// For people.
    pub title: &'static str,
    /// Connections that subscribe.
    pub subscribers: usize,
    /// Update `i` belongs to topic `i % topics`.
    pub topics: u64,
    /// Topics of each subscriber.
    pub topics_each: u64,
    /// When updates are due.
    pub pace: Pace,
    /// Bytes of each payload.
    pub payload_bytes: usize,
    /// What subscribers ask Tickcast for.
    pub mode: Mode,
    /// In mode `latest`.
    pub max_rate_hz: Option<f64>,
    /// Subscribers that do not read while it is measured.
    pub stalled: usize,
    /// Whether it is the shorter version, see [`Workload::quick`].
    pub is_quick: bool,
    /// Of Tickcast.
    pub shards: usize,
    /// Of Tickcast, if not its default.
    pub tape_bytes: Option<usize>,
    /// In how many turns it is measured; see [`heats`].
    pub turns: usize,
    /// Published before the measurement starts.
    pub warm_up: Duration,
    /// The same of each further turn.
    pub run_up: Duration,
    /// What is measured of each turn.
    pub steady: Duration,
    /// Whose figures the others' are divided by.
    pub reference: Contender,
    /// Who can do it.
    pub contenders: &'static [Contender],
    /// Why the others cannot; empty if all can.
    pub others: &'static str,
}

const EVERYBODY: &[Contender] = &Contender::ALL;
const WITH_TOPICS: &[Contender] = &[
    Contender::Raw,
    Contender::RawBatching,
    Contender::RawRing,
    Contender::TickcastBincode,
    Contender::TickcastJson,
    Contender::Nats,
];
const BOTH_ENCODINGS: &[Contender] = &[Contender::TickcastBincode, Contender::TickcastJson];
const WITH_RAW: &[Contender] = &[
    Contender::Raw,
    Contender::TickcastBincode,
    Contender::TickcastJson,
];
const WITH_SLOW_CLIENTS: &[Contender] = &[
    Contender::TickcastBincode,
    Contender::TickcastJson,
    Contender::Nats,
];

/// Where most of the time is the kernel's, what a delivery costs goes up and down by a quarter from
/// one second to the next, so that no turn may be far from those of the others. And the machine stands
/// still for some milliseconds about once a second, so that most turns have to be shorter than that.
const TURNS: usize = 20;
const TURN: Duration = Duration::from_millis(250);

/// When a turn begins nothing of the contender is in the caches.
const RUN_UP: Duration = Duration::from_millis(150);

/// What is measured in one piece.
const PIECE: Duration = Duration::from_secs(3);

const BASE: Workload = Workload {
    letter: "a",
    title: "1,000 subscribers, 100 updates/s",
    subscribers: 1_000,
    topics: 1,
    topics_each: 1,
    pace: Pace::Rate(100.0),
    payload_bytes: PAYLOAD_BYTES,
    mode: Mode::Every,
    max_rate_hz: None,
    stalled: 0,
    is_quick: false,
    shards: 1,
    tape_bytes: None,
    turns: TURNS,
    warm_up: Duration::from_secs(1),
    run_up: RUN_UP,
    steady: TURN,
    reference: Contender::Raw,
    contenders: EVERYBODY,
    others: "",
};

/// In one piece, where nothing is compared so closely.
const ALONE: Workload = Workload {
    turns: 1,
    run_up: Duration::ZERO,
    steady: PIECE,
    ..BASE
};

/// (b) and its reference differ in nothing but the number of subscribers.
const MANY: Workload = Workload {
    letter: "b",
    title: "10,000 subscribers, 5 updates/s",
    subscribers: 10_000,
    pace: Pace::Rate(5.0),
    // Three updates, behind two.
    turns: 12,
    run_up: Duration::from_millis(400),
    steady: Duration::from_millis(600),
    ..BASE
};

/// (f) and its reference differ in nothing but the mode.
const WILDCARD: Workload = Workload {
    letter: "f",
    title: "200 subscribers of # with 10,000 topics, 5,000 updates/s, `latest` 10 times a second",
    subscribers: 200,
    topics: 10_000,
    topics_each: 10_000,
    pace: Pace::Rate(5_000.0),
    mode: Mode::Latest,
    max_rate_hz: Some(10.0),
    // Each topic comes up once in 2 s, and brings its name with it the first time.
    warm_up: Duration::from_secs(3),
    reference: Contender::TickcastBincode,
    contenders: BOTH_ENCODINGS,
    others: "the others have no newest values",
    ..ALONE
};

const STALLED: Workload = Workload {
    letter: "h",
    title: "2,000 subscribers, 200 of which stop reading for 8 s, 40 updates/s of 2 KiB",
    subscribers: 2_000,
    pace: Pace::Rate(40.0),
    // So much that the kernel's buffers of those who do not read are full after a second or two.
    payload_bytes: 2048,
    stalled: 200,
    // So little that they lose something, which has to be told exactly.
    tape_bytes: Some(128 * 1024),
    // Longer than it takes until they are behind, shorter than the server's write timeout: nobody is
    // cut off, so that all counters must be equal in the end.
    steady: Duration::from_secs(8),
    reference: Contender::TickcastBincode,
    contenders: WITH_SLOW_CLIENTS,
    others: "raw has no answer to slow subscribers, and whoever writes a broadcast has to find one",
    ..ALONE
};

/// All workloads, in the order in which they are measured.
pub const ALL: [Workload; 12] = [
    BASE,
    Workload {
        letter: "a-two",
        title: "the same with two shards, both on the one core",
        shards: 2,
        reference: Contender::TickcastBincode,
        contenders: BOTH_ENCODINGS,
        others: "shards are Tickcast's",
        ..BASE
    },
    MANY,
    Workload {
        letter: "b-few",
        title: "the same with 1,000 subscribers",
        subscribers: 1_000,
        contenders: WITH_RAW,
        others: "it shows what many subscribers add",
        ..MANY
    },
    Workload {
        letter: "c",
        title: "200 subscribers, 2,000 updates/s",
        subscribers: 200,
        pace: Pace::Rate(2_000.0),
        // One write per update is more than a core can do.
        reference: Contender::RawBatching,
        ..BASE
    },
    Workload {
        letter: "d",
        title: "1,000 subscribers, lossless, as fast as it goes",
        pace: Pace::Window(1_024),
        turns: 6,
        steady: Duration::from_millis(500),
        reference: Contender::RawBatching,
        ..BASE
    },
    Workload {
        letter: "e",
        title: "1,000 topics, 20,000 updates/s, 200 subscribers with 50 topics each",
        subscribers: 200,
        topics: 1_000,
        topics_each: 50,
        pace: Pace::Rate(20_000.0),
        reference: Contender::RawBatching,
        contenders: WITH_TOPICS,
        others: "Node ws and tokio-tungstenite are programs that broadcast; topics would be ours",
        ..ALONE
    },
    WILDCARD,
    Workload {
        letter: "f-every",
        title: "the same in mode `every`",
        mode: Mode::Every,
        max_rate_hz: None,
        ..WILDCARD
    },
    Workload {
        letter: "g",
        title: "10,000 idle subscribers",
        subscribers: 10_000,
        pace: Pace::Silent,
        warm_up: Duration::ZERO,
        ..ALONE
    },
    STALLED,
    Workload {
        letter: "h-calm",
        title: "the same, with nobody who stops reading",
        stalled: 0,
        ..STALLED
    },
];

/// The workload of a letter.
pub fn find(letter: &str) -> Option<Workload> {
    ALL.into_iter().find(|workload| workload.letter == letter)
}

/// Who is measured with what.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// Who.
    pub contender: Contender,
    /// With what.
    pub workload: &'a Workload,
}

/// Who is measured together, in order. Contenders whose workloads have turns are in one heat, together
/// with those of the same workload's variants: what the machine costs them differs as little as can be.
/// Everybody else has a heat alone.
pub fn heats<'a>(workloads: &'a [Workload], contenders: &[Contender]) -> Vec<Vec<Entry<'a>>> {
    let mut heats: Vec<Vec<Entry<'_>>> = Vec::new();
    for workload in workloads {
        let own = workload.contenders.iter().copied();
        for contender in own.filter(|contender| contenders.contains(contender)) {
            let entry = Entry {
                contender,
                workload,
            };
            let is_beside =
                |last: &&mut Vec<Entry<'_>>| last[0].workload.takes_turns_with(workload);
            match heats.last_mut().filter(is_beside) {
                Some(heat) => heat.push(entry),
                None => heats.push(vec![entry]),
            }
        }
    }
    heats
}

impl Workload {
    /// A shorter version that shows whether all works, and roughly what comes of it.
    pub fn quick(self) -> Self {
        const SHORT: Duration = Duration::from_secs(2);

        let mut quick = Self {
            is_quick: true,
            ..self
        };
        if self.turns > 1 {
            quick.turns = SHORT.div_duration_f64(self.steady) as usize;
        } else if self.stalled == 0 {
            quick.steady = self.steady.min(SHORT);
        }
        quick
    }

    /// For how long a turn goes on before it is measured.
    pub fn unmeasured(&self, turn: usize) -> Duration {
        match turn {
            0 => self.warm_up,
            _ => self.run_up,
        }
    }

    /// Variants of one workload have its letter and a word behind it.
    fn takes_turns_with(&self, other: &Self) -> bool {
        let base = |workload: &Self| workload.letter.split('-').next();
        self.turns > 1 && other.turns > 1 && base(self) == base(other)
    }

    /// Which share of what was published meanwhile has come meanwhile, if all should come.
    pub fn kept_up(&self, published: u64, received: u64) -> Option<f64> {
        let is_paced = matches!(self.pace, Pace::Rate(_));
        let wanted = published as f64 * self.fan_out();
        (is_paced && self.mode == Mode::Every && self.stalled == 0)
            .then(|| (received as f64 / wanted).min(1.0))
    }

    /// The topics of a subscriber: the first one and how many follow, going round.
    pub fn selection(&self, subscriber: usize) -> Selection {
        // Evenly spread, so that each topic has as many subscribers as the others.
        let first = subscriber as u64 * self.topics / self.subscribers as u64;
        Selection {
            first,
            count: self.topics_each,
            topics: self.topics,
        }
    }

    /// Whether a subscriber is one of those who stall: they are spread evenly among the others.
    pub fn stalls(&self, subscriber: usize) -> bool {
        let until = |subscriber: usize| subscriber * self.stalled / self.subscribers;
        until(subscriber + 1) > until(subscriber)
    }

    /// Subscribers that an update goes to.
    pub fn fan_out(&self) -> f64 {
        self.subscribers as f64 * self.topics_each as f64 / self.topics as f64
    }
}

/// Some of the topics, going round from the last to the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selection {
    /// The first one.
    pub first: u64,
    /// How many.
    pub count: u64,
    /// How many topics there are.
    pub topics: u64,
}

impl Selection {
    /// Whether it is all there is.
    pub fn is_all(&self) -> bool {
        self.count == self.topics
    }

    /// The topics' numbers.
    pub fn iter(&self) -> impl Iterator<Item = u64> {
        let Self {
            first,
            count,
            topics,
        } = *self;
        (first..first + count).map(move |topic| topic % topics)
    }

    /// The how manieth of the selection a topic is.
    pub fn slot(&self, topic: u64) -> Option<u64> {
        let slot = (topic + self.topics - self.first) % self.topics;
        (slot < self.count).then_some(slot)
    }
}

/// The name of a topic, with the separator of the contender's names.
pub fn topic_name(topic: u64, separator: char) -> String {
    format!("bench{separator}{topic}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_topic_has_as_many_subscribers_as_the_others() {
        let workload = find("e").unwrap();
        let mut subscribers = vec![0; workload.topics as usize];
        for subscriber in 0..workload.subscribers {
            let selection = workload.selection(subscriber);
            for (slot, topic) in selection.iter().enumerate() {
                assert_eq!(selection.slot(topic), Some(slot as u64));
                subscribers[topic as usize] += 1;
            }
        }
        assert_eq!(subscribers, vec![workload.fan_out() as u32; 1000]);
        assert_eq!(workload.selection(0).slot(50), None);
    }

    #[test]
    fn as_many_stall_as_shall() {
        let workload = ALL.iter().find(|workload| workload.stalled > 0).unwrap();
        let stalled = (0..workload.subscribers).filter(|&subscriber| workload.stalls(subscriber));
        assert_eq!(stalled.count(), workload.stalled);
    }

    #[test]
    fn who_has_turns_is_measured_beside_the_others_and_everybody_else_alone() {
        let contenders = [Contender::TickcastBincode, Contender::Nats];
        let heats = heats(&ALL, &contenders);
        let of_heat = |heat: &Vec<Entry<'_>>| -> Vec<_> {
            heat.iter()
                .map(|entry| (entry.workload.letter, entry.contender))
                .collect()
        };
        let names: Vec<_> = heats.iter().map(of_heat).collect();
        let [bincode, nats] = contenders;
        assert_eq!(names[0], [("a", bincode), ("a", nats), ("a-two", bincode)]);
        assert_eq!(names[1], [("b", bincode), ("b", nats), ("b-few", bincode)]);
        assert_eq!(names[2], [("c", bincode), ("c", nats)]);
        assert_eq!(names[3], [("d", bincode), ("d", nats)]);
        assert_eq!(names[4], [("e", bincode)]);
        assert_eq!(names[5], [("e", nats)]);
        let entries: usize = names.iter().map(Vec::len).sum();
        let wanted = ALL.iter().flat_map(|workload| workload.contenders);
        assert_eq!(entries, wanted.filter(|c| contenders.contains(c)).count());
    }

    #[test]
    fn letters_are_unique_and_what_somebody_cannot_do_has_a_reason() {
        for (at, workload) in ALL.iter().enumerate() {
            assert!(ALL[..at].iter().all(|w| w.letter != workload.letter));
            assert!(workload.contenders.contains(&workload.reference));
            let is_for_all = workload.contenders.len() == Contender::ALL.len();
            assert_eq!(workload.others.is_empty(), is_for_all);
        }
    }
}
