//! The program behind the window: takes in what came, shows it, does what panels ask for.

mod commands;
mod fleet;
mod intake;
mod show;

pub use self::fleet::{Fleet, SERVERS_MAX, ServerId};

use std::{
    path::PathBuf,
    sync::mpsc::{Receiver, SyncSender, sync_channel},
    time::Instant,
};

use egui::Rect;
use tickcast_protocol::{
    message::{Epoch, TimeNs},
    topic::Topic,
};

use crate::{
    alerts::Alerts,
    connection::Requests,
    format::Zone,
    health::Health,
    inbox::{Inbox, Link},
    panels::{Overlays, StatusBar, TopBar, Workspace},
    programs::Programs,
    recording::{Player, Recorder},
    report::Report,
    scene::{Place, ServerTab, ServerWish},
    settings::{CommonSettings, Preferences, Settings},
    store::Store,
    theme::{self, ThemeChoice},
};

/// Threads that write files and have something to say; each says one thing.
const NEWS_MAX: usize = 16;

/// The whole state of the program but for the window and the socket.
///
/// Input: [`Self::take_in`]. Drawing: [`Self::ui`]. What only the owner of the socket and the window
/// can do is asked for by [`Self::take_reconnect`] and [`Self::take_picture`].
pub struct Monitor {
    store: Store,
    health: Health,
    alerts: Alerts,
    link: Link,
    epoch: Option<Epoch>,
    inbox: Inbox,
    requests: Requests,
    recorder: Option<Recorder>,
    player: Option<Player>,
    programs: Programs,
    zone: Zone,
    now_ns: TimeNs,
    url: String,
    selected: Option<Topic>,
    /// Whether a chart is opened by itself, so that the first look shows something live.
    wants_first_chart: bool,
    first_update_ns: Option<TimeNs>,
    /// When the first came of what the next repaint shows first.
    arrived: Option<Instant>,
    report: Option<Report>,
    reconnect_to: Option<String>,
    /// All servers, this one among them.
    tabs: Vec<ServerTab>,
    server_wish: Option<ServerWish>,
    /// Among so many servers the memory for history is shared.
    memory_shares: usize,
    picture: Option<Picture>,
    applied_theme: Option<ThemeChoice>,
    applied_zoom: f32,
    layout_names: Vec<String>,
    top_bar: TopBar,
    status_bar: StatusBar,
    overlays: Overlays,
    news: (SyncSender<String>, Receiver<String>),
    settings: Settings,
}

/// A part of the window that is to be saved.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Which part, in points.
    pub rect: Rect,
    /// Where to.
    pub path: PathBuf,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor")
            .field("url", &self.url)
            .field("link", &self.link)
            .finish_non_exhaustive()
    }
}

impl Monitor {
    /// A program that takes from `inbox` and asks by `requests`. `charts` are opened at the start
    /// instead of those in the settings.
    pub fn new(
        url: String,
        inbox: Inbox,
        requests: Requests,
        mut settings: Settings,
        charts: &[Topic],
    ) -> Self {
        settings.remember_server(&url);
        let workspace = &mut settings.workspace;
        if !charts.is_empty() {
            *workspace = Workspace::default();
            for topic in charts {
                workspace.open(topic.clone(), Place::New);
            }
            workspace.open(charts[0].clone(), Place::Active);
        }
        let selected = charts.first().cloned().or_else(|| workspace.main_topic());
        Self {
            store: Store::new(settings.preferences.memory_limit),
            health: Health::default(),
            alerts: Alerts::new(settings.alerts.clone()),
            link: Link::Connecting { attempt: 1 },
            epoch: None,
            inbox,
            requests,
            recorder: None,
            player: None,
            programs: Programs::default(),
            zone: settings.preferences.zone.zone(),
            now_ns: 0,
            url,
            selected,
            wants_first_chart: settings.workspace.is_empty(),
            first_update_ns: None,
            arrived: None,
            report: None,
            reconnect_to: None,
            tabs: Vec::new(),
            server_wish: None,
            memory_shares: 1,
            picture: None,
            applied_theme: None,
            applied_zoom: 1.0,
            layout_names: settings.layouts.keys().cloned().collect(),
            top_bar: TopBar::default(),
            status_bar: StatusBar,
            overlays: Overlays::default(),
            news: sync_channel(NEWS_MAX),
            settings,
        }
    }

