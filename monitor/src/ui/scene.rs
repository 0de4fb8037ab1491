//! What panels show.

use tickcast_protocol::{
    message::TimeNs,
    topic::{Filter, Topic},
};

use super::theme::Theme;
use crate::{
    data::{
        access::Access,
        alerts::Alerts,
        connection_state::ConnectionState,
        derived::DerivedTopics,
        format::Zone,
        health::Health,
        history::SampleSeries,
        login::Login,
        published::LastPublished,
        repaints::Repaints,
        time::{MINUTE, SECOND},
        topics::{MonitoredTopic, Store},
    },
    files::{
        recording::{RecordingPlayer, RecordingWriter},
        saved_state::Preferences,
    },
};

/// All that panels show in one repaint. They cannot change it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Scene<'a> {
    /// Topics and their history.
    pub(crate) store: &'a Store,
    /// The topics that the monitor computes.
    pub(crate) derived: &'a DerivedTopics,
    /// The state of the connection.
    pub(crate) connection: &'a ConnectionState,
    /// What the server allows.
    pub(crate) access: &'a Access,
    /// The login at the server.
    pub(crate) login: &'a Login,
    /// Rates, latencies and clocks.
    pub(crate) health: &'a Health,
    /// The cost of repaints, and how late they came.
    pub(crate) repaints: &'a Repaints,
    /// A notice for the user.
    pub(crate) notice: Option<&'a str>,
    /// The rules of alerts, and what has fired.
    pub(crate) alerts: &'a Alerts,
    /// The alerts of the server, while a recording is shown.
    pub(crate) live_alerts: Option<&'a Alerts>,
    /// The recording being written.
    pub(crate) recorder: Option<&'a RecordingWriter>,
    /// The recording being played instead of a server.
    pub(crate) player: Option<&'a RecordingPlayer>,
    /// Whether the recording's alerts are evaluated.
    pub(crate) has_player_alerts: bool,
    /// The address of the server.
    pub(crate) url: &'a str,
    /// What is watched there.
    pub(crate) filters: &'a [Filter],
    /// All servers, in the order of their tabs; none if there is only one.
    pub(crate) tabs: &'a [ServerTab],
    /// Servers that were connected to before, latest first.
    pub(crate) servers: &'a [String],
    /// What the user has chosen.
    pub(crate) preferences: &'a Preferences,
    /// Names of the saved layouts, and the one in use.
    pub(crate) layouts: LayoutNames<'a>,
    /// Colours.
    pub(crate) theme: &'a Theme,
    /// The time zone of the times that are shown.
    pub(crate) zone: &'a Zone,
    /// The time by the server's clock; of a chart that shows source times, the time of its sources.
    pub(crate) now_ns: TimeNs,
    /// What that time is ahead of the server's clock.
    pub(crate) source_shift_ns: Option<i64>,
    /// The interval of repaints while updates come.
    pub(crate) repaint_interval_ns: i64,
    /// Whether the active pane is drawn as a picture, for a file.
    pub(crate) is_picture: bool,
    /// The value that was published last.
    pub(crate) published: Option<&'a LastPublished>,
    /// The selected topic.
    pub(crate) selected: Option<&'a Topic>,
    /// Whether a dialog is open, which gets all keys.
    pub(crate) is_covered: bool,
    /// Whether it is drawn in a pane's own window.
    pub(crate) is_own_window: bool,
}

/// How long no update has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Quiet {
    /// Not for long.
    No,
    /// For some seconds: ages are shown in whole seconds.
    Seconds,
    /// For a minute or more, or none ever came: ages are shown in minutes.
    Minutes,
}

impl Scene<'_> {
    /// The samples of a topic as the chart draws them.
    pub(crate) fn drawn<'t>(&self, topic: &'t MonitoredTopic) -> Option<&'t SampleSeries> {
        topic.drawn(self.source_shift_ns.is_some())
    }

    /// The change of a topic's value in percent, from the chosen reference.
    pub(crate) fn change_percent(&self, topic: &MonitoredTopic) -> Option<f64> {
        topic.change_percent(self.preferences.reference, self.now_ns)
    }

    /// What the change of a topic's value is measured from, if that is too small for a percentage,
    /// and the range of the values.
    pub(crate) fn small_base(&self, topic: &MonitoredTopic) -> Option<(f64, (f64, f64))> {
        topic.small_base(self.preferences.reference, self.now_ns)
    }

    /// Since when there is no connection, by the time that is shown.
    pub(crate) fn disconnected_ns(&self) -> Option<TimeNs> {
        let since_ns = self.health.disconnected_ns?;
        Some(since_ns.saturating_add(self.source_shift_ns.unwrap_or(0)))
    }

    /// How long no update of any topic has come.
    pub(crate) fn quiet(&self) -> Quiet {
        let now_ns = self.now_ns - self.source_shift_ns.unwrap_or(0);
        let age_ns = self.store.newest_ns().map(|time_ns| now_ns - time_ns);
        match age_ns {
            Some(age_ns) if age_ns < 10 * SECOND => Quiet::No,
            Some(age_ns) if age_ns < MINUTE => Quiet::Seconds,
            _ => Quiet::Minutes,
        }
    }
}

/// A server among several.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct ServerTab {
    /// Its address.
    pub(crate) url: String,
    /// The state of its connection.
    pub(crate) connection: ConnectionState,
    /// Events of alerts that were not acknowledged.
    pub(crate) unseen_alerts: usize,
    /// Whether it is the one that is shown.
    pub(crate) is_active: bool,
}

/// The saved layouts.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LayoutNames<'a> {
    /// Their names, ascending.
    pub(crate) all: &'a [String],
    /// The one that was loaded or saved last.
    pub(crate) current: Option<&'a str>,
}
