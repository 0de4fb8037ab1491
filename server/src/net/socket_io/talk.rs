//! What a client and the server say to each other, as a state without I/O: packets go in, and what
//! follows from them comes out.

use serde::Deserialize;
use tickcast_protocol::codec::explain_form;

use super::packet::{Packet, PacketError};

/// Maximum number of times that a client is refused a namespace, or is refused for its token. A
/// client that asks on is closed.
const CONNECTS_REFUSED_MAX: u32 = 16;

/// What follows from a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step<'a> {
    /// Nothing.
    Nothing,
    /// Send this packet.
    Send(String),
    /// The client wants to connect. The caller answers with `connected` and calls
    /// [`Talk::connected`], or refuses with `connect_error`.
    Connect(Auth),
    /// Carry an event out.
    Event {
        /// The acknowledgement that the client wants.
        id: Option<u32>,
        /// The name and the arguments, as a list in JSON.
        args: &'a str,
    },
    /// The client has ended the connection.
    End,
    /// The client breaks the protocol.
    Violation(&'static str),
}

/// What a client says about itself when it connects.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Auth {
    /// Proves an identity.
    pub token: Option<String>,
    /// Which connection it continues, if it does.
    pub pid: Option<String>,
    /// Where it was.
    pub offset: Option<String>,
}

/// The state of a conversation; see the module.
#[derive(Debug, Default)]
pub struct Talk {
    is_connected: bool,
    refused: u32,
}

impl Talk {
    /// Takes a packet, and returns what follows.
    pub fn take<'a>(&mut self, text: &'a str) -> Step<'a> {
        let packet = match Packet::parse(text) {
            Ok(packet) => packet,
            Err(PacketError::Binary) => return Step::Violation("binary packets are not read"),
            Err(PacketError::Id) => return Step::Violation("the acknowledgement is too large"),
            Err(PacketError::Empty | PacketError::Type(_)) => {
                return Step::Violation("this is no packet of Socket.IO 5");
            }
        };
        match packet {
            Packet::Close => Step::End,
            Packet::Disconnect { namespace: "/" } => Step::End,
            Packet::Connect {
                namespace: "/",
                auth,
            } if !self.is_connected => match parse_auth(auth) {
                Ok(auth) => Step::Connect(auth),
                Err(reason) => self.refuse("/", &reason),
            },
            // The client has sent it twice.
            Packet::Connect { namespace: "/", .. } => Step::Nothing,
            Packet::Connect { namespace, .. } => {
                let reason = format!("there is no namespace {namespace:?}: use \"/\"");
                self.refuse(namespace, &reason)
            }
            Packet::Event {
                namespace: "/",
                id,
                args,
            } if self.is_connected => Step::Event { id, args },
            Packet::Event { .. } => {
                Step::Violation("an event came before the namespace was connected")
            }
            Packet::Ping(_)
            | Packet::Pong
            | Packet::Upgrade
            | Packet::Noop
            | Packet::Disconnect { .. }
            | Packet::Ack => Step::Nothing,
        }
    }

    fn refuse<'a>(&mut self, namespace: &str, reason: &str) -> Step<'a> {
        match self.note_refused() {
            true => Step::Send(connect_error(namespace, reason, None)),
            false => Step::Violation("too many attempts to connect were refused"),
        }
    }

    /// Records that the client was refused. Returns whether it may try again.
    pub(super) fn note_refused(&mut self) -> bool {
        self.refused += 1;
        self.refused <= CONNECTS_REFUSED_MAX
    }

    /// Records that the client is connected.
    pub fn connected(&mut self) {
        self.is_connected = true;
    }
}

fn parse_auth(auth: &str) -> Result<Auth, String> {
    if auth.is_empty() {
        return Ok(Auth::default());
    }
    let wrong = "auth is an object, and token, pid and offset are texts";
    // A list would be taken for the fields in their order.
    if !auth.starts_with('{') {
        return Err(wrong.to_owned());
    }
    serde_json::from_str(auth).map_err(|error| explain_form(wrong, auth.as_bytes(), &error))
}

/// The packet that begins a connection.
pub(super) fn open(sid: &str, may_upgrade: bool, times: Times, payload_max_bytes: usize) -> String {
    let upgrades = if may_upgrade { "\"websocket\"" } else { "" };
    let Times { ping, timeout } = times;
    format!(
        "0{{\"sid\":\"{sid}\",\"upgrades\":[{upgrades}],\"pingInterval\":{},\
         \"pingTimeout\":{},\"maxPayload\":{payload_max_bytes}}}",
        ping.as_millis(),
        timeout.as_millis()
    )
}

/// The time between two pings, and the time to answer one.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    /// Between two pings.
    pub(super) ping: std::time::Duration,
    /// To answer one.
    pub(super) timeout: std::time::Duration,
}

/// The packet that says that the namespace is connected.
pub(super) fn connected(sid: &str, pid: &str) -> String {
    format!("40{{\"sid\":{},\"pid\":{}}}", quoted(sid), quoted(pid))
}

