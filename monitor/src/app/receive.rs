//! Applies what the server sent.

use tickcast_protocol::{
    client::ClientBatch,
    message::{Mode, Position, Quality, TimeNs},
    topic::{Filter, Topic},
};

use super::{monitor::Monitor, server::ConnectionChange};
use crate::{
    data::{
        connection_state::ConnectionState, history::GapCause, incoming::IncomingItem, time::SECOND,
    },
    ui::command::{Overlay, Placement, UiCommand},
};

/// How long rates are measured before the first topic is charted.
const FIRST_LOOK_NS: i64 = 2 * SECOND;

impl Monitor {
    /// Applies all that came. `clock_ns` is the time of this machine's clock. Also called while the
    /// window is hidden.
    pub fn receive(&mut self, clock_ns: TimeNs) {
        self.live_ns = clock_ns + self.offset_ns();
        let (items, since) = self.line.queue.take_all();
        self.screen.arrived = self.screen.arrived.or(since);
        for item in items {
            self.apply(item);
        }
        self.server.derive(true);
        self.live_ns = clock_ns + self.offset_ns();
        self.now_ns = self.live_ns;
        self.play(clock_ns);
        self.server.health.held_back = self.line.queue.held_back();
        let totals = self.server.store.totals();
        if self.server.health.refresh(totals, self.live_ns) {
            self.server.alerts.tick(&self.server.store, self.live_ns);
            if let Some(notice) = self.recordings.flush() {
                self.line.requests.want_all(self.recordings.wants_all());
                self.notify(notice);
            }
            self.background.programs.reap();
            self.screen.expire_notice(self.live_ns);
        }
        self.run_alerts();
        while let Some(notice) = self.background.next_notice() {
            self.notify(notice);
        }
        self.first_chart();
        self.line.requests.reconcile();
    }

    fn play(&mut self, clock_ns: TimeNs) {
        let Some(playing) = &mut self.recordings.playing else {
            return;
        };
        match playing.advance(clock_ns) {
            Ok(restarted) => {
                self.now_ns = playing.player.now_ns();
                if restarted {
                    self.notify_restart();
                }
            }
            Err(error) => {
                let path = playing.player.path().display();
                let notice = format!("Cannot read {path}: {error}. Playing was stopped.");
                self.recordings.playing = None;
                self.notify(notice);
            }
        }
    }

    fn offset_ns(&self) -> i64 {
        self.server.health.clock.map_or(0, |clock| clock.offset_ns)
    }

    fn apply(&mut self, item: IncomingItem) {
        match item {
            IncomingItem::Connection(state) => self.connection_changed(state),
            IncomingItem::Batch { batch, received_ns } => self.apply_batch(batch, received_ns),
            IncomingItem::Statuses { topics, statuses } => {
                if let Some(writer) = &mut self.recordings.writer {
                    for status in &statuses {
                        writer.record_status(status);
                    }
                }
                self.server.apply_statuses(&topics, &statuses);
            }
            IncomingItem::Accepted { topic, position } => {
                self.server.store.every_accepted(&topic, position);
            }
            IncomingItem::Granted {
                filter,
                mode,
                position,
            } => {
                if mode == Mode::Every
                    && let Ok(topic) = Topic::new(filter.as_str())
                {
                    self.server.store.every_resumed(&topic, position);
                }
                self.line.requests.granted(filter, mode);
            }
            IncomingItem::History { id, updates, more } => {
                if let Some(topic) = self.line.requests.history_answered(id) {
                    self.server.store.fill(&topic, &updates, more);
                }
            }
            IncomingItem::NoHistory { id, is_final } => {
                if let Some(topic) = self.line.requests.history_answered(id) {
                    if is_final {
                        self.server.store.no_history(&topic);
                    } else {
                        self.line.requests.postpone_history(topic);
                    }
                } else if let Some((topic, interval)) = self.line.requests.candles_answered(id) {
                    let store = &mut self.server.store;
                    store.no_long(&topic, interval, is_final, self.live_ns);
                }
            }
            IncomingItem::Candles(answer) => {
                if let Some((topic, interval)) = self.line.requests.candles_answered(answer.id) {
                    let store = &mut self.server.store;
                    if answer.interval == interval {
                        store.fill_long(&topic, answer, self.live_ns);
                    } else {
                        store.no_long(&topic, interval, false, self.live_ns);
                    }
                }
            }
            IncomingItem::Published { id, answer } => {
                if let Some(last) = &mut self.screen.published {
                    last.answered(id, answer);
                }
            }
            IncomingItem::Truncated { filter, kept, lost } => {
                if self.server.truncated() {
                    self.notify_truncated(&filter, kept, lost);
                }
            }
            IncomingItem::EpochChanged => {
                self.server.store.epoch_changed(GapCause::Restart);
                self.notify_restart();
            }
            IncomingItem::Ended {
                filter,
                position,
                reason,
            } => {
                if let Ok(topic) = Topic::new(filter.as_str()) {
                    self.server.store.want_every(&topic, false);
                }
                let notice =
                    format!("The server has ended {filter} after position {position}: {reason}");
                let access = &mut self.server.access;
                access.ended(filter, position, reason, self.live_ns);
                self.notify(notice);
            }
            IncomingItem::Identity(told) => {
                if let (Some(_), Some(login)) = (told.id, self.line.renewal.take()) {
                    self.line.login.replace_token(&login);
                }
                self.line.requests.identified(&told);
                self.server.access.identified(told, self.live_ns);
            }
            IncomingItem::LoginProblem(problem) => {
                self.line.renewal = None;
                self.server.access.set_problem(problem);
                // A person who looks at data is not interrupted.
                if self.server.first_update_ns().is_none() && !self.panels.overlays.is_open() {
                    self.execute(UiCommand::Overlay(Some(Overlay::Login)));
                }
            }
            IncomingItem::Refused { filter, .. } if self.line.requests.is_replaced(&filter) => {}
            IncomingItem::Refused { filter, reason } => {
                // The chart continues with newest values.
                if let Ok(topic) = Topic::new(filter.as_str()) {
                    self.server.store.want_every(&topic, false);
                }
                self.notify(format!("The server refused {filter}: {reason}"));
            }
            IncomingItem::Clock(estimate) => self.server.health.clock = Some(estimate),
            IncomingItem::Notice(notice) => self.notify(notice),
        }
    }

