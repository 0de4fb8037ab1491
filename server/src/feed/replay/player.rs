//! Playing recordings: each file by itself, or all merged.

use std::{sync::Arc, time::Duration};

use tickcast_core::work::NewUpdate;
use tickcast_protocol::{message::TimeNs, value::Value};
use tokio::{
    task::{JoinSet, spawn_blocking},
    time::{Instant, sleep_until},
};

use super::{
    file::ReplayFile,
    merge::{Merge, span_text, unless_panicked},
    order::OrderedRecording,
    row::Row,
    settings::{Clock, FarAhead, ReplaySettings, SourceTime, Speed},
    timeline::Timeline,
};
use crate::{
    clock::wall_ns,
    feed::{
        FeedState,
        handover::{BATCH_MAX_UPDATES, Batch, Handover},
    },
    ingest::Ended,
};

/// A wait that is told: a minute without updates looks as if the replay had stopped.
const TOLD_WAIT: Duration = Duration::from_secs(60);

/// A gap of this many times the mean gap is told at any speed, if it is longer than `gap_max`.
const TOLD_GAPS: TimeNs = 20;

/// Plays all files.
pub(in crate::feed) async fn run(
    settings: ReplaySettings,
    handover: Handover,
) -> Result<(), Ended> {
    handover.set_state(FeedState::Up);
    let settings = Arc::new(settings);
    let groups: Vec<_> = match settings.clock {
        Clock::Each => settings.files.chunks(1).collect(),
        Clock::Common => vec![settings.files.as_slice()],
    };
    let mut playing = JoinSet::new();
    for files in groups {
        let player = Player {
            settings: Arc::clone(&settings),
            files: files.into(),
            handover: handover.clone(),
        };
        playing.spawn(player.play());
    }
    while let Some(result) = playing.join_next().await {
        unless_panicked(result)?;
    }
    Ok(())
}

/// Plays files with a common clock.
struct Player {
    settings: Arc<ReplaySettings>,
    files: Arc<[ReplayFile]>,
    handover: Handover,
}

impl Player {
    /// Plays the files once or repeatedly.
    async fn play(mut self) -> Result<(), Ended> {
        self.tell_files().await;
        let mut start = Instant::now();
        loop {
            match self.play_once(start).await? {
                Some(end) if self.settings.repeat => start = end,
                _ => return Ok(()),
            }
        }
    }

    /// Logs what is found in the files.
    async fn tell_files(&self) {
        for file in self.files.iter().cloned() {
            let (settings, path) = (Arc::clone(&self.settings), file.path.clone());
            let told = spawn_blocking(move || settings.told(&file)).await;
            if let Ok(told) = unless_panicked(told) {
                tracing::info!(feed = self.handover.name(), path = %path.display(), told, "replay");
            }
        }
    }

    /// Plays the files once. The earliest row is played at `start`. Returns the time at which to
    /// start again; `None` if there is nothing to play.
    async fn play_once(&mut self, start: Instant) -> Result<Option<Instant>, Ended> {
        let recordings = self.open().await;
        let mut merge = Merge::new(recordings, self.handover.clone()).await;
        let mut timeline: Option<Timeline> = None;
        let mut batch = Batch::new();
        while let Some((file, row)) = merge.next().await {
            let speed = self.settings.speed;
            let timeline = timeline.get_or_insert_with(|| Timeline::new(start, row.time_ns, speed));
            let gap_ns = timeline.gap_ns(row.time_ns);
            let far = self.is_far(gap_ns).then_some(self.settings.far_ahead);
            if far == Some(FarAhead::Skip) {
                self.skip(&merge, file, &row, gap_ns);
                continue;
            }
            if far == Some(FarAhead::Now) {
                self.tell(&merge, file, &row, gap_ns, "it is played at once");
                timeline.leave_out(gap_ns);
            }
            let is_unusual = far.is_some()
                && timeline
                    .mean_gap_ns()
                    .is_some_and(|mean_ns| gap_ns / TOLD_GAPS > mean_ns);
            let due = timeline.due(row.time_ns);
            let wait = match speed {
                Speed::Max => Duration::ZERO,
                Speed::Times(_) => due.saturating_duration_since(Instant::now()),
            };
            if far != Some(FarAhead::Now) && (wait > TOLD_WAIT || is_unusual) {
                let wait_ns = TimeNs::try_from(wait.as_nanos()).unwrap_or(TimeNs::MAX);
                let what = format!("it is played in {}", span_text(wait_ns));
                self.tell(&merge, file, &row, gap_ns, &what);
            }
            if !wait.is_zero() {
                self.submit(&mut batch).await?;
                sleep_until(due).await;
            }
            self.count(&row);
            batch.push(self.update(row));
            if batch.len() == BATCH_MAX_UPDATES {
                self.submit(&mut batch).await?;
            }
        }
        self.submit(&mut batch).await?;
        Ok(timeline.map(|timeline| timeline.end()))
    }

    /// Opens the files. What cannot be opened any more is told.
    async fn open(&self) -> Vec<(std::path::PathBuf, OrderedRecording)> {
        let mut recordings = Vec::new();
        for file in self.files.iter().cloned() {
            let (settings, path) = (Arc::clone(&self.settings), file.path.clone());
            let open = move || settings.open(&file);
            match unless_panicked(spawn_blocking(open).await) {
                Ok(recording) => recordings.push((path, OrderedRecording::new(recording))),
                Err(reason) => {
                    let path = path.display();
                    tracing::error!(
                        feed = self.handover.name(), %path, reason,
                        "cannot replay the file"
                    );
                }
            }
        }
        recordings
    }

    fn is_far(&self, gap_ns: TimeNs) -> bool {
        u128::try_from(gap_ns).is_ok_and(|gap_ns| gap_ns > self.settings.gap_max.as_nanos())
    }

    /// Counts and tells a row that is not played.
    fn skip(&mut self, merge: &Merge, file: usize, row: &Row, gap_ns: TimeNs) {
        let metrics = self.handover.metrics();
        metrics.passed_over.add(1);
        if !row.is_further {
            metrics.received.add(1);
            metrics.silent.add(1);
        }
        self.tell(merge, file, row, gap_ns, "it is skipped");
    }

    fn tell(&mut self, merge: &Merge, file: usize, row: &Row, gap_ns: TimeNs, what: &str) {
        let Some(unlogged) = self.handover.may_log() else {
            return;
        };
        tracing::warn!(
            feed = self.handover.name(), path = %merge.path(file).display(), line = row.line,
            ahead = span_text(gap_ns), unlogged,
            "a row is far ahead of the one before: {what} (--replay-far-ahead and \
             --replay-gap-max)"
        );
    }

    fn count(&self, row: &Row) {
        let metrics = self.handover.metrics();
        match row.is_further {
            true => metrics.further.add(1),
            false => metrics.received.add(1),
        }
    }

    async fn submit(&self, batch: &mut Batch) -> Result<(), Ended> {
        self.handover.submit(std::mem::take(batch)).await
    }

    fn update(&self, row: Row) -> NewUpdate {
        let source_time_ns = match self.settings.source_time {
            SourceTime::Recorded => row.source_time_ns.unwrap_or(row.time_ns),
            SourceTime::Now => wall_ns(),
        };
        let unit = match row.value {
            Value::Reading(_) => self.settings.unit.clone(),
            _ => None,
        };
        NewUpdate {
            topic: row.topic,
            value: row.value,
            source_time_ns: Some(source_time_ns),
            quality: row.quality,
            unit: row.unit.or(unit),
            facts: None,
        }
    }
}