/// The packet that refuses a namespace.
pub(super) fn connect_error(namespace: &str, reason: &str, code: Option<u16>) -> String {
    let namespace = match namespace {
        "/" => String::new(),
        other => format!("{other},"),
    };
    let code = code.map(|code| format!(",\"data\":{{\"code\":{code}}}"));
    format!(
        "44{namespace}{{\"message\":{}{}}}",
        quoted(reason),
        code.unwrap_or_default()
    )
}

/// A text in JSON.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// How far an upgrade to WebSocket has come.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) enum Upgrade {
    /// The client has to ask first.
    #[default]
    Begun,
    /// The client has got an answer, and ends its last poll.
    Probed,
}

/// What follows from a packet during an upgrade.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UpgradeStep {
    /// Answer the client's question with this packet, and end its poll.
    Answer(&'static str),
    /// The connection is upgraded.
    Done,
    /// The client does something else: the upgrade fails, and the polls go on.
    Failed,
}

impl Upgrade {
    /// Takes a packet that came over the WebSocket.
    pub(super) fn take(&mut self, text: &str) -> UpgradeStep {
        match (&self, Packet::parse(text)) {
            (Self::Begun, Ok(Packet::Ping("probe"))) => {
                *self = Self::Probed;
                UpgradeStep::Answer("3probe")
            }
            (Self::Probed, Ok(Packet::Upgrade)) => UpgradeStep::Done,
            _ => UpgradeStep::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_client_connects_and_then_sends_events() {
        let mut talk = Talk::default();
        assert!(matches!(talk.take("42[\"list\"]"), Step::Violation(_)));
        let auth = Auth {
            token: Some("t".to_owned()),
            pid: Some("p".to_owned()),
            offset: None,
        };
        let connect = "40{\"token\":\"t\",\"pid\":\"p\",\"other\":1}";
        assert_eq!(talk.take(connect), Step::Connect(auth));
        talk.connected();
        assert_eq!(talk.take("40"), Step::Nothing);
        assert_eq!(
            talk.take("421[\"list\"]"),
            Step::Event {
                id: Some(1),
                args: "[\"list\"]"
            }
        );
        assert_eq!(talk.take("3"), Step::Nothing);
        assert_eq!(talk.take("41"), Step::End);
        assert_eq!(talk.take("1"), Step::End);
    }

    #[test]
    fn another_namespace_is_refused_and_the_main_one_can_still_be_used() {
        let mut talk = Talk::default();
        let Step::Send(refusal) = talk.take("40/admin,") else {
            panic!("it is refused");
        };
        assert!(refusal.starts_with("44/admin,{\"message\":\"there is no namespace"));
        let Step::Send(refusal) = talk.take("40[]") else {
            panic!("it is refused");
        };
        assert!(
            refusal.starts_with("44{\"message\":\"auth is an object"),
            "{refusal}"
        );
        assert_eq!(talk.take("40"), Step::Connect(Auth::default()));
    }

    #[test]
    fn a_client_that_is_refused_again_and_again_is_closed() {
        let mut talk = Talk::default();
        for _ in 0..CONNECTS_REFUSED_MAX {
            assert!(matches!(talk.take("40/a,"), Step::Send(_)));
        }
        assert!(matches!(talk.take("40/a,"), Step::Violation(_)));
    }

    #[test]
    fn an_upgrade_has_two_steps_in_their_order() {
        let mut upgrade = Upgrade::default();
        assert_eq!(upgrade.take("2probe"), UpgradeStep::Answer("3probe"));
        assert_eq!(upgrade.take("5"), UpgradeStep::Done);
        assert_eq!(Upgrade::Begun.take("5"), UpgradeStep::Failed);
        assert_eq!(Upgrade::Begun.take("2"), UpgradeStep::Failed);
        assert_eq!(Upgrade::Probed.take("2probe"), UpgradeStep::Failed);
    }

    #[test]
    fn the_packets_of_the_server_are_those_of_the_protocol() {
        let times = Times {
            ping: Duration::from_secs(25),
            timeout: Duration::from_secs(20),
        };
        assert_eq!(
            open("s", true, times, 9),
            "0{\"sid\":\"s\",\"upgrades\":[\"websocket\"],\"pingInterval\":25000,\
             \"pingTimeout\":20000,\"maxPayload\":9}"
        );
        assert!(open("s", false, times, 9).contains("\"upgrades\":[]"));
        assert_eq!(connected("s", "p\""), "40{\"sid\":\"s\",\"pid\":\"p\\\"\"}");
        assert_eq!(
            connect_error("/", "no", Some(500)),
            "44{\"message\":\"no\",\"data\":{\"code\":500}}"
        );
    }

    proptest! {
        #[test]
        fn events_are_carried_out_only_while_connected(
            texts in proptest::collection::vec(
                "(1|2probe|3|4[0-4](/a,)?[0-9]{0,3}(\\{\\}|\\[\"a\"\\])?|5|6|[a-z7])", 0..40,
            ),
        ) {
            let mut talk = Talk::default();
            let mut is_connected = false;
            for text in &texts {
                match talk.take(text) {
                    Step::Connect(_) => {
                        prop_assert!(!is_connected);
                        is_connected = true;
                        talk.connected();
                    }
                    Step::Event { .. } => prop_assert!(is_connected),
                    Step::End | Step::Violation(_) => break,
                    Step::Nothing | Step::Send(_) => {}
                }
            }
        }
    }
}