    /// Prepares fonts. Once, before the first repaint.
    pub fn prepare(ctx: &egui::Context) {
        theme::install_fonts(ctx);
    }

    /// What came in so far.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The charts.
    pub fn workspace(&self) -> &Workspace {
        &self.settings.workspace
    }

    /// What is watched over, and what has happened.
    pub fn alerts(&self) -> &Alerts {
        &self.alerts
    }

    /// How well things go.
    pub fn health(&self) -> &Health {
        &self.health
    }

    /// The address of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The state of the connection.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// What the person prefers.
    pub fn preferences(&self) -> &Preferences {
        &self.settings.preferences
    }

    /// Asks for a connection to the server.
    pub fn connect(&mut self) {
        self.reconnect_to = Some(self.url.clone());
    }

    /// Tells which servers there are.
    fn set_tabs(&mut self, tabs: Vec<ServerTab>) {
        self.tabs = tabs;
    }

    /// What the person wants with servers, if anything since the last call.
    fn take_server_wish(&mut self) -> Option<ServerWish> {
        self.server_wish.take()
    }

    /// What is the same for all servers.
    fn common_settings(&self) -> CommonSettings {
        CommonSettings::of(&self.settings)
    }

    fn take_common_settings(&mut self, common: CommonSettings) {
        common.apply(&mut self.settings);
        self.zone = self.settings.preferences.zone.zone();
        // The window has what another server applied.
        self.applied_theme = None;
        self.applied_zoom = 0.0;
    }

    /// So many servers share the memory for history.
    fn set_memory_shares(&mut self, shares: usize) {
        self.memory_shares = shares;
        self.store.set_memory_limit(self.memory_limit());
    }

    pub(super) fn memory_limit(&self) -> usize {
        self.settings.preferences.memory_limit / self.memory_shares
    }

    /// The selected topic.
    pub fn selected(&self) -> Option<&Topic> {
        self.selected.as_ref()
    }

    /// What to save.
    pub fn settings(&mut self) -> &Settings {
        self.settings.url = Some(self.url.clone());
        self.settings.alerts = self.alerts.rules().to_vec();
        &self.settings
    }

    /// Remembers the size of the window, in points.
    pub fn window_size(&mut self, size: egui::Vec2) {
        self.settings.window = Some((size.x, size.y));
    }

    /// Tells the person something.
    pub fn tell(&mut self, notice: String) {
        self.health.tell(notice, self.now_ns);
    }

    /// The window cannot be seen now: what came in was taken in, and is not drawn.
    pub fn hidden(&mut self) {
        self.health.repaints.hidden();
        self.arrived = None;
    }

    /// Writes a report from now on.
    pub fn set_report(&mut self, report: Report) {
        self.report = Some(report);
    }

    /// The address to connect to instead, if the person asked for it since the last call.
    pub fn take_reconnect(&mut self) -> Option<String> {
        self.reconnect_to.take()
    }

    /// The part of the window to save, if the person asked for it since the last call.
    pub fn take_picture(&mut self) -> Option<Picture> {
        self.picture.take()
    }

    /// Where threads that write files tell what became of it.
    pub fn news(&self) -> SyncSender<String> {
        self.news.0.clone()
    }

    /// Goes on with another connection. What came from another server is forgotten; a recording
    /// that is played goes on.
    pub fn reconnected(&mut self, url: String, inbox: Inbox, requests: Requests) {
        let is_another = url != self.url;
        self.url = url;
        self.inbox = inbox;
        self.requests = requests;
        self.link = Link::Connecting { attempt: 1 };
        self.settings.remember_server(&self.url);
        if is_another && self.player.is_none() {
            self.forget();
        }
        self.ask_for_every();
    }

    /// Forgets all that came in.
    fn forget(&mut self) {
        self.store = Store::new(self.memory_limit());
        self.health = Health::default();
        self.epoch = None;
        for topic in self.requests.wanted() {
            self.store.want_every(topic, true);
        }
        self.health.watch(self.requests.wanted().iter());
    }

    /// Ends what must be ended in order: the recording.
    pub fn finish(&mut self) {
        if let Some(recorder) = self.recorder.take()
            && let Err(error) = recorder.finish()
        {
            tracing::warn!("cannot finish the recording: {error}");
        }
    }
}
