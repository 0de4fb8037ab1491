//! The workloads of the comparison.

use std::time::Duration;

use tickcast_loadtest::busy_loop::PublishRate;
use tickcast_protocol::message::Mode;

use super::definition::Workload;
use crate::compare::contender::Contender;

/// Bytes of an update's payload, unless a workload has its own.
const PAYLOAD_BYTES: usize = 64;

const ALL_CONTENDERS: &[Contender] = &Contender::PLAIN;
const WITH_TOPICS: &[Contender] = &[
    Contender::Raw,
    Contender::RawBatching,
    Contender::RawRing,
    Contender::TickcastBincode,
    Contender::TickcastJson,
    Contender::Nats,
];
const WITH_TLS: &[Contender] = &Contender::TLS;
const WITH_LOG: &[Contender] = &Contender::LOG;
const WITH_SOCKET_IO: &[Contender] = &Contender::SOCKET_IO;
const BOTH_ENCODINGS: &[Contender] = &[Contender::TickcastBincode, Contender::TickcastJson];
const WITH_RAW: &[Contender] = &[
    Contender::Raw,
    Contender::TickcastBincode,
    Contender::TickcastJson,
    Contender::TickcastOther,
];
const WITH_SLOW_CLIENTS: &[Contender] = &[
    Contender::TickcastBincode,
    Contender::TickcastJson,
    Contender::Nats,
];

/// Turns per run. Where the kernel takes most of the time, the cost of a delivery varies by a
/// quarter from one second to the next, so the turns of different contenders must be close
/// together.
const TURNS: usize = 20;

/// Length of a turn. The machine stands still for some milliseconds about once a second, so most
/// turns must be shorter than that.
const TURN: Duration = Duration::from_millis(250);

/// When a turn begins, nothing of the contender is in the caches.
const RUN_UP: Duration = Duration::from_millis(150);

/// Measured time of a workload without turns.
const PIECE: Duration = Duration::from_secs(3);

const BASE: Workload = Workload {
    letter: "a",
    title: "1,000 subscribers, 100 updates/s",
    subscribers: 1_000,
    topics: 1,
    topics_each: 1,
    rate: PublishRate::PerSecond(100.0),
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
    contenders: ALL_CONTENDERS,
    others: "",
};

/// Measured in one piece, where contenders are not compared closely.
const ALONE: Workload = Workload {
    turns: 1,
    run_up: Duration::ZERO,
    steady: PIECE,
    ..BASE
};

/// (b) and its variant differ only in the number of subscribers.
const MANY: Workload = Workload {
    letter: "b",
    title: "10,000 subscribers, 5 updates/s",
    subscribers: 10_000,
    rate: PublishRate::PerSecond(5.0),
    // Three updates are measured, after two that are not.
    turns: 12,
    run_up: Duration::from_millis(400),
    steady: Duration::from_millis(600),
    ..BASE
};

/// What TLS costs, in the same turns as without it.
const SECURE: Workload = Workload {
    reference: Contender::TickcastBincode,
    contenders: WITH_TLS,
    others: "only servers with TLS, and Tickcast without it",
    ..BASE
};

/// What the log on disk costs, in the same turns as without it.
const LOGGED: Workload = Workload {
    contenders: WITH_LOG,
    others: "only Tickcast has a log",
    ..SECURE
};

/// (c) and its variants differ only in who takes part.
const FAST: Workload = Workload {
    subscribers: 200,
    rate: PublishRate::PerSecond(2_000.0),
    ..SECURE
};

/// (f) and its variant differ only in the mode.
const WILDCARD: Workload = Workload {
    letter: "f",
    title: "200 subscribers of # with 10,000 topics, 5,000 updates/s, `latest` 10 times a second",
    subscribers: 200,
    topics: 10_000,
    topics_each: 10_000,
    rate: PublishRate::PerSecond(5_000.0),
    mode: Mode::Latest,
    max_rate_hz: Some(10.0),
    // Each topic gets an update every 2 s. Its first update carries its name.
    warm_up: Duration::from_secs(3),
    reference: Contender::TickcastBincode,
    contenders: BOTH_ENCODINGS,
    others: "other servers have no latest values",
    ..ALONE
};

