//! The program behind the window: takes in what came, shows it, does what panels ask for.

use std::time::{Duration, Instant};

use egui::{Panel, Ui};
use tickcast_protocol::{
    client::ClientBatch,
    message::{Quality, TimeNs},
    topic::Topic,
};

use crate::{
    connection::Requests,
    format::Zone,
    health::Health,
    inbox::{Inbox, Link, Parcel},
    panels::{StatusBar, TopBar, Workspace},
    scene::{Command, Place, Scene},
    settings::Settings,
    store::{Store, Via},
    theme::{self, ThemeChoice},
};

/// Ages and rates go on while nothing comes: so often the window is repainted in any case.
const QUIET_REPAINT: Duration = Duration::from_millis(500);

/// While values flash the window is repainted so often.
const FLASH_REPAINT: Duration = Duration::from_millis(50);

/// Default width of the list.
const LIST_WIDTH: f32 = 384.0;

/// The whole state of the program but for the window and the socket.
pub struct Monitor {
    store: Store,
    health: Health,
    link: Link,
    inbox: Inbox,
    requests: Requests,
    zone: Zone,
    now_ns: TimeNs,
    url: String,
    selected: Option<Topic>,
    /// Whether a chart is opened by itself, so that the first look shows something live.
    wants_first_chart: bool,
    /// Where to connect to instead: asked for by the person, done by whoever owns the socket.
    reconnect_to: Option<String>,
    theme: ThemeChoice,
    applied: Option<ThemeChoice>,
    top_bar: TopBar,
    status_bar: StatusBar,
    settings: Settings,
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
        let workspace = &mut settings.workspace;
        if !charts.is_empty() {
            *workspace = Workspace::default();
            for topic in charts {
                workspace.open(topic.clone(), Place::New);
            }
        }
        let selected = charts.first().cloned();
        Self {
            store: Store::new(settings.memory.0),
            health: Health::default(),
            link: Link::Connecting { attempt: 1 },
            inbox,
            requests,
            zone: Zone::default(),
            now_ns: 0,
            url,
            selected,
            wants_first_chart: settings.workspace.is_empty(),
            reconnect_to: None,
            theme: settings.theme,
            applied: None,
            top_bar: TopBar::default(),
            status_bar: StatusBar,
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

    /// Shows the health pane.
    pub fn open_health(&mut self) {
        self.settings.workspace.open_health();
    }

    /// The selected topic.
    pub fn selected(&self) -> Option<&Topic> {
        self.selected.as_ref()
    }

    /// What to save.
    pub fn settings(&mut self) -> &Settings {
        self.settings.url = Some(self.url.clone());
        self.settings.theme = self.theme;
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

    /// Takes in what a repaint cost.
    pub fn repainted(&mut self, cost: Duration) {
        self.health.repainted(cost);
    }

    /// The address to connect to instead, if the person asked for it since the last call.
    pub fn take_reconnect(&mut self) -> Option<String> {
        self.reconnect_to.take()
    }

    /// Goes on with another connection: another server, other data.
    pub fn reconnected(&mut self, url: String, inbox: Inbox, requests: Requests) {
        self.url = url;
        self.inbox = inbox;
        self.requests = requests;
        self.store = Store::new(self.settings.memory.0);
        self.health = Health::default();
        self.link = Link::Connecting { attempt: 1 };
        self.ask_for_charts();
    }

    /// Takes in all that came. `clock_ns` is this machine's clock. Also while the window is hidden.
    pub fn take_in(&mut self, clock_ns: TimeNs) {
        for parcel in self.inbox.take() {
            self.take_parcel(parcel, clock_ns);
        }
        self.now_ns = clock_ns + self.offset_ns();
        self.health.held_back = self.inbox.held_back();
        self.health.refresh(self.store.totals(), self.now_ns);
        self.first_chart();
        self.requests.reconcile();
    }

    fn offset_ns(&self) -> i64 {
        self.health.clock.map_or(0, |clock| clock.offset_ns)
    }

    fn take_parcel(&mut self, parcel: Parcel, clock_ns: TimeNs) {
        match parcel {
            Parcel::Link(link) => {
                if matches!(link, Link::Connected { .. }) {
                    self.store.connection_opened();
                }
                self.link = link;
            }
            Parcel::Batch { batch, received_ns } => self.take_batch(batch, received_ns),
            Parcel::Reset { filter, start } => {
                // All subscriptions are told; one of them stands for all.
                use tickcast_protocol::message::Start;
                let is_first = !filter.is_exact();
                if is_first && matches!(start, Start::EpochChanged | Start::PositionAhead) {
                    self.store.epoch_changed();
                    let notice = "The server was restarted: what happened meanwhile is not known.";
                    self.health.tell(notice.to_owned(), clock_ns);
                }
            }
            Parcel::Gap { lost, .. } => {
                self.health.lost_by_server += lost.unwrap_or(0);
            }
            Parcel::Clock(estimate) => self.health.clock = Some(estimate),
            Parcel::Notice(notice) => self.health.tell(notice, clock_ns + self.offset_ns()),
        }
    }

    fn take_batch(&mut self, batch: ClientBatch, received_ns: TimeNs) {
        let via = if self.requests.wants(&batch.filter) {
            Via::Every
        } else {
            Via::Latest
        };
        for info in &batch.topics {
            self.store.introduce(info);
        }
        let received_ns = received_ns + self.offset_ns();
        for update in batch.updates {
            // Newest values wait for their turn on purpose: only the others tell of the way here.
            let is_news = via == Via::Every && !batch.snapshot;
            if is_news && update.quality == Quality::Live {
                let latency_ns = received_ns - update.ingest_time_ns;
                self.health.latency(&update.topic, latency_ns, received_ns);
            }
            self.store.apply(update, via);
        }
    }

    /// Opens a chart at the first start, so that something live is seen without a click: the topic
    /// that is updated most.
    fn first_chart(&mut self) {
        // A rate takes a moment to be known.
        const ENOUGH: f64 = 0.2;
        if !self.wants_first_chart || !self.settings.workspace.is_empty() {
            return;
        }
        let rate = |topic: &crate::store::TopicState| topic.rate.per_second(self.now_ns);
        let busiest = self
            .store
            .topics()
            .filter(|(_, topic)| topic.series.is_some())
            .filter_map(|(_, topic)| Some((rate(topic)?, topic)))
            .filter(|(rate, _)| *rate > ENOUGH)
            .max_by(|(a, first), (b, second)| {
                let trades = |topic: &crate::store::TopicState| {
                    topic.series.as_ref().map(|s| s.kind()) == Some(crate::store::SeriesKind::Trade)
                };
                trades(first).cmp(&trades(second)).then(a.total_cmp(b))
            })
            .map(|(_, topic)| topic.name.clone());
        if let Some(topic) = busiest {
            self.wants_first_chart = false;
            self.execute(Command::Chart {
                topic,
                place: Place::Active,
            });
        }
    }

    /// Draws everything, and does what was asked for.
    pub fn ui(&mut self, ui: &mut Ui) {
        let begun = Instant::now();
        if self.applied != Some(self.theme) {
            theme::apply(ui.ctx(), self.theme.theme());
            self.applied = Some(self.theme);
        }
        let mut commands = Vec::new();
        let theme = self.theme.theme();
        let mut watch_list = std::mem::take(&mut self.settings.watch_list);
        let mut workspace = std::mem::take(&mut self.settings.workspace);
        let mut top_bar = std::mem::take(&mut self.top_bar);
        let scene = Scene {
            store: &self.store,
            link: &self.link,
            health: &self.health,
            url: &self.url,
            theme,
            zone: &self.zone,
            now_ns: self.now_ns,
            flash: self.settings.flash.0,
            selected: self.selected.as_ref(),
        };
        let bar = |margin| {
            egui::Frame::new()
                .fill(theme.panel)
                .inner_margin(egui::Margin::symmetric(margin, 0))
        };
        Panel::top("top bar")
            .exact_size(theme::TOP_BAR_HEIGHT)
            .frame(bar(12))
            .show(ui, |ui| {
                commands.extend(top_bar.show(ui, &scene, self.theme))
            });
        Panel::bottom("status bar")
            .exact_size(theme::STATUS_BAR_HEIGHT)
            .frame(bar(12))
            .show(ui, |ui| {
                commands.extend(self.status_bar.show(ui, &scene, &workspace));
            });
        Panel::left("topics")
            .default_size(LIST_WIDTH)
            .size_range(280.0..=900.0)
            .resizable(true)
            .frame(bar(0))
            .show(ui, |ui| commands.extend(watch_list.show(ui, &scene)));
        egui::CentralPanel::default()
            .frame(egui::Frame::new().fill(theme.background))
            .show(ui, |ui| workspace.show(ui, &scene));

        self.settings.watch_list = watch_list;
        self.settings.workspace = workspace;
        self.top_bar = top_bar;
        for command in commands {
            self.execute(command);
        }
        self.ask_for_charts();
        self.schedule(ui.ctx());
        self.health.repainted(begun.elapsed());
    }

    fn schedule(&self, ctx: &egui::Context) {
        let flashing = self.settings.flash.0
            && self
                .store
                .topics()
                .any(|(_, topic)| (0..theme::FLASH_NS).contains(&(self.now_ns - topic.moved.0)));
        ctx.request_repaint_after(if flashing {
            FLASH_REPAINT
        } else {
            QUIET_REPAINT
        });
    }

    fn execute(&mut self, command: Command) {
        match command {
            Command::Select(topic) => self.selected = Some(topic),
            Command::Chart { topic, place } => {
                self.wants_first_chart = false;
                if !self.settings.workspace.open(topic.clone(), place) {
                    self.tell("There are as many panes as can be: close one first.".to_owned());
                }
                self.selected = Some(topic);
                self.ask_for_charts();
            }
            Command::OpenHealth => self.open_health(),
            Command::SetTheme(choice) => self.theme = choice,
            Command::Connect(url) => self.reconnect_to = Some(url),
            Command::FollowAll => self.settings.workspace.follow_all(self.now_ns),
        }
    }

    /// Asks for every update of what is charted, and of nothing else.
    fn ask_for_charts(&mut self) {
        let wanted = self.settings.workspace.topics();
        if wanted == *self.requests.wanted() {
            return;
        }
        for topic in self.requests.wanted().difference(&wanted) {
            self.store.want_every(topic, false);
        }
        for topic in &wanted {
            self.store.want_every(topic, true);
        }
        self.health.watch(wanted.iter());
        self.requests.want_every(wanted);
    }
}
