//! Waits until everything has arrived, as far as that can be known.

use std::{sync::Arc, time::Duration};

use tickcast_protocol::message::Position;

use super::{error::RunError, runner::Runner};
use crate::{
    ledger::Baseline,
    plan::UpdateSource,
    publish::PublisherTotals,
    worker::{Backlog, Newest, WorkerCommand, WorkerLost, WorkerReply},
};

/// Pause between two checks while the last updates arrive.
const CHECK_NS: i64 = 100_000_000;

/// If nothing moves for this long, that counts as the end where nothing better is known.
const QUIET_NS: i64 = 1_000_000_000;

/// What earlier checks have shown.
#[derive(Debug, Default)]
pub(super) struct DrainState {
    cut: Option<Position>,
    positions: Option<(Position, Position)>,
    moved_ns: i64,
}

impl Runner<'_> {
    /// Waits until all published updates have arrived. Returns whether they have.
    pub(super) fn drain(&mut self, published: &PublisherTotals) -> Result<bool, RunError> {
        let deadline_ns = self.clock.now_ns() + self.plan.drain_max.as_nanos() as i64;
        let mut arrival = DrainState::default();
        while !self.has_arrived(published.updates, &mut arrival)? {
            if self.clock.now_ns() > deadline_ns {
                return Ok(false);
            }
            // Even an interrupted run waits here, because it must drain.
            #[allow(clippy::disallowed_methods)]
            std::thread::sleep(Duration::from_nanos(CHECK_NS as u64));
        }
        Ok(true)
    }

    /// Whether all published updates have arrived, as far as that can be known.
    pub(super) fn has_arrived(
        &self,
        published: u64,
        arrival: &mut DrainState,
    ) -> Result<bool, WorkerLost> {
        if let Some(expected) = self.expected(published) {
            return Ok(self.behind(&expected)?.updates == 0);
        }
        let behind = self.behind(&Newest::new())?;
        if matches!(self.plan.source, UpdateSource::Server) {
            // The server never ends. All subscribers must reach the position that the first one has
            // now.
            let cut = *arrival.cut.get_or_insert(behind.max_position);
            return Ok(behind.min_position >= cut);
        }
        // Positions alone do not tell: channels end at different positions of the same tape.
        let positions = (behind.min_position, behind.max_position);
        let now_ns = self.clock.now_ns();
        if arrival.positions.replace(positions) != Some(positions) {
            arrival.moved_ns = now_ns;
        }
        Ok(now_ns - arrival.moved_ns >= QUIET_NS)
    }

    pub(super) fn behind(&self, newest: &Newest) -> Result<Backlog, WorkerLost> {
        let newest = Arc::new(newest.clone());
        self.tell(|| WorkerCommand::Behind(newest.clone()))?;
        let mut all = Backlog {
            min_position: u64::MAX,
            ..Backlog::default()
        };
        for worker in &self.workers {
            let WorkerReply::Behind(behind) = worker.reply()? else {
                return Err(WorkerLost);
            };
            all.updates += behind.updates;
            all.min_position = all.min_position.min(behind.min_position);
            all.max_position = all.max_position.max(behind.max_position);
        }
        Ok(all)
    }

    /// The newest seq that each published topic must reach, if that is known.
    pub(super) fn expected(&self, published: u64) -> Option<Newest> {
        let is_known = matches!(self.plan.source, UpdateSource::Own(_))
            && self.plan.baseline == Baseline::New
            && !self.is_interrupted();
        if !is_known {
            return None;
        }
        let topics = &self.plan.topics;
        let len = topics.len() as u64;
        let newest = topics.iter().zip(0..).map(|(topic, i)| {
            let seq = (published + len - 1 - i) / len;
            (topic.clone(), seq)
        });
        Some(newest.filter(|(_, seq)| *seq > 0).collect())
    }

    /// The newest seq of each published topic that any subscriber got.
    pub(super) fn arrived(&self) -> Result<Newest, WorkerLost> {
        if !matches!(self.plan.source, UpdateSource::Own(_)) {
            return Ok(Newest::new());
        }
        let prefix = format!("{}/", self.plan.prefix);
        self.tell(|| WorkerCommand::Newest(prefix.clone()))?;
        let mut all = Newest::new();
        for worker in &self.workers {
            let WorkerReply::Newest(newest) = worker.reply()? else {
                return Err(WorkerLost);
            };
            for (topic, seq) in newest {
                let entry = all.entry(topic).or_default();
                *entry = seq.max(*entry);
            }
        }
        Ok(all)
    }
}
