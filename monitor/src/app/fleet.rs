//! Several servers at once: one [`Monitor`] for each, of which one is shown.
//!
//! Nothing of two servers is ever mixed: each has its own topics, positions, clock, charts, alerts
//! and connection. Preferences and the memory for history are common to all.

use egui::Ui;
use tickcast_protocol::message::TimeNs;

use super::monitor::Monitor;
use crate::{
    files::saved_state::SavedState,
    net::{IncomingQueue, Requests},
    ui::{command::ServerAction, scene::ServerTab},
};

/// The most servers at once: each has a thread, and its tab needs space.
pub(crate) const SERVERS_MAX: usize = 8;

/// Number of a server, unique for as long as the program runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ServerId(u32);

/// All servers that the program listens to.
///
/// Input: [`Self::receive`]. Drawing: [`Self::ui`]. The owner of the sockets connects
/// [`Self::monitors`].
#[derive(Debug)]
pub struct Fleet {
    monitors: Vec<(ServerId, Monitor)>,
    active: usize,
    next: u32,
}

impl Fleet {
    /// A fleet of this server and the other ones of the saved state. [`Monitor::take_reconnect`]
    /// asks for their connections.
    pub fn new(first: Monitor, others: Vec<SavedState>) -> Self {
        let mut fleet = Self {
            monitors: vec![(ServerId(0), first)],
            active: 0,
            next: 1,
        };
        for saved in others {
            if let Some(url) = saved.url.clone() {
                fleet.add(url, saved);
            }
        }
        fleet.active = 0;
        fleet
    }

    /// All servers, in the order of their tabs.
    pub fn monitors(&mut self) -> impl Iterator<Item = (ServerId, &mut Monitor)> {
        self.monitors.iter_mut().map(|(id, monitor)| (*id, monitor))
    }

    /// The server that is shown.
    pub fn active(&self) -> &Monitor {
        &self.monitors[self.active].1
    }

    /// The server that is shown.
    pub fn active_mut(&mut self) -> &mut Monitor {
        &mut self.monitors[self.active].1
    }

    /// Applies what all servers sent. `clock_ns` is the time of this machine's clock.
    pub fn receive(&mut self, clock_ns: TimeNs) {
        for (at, (_, monitor)) in self.monitors.iter_mut().enumerate() {
            monitor.receive(clock_ns);
            if at != self.active {
                // It is not drawn.
                monitor.window_hidden();
            }
        }
    }

    /// Draws the server that is shown and carries out the commands that the user gave.
    pub fn ui(&mut self, ui: &mut Ui) {
        let tabs = self.tabs();
        let active = self.active_mut();
        active.set_tabs(tabs);
        active.ui(ui);
        match active.take_server_action() {
            Some(ServerAction::Add(url)) => {
                let known = self.monitors.iter().position(|(_, m)| m.url() == url);
                match known {
                    Some(known) => self.show(known),
                    None => self.add(url, SavedState::default()),
                }
            }
            Some(ServerAction::Show(at)) => self.show(at),
            Some(ServerAction::Remove(at)) => self.remove(at),
            None => {}
        }
    }

    fn tabs(&self) -> Vec<ServerTab> {
        let tabs = self.monitors.iter().enumerate();
        tabs.map(|(at, (_, monitor))| ServerTab {
            url: monitor.url().to_owned(),
            connection: monitor.connection().clone(),
            unseen_alerts: monitor.alerts().unseen().count(),
            is_active: at == self.active,
        })
        .collect()
    }

    fn add(&mut self, url: String, mut saved: SavedState) {
        if self.monitors.len() >= SERVERS_MAX {
            let notice =
                format!("Cannot add another server (limit {SERVERS_MAX}): remove one first.");
            self.active_mut().notify(notice);
            return;
        }
        saved.preferences = self.active().preferences().clone();
        let queue = IncomingQueue::new(|| {});
        let mut monitor = Monitor::new(url, queue, Requests::unconnected(), saved, &[]);
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
            self.active_mut().reopen_windows();
            self.share_memory();
        }
    }

    fn show(&mut self, at: usize) {
        if at >= self.monitors.len() || at == self.active {
            return;
        }
        let common = self.active().common.clone();
        self.active = at;
        let active = self.active_mut();
        active.set_common(common);
        active.reopen_windows();
        self.share_memory();
    }

    fn share_memory(&mut self) {
        let shares = self.monitors.len();
        for (_, monitor) in &mut self.monitors {
            monitor.set_memory_shares(shares);
        }
    }

    /// What to save: the state of the first server, which contains those of the others.
    pub fn saved_state(&self) -> SavedState {
        let common = self.active().common.clone();
        let mut all = self
            .monitors
            .iter()
            .map(|(_, monitor)| monitor.saved_state());
        let mut first = all.next().unwrap_or_default();
        first.others = all.collect();
        first.set_common(common);
        first
    }

    /// Finishes the recordings.
    pub(crate) fn finish(&mut self) {
        for (_, monitor) in &mut self.monitors {
            monitor.finish();
        }
    }
}
