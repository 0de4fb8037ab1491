//! The state of one server, and what the owner of the window may ask of it.

use std::{collections::HashSet, sync::mpsc::SyncSender, time::Duration};

use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::{
    background::Background,
    owner::{OwnerRequests, Picture},
    panels::Panels,
    recordings::Recordings,
    screen::Screen,
    server::{ServerData, ServerLine},
};
use crate::{
    data::{
        access::Access, alerts::Alerts, connection_state::ConnectionState, derived::DerivedTopics,
        login::Login, topics::Store,
    },
    files::{
        saved_state::{CommonState, Preferences, SavedState},
        usage_report::UsageReport,
    },
    net::{IncomingQueue, Requests},
    ui::{
        command::{Placement, ServerAction},
        panes::{Layouts, Workspace},
        scene::ServerTab,
        theme,
        watch::WatchList,
    },
};

/// The state of the program for one server, without the window and the socket.
///
/// Input: [`Self::receive`]. Drawing: [`Self::ui`]. Only the owner of the socket and the window can
/// carry out what [`Self::take_reconnect`] and [`Self::take_picture`] return.
pub struct Monitor {
    pub(super) server: ServerData,
    pub(super) line: ServerLine,
    pub(super) panels: Panels,
    pub(super) screen: Screen,
    pub(super) recordings: Recordings,
    pub(super) background: Background,
    pub(super) owner: OwnerRequests,
    /// The state that all servers share.
    pub(super) common: CommonState,
    /// The memory for history is shared by this many servers.
    memory_shares: usize,
    /// The time that is shown: of the server, or of the recording being played.
    pub(super) now_ns: TimeNs,
    /// The time by the server's clock.
    pub(super) live_ns: TimeNs,
}

impl std::fmt::Debug for Monitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monitor")
            .field("url", &self.line.url)
            .field("connection", &self.server.connection)
            .finish_non_exhaustive()
    }
}

impl Monitor {
    /// A monitor that reads from `queue` and sends `requests`. `charts` are opened at the start
    /// instead of the saved ones.
    pub fn new(
        url: String,
        queue: IncomingQueue,
        requests: Requests,
        saved: SavedState,
        charts: &[Topic],
    ) -> Self {
        let mut common = saved.common();
        common.remember_server(&url);
        let mut workspace = Workspace::new(&saved.workspace);
        if !charts.is_empty() {
            workspace = Workspace::default();
            for topic in charts {
                workspace.open(topic.clone(), Placement::New);
            }
            workspace.open(charts[0].clone(), Placement::Active);
        }
        let selected = charts.first().cloned().or_else(|| workspace.main_topic());
        let zone = common.preferences.zone.zone();
        let layouts = Layouts::new(&saved.layouts, saved.layout);
        let alerts = Alerts::new(saved.alerts, saved.alerts_muted_until_ns);
        let mut server = ServerData::new(common.preferences.memory_limit, alerts);
        server.store.set_settings(&saved.topics);
        let (derived, problems) = DerivedTopics::new(&saved.derived);
        server.derived = derived;
        let mut screen = Screen::new(zone, layouts, selected);
        if let Some(problem) = problems.into_iter().next() {
            screen.notify(format!("Cannot make the derived topic {problem}"), 0);
        }
        screen.topics = saved.topics;
        Self {
            server,
            line: ServerLine {
                url,
                queue,
                requests,
                login: Login::default(),
                renewal: None,
            },
            panels: Panels {
                watch_list: WatchList::new(saved.watch_list),
                wants_first_chart: workspace.is_empty(),
                workspace,
                ..Panels::default()
            },
            screen,
            recordings: Recordings::default(),
            background: Background::default(),
            owner: OwnerRequests::default(),
            common,
            memory_shares: 1,
            now_ns: 0,
            live_ns: 0,
        }
    }

    /// Installs the fonts. Call it once, before the first repaint.
    pub fn prepare(ctx: &egui::Context) {
        theme::install_fonts(ctx);
    }

