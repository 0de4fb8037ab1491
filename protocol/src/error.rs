//! The registry of error codes and of close codes. A number is never given a second meaning.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

macro_rules! registry {
    (
        $(#[$enum_meta:meta])*
        $name:ident { $($(#[$meta:meta])* $variant:ident = $number:literal, $text:literal;)* }
    ) => {
        $(#[$enum_meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[repr(u16)]
        pub enum $name {
            $($(#[$meta])* $variant = $number,)*
        }

        impl $name {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];

            /// The number on the wire.
            pub fn number(self) -> u16 {
                self as u16
            }

            /// What it means, in a few words.
            pub fn text(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }

            /// The meaning of a number, if the registry has it.
            pub fn from_number(number: u16) -> Option<Self> {
                match number {
                    $($number => Some(Self::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{} ({})", self.text(), self.number())
            }
        }
    };
}

registry! {
    /// Why a request was refused.
    ErrorCode {
        /// Not JSON, not bincode, trailing bytes, or a field that is missing or of the wrong kind.
        Malformed = 100, "malformed message";
        /// A type of message that this server does not know.
        UnknownMessage = 101, "unknown message";
        /// See `requests_per_s` in the limits.
        TooManyRequests = 102, "too many requests";
        /// A filter that breaks MQTT's rules or is too long.
        BadFilter = 200, "bad filter";
        /// The settings do not allow this client to subscribe to it.
        SubscribeForbidden = 201, "subscribing not allowed";
        /// See `subscriptions` in the limits.
        TooManySubscriptions = 202, "too many subscriptions";
        /// A channel number that this connection does not have.
        UnknownChannel = 203, "unknown channel";
        /// A maximum rate that is not a positive number.
        BadRate = 204, "bad rate";
        /// A topic name that breaks MQTT's rules or is too long.
        BadTopic = 300, "bad topic";
        /// The settings do not allow this client to publish to it.
        PublishForbidden = 301, "publishing not allowed";
        /// The server holds as many topics as it may.
        TooManyTopics = 302, "too many topics";
        /// The value is longer than the server takes.
        ValueTooLarge = 303, "value too large";
        /// The settings say that no earlier updates are kept.
        NoHistory = 304, "no history kept";
        /// The server is about to end.
        Draining = 400, "server is draining";
    }
}

registry! {
    /// Why a connection was closed. 1000 to 1999 are RFC 6455's (section 7.4.1) and IANA's, 4000 to
    /// 4999 ours: below 4500 a client should reconnect, from 4500 on it would only meet the same
    /// fate again.
    CloseCode {
        /// Either side is done.
        Normal = 1000, "normal closure";
        /// The server ends for good or the page was left.
        GoingAway = 1001, "going away";
        /// A frame that RFC 6455 forbids.
        ProtocolError = 1002, "protocol error";
        /// Binary where the subprotocol is text, or the other way round.
        UnsupportedData = 1003, "unsupported data";
        /// Text that is not UTF-8.
        InvalidPayload = 1007, "invalid payload";
        /// What no other code describes.
        PolicyViolation = 1008, "policy violation";
        /// Longer than `message_bytes` in the limits.
        MessageTooBig = 1009, "message too big";
        /// Something broke in the server.
        InternalError = 1011, "internal error";
        /// The server is restarted: reconnect.
        ServiceRestart = 1012, "service restart";
        /// The client took no byte for the write timeout.
        WriteTimeout = 4000, "write timeout";
        /// The client did not answer a ping.
        PongTimeout = 4001, "pong timeout";
        /// Requests kept coming above the limit.
        RateLimit = 4500, "request rate limit";
    }
}

impl ErrorCode {
    /// Whether the same request may succeed later.
    pub fn is_temporary(self) -> bool {
        matches!(self, Self::TooManyRequests | Self::Draining)
    }
}

impl CloseCode {
    /// Whether a client that wants to stay connected should try again.
    pub fn should_reconnect(number: u16) -> bool {
        match number {
            // No status, abnormal closure, and codes that tell of a passing state.
            1001 | 1005 | 1006 | 1011..=1015 => true,
            4000..=4499 => true,
            _ => false,
        }
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

impl<'de, C> bincode::BorrowDecode<'de, C> for ErrorCode {
    fn borrow_decode<D: bincode::de::BorrowDecoder<'de, Context = C>>(
        decoder: &mut D,
    ) -> Result<Self, bincode::error::DecodeError> {
        bincode::Decode::decode(decoder)
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_meanings_belong_together_both_ways() {
        for &code in ErrorCode::ALL {
            assert_eq!(ErrorCode::from_number(code.number()), Some(code));
        }
        for &code in CloseCode::ALL {
            assert_eq!(CloseCode::from_number(code.number()), Some(code));
        }
    }

    #[test]
    fn close_codes_say_whether_to_reconnect() {
        for (code, expected) in [
            (CloseCode::Normal, false),
            (CloseCode::GoingAway, true),
            (CloseCode::ServiceRestart, true),
            (CloseCode::ProtocolError, false),
            (CloseCode::WriteTimeout, true),
            (CloseCode::RateLimit, false),
        ] {
            assert_eq!(
                CloseCode::should_reconnect(code.number()),
                expected,
                "{code}"
            );
        }
    }
}
