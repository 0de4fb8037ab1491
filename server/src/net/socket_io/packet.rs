//! The packets of clients: Engine.IO 4, with Socket.IO 5 in its messages.

use std::fmt;

/// Separates the packets of an HTTP request or answer.
pub(super) const SEPARATOR: char = '\u{1e}';

/// A packet of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Packet<'a> {
    /// The client ends the connection.
    Close,
    /// A ping. Only the one that asks for an upgrade, `probe`, comes from a client.
    Ping(&'a str),
    /// The answer to the server's ping.
    Pong,
    /// The upgrade is done.
    Upgrade,
    /// Nothing.
    Noop,
    /// A client wants to use a namespace.
    Connect {
        /// The namespace.
        namespace: &'a str,
        /// What the client says about itself, in JSON; may be empty.
        auth: &'a str,
    },
    /// A client leaves a namespace.
    Disconnect {
        /// The namespace.
        namespace: &'a str,
    },
    /// An event.
    Event {
        /// The namespace.
        namespace: &'a str,
        /// The acknowledgement that the client wants.
        id: Option<u32>,
        /// The name and the arguments, as a list in JSON.
        args: &'a str,
    },
    /// An acknowledgement, which the server never asks for.
    Ack,
}

/// Why a text is no packet that the server reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PacketError {
    /// It is empty.
    Empty,
    /// The number of its type is unknown.
    Type(char),
    /// It announces bytes.
    Binary,
    /// The number of its acknowledgement is too large.
    Id,
}

impl fmt::Display for PacketError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("the packet is empty"),
            Self::Type(digit) => write!(formatter, "there is no packet of type {digit:?}"),
            Self::Binary => formatter.write_str("binary packets are not read: send JSON"),
            Self::Id => write!(formatter, "the acknowledgement is above {}", u32::MAX - 1),
        }
    }
}

impl<'a> Packet<'a> {
    /// Parses the text of a packet.
    pub(super) fn parse(text: &'a str) -> Result<Self, PacketError> {
        let (digit, rest) = split_type(text)?;
        Ok(match digit {
            '1' => Self::Close,
            '2' => Self::Ping(rest),
            '3' => Self::Pong,
            '4' => return Self::parse_message(rest),
            '5' => Self::Upgrade,
            '6' => Self::Noop,
            'b' => return Err(PacketError::Binary),
            other => return Err(PacketError::Type(other)),
        })
    }

    fn parse_message(text: &'a str) -> Result<Self, PacketError> {
        let (digit, rest) = split_type(text)?;
        if matches!(digit, '5' | '6') {
            return Err(PacketError::Binary);
        }
        let (namespace, rest) = match rest.starts_with('/') {
            true => rest.split_once(',').unwrap_or((rest, "")),
            false => ("/", rest),
        };
        Ok(match digit {
            '0' => Self::Connect {
                namespace,
                auth: rest,
            },
            '1' => Self::Disconnect { namespace },
            '2' => {
                let digits = rest.find(|char: char| !char.is_ascii_digit());
                let (id, args) = rest.split_at(digits.unwrap_or(rest.len()));
                let id = match id {
                    "" => None,
                    id => {
                        let id = id.parse().map_err(|_| PacketError::Id)?;
                        // The largest one stands for no acknowledgement.
                        if id == u32::MAX {
                            return Err(PacketError::Id);
                        }
                        Some(id)
                    }
                };
                Self::Event {
                    namespace,
                    id,
                    args,
                }
            }
            '3' => Self::Ack,
            other => return Err(PacketError::Type(other)),
        })
    }
}

fn split_type(text: &str) -> Result<(char, &str), PacketError> {
    let digit = text.chars().next().ok_or(PacketError::Empty)?;
    Ok((digit, &text[digit.len_utf8()..]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_packet_is_parsed_by_its_digits() {
        for (text, expected) in [
            ("1", Packet::Close),
            ("2probe", Packet::Ping("probe")),
            ("3", Packet::Pong),
            ("5", Packet::Upgrade),
            ("6", Packet::Noop),
            (
                "40",
                Packet::Connect {
                    namespace: "/",
                    auth: "",
                },
            ),
            (
                "40{\"token\":\"a\"}",
                Packet::Connect {
                    namespace: "/",
                    auth: "{\"token\":\"a\"}",
                },
            ),
            (
                "40/admin,{}",
                Packet::Connect {
                    namespace: "/admin",
                    auth: "{}",
                },
            ),
            ("41", Packet::Disconnect { namespace: "/" }),
            (
                "42[\"a\",1]",
                Packet::Event {
                    namespace: "/",
                    id: None,
                    args: "[\"a\",1]",
                },
            ),
            (
                "42/admin,17[\"a\"]",
                Packet::Event {
                    namespace: "/admin",
                    id: Some(17),
                    args: "[\"a\"]",
                },
            ),
            ("4317[]", Packet::Ack),
        ] {
            assert_eq!(Packet::parse(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_the_server_does_not_read_has_a_reason() {
        for (text, error) in [
            ("", PacketError::Empty),
            ("4", PacketError::Empty),
            ("7", PacketError::Type('7')),
            ("é", PacketError::Type('é')),
            ("49", PacketError::Type('9')),
            ("bAAAA", PacketError::Binary),
            (
                "451-[\"a\",{\"_placeholder\":true,\"num\":0}]",
                PacketError::Binary,
            ),
            ("424294967295[\"a\"]", PacketError::Id),
            ("4299999999999[\"a\"]", PacketError::Id),
        ] {
            assert_eq!(Packet::parse(text), Err(error), "{text}");
            assert!(!error.to_string().is_empty());
        }
        assert!(matches!(
            Packet::parse("424294967294[]"),
            Ok(Packet::Event {
                id: Some(4_294_967_294),
                ..
            })
        ));
    }

    proptest! {
        #[test]
        fn any_text_is_a_packet_or_has_a_reason(text in "[0-9b]{0,4}[/a,\\[\\]\"{}é]{0,30}") {
            let _ = Packet::parse(&text);
        }

        #[test]
        fn an_event_comes_back_as_it_was(
            id in proptest::option::of(0..u32::MAX),
            name in "[a-z]{1,10}",
            is_named in any::<bool>(),
        ) {
            let (front, expected) = match is_named {
                true => ("/n,", "/n"),
                false => ("", "/"),
            };
            let id_text = id.map(|id| id.to_string()).unwrap_or_default();
            let text = format!("42{front}{id_text}[\"{name}\"]");
            let args = format!("[\"{name}\"]");
            let event = Packet::Event { namespace: expected, id, args: &args };
            prop_assert_eq!(Packet::parse(&text), Ok(event));
        }
    }
}
