//! Requests and connections that were refused, counted by reason.

use tickcast_core::stats::Number;

/// Why a request or a connection was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RefusalReason {
    /// Its address has as many connections as the settings allow.
    Connections,
    /// File descriptors are short.
    Descriptors,
    /// It names no host, or one that the server does not answer for.
    Host,
    /// It comes from a page of another site.
    Origin,
    /// It is not a proper handshake.
    Handshake,
    /// Its method is not supported at this path.
    Method,
    /// A parameter of its query is wrong.
    Parameters,
    /// The settings do not allow its filter.
    Permission,
    /// Its token is refused, or it has none.
    Token,
    /// Its ticket is refused, or there is none for it.
    Ticket,
    /// Its identity has as many connections as its role allows.
    IdentityConnections,
    /// All connections of its address together send more requests than the settings allow.
    AddressRequests,
    /// All connections of its identity together send more requests than its role allows.
    IdentityRequests,
    /// The body of a publish is too long, of another type, or cannot be read.
    Body,
    /// A client publishes more than it may: updates, bytes, or new topics.
    Publishes,
    /// The log on disk takes no updates.
    NotRecorded,
    /// The server is draining.
    Draining,
    /// It speaks TLS, or begins with a PROXY header, at a listener without.
    Preamble,
}

impl RefusalReason {
    /// All reasons.
    pub(crate) const ALL: [Self; 18] = [
        Self::Connections,
        Self::Descriptors,
        Self::Host,
        Self::Origin,
        Self::Handshake,
        Self::Method,
        Self::Parameters,
        Self::Permission,
        Self::Token,
        Self::Ticket,
        Self::IdentityConnections,
        Self::AddressRequests,
        Self::IdentityRequests,
        Self::Body,
        Self::Publishes,
        Self::NotRecorded,
        Self::Draining,
        Self::Preamble,
    ];

    /// The name in the metrics and in the log.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Connections => "connections",
            Self::Descriptors => "descriptors",
            Self::Host => "host",
            Self::Origin => "origin",
            Self::Handshake => "handshake",
            Self::Method => "method",
            Self::Parameters => "parameters",
            Self::Permission => "permission",
            Self::Token => "token",
            Self::Ticket => "ticket",
            Self::IdentityConnections => "identity_connections",
            Self::AddressRequests => "address_requests",
            Self::IdentityRequests => "identity_requests",
            Self::Body => "body",
            Self::Publishes => "publishes",
            Self::NotRecorded => "not_recorded",
            Self::Draining => "draining",
            Self::Preamble => "preamble",
        }
    }
}

/// The number of refusals for each reason.
#[derive(Debug, Default)]
pub(crate) struct RefusedStats([Number; RefusalReason::ALL.len()]);

impl RefusedStats {
    /// Counts one more.
    pub(crate) fn add(&self, reason: RefusalReason) {
        self.0[reason as usize].add(1);
    }

    /// The number for each reason, by its name.
    pub(crate) fn rows(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let names = RefusalReason::ALL.map(RefusalReason::as_str).into_iter();
        names.zip(self.0.iter().map(Number::get))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_reason_has_a_number_of_its_own() {
        let stats = RefusedStats::default();
        for (times, reason) in RefusalReason::ALL.into_iter().enumerate() {
            for _ in 0..times {
                stats.add(reason);
            }
        }
        let rows: Vec<_> = stats.rows().collect();
        let expected = RefusalReason::ALL.map(RefusalReason::as_str).into_iter();
        assert_eq!(rows, expected.zip(0..).collect::<Vec<_>>());
    }
}