    /// What is shown: the data of the recording being played, or else of the server.
    pub(super) fn shown(&self) -> &ServerData {
        let playing = self.recordings.playing.as_ref();
        playing.map_or(&self.server, |playing| &playing.data)
    }

    /// The topics that are shown, and their history.
    pub fn store(&self) -> &Store {
        &self.shown().store
    }

    /// The charts.
    pub fn workspace(&self) -> &Workspace {
        &self.panels.workspace
    }

    /// The rules of alerts, and what has fired.
    pub fn alerts(&self) -> &Alerts {
        &self.server.alerts
    }

    /// The address of the server.
    pub fn url(&self) -> &str {
        &self.line.url
    }

    /// The state of the connection.
    pub fn connection(&self) -> &ConnectionState {
        &self.server.connection
    }

    /// What the user has chosen.
    pub fn preferences(&self) -> &Preferences {
        &self.common.preferences
    }

    /// The selected topic.
    pub fn selected(&self) -> Option<&Topic> {
        self.screen.selected.as_ref()
    }

    /// What to save.
    pub fn saved_state(&self) -> SavedState {
        let layouts = &self.screen.layouts;
        let mut saved = SavedState {
            url: Some(self.line.url.clone()),
            watch_list: self.panels.watch_list.saved(),
            workspace: self.panels.workspace.saved(),
            layouts: layouts.saved(),
            layout: layouts.current().cloned(),
            alerts: self.server.alerts.rules().to_vec(),
            alerts_muted_until_ns: self.server.alerts.muted_until_ns(),
            topics: self.screen.topics.clone(),
            derived: self.server.derived.saved(),
            ..SavedState::default()
        };
        saved.set_common(self.common.clone());
        saved
    }

    /// Asks the owner to connect to the server.
    pub fn connect(&mut self) {
        self.owner.reconnect_to = Some(self.line.url.clone());
    }

    /// The address to connect to instead, if the user asked for it since the last call.
    pub fn take_reconnect(&mut self) -> Option<String> {
        self.owner.reconnect_to.take()
    }

    /// The login at a server. What was given for one server is for no other.
    pub fn login_for(&self, url: &str) -> Login {
        match url == self.line.url {
            true => self.line.login.clone(),
            false => Login::default(),
        }
    }

    /// What is wrong with the login, in words.
    pub fn login_problem(&self) -> Option<&str> {
        self.server.access.problem()
    }

    /// Sets the login at this server, for the next connection.
    pub fn set_login(&mut self, login: Login) {
        self.line.login = login;
    }

    /// Logs in, or out. A login that is only renewed keeps the connection.
    pub(super) fn log_in(&mut self, login: Login) {
        let identity = self.server.access.identity();
        let has_identity = identity.is_some_and(|told| !told.subject.is_empty());
        let is_open = matches!(self.server.connection, ConnectionState::Connected { .. });
        if has_identity
            && is_open
            && self.line.login.has_token()
            && login.header() == self.line.login.header()
            && let Some(token) = login.given()
        {
            self.line.requests.authenticate(token);
            self.line.renewal = Some(login);
            return;
        }
        // Nothing of what another login could read stays here.
        if login.is_empty() {
            self.forget();
        }
        self.server.access = Access::default();
        self.line.login = login;
        self.connect();
    }

    /// The part of the window to save, if the user asked for it since the last call. It stays drawn
    /// as it is until [`Self::picture_taken`].
    pub fn take_picture(&mut self) -> Option<Picture> {
        self.owner.picture.take()
    }

    /// The window was read: its panes are drawn as usual again.
    pub fn picture_taken(&mut self) {
        self.owner.holds_picture = false;
    }

    /// The server to add, show or remove, if the user asked for it since the last call.
    pub(super) fn take_server_action(&mut self) -> Option<ServerAction> {
        self.owner.server.take()
    }

    /// Sets the list of all servers.
    pub(super) fn set_tabs(&mut self, tabs: Vec<ServerTab>) {
        self.screen.tabs = tabs;
    }

