//! What is the case while there is no topic to show, and what to do about it.

use super::scene::Scene;
use crate::data::connection_state::{ConnectionState, Obstacle};

/// Why there is no topic, and what to do.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Advice {
    /// What is the case.
    pub(super) title: String,
    /// The reason, if one is known.
    pub(super) why: Option<String>,
    /// What to do, or what comes next.
    pub(super) hint: String,
    /// Whether a server of one's own helps: there is none on this machine.
    pub(super) wants_server: bool,
}

const ANOTHER_ADDRESS: &str = "Click the address at the top to connect to another server.";

impl Advice {
    fn new(title: impl Into<String>, hint: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            why: None,
            hint: hint.into(),
            wants_server: false,
        }
    }

    fn because(self, why: &str) -> Self {
        Self {
            why: Some(why.to_owned()),
            ..self
        }
    }

    /// The advice for what is shown; `None` if there are topics with a value, and what they come
    /// from goes on.
    pub(super) fn of(scene: &Scene<'_>) -> Option<Self> {
        let has_topics = !scene.store.with_value().is_empty();
        if scene.player.is_some() {
            let hint = "Topics appear while it is played. Its time bar goes to another time.";
            return (!has_topics).then(|| Self::new("The recording has no topic so far.", hint));
        }
        let url = scene.url;
        let is_open = matches!(
            scene.connection,
            ConnectionState::Connected { .. } | ConnectionState::Silent { .. }
        );
        if is_open && has_topics {
            return None;
        }
        if let Some(problem) = scene.access.problem() {
            let hint = "Click Log in at the top.";
            return Some(Self::new(format!("Not logged in at {url}"), hint).because(problem));
        }
        Some(match scene.connection {
            ConnectionState::Connecting { attempt } => {
                let title = match attempt {
                    1 => format!("Connecting to {url}"),
                    _ => format!("Connecting to {url}, try {attempt}"),
                };
                Self::new(title, "Topics appear when the server answers.")
            }
            ConnectionState::BackingOff { obstacle, why, .. }
            | ConnectionState::Ended { obstacle, why } => {
                let title = match obstacle {
                    Obstacle::Unreachable => format!("Cannot reach {url}"),
                    Obstacle::Refused => format!("Refused by {url}"),
                    Obstacle::Lost => format!("The connection to {url} has ended"),
                };
                Self {
                    wants_server: *obstacle == Obstacle::Unreachable && is_here(url),
                    ..Self::new(title, ANOTHER_ADDRESS).because(reason(why))
                }
            }
            ConnectionState::Silent { .. } => {
                let hint = "It sends no heartbeats: it is stopped, or the network is down.";
                Self::new(format!("Connected, but {url} is silent"), hint)
            }
            ConnectionState::Connected { .. } => Self::without_value(scene),
        })
    }

    /// The server has sent no value.
    fn without_value(scene: &Scene<'_>) -> Self {
        let identity = scene.access.identity();
        if let Some(told) = identity.filter(|told| told.subscribe.is_empty()) {
            let title = format!("The role {:?} may read nothing", told.role);
            return Self::new(title, "Log in at the top with another token.");
        }
        let filters: Vec<&str> = scene.filters.iter().map(|filter| filter.as_str()).collect();
        let hint = match filters[..] {
            [] | ["#"] => "Topics appear as soon as a feed or a client publishes.".to_owned(),
            _ => format!(
                "Topics of {} appear as soon as they are published. Other topics need another \
                 --filter.",
                filters.join("  ")
            ),
        };
        Self::new("Connected. No topic has a value yet.", hint)
    }
}

/// Whether an address without TLS is on this machine.
fn is_here(url: &str) -> bool {
    let hosts = ["127.0.0.1", "localhost", "[::1]"];
    let host = url.strip_prefix("ws://");
    host.is_some_and(|host| hosts.iter().any(|here| host.starts_with(here)))
}

/// The reason without the words that the title has.
fn reason(why: &str) -> &str {
    why.strip_prefix("cannot connect: ").unwrap_or(why)
}
