//! Taking in what came.

use std::time::{Duration, Instant};

use tickcast_protocol::{
    client::ClientBatch,
    message::{Quality, TimeNs},
    topic::Topic,
};

use super::Monitor;
use crate::{
    format::SECOND,
    inbox::{Link, Parcel},
    report::{self, Line},
    scene::{Command, Place},
    store::{Past, SeriesKind, TopicState, Via},
};

/// Once a topic comes so often, it is live enough to be charted at the first start.
const LIVELY_HZ: f64 = 0.2;

/// The past is asked for only as long as the history held takes less than one part in so many of
/// the memory it may take: what is asked for must not push out what was there.
const HISTORY_MAX_PART: usize = 2;

/// So long the first topics are watched before one is charted.
const FIRST_LOOK_NS: i64 = 2 * SECOND;

impl Monitor {
    /// Takes in all that came. `clock_ns` is this machine's clock. Also while the window is hidden.
    pub fn take_in(&mut self, clock_ns: TimeNs) {
        let (parcels, since) = self.inbox.take_since();
        self.arrived = self.arrived.or(since);
        for parcel in parcels {
            // While a recording is played only the state of the connection is of interest.
            if self.player.is_none() || matches!(parcel, Parcel::Link(_)) {
                self.take_parcel(parcel);
            }
        }
        self.now_ns = clock_ns + self.offset_ns();
        self.play(clock_ns);
        self.health.held_back = self.inbox.held_back();
        if self.health.refresh(self.store.totals(), self.now_ns) {
            self.alerts.tick(&self.store, self.now_ns);
            self.look_after_recorder();
            self.programs.tidy();
        }
        self.run_alerts();
        while let Ok(news) = self.news.1.try_recv() {
            self.tell(news);
        }
        self.first_chart();
        self.requests.reconcile();
    }

    fn play(&mut self, clock_ns: TimeNs) {
        let Some(player) = &mut self.player else {
            return;
        };
        match player.advance(clock_ns) {
            Ok(parcels) => {
                self.now_ns = player.now_ns();
                for parcel in parcels {
                    self.take_parcel(parcel);
                }
            }
            Err(error) => {
                let notice = format!("Cannot go on reading {}: {error}", player.path().display());
                self.player = None;
                self.tell(notice);
            }
        }
    }

    /// Writes a line of the report, if one is due. `now` is this machine's clock.
    pub fn report(&mut self, is_visible: bool, now: Instant) {
        let Some(mut report) = self.report.take() else {
            return;
        };
        if !report.is_due(now) {
            self.report = Some(report);
            return;
        }
        let ms = |duration: Duration| duration.as_secs_f64() * 1e3;
        let totals = self.store.totals();
        let newest_ns = self.store.newest_ns();
        let line = Line {
            seconds: report.seconds(now),
            is_visible,
            rss_bytes: report::rss_bytes().unwrap_or(0),
            history_bytes: self.store.bytes(),
            history_limit_bytes: self.store.memory_limit(),
            received: totals.received,
            lost: totals.lost,
            conflated: totals.conflated,
            dropped: totals.dropped,
            evicted: totals.evicted,
            held_back: self.health.held_back.0,
            repaints: self.health.repaints.count(),
            longest_gap_ms: ms(self.health.repaints.take_longest_gap()),
            repaint_ms: ms(self.health.repaints.cost()),
            newest_age_ms: newest_ns.map(|newest_ns| (self.now_ns - newest_ns) as f64 / 1e6),
        };
        match report.write(&line, now) {
            Ok(()) => self.report = Some(report),
            Err(error) => self.tell(format!("The report has ended: {error}")),
        }
    }

    fn offset_ns(&self) -> i64 {
        match self.player {
            Some(_) => 0,
            None => self.health.clock.map_or(0, |clock| clock.offset_ns),
        }
    }