    /// Takes over the common state of another server.
    pub(super) fn set_common(&mut self, common: CommonState) {
        self.common = common;
        self.screen.zone = self.common.preferences.zone.zone();
        self.screen.forget_applied();
    }

    /// Shares the memory for history among this many servers.
    pub(super) fn set_memory_shares(&mut self, shares: usize) {
        self.memory_shares = shares;
        self.apply_memory_limit();
    }

    pub(super) fn apply_memory_limit(&mut self) {
        let limit = self.memory_limit();
        self.server.store.set_memory_limit(limit);
    }

    pub(super) fn memory_limit(&self) -> usize {
        self.common.preferences.memory_limit / self.memory_shares
    }

    /// Remembers the size of the window, in points.
    pub(crate) fn set_window_size(&mut self, size: egui::Vec2) {
        self.common.window = Some((size.x, size.y));
    }

    /// Sets the interval of repaints while updates come.
    pub(crate) fn set_repaint_interval(&mut self, interval: Duration) {
        self.screen.repaint_interval = interval;
    }

    /// Shows a notice to the user.
    pub fn notify(&mut self, notice: String) {
        self.screen.notify(notice, self.live_ns);
    }

    /// The window is hidden, or another server is shown: updates are applied and not drawn.
    pub(crate) fn window_hidden(&mut self) {
        self.screen.repaints.window_hidden();
        self.screen.arrived = None;
    }

    /// Writes a usage report from now on.
    pub(crate) fn set_report(&mut self, report: UsageReport) {
        self.background.report = Some(report);
    }

    /// The channel to which threads that write files send their result.
    pub(crate) fn notices(&self) -> SyncSender<String> {
        self.background.notices()
    }

    /// Continues with another connection. Data of another server is forgotten; a recording that is
    /// played goes on.
    pub fn reconnected(&mut self, url: String, queue: IncomingQueue, requests: Requests) {
        let is_another = url != self.line.url;
        let login = self.login_for(&url);
        self.line = ServerLine {
            url,
            queue,
            requests,
            login,
            renewal: None,
        };
        self.server.connection = ConnectionState::Connecting { attempt: 1 };
        self.server.store.connection_lost();
        self.common.remember_server(&self.line.url);
        self.line.requests.want_all(self.recordings.wants_all());
        if is_another {
            self.forget();
        }
        self.sync_subscriptions();
    }

    /// Forgets all topics and their history.
    pub(super) fn forget(&mut self) {
        let limit = self.memory_limit();
        self.server.forget(limit, self.line.requests.wanted());
        self.server.store.set_settings(&self.screen.topics);
    }

    /// Subscribes to every update of the topics that are charted or watched by an alert, and of no
    /// others.
    pub(super) fn sync_subscriptions(&mut self) {
        let mut wanted: HashSet<Topic> = self.panels.workspace.topics();
        let inspected = self
            .panels
            .workspace
            .inspected(self.screen.selected.as_ref());
        wanted.extend(inspected.iter().cloned());
        let mut watched = wanted.clone();
        watched.extend(self.panels.workspace.sparklines().cloned());
        self.server.store.watch(&watched, &inspected);
        if let Some(playing) = &mut self.recordings.playing {
            playing.data.store.watch(&watched, &inspected);
        }
        wanted.extend(self.server.alerts.topics().cloned());
        // What is computed here is not asked for, but all that it is made of.
        let derived = &self.server.derived;
        if !derived.is_empty() {
            wanted.retain(|topic| !derived.has(topic));
            wanted.extend(derived.server_topics());
        }
        let requests = &mut self.line.requests;
        if wanted == *requests.wanted() {
            return;
        }
        self.server.want_every(requests.wanted(), &wanted);
        requests.want_every(wanted);
    }

    /// Ends the recording in good order.
    pub(crate) fn finish(&mut self) {
        if let Some(writer) = self.recordings.writer.take()
            && let Err(error) = writer.finish()
        {
            tracing::warn!("cannot finish the recording: {error}");
        }
    }
}