    fn connection_changed(&mut self, state: ConnectionState) {
        match self.server.connection_changed(state, self.live_ns) {
            ConnectionChange::None => {}
            ConnectionChange::Lost => self.line.requests.disconnected(),
            ConnectionChange::NewEpoch => self.notify_restart(),
            ConnectionChange::ContinuedEpoch => {
                let notice = "The server was restarted and goes on where it was.";
                self.notify(notice.to_owned());
            }
        }
    }

    fn notify_restart(&mut self) {
        let notice = "The server was restarted: updates in between are unknown.";
        self.notify(notice.to_owned());
    }

    fn notify_truncated(&mut self, filter: &Filter, kept: Position, lost: Option<u64>) {
        let lost = lost.map_or_else(|| "updates".to_owned(), |lost| format!("{lost} updates"));
        self.notify(format!(
            "The server was restarted and has lost {lost} of {filter} after position {kept}, which \
             are shown here."
        ));
    }

    fn apply_batch(&mut self, batch: ClientBatch, received_ns: TimeNs) {
        let mode = if self.line.requests.wants(&batch.filter) {
            Mode::Every
        } else {
            Mode::Latest
        };
        let is_every = self.line.requests.is_every(&batch.filter);
        for info in &batch.topics {
            self.server.store.introduce(info);
        }
        let received_ns = received_ns + self.offset_ns();
        self.server.saw_update(received_ns);
        for update in batch.updates {
            // The user's own topic has this name.
            if self.server.derived.has(&update.topic) {
                self.server.store.hide_update();
                continue;
            }
            // The server delays newest values on purpose: only the other updates measure the
            // latency. The age of newest values tells how slow the link is.
            if !batch.snapshot && update.quality == Quality::Live {
                let age_ns = received_ns - update.ingest_time_ns;
                let health = &mut self.server.health;
                match mode {
                    Mode::Every => health.latency(&update.topic, age_ns, received_ns),
                    Mode::Latest => health.age(age_ns, received_ns),
                }
            }
            if let Some(writer) = &mut self.recordings.writer
                && self.server.store.wants(&update, mode)
            {
                let known = self.server.store.topic_named(update.topic.as_str());
                let unit = known.and_then(|topic| topic.unit.as_deref());
                writer.record(&update, unit, is_every);
            }
            self.server.apply(update, mode, true);
        }
    }

    /// Opens a chart at the first start, so that live data is seen without a click: the busiest
    /// market, or else the busiest topic.
    fn first_chart(&mut self) {
        if !self.panels.wants_first_chart || !self.panels.workspace.is_empty() {
            return;
        }
        let Some(since_ns) = self.shown().first_update_ns() else {
            return;
        };
        // Rates are not known at once.
        if self.now_ns - since_ns < FIRST_LOOK_NS {
            return;
        }
        if let Some(topic) = self.shown().busiest(self.now_ns).cloned() {
            self.chart(topic, Placement::Active);
        }
    }

    /// Plays the sounds and runs the programs of the alerts that fired.
    fn run_alerts(&mut self) {
        let mut fired = self.server.alerts.take_fired();
        if let Some(playing) = &mut self.recordings.playing {
            fired.extend(playing.data.alerts.take_fired());
        }
        for event in fired {
            let Some(rule) = self.server.alerts.rule(event.rule) else {
                continue;
            };
            let sound_command = &self.common.preferences.sound_command;
            let zone = &self.screen.zone;
            for failure in self.background.run_alert(&event, rule, sound_command, zone) {
                self.screen.notify(failure, self.live_ns);
            }
        }
    }
}
