//! Several servers at once: one [`Monitor`] for each, of which one is seen.
//!
//! Nothing of two servers is ever mixed: each has its own topics, positions, clock, charts, alerts
//! and connection. What the person prefers, and the memory for history, is common to all.

use egui::Ui;
use tickcast_protocol::message::TimeNs;

use super::Monitor;
use crate::{
    connection::Requests,
    inbox::Inbox,
    scene::{ServerTab, ServerWish},
    settings::Settings,
};

/// Most servers at once: each has a thread, and its tab must find room.
pub const SERVERS_MAX: usize = 8;

/// Names a server of a fleet for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(u32);

/// All servers that the program listens to.
///
/// Input: [`Self::take_in`]. Drawing: [`Self::ui`]. The owner of the sockets looks after
/// [`Self::monitors`].
#[derive(Debug)]
pub struct Fleet {
    monitors: Vec<(ServerId, Monitor)>,
    active: usize,
    next: u32,
}

impl Fleet {
    /// With this server, and those of the settings besides. Their connections are asked for by
    /// [`Monitor::take_reconnect`].
    pub fn new(first: Monitor, others: Vec<Settings>) -> Self {
        let mut fleet = Self {
            monitors: vec![(ServerId(0), first)],
            active: 0,
            next: 1,
        };
        for settings in others {
            if let Some(url) = settings.url.clone() {
                fleet.add(url, settings);
            }
        }
        fleet.active = 0;
        fleet
    }

    /// All servers, in the order of their tabs.
    pub fn monitors(&mut self) -> impl Iterator<Item = (ServerId, &mut Monitor)> {
        self.monitors.iter_mut().map(|(id, monitor)| (*id, monitor))
    }

    /// The server that is seen.
    pub fn active(&self) -> &Monitor {
        &self.monitors[self.active].1
    }

    /// The server that is seen.
    pub fn active_mut(&mut self) -> &mut Monitor {
        &mut self.monitors[self.active].1
    }

    /// Takes in all that came from all servers. `clock_ns` is this machine's clock.
    pub fn take_in(&mut self, clock_ns: TimeNs) {
        for (at, (_, monitor)) in self.monitors.iter_mut().enumerate() {
            monitor.take_in(clock_ns);
            if at != self.active {
                // Nobody waits for it to be drawn.
                monitor.hidden();
            }
        }
    }

    /// Draws the server that is seen, and does what was asked for.
    pub fn ui(&mut self, ui: &mut Ui) {
        let tabs = self.tabs();
        let active = self.active_mut();
        active.set_tabs(tabs);
        active.ui(ui);
        match active.take_server_wish() {
            Some(ServerWish::Add(url)) => {
                let known = self.monitors.iter().position(|(_, m)| m.url() == url);
                match known {
                    Some(known) => self.show(known),
                    None => self.add(url, Settings::default()),
                }
            }
            Some(ServerWish::Show(at)) => self.show(at),
            Some(ServerWish::Remove(at)) => self.remove(at),
            None => {}
        }
    }

    fn tabs(&self) -> Vec<ServerTab> {
        let tabs = self.monitors.iter().enumerate();
        tabs.map(|(at, (_, monitor))| ServerTab {
            url: monitor.url().to_owned(),
            link: monitor.link().clone(),
            unseen_alerts: monitor.alerts().unseen().len(),
            is_active: at == self.active,
        })
        .collect()
    }

    fn add(&mut self, url: String, mut settings: Settings) {
        if self.monitors.len() >= SERVERS_MAX {
            let notice = format!("There are {SERVERS_MAX} servers already: remove one first.");
            self.active_mut().tell(notice);
            return;
        }
        settings.preferences = self.active().preferences().clone();
        let inbox = Inbox::new(|| {});
        let mut monitor = Monitor::new(url, inbox, Requests::nobody(), settings, &[]);
        monitor.connect();
        self.monitors.push((ServerId(self.next), monitor));
        self.next += 1;
        self.show(self.monitors.len() - 1);
        self.share_memory();
    }

    fn remove(&mut self, at: usize) {
        if self.monitors.len() > 1 && at < self.monitors.len() {
            let (_, mut removed) = self.monitors.remove(at);
            removed.finish();
            if self.active >= at {
                self.active = self.active.saturating_sub(1);
            }
            self.share_memory();
        }
    }

    fn show(&mut self, at: usize) {
        if at >= self.monitors.len() || at == self.active {
            return;
        }
        let common = self.active().common_settings();
        self.active = at;
        self.active_mut().take_common_settings(common);
        self.share_memory();
    }

    fn share_memory(&mut self) {
        let shares = self.monitors.len();
        for (_, monitor) in &mut self.monitors {
            monitor.set_memory_shares(shares);
        }
    }

    /// What to save: the settings of the first server, with those of the others in them.
    pub fn settings(&mut self) -> Settings {
        let common = self.active().common_settings();
        let mut all = self.monitors.iter_mut().map(|(_, monitor)| {
            let mut settings = monitor.settings().clone();
            settings.others.clear();
            settings
        });
        let mut first = all.next().unwrap_or_default();
        first.others = all.collect();
        common.apply(&mut first);
        first
    }

    /// Ends what must be ended in order.
    pub fn finish(&mut self) {
        for (_, monitor) in &mut self.monitors {
            monitor.finish();
        }
    }
}