const STALLED: Workload = Workload {
    letter: "h",
    title: "2,000 subscribers, 200 of which stop reading for 8 s, 40 updates/s of 2 KiB",
    subscribers: 2_000,
    rate: PublishRate::PerSecond(40.0),
    // Large enough to fill the kernel's buffers of stalled subscribers after a second or two.
    payload_bytes: 2048,
    stalled: 200,
    // Small enough that stalled subscribers lose updates, which must be announced exactly.
    tape_bytes: Some(128 * 1024),
    // Long enough for stalled subscribers to fall behind, and shorter than the server's write
    // timeout. No subscriber is cut off, so all counters must be equal at the end.
    steady: Duration::from_secs(8),
    reference: Contender::TickcastBincode,
    contenders: WITH_SLOW_CLIENTS,
    others: "raw does not handle slow subscribers, and neither do plain broadcast programs",
    ..ALONE
};

/// All workloads, in the order of measurement.
pub const ALL: [Workload; 20] = [
    BASE,
    Workload {
        letter: "a-log",
        title: "the same with the log on disk",
        ..LOGGED
    },
    Workload {
        letter: "a-socketio",
        title: "the same in JSON, and for clients of Socket.IO",
        reference: Contender::TickcastJson,
        contenders: WITH_SOCKET_IO,
        others: "Socket.IO's own server runs on Node, which is measured by itself",
        ..BASE
    },
    Workload {
        letter: "a-tls",
        title: "the same with TLS",
        ..SECURE
    },
    Workload {
        letter: "a-tls-4k",
        title: "the same with TLS and payloads of 4 KiB",
        payload_bytes: 4096,
        ..SECURE
    },
    Workload {
        letter: "a-two",
        title: "the same with two shards, both on the one core",
        shards: 2,
        reference: Contender::TickcastBincode,
        contenders: BOTH_ENCODINGS,
        others: "only Tickcast has shards",
        ..BASE
    },
    MANY,
    Workload {
        letter: "b-few",
        title: "the same with 1,000 subscribers",
        subscribers: 1_000,
        contenders: WITH_RAW,
        others: "it shows the additional cost of many subscribers",
        ..MANY
    },
    Workload {
        letter: "b-tls",
        title: "10,000 subscribers, 5 updates/s, with TLS",
        reference: SECURE.reference,
        contenders: SECURE.contenders,
        others: SECURE.others,
        ..MANY
    },
    Workload {
        letter: "c",
        title: "200 subscribers, 2,000 updates/s",
        // One write per update is more work than a core can do.
        reference: Contender::RawBatching,
        contenders: BASE.contenders,
        others: BASE.others,
        ..FAST
    },
    Workload {
        letter: "c-log",
        title: "the same with the log on disk",
        contenders: LOGGED.contenders,
        others: LOGGED.others,
        ..FAST
    },
    Workload {
        letter: "c-tls",
        title: "the same with TLS",
        ..FAST
    },
    Workload {
        letter: "d",
        title: "1,000 subscribers, lossless, as fast as it goes",
        rate: PublishRate::Window(1_024),
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
        rate: PublishRate::PerSecond(20_000.0),
        reference: Contender::RawBatching,
        contenders: WITH_TOPICS,
        others: "Node ws and tokio-tungstenite are broadcast programs without topics",
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
        rate: PublishRate::Silent,
        warm_up: Duration::ZERO,
        ..ALONE
    },
    Workload {
        letter: "g-tls",
        title: "10,000 idle subscribers with TLS",
        subscribers: 10_000,
        rate: PublishRate::Silent,
        warm_up: Duration::ZERO,
        reference: SECURE.reference,
        contenders: SECURE.contenders,
        others: SECURE.others,
        ..ALONE
    },
    STALLED,
    Workload {
        letter: "h-calm",
        title: "the same without stalled subscribers",
        stalled: 0,
        ..STALLED
    },
];

/// The workload with a letter.
pub fn find(letter: &str) -> Option<Workload> {
    ALL.into_iter().find(|workload| workload.letter == letter)
}
