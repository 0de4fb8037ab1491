//! Why a connection was closed.

use super::registry::registry;

registry! {
    /// Why a connection was closed. RFC 6455 (section 7.4.1) and IANA define 1000 to 1999, Tickcast
    /// defines 4000 to 4999. A client should reconnect after 4000 to 4499. After 4500 to 4999 it
    /// should not, because the next connection would end in the same way.
    CloseCode {
        /// One side has finished.
        Normal = 1000, "normal closure";
        /// The server ends for good, or the user left the page.
        GoingAway = 1001, "going away";
        /// A frame that RFC 6455 forbids.
        ProtocolError = 1002, "protocol error";
        /// A binary frame where the subprotocol is text, or a text frame where it is binary.
        UnsupportedData = 1003, "unsupported data";
        /// A text that is not UTF-8.
        InvalidPayload = 1007, "invalid payload";
        /// A violation that no other code describes.
        PolicyViolation = 1008, "policy violation";
        /// A message longer than `message_bytes` in the limits.
        MessageTooBig = 1009, "message too big";
        /// An internal failure of the server.
        InternalError = 1011, "internal error";
        /// The server restarts: reconnect.
        ServiceRestart = 1012, "service restart";
        /// The server lacks memory for the client at the moment.
        TryAgainLater = 1013, "try again later";
        /// The client accepted no bytes for the write timeout.
        WriteTimeout = 4000, "write timeout";
        /// The client did not answer a ping.
        PongTimeout = 4001, "pong timeout";
        /// The client's token has expired: connect again with a new one.
        TokenExpired = 4002, "token expired";
        /// The client has more than this node of a cluster has read: connect to another node, or
        /// again.
        NodeBehind = 4003, "the node is behind the client";
        /// The client kept sending requests above the limit.
        RateLimit = 4500, "request rate limit";
        /// The client has not proved an identity in time, or its token was refused.
        NotAuthenticated = 4501, "not authenticated";
        /// The identity is revoked, or the settings do not have it any more.
        Revoked = 4502, "identity revoked";
        /// An operator has ended the connection.
        Kicked = 4503, "ended by an operator";
    }
}

impl CloseCode {
    /// Whether the client's token is the reason: a client that has another one should reconnect.
    pub fn is_about_token(number: u16) -> bool {
        [Self::TokenExpired, Self::NotAuthenticated, Self::Revoked]
            .iter()
            .any(|code| code.number() == number)
    }

    /// Whether a client that wants to stay connected should reconnect after this code.
    pub fn should_reconnect(number: u16) -> bool {
        match number {
            // No status, abnormal closure, and codes for temporary conditions.
            1001 | 1005 | 1006 | 1011..=1015 => true,
            4000..=4499 => true,
            _ => false,
        }
    }
}
