//! The state of a connection in words.

use std::time::Instant;

use super::{scene::Scene, theme::Theme};
use crate::data::connection_state::ConnectionState;

/// The words where there is little room: what needs no attention is left out.
pub(super) fn short_words(state: &ConnectionState, words: String) -> String {
    match state {
        ConnectionState::Connected { .. } => "connected".to_owned(),
        _ => words,
    }
}

/// What a pane says that waits for something, such as "the first value".
pub(super) fn waiting_words(scene: &Scene<'_>, what: &str) -> String {
    match missing_connection(scene) {
        Some(why) => format!("{why}: {what} has not come"),
        None => format!("Waiting for {what}"),
    }
}

/// Why nothing comes at the moment; `None` if there is no reason.
pub(super) fn missing_connection(scene: &Scene<'_>) -> Option<&'static str> {
    match scene.connection {
        // What comes is in the file.
        _ if scene.player.is_some() => None,
        ConnectionState::Connected { .. } => None,
        ConnectionState::Silent { .. } => Some("The server is silent"),
        ConnectionState::Connecting { .. }
        | ConnectionState::BackingOff { .. }
        | ConnectionState::Ended { .. } => Some("Not connected"),
    }
}

/// The state of a connection in words, and its colour.
pub(super) fn connection_words(
    state: &ConnectionState,
    theme: &Theme,
    now: Instant,
) -> (String, egui::Color32) {
    match state {
        ConnectionState::Connecting { attempt: 1 } => ("connecting".to_owned(), theme.warning),
        ConnectionState::Connecting { attempt } => {
            (format!("connecting, try {attempt}"), theme.warning)
        }
        ConnectionState::Connected { lineage, .. } => {
            // The last digits of the epoch are enough to see that it has changed.
            let epoch = format!("{:016x}", lineage.epoch.0);
            (format!("connected · epoch {}", &epoch[12..]), theme.up)
        }
        ConnectionState::Silent { since } => {
            let silent = now.saturating_duration_since(*since).as_secs();
            let words = format!("connected, but silent for {silent} s");
            (words, theme.bad)
        }
        ConnectionState::BackingOff { attempt, until, .. } => {
            // Rounded up: at 0 s the attempt begins.
            let left = until.saturating_duration_since(now).as_secs_f64().ceil();
            (
                format!("backing off, try {attempt} in {left:.0} s"),
                theme.bad,
            )
        }
        ConnectionState::Ended { .. } => ("not connected".to_owned(), theme.bad),
    }
}
