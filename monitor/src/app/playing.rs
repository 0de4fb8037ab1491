//! A recording being played: its own data beside those of the server, which go on unseen.

use std::io;

use tickcast_protocol::message::{Mode, TimeNs};

use super::server::ServerData;
use crate::{
    data::{
        alerts::{AlertRule, Alerts},
        history::GapCause,
        incoming::IncomingItem,
    },
    files::recording::RecordingPlayer,
};

/// The part of the memory limit that a recording may use in any case (one in this many); it gets
/// all that the server's history leaves.
const MEMORY_LEAST_PART: usize = 4;

/// A recording being played.
pub(super) struct Playing {
    pub(super) player: RecordingPlayer,
    /// What the recording has said so far.
    pub(super) data: ServerData,
    /// Whether its alerts are evaluated: they are about the past.
    pub(super) has_alerts: bool,
}

impl std::fmt::Debug for Playing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Playing")
            .field("player", &self.player)
            .finish_non_exhaustive()
    }
}

impl Playing {
    /// Plays from the beginning, beside a server whose history takes `used` of `limit` bytes.
    pub(super) fn new(
        player: RecordingPlayer,
        rules: Vec<AlertRule>,
        (used, limit): (usize, usize),
    ) -> Self {
        let memory = limit.saturating_sub(used).max(limit / MEMORY_LEAST_PART);
        Self {
            player,
            data: ServerData::new(memory, Alerts::new(rules, None)),
            has_alerts: false,
        }
    }

    /// Forgets what was played: it comes again.
    pub(super) fn forget(&mut self) {
        let rules = self.data.alerts.rules().to_vec();
        let memory = self.data.store.memory_limit();
        self.data = ServerData::new(memory, Alerts::new(rules, None));
    }

    /// Applies what the recording has until now. Returns whether the recorded server was restarted.
    pub(super) fn advance(&mut self, clock_ns: TimeNs) -> io::Result<bool> {
        let mut restarted = false;
        for item in self.player.advance(clock_ns)? {
            restarted |= matches!(item, IncomingItem::EpochChanged);
            self.apply(item);
        }
        self.data.derive(self.has_alerts);
        let now_ns = self.player.now_ns();
        let totals = self.data.store.totals();
        if self.data.health.refresh(totals, now_ns) && self.has_alerts {
            self.data.alerts.tick(&self.data.store, now_ns);
        }
        Ok(restarted)
    }

    fn apply(&mut self, item: IncomingItem) {
        match item {
            IncomingItem::Batch { batch, received_ns } => {
                self.data.saw_update(received_ns);
                for info in &batch.topics {
                    self.data.store.introduce(info);
                }
                for update in batch.updates {
                    if self.data.derived.has(&update.topic) {
                        self.data.store.hide_update();
                        continue;
                    }
                    // Whether the recording has every update, whatever is charted now.
                    let is_every = batch.filter.as_str() == update.topic.as_str();
                    let mode = if is_every { Mode::Every } else { Mode::Latest };
                    self.data.store.want_every(&update.topic, is_every);
                    self.data.apply(update, mode, self.has_alerts);
                }
            }
            IncomingItem::Statuses { topics, statuses } => {
                self.data.apply_statuses(&topics, &statuses);
            }
            IncomingItem::EpochChanged => self.data.store.epoch_changed(GapCause::Restart),
            // A recording has nothing else.
            _ => {}
        }
    }
}
