//! The table of all requests: their members, and what each must be.

use crate::message::{ClientMessage, Interval};

/// What a member must be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    U32,
    U64,
    /// Only in recordings.
    I64,
    /// Only in recordings.
    Bool,
    F64,
    Text,
    /// Nanoseconds: in JSON a string of digits.
    Time,
    /// 16 hexadecimal digits: an epoch or a publisher.
    Hex,
    Decimal,
    /// A number that may be NaN or infinite.
    Reading,
    Bytes,
    /// One of a few names.
    Name(&'static [&'static str]),
    List(&'static Kind),
    Object(&'static Object),
    /// In JSON an object, or its first member alone.
    ObjectOrText(&'static Object),
    /// An object with one member, whose name says what it is.
    OneOf(&'static [(&'static str, Kind)]),
}

/// A member of an object.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) presence: Presence,
}

/// Whether a member may be missing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    Required,
    /// It may be missing in JSON, and is always there in bincode.
    Defaulted,
    /// It may be missing in both encodings.
    Optional,
}

/// Members in the order of bincode.
#[derive(Debug)]
pub(super) struct Object {
    /// Its name in errors.
    pub(super) name: &'static str,
    pub(super) members: &'static [Member],
}

/// The requests. The index is the number in bincode.
pub(super) const REQUESTS: &[Object] = &[
    Object {
        name: "subscribe",
        members: &[
            ID,
            required("filters", Kind::List(&Kind::ObjectOrText(&FILTER))),
            Member {
                name: "mode",
                kind: MODE,
                presence: Presence::Defaulted,
            },
            MAX_RATE,
        ],
    },
    Object {
        name: "unsubscribe",
        members: &[ID, required("channels", Kind::List(&Kind::U32))],
    },
    PUBLISH,
    Object {
        name: "time",
        members: &[ID, required("client_time_ns", Kind::Time)],
    },
    Object {
        name: "list",
        members: &[ID],
    },
    Object {
        name: "change",
        members: &[
            ID,
            required("channel", Kind::U32),
            required("mode", MODE),
            MAX_RATE,
        ],
    },
    Object {
        name: "history",
        members: &[
            ID,
            required("topic", Kind::Text),
            optional("limit", Kind::U32),
            optional("before", Kind::U64),
        ],
    },
    Object {
        name: "candles",
        members: &[
            ID,
            required("topic", Kind::Text),
            required("interval", Kind::Name(Interval::NAMES)),
            optional("limit", Kind::U32),
            optional("from_ns", Kind::Time),
            optional("before_ns", Kind::Time),
        ],
    },
    Object {
        name: "authenticate",
        members: &[ID, required("token", Kind::Text)],
    },
    Object {
        name: "publish_once",
        members: &[
            ID,
            required("publisher", Kind::Hex),
            required("number", Kind::U64),
            UPDATES,
        ],
    },
];

const _: () = assert!(REQUESTS.len() == ClientMessage::TYPES.len());

/// A publish, for one that has no type.
pub(super) const PUBLISH: Object = Object {
    name: "publish",
    members: &[optional("id", Kind::U32), UPDATES],
};

const UPDATES: Member = required("updates", Kind::List(&Kind::Object(&UPDATE)));

const ID: Member = Member {
    name: "id",
    kind: Kind::U32,
    presence: Presence::Defaulted,
};

const MAX_RATE: Member = optional("max_rate_hz", Kind::F64);

const MODE: Kind = Kind::Name(&["every", "latest"]);

const FILTER: Object = Object {
    name: "a filter",
    members: &[
        required("filter", Kind::Text),
        optional("resume", Kind::Object(&RESUME)),
    ],
};

const RESUME: Object = Object {
    name: "a resume token",
    members: &[
        required("epoch", Kind::Hex),
        required("position", Kind::U64),
        optional("count", Kind::U64),
        optional("snapshot", Kind::U64),
    ],
};

/// One update of a publish.
pub(super) const UPDATE: Object = Object {
    name: "an update",
    members: &[
        required("topic", Kind::Text),
        required("value", VALUE),
        optional("source_time_ns", Kind::Time),
    ],
};

/// One line of a recording.
pub(super) const RECORDED_LINE: Object = Object {
    name: "a recording",
    members: &[
        required("topic", Kind::Text),
        required("time", Kind::I64),
        optional("seq", Kind::U64),
        optional("every", Kind::Bool),
        optional("unit", Kind::Text),
        optional(
            "quality",
            Kind::Name(&["live", "retained", "stale", "historical"]),
        ),
        optional("source_time", Kind::I64),
        optional("value", VALUE),
        optional("status", Kind::Name(&["live", "stale", "dead"])),
    ],
};

/// A value by itself.
pub(super) const VALUE: Kind = Kind::OneOf(&[
    ("reading", Kind::Reading),
    ("trade", Kind::Object(&TRADE)),
    ("quote", Kind::Object(&QUOTE)),
    ("text", Kind::Text),
    ("bytes", Kind::Bytes),
    ("absent", Kind::Text),
]);

const TRADE: Object = Object {
    name: "a trade",
    members: &[
        required("price", Kind::Decimal),
        required("size", Kind::Decimal),
        optional("side", Kind::Name(&["buy", "sell"])),
    ],
};

const QUOTE: Object = Object {
    name: "a quote",
    members: &[
        optional("bid", Kind::Decimal),
        optional("ask", Kind::Decimal),
        optional("bid_size", Kind::Decimal),
        optional("ask_size", Kind::Decimal),
    ],
};

const fn required(name: &'static str, kind: Kind) -> Member {
    let presence = Presence::Required;
    Member {
        name,
        kind,
        presence,
    }
}

const fn optional(name: &'static str, kind: Kind) -> Member {
    let presence = Presence::Optional;
    Member {
        name,
        kind,
        presence,
    }
}
