//! What a line says.

use serde::Serialize;
use tickcast_core::identity::Identity;
use tickcast_protocol::message::{Mode, Position};

/// Longest text of a line that a client has chosen, in bytes of UTF-8.
const TEXT_MAX_BYTES: usize = 512;

/// Who a line is about.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct Subject<'a> {
    /// The identity; missing for a client without a token.
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'a str>,
    /// Its role.
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'a str>,
    /// The id of its token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
}

impl<'a> Subject<'a> {
    pub(super) fn of(identity: &'a Identity) -> Self {
        let claims = &identity.claims;
        Self {
            subject: (!claims.is_anonymous()).then_some(&*claims.subject),
            role: Some(&*claims.role),
            token: claims.token_id.as_deref(),
        }
    }
}

/// What a line says, without its time.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    /// The server has started, with this epoch.
    Started { epoch: &'a str },
    /// A client was let in.
    Connected {
        connection: &'a str,
        client: &'a str,
        #[serde(flatten)]
        who: Subject<'a>,
    },
    /// What a client may do.
    Identity {
        connection: &'a str,
        #[serde(flatten)]
        who: Subject<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        expires_ns: Option<i64>,
        subscribe: Vec<&'a str>,
        history: Vec<&'a str>,
        publish: Vec<&'a str>,
    },
    /// A subscription begins. Everything after `from` is handed over until `ended`.
    Granted {
        connection: &'a str,
        #[serde(flatten)]
        who: Subject<'a>,
        channel: u32,
        filter: &'a str,
        mode: Mode,
        #[serde(skip_serializing_if = "Option::is_none")]
        max_rate_hz: Option<f64>,
        from: Position,
        #[serde(skip_serializing_if = "Option::is_none")]
        snapshot_after: Option<Position>,
    },
    /// A subscription has ended. Everything up to `to` was handed over.
    Ended {
        connection: &'a str,
        #[serde(flatten)]
        who: Subject<'a>,
        channel: u32,
        filter: &'a str,
        to: Position,
        #[serde(skip_serializing_if = "Option::is_none")]
        snapshot_to: Option<Position>,
    },
    /// Updates up to `to` were lost to a subscription.
    Lost {
        connection: &'a str,
        channel: u32,
        to: Position,
        #[serde(skip_serializing_if = "Option::is_none")]
        updates: Option<u64>,
    },
    /// Earlier updates, newest values or candles were handed over.
    Read {
        #[serde(skip_serializing_if = "Option::is_none")]
        connection: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<&'a str>,
        #[serde(flatten)]
        who: Subject<'a>,
        what: &'static str,
        filter: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        from: Option<Position>,
        to: Position,
        number: usize,
    },
    /// A client was refused.
    Refused {
        #[serde(skip_serializing_if = "Option::is_none")]
        connection: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<&'a str>,
        #[serde(flatten)]
        who: Subject<'a>,
        why: &'a str,
        reason: &'a str,
    },
    /// A connection is being closed.
    Closed {
        connection: &'a str,
        #[serde(flatten)]
        who: Subject<'a>,
        /// Missing if the connection just ended.
        #[serde(skip_serializing_if = "Option::is_none")]
        code: Option<u16>,
    },
    /// A ticket was given to a client.
    Ticket {
        client: &'a str,
        #[serde(flatten)]
        who: Subject<'a>,
    },
    /// An operator's command.
    Command {
        client: &'a str,
        /// The subject of the operator's token, if there was one.
        #[serde(skip_serializing_if = "Option::is_none")]
        operator: Option<&'a str>,
        #[serde(flatten)]
        command: Command<'a>,
        /// The number of clients that it has affected; missing if it has failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        affected: Option<usize>,
    },
    /// Lines were dropped before this one.
    Dropped { lines: u64 },
    /// The file was full: a new one begins. The lines of the file before the last one are gone.
    Rotated { replaced_bytes: u64 },
}

/// An operator's command.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Command<'a> {
    /// Its name.
    pub(crate) command: &'a str,
    /// Its query, which names a subject, a token's id or an address.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) query: &'a str,
}

/// A text of a bounded length: a client may have chosen a long one.
pub(super) fn bounded(text: &str) -> &str {
    match text.len() {
        0..=TEXT_MAX_BYTES => text,
        _ => &text[..text.floor_char_boundary(TEXT_MAX_BYTES)],
    }
}

/// The name of a connection in the lines: it is used once in the life of a server.
pub(super) fn name(shard: usize, connection: u64) -> String {
    format!("{shard}-{connection:x}")
}
