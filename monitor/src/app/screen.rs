//! What the panels show besides the data, and which preferences the window has applied.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use tickcast_protocol::{message::TimeNs, topic::Topic};

use crate::{
    data::{
        format::Zone,
        published::LastPublished,
        repaint_interval::{INTERVAL_MIN, WakeTimes},
        repaints::Repaints,
        time::SECOND,
        topics::TopicSettings,
    },
    files::saved_state::{Preferences, ThemeChoice},
    ui::{
        panes::Layouts,
        scene::ServerTab,
        theme::{self, Theme},
    },
};

/// A notice disappears after this time.
const NOTICE_NS: i64 = 15 * SECOND;

/// What the panels show besides the data.
pub(super) struct Screen {
    pub(super) zone: Zone,
    pub(super) layouts: Layouts,
    /// What the user has set for single topics.
    pub(super) topics: BTreeMap<Topic, TopicSettings>,
    /// The selected topic.
    pub(super) selected: Option<Topic>,
    /// The value that was published last.
    pub(super) published: Option<LastPublished>,
    /// All servers, this one among them.
    pub(super) tabs: Vec<ServerTab>,
    /// When the oldest item arrived that the next repaint is the first to show.
    pub(super) arrived: Option<Instant>,
    /// The interval of repaints while updates come.
    pub(super) repaint_interval: Duration,
    /// When the windows of panes are repainted for updates.
    pub(super) window_wakes: WakeTimes,
    /// The cost of repaints, and how late they came.
    pub(super) repaints: Repaints,
    /// A notice for the user, and since when it is shown.
    notice: Option<(String, TimeNs)>,
    applied_theme: Option<ThemeChoice>,
    applied_zoom: f32,
}

impl Screen {
    pub(super) fn new(zone: Zone, layouts: Layouts, selected: Option<Topic>) -> Self {
        Self {
            zone,
            layouts,
            topics: BTreeMap::new(),
            selected,
            published: None,
            tabs: Vec::new(),
            arrived: None,
            repaint_interval: INTERVAL_MIN,
            window_wakes: WakeTimes::default(),
            repaints: Repaints::default(),
            notice: None,
            applied_theme: None,
            applied_zoom: 1.0,
        }
    }

    /// Shows a notice to the user. `now_ns` is the time by the server's clock.
    pub(super) fn notify(&mut self, notice: String, now_ns: TimeNs) {
        self.notice = Some((notice, now_ns));
    }

    /// The notice for the user.
    pub(super) fn notice(&self) -> Option<&str> {
        self.notice.as_ref().map(|(notice, _)| notice.as_str())
    }

    /// Takes away a notice that was shown for long enough.
    pub(super) fn expire_notice(&mut self, now_ns: TimeNs) {
        self.notice
            .take_if(|(_, since_ns)| now_ns - *since_ns > NOTICE_NS);
    }

    /// Applies the preferences again: another server was shown.
    pub(super) fn forget_applied(&mut self) {
        self.applied_theme = None;
        self.applied_zoom = 0.0;
    }

    /// Applies the preferences to the window.
    pub(super) fn apply(&mut self, ctx: &egui::Context, preferences: &mut Preferences) {
        if self.applied_theme != Some(preferences.theme) {
            theme::apply(ctx, Theme::of(preferences.theme));
            self.applied_theme = Some(preferences.theme);
        }
        // egui itself changes the zoom on Ctrl+plus and Ctrl+minus: the last change counts.
        if self.applied_zoom == preferences.zoom {
            preferences.zoom = ctx.zoom_factor();
        } else {
            ctx.set_zoom_factor(preferences.zoom);
        }
        self.applied_zoom = preferences.zoom;
    }
}
