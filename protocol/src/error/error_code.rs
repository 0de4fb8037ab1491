//! Why a request was refused.

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::registry::registry;

registry! {
    /// Why a request was refused.
    ErrorCode {
        /// Not JSON, not bincode, trailing bytes, or a field that is missing, unknown or of the
        /// wrong type.
        Malformed = 100, "malformed message";
        /// A message type that this server does not know.
        UnknownMessage = 101, "unknown message";
        /// See `requests_per_s` in the limits.
        TooManyRequests = 102, "too many requests";
        /// The filter breaks MQTT's rules or is too long.
        BadFilter = 200, "bad filter";
        /// The settings forbid this client to subscribe to the filter.
        SubscribeForbidden = 201, "subscribing not allowed";
        /// See `subscriptions` in the limits.
        TooManySubscriptions = 202, "too many subscriptions";
        /// The connection has no subscription with this channel.
        UnknownChannel = 203, "unknown channel";
        /// The maximum rate is not a positive number.
        BadRate = 204, "bad rate";
        /// The topic name breaks MQTT's rules or is too long.
        BadTopic = 300, "bad topic";
        /// The settings forbid this client to publish to the topic.
        PublishForbidden = 301, "publishing not allowed";
        /// The server already holds as many topics as its settings allow.
        TooManyTopics = 302, "too many topics";
        /// The value is longer than the server accepts.
        ValueTooLarge = 303, "value too large";
        /// The settings turn history off.
        NoHistory = 304, "no history kept";
        /// The server cannot tell any more whether it has put this publish of the publisher on the
        /// tape, so it does not. See [`PublishOnce`](crate::message::PublishOnce).
        NumberTooOld = 305, "number too old";
        /// The server is shutting down.
        Draining = 400, "server is draining";
        /// The server's disk takes no updates at the moment, and its settings do not let it go on
        /// without.
        NotRecorded = 401, "updates cannot be recorded";
        /// The client must authenticate first.
        NotAuthenticated = 500, "not authenticated";
        /// The token is unknown, wrong, expired, revoked, or of another identity.
        TokenRefused = 501, "token refused";
        /// The identity has as many connections as it may.
        TooManyConnections = 502, "too many connections of the identity";
    }
}

impl ErrorCode {
    /// Whether the same request may succeed when it is sent again later.
    pub fn is_temporary(self) -> bool {
        matches!(
            self,
            Self::TooManyRequests | Self::Draining | Self::NotRecorded | Self::TooManyConnections
        )
    }
}

impl bincode::Encode for ErrorCode {
    fn encode<E: bincode::enc::Encoder>(
        &self,
        encoder: &mut E,
    ) -> Result<(), bincode::error::EncodeError> {
        self.number().encode(encoder)
    }
}

impl<C> bincode::Decode<C> for ErrorCode {
    fn decode<D: bincode::de::Decoder<Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        let number = u16::decode(decoder)?;
        Self::from_number(number).ok_or_else(|| {
            bincode::error::DecodeError::OtherString(format!("unknown error code {number}"))
        })
    }
}

bincode::impl_borrow_decode!(ErrorCode);

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u16(self.number())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let number = u16::deserialize(deserializer)?;
        Self::from_number(number)
            .ok_or_else(|| de::Error::custom(format!("unknown error code {number}")))
    }
}