    fn take_parcel(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Link(link) => self.take_link(link),
            Parcel::Batch { batch, received_ns } => self.take_batch(batch, received_ns),
            Parcel::Statuses { topics, statuses } => {
                for info in &topics {
                    self.store.introduce(info);
                }
                for status in statuses {
                    if let Some(recorder) = &mut self.recorder {
                        recorder.record_status(&status);
                    }
                    self.store
                        .set_status(&status.topic, status.status, status.since_ns);
                }
            }
            Parcel::Accepted { topic, position } => {
                self.store.every_accepted(&topic, position);
            }
            Parcel::History { id, updates, more } => {
                if let Some(topic) = self.requests.history_answered(id) {
                    self.store.fill(&topic, &updates, more);
                }
            }
            Parcel::NoHistory { id, is_final } => {
                if let Some(topic) = self.requests.history_answered(id) {
                    if is_final {
                        self.store.no_history(&topic);
                    } else {
                        self.requests.rest_history(topic);
                    }
                }
            }
            Parcel::EpochChanged => self.epoch_changed(),
            Parcel::Refused { filter, reason } => {
                // The chart goes on with newest values.
                if let Ok(topic) = Topic::new(filter.as_str()) {
                    self.store.want_every(&topic, false);
                }
                self.tell(format!("The server refused {filter}: {reason}"));
            }
            Parcel::Clock(estimate) => self.health.clock = Some(estimate),
            Parcel::Notice(notice) => self.tell(notice),
        }
    }

    fn take_link(&mut self, link: Link) {
        match link {
            Link::Connected { epoch, .. } => {
                let before = self.epoch.replace(epoch);
                if before.is_some_and(|before| before != epoch) {
                    self.epoch_changed();
                }
                // A server that was silent goes on where it was.
                if !matches!(self.link, Link::Silent { .. }) {
                    self.store.connection_opened();
                }
                self.health.disconnected_ns = None;
            }
            Link::Silent { since } => {
                let silence_ns = i64::try_from(since.elapsed().as_nanos()).unwrap_or(i64::MAX);
                self.health.disconnected_ns = Some(self.now_ns.saturating_sub(silence_ns));
            }
            Link::Connecting { .. } | Link::BackingOff { .. } | Link::Ended { .. } => {
                let has_stood = matches!(self.link, Link::Connected { .. } | Link::Silent { .. });
                if has_stood {
                    self.health.disconnected_ns.get_or_insert(self.now_ns);
                    self.requests.disconnected();
                }
            }
        }
        self.link = link;
    }

    fn epoch_changed(&mut self) {
        self.store.epoch_changed();
        let notice = "The server was restarted: what happened meanwhile is not known.";
        self.tell(notice.to_owned());
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
        self.first_update_ns.get_or_insert(received_ns);
        for update in batch.updates {
            // Newest values wait for their turn on purpose: only the others tell of the way here.
            let is_news = via == Via::Every && !batch.snapshot && self.player.is_none();
            if is_news && update.quality == Quality::Live {
                let latency_ns = received_ns - update.ingest_time_ns;
                self.health.latency(&update.topic, latency_ns, received_ns);
            }
            if let Some(recorder) = &mut self.recorder
                && self.store.wants(&update, via)
            {
                let known = self.store.topic_named(update.topic.as_str());
                let unit = known.and_then(|topic| topic.unit.as_deref());
                recorder.record(&update, unit, via == Via::Every);
            }
            let ingest_ns = update.ingest_time_ns;
            let watched = self
                .alerts
                .watches(&update.topic)
                .then(|| update.topic.clone());
            self.store.apply(update, via);
            if let Some(topic) = watched
                && let Some(topic) = self.store.topic_named(topic.as_str())
            {
                self.alerts.updated(topic, ingest_ns);
            }
        }
    }

    /// Asks the server for what it holds of a topic and is not here yet.
    pub(super) fn page_back(&mut self, topic: &Topic) {
        let known = self.store.topic_named(topic.as_str());
        let has_room = self.store.bytes() < self.store.memory_limit() / HISTORY_MAX_PART;
        if let Some(Past::Before(before)) = known.map(TopicState::past)
            && has_room
        {
            self.requests.ask_history(topic, before);
        }
    }

    /// Opens a chart at the first start, so that something live is seen without a click: the
    /// busiest market, or else the busiest topic.
    fn first_chart(&mut self) {
        if !self.wants_first_chart || !self.settings.workspace.is_empty() {
            return;
        }
        let Some(since_ns) = self.first_update_ns else {
            return;
        };
        // Rates need a moment to be known.
        if self.now_ns - since_ns < FIRST_LOOK_NS {
            return;
        }
        let is_trade = |topic: &TopicState| {
            topic.series.as_ref().map(|series| series.kind()) == Some(SeriesKind::Trade)
        };
        let busiest = self
            .store
            .topics()
            .filter(|(_, topic)| topic.series.is_some())
            .filter_map(|(_, topic)| Some((topic.rate.per_second(self.now_ns)?, topic)))
            .filter(|(rate, _)| *rate > LIVELY_HZ)
            .max_by(|(a, first), (b, second)| {
                is_trade(first).cmp(&is_trade(second)).then(a.total_cmp(b))
            })
            .map(|(_, topic)| topic.name.clone());
        if let Some(topic) = busiest {
            let place = Place::Active;
            self.execute(Command::Chart { topic, place });
        }
    }

    fn look_after_recorder(&mut self) {
        let Some(recorder) = &mut self.recorder else {
            return;
        };
        recorder.flush();
        if let Some(error) = recorder.failure() {
            let notice = format!("The recording has ended: {error}");
            self.recorder = None;
            self.tell(notice);
        }
    }

    /// Sounds and runs what the alerts that fired ask for.
    fn run_alerts(&mut self) {
        for event in self.alerts.take_fired() {
            let Some(rule) = self.alerts.rule(event.rule) else {
                continue;
            };
            let sound = rule
                .sound
                .then_some(&self.settings.preferences.sound_command);
            let command = Some(&rule.command).filter(|command| !command.is_empty());
            let value = event.value.map(|value| value.to_string());
            let variables = [
                ("TICKCAST_TOPIC", event.topic.to_string()),
                ("TICKCAST_ALERT", event.text.clone()),
                ("TICKCAST_VALUE", value.unwrap_or_default()),
                ("TICKCAST_TIME", self.zone.date_time(event.time_ns)),
            ];
            let failures: Vec<String> = [sound, command]
                .into_iter()
                .flatten()
                .filter_map(|line| self.programs.run(line, &variables).err())
                .map(|error| format!("Alert: {error}"))
                .collect();
            for failure in failures {
                self.tell(failure);
            }
        }
    }
}
