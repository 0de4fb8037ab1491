//! The log's thread: writes strips, and only then hands them to the shards.

use std::{sync::Arc, time::Instant};

use tickcast_log::{Folder, Log};
use tokio::{sync::mpsc, time::sleep_until};

use super::{
    failing::Failing,
    syncer::Syncer,
    writing::{TICK, Writing},
};
use crate::{
    clock::Clock,
    ingest::{Handoff, Passing, Waiting},
    metrics::Metrics,
    net::state::ServerState,
    settings::data::{DataSettings, Durability},
};

/// Maximum number of strips and answers that are taken from the queue at once, so that the first of
/// them do not wait for many writes.
const TAKE_MAX: usize = 128;

/// The log's thread; see the module.
#[derive(Debug)]
pub(crate) struct DataThread {
    pub(crate) log: Log<Folder>,
    pub(crate) queue: mpsc::Receiver<Waiting>,
    pub(crate) handoff: Arc<Handoff>,
    pub(crate) settings: DataSettings,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) state: Arc<ServerState>,
    pub(crate) clock: Clock,
}

impl DataThread {
    /// Runs until the sequencer has ended and everything is written and handed on. An error is why
    /// it cannot.
    pub(crate) async fn run(self) -> Result<(), String> {
        let stats = Arc::clone(&self.metrics.data);
        let syncer = Syncer::start(Arc::clone(&stats));
        let now = Instant::now();
        let mut writing = Writing {
            log: self.log,
            syncer: syncer.map_err(|error| format!("cannot start its sync thread: {error}"))?,
            failing: Failing::new(self.settings.on_data_failure, now),
            is_synced_first: self.settings.durability == Durability::Synced,
            is_off: false,
            must_note: false,
            has_given_up: false,
            ticked: now,
            outages: None,
            feeds: self
                .metrics
                .feeds
                .iter()
                .map(|feed| feed.name.clone())
                .collect(),
            stats,
            handoff: Arc::clone(&self.handoff),
            state: self.state,
            clock: self.clock,
        };
        writing.tick();
        let mut queue = self.queue;
        let mut taken = Vec::with_capacity(TAKE_MAX);
        loop {
            let tick = tokio::time::Instant::from_std(writing.ticked + TICK);
            tokio::select! {
                count = queue.recv_many(&mut taken, TAKE_MAX) => if count == 0 {
                    break;
                },
                () = writing.syncer.told() => {}
                () = sleep_until(tick) => {}
                () = std::future::ready(()), if writing.has_idle_work() => {
                    writing.work_idly().await;
                }
            }
            writing.look().await;
            if let Some(feeds) = taken.iter().rev().find_map(Waiting::outages) {
                writing.outages = Some(feeds.clone());
            }
            let strips = taken.iter().filter_map(Waiting::strip);
            let strips: Vec<_> = strips.filter(|strip| strip.is_news()).cloned().collect();
            let written = writing.write(&strips).await;
            hand_on(&self.handoff, taken.drain(..), written).await;
        }
        writing.end();
        self.handoff.end();
        Ok(())
    }
}

/// Hands on what was taken, up to the first strip that is not written.
async fn hand_on(handoff: &Handoff, taken: impl Iterator<Item = Waiting>, mut written: usize) {
    for waiting in taken {
        if waiting.strip().is_some_and(|strip| strip.is_news()) {
            let Some(rest) = written.checked_sub(1) else {
                // The updates of the rest are counted when it is dropped.
                return;
            };
            written = rest;
        }
        match waiting.take() {
            Some(Passing::Strip(strip)) => handoff.push(strip).await,
            Some(Passing::Answer(answer)) => handoff.answer(answer).await,
            Some(Passing::Outages(_)) | None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tickcast_core::tape::{Strip, StripBuilder};
    use tickcast_log::{LogSettings, Reader};
    use tickcast_protocol::{
        message::{Position, Quality, TopicInfo, Update},
        topic::Topic,
        value::Value,
    };
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::{data::testing::open_log, ingest::Way};

    /// Topics whose begin of a segment has many parts.
    const TOPICS: u64 = 10_000;

    /// Updates of a strip.
    const UPDATES: u64 = 100;

    /// Long enough for a busy machine.
    const SOON: Duration = Duration::from_secs(30);

    /// Updates that go through all topics.
    fn strip(first: Position) -> Arc<Strip> {
        let mut builder = StripBuilder::new(first);
        for position in first..first + UPDATES {
            let topic = ((position - 1) % TOPICS) as u32;
            let seq = 1 + (position - 1) / TOPICS;
            if seq == 1 {
                let name = Topic::new(&format!("plant/line{}/sensor{topic}", topic % 100));
                builder.introduce(TopicInfo::new(topic, name.unwrap()));
            }
            builder.push(&Update {
                topic,
                position,
                seq,
                source_time_ns: None,
                ingest_time_ns: 0,
                quality: Quality::Live,
                value: Value::Reading(1.0),
            });
        }
        Arc::new(builder.build())
    }

    #[tokio::test]
    async fn the_begin_of_a_segment_is_written_while_no_strip_comes() {
        let folder = tempfile::tempdir().unwrap();
        let settings = LogSettings {
            segment_bytes: 64 * 1024,
            ..LogSettings::default()
        };
        let handoff = Arc::new(Handoff::new(1, 1 << 30));
        let metrics = Arc::new(Metrics::default());
        let (way, queue) = Way::logged(Arc::clone(&metrics.data));
        let thread = DataThread {
            log: open_log(folder.path(), settings),
            queue,
            handoff: Arc::clone(&handoff),
            settings: DataSettings::default(),
            metrics,
            state: Arc::default(),
            clock: Clock::start(),
        };
        let mut reader = Reader::open(Folder::read_only(folder.path())).unwrap();
        let feed = async {
            let mut next = 1;
            let mut segments = 1;
            // Until a segment begins with all topics.
            loop {
                way.push(strip(next)).await;
                next += UPDATES;
                while handoff.pushed() < next / UPDATES {
                    handoff.wake(0).notified().await;
                }
                let before = segments;
                segments = std::fs::read_dir(folder.path()).unwrap().count();
                if next > TOPICS && segments > before {
                    break;
                }
            }
            // Its strip can be read when the begin is complete.
            let is_read = async {
                while reader.end() < next {
                    reader.refresh().unwrap();
                    sleep(Duration::from_millis(1)).await;
                }
            };
            assert!(timeout(SOON, is_read).await.is_ok(), "{}", reader.end());
            way.end();
        };
        let (result, ()) = tokio::join!(thread.run(), feed);
        assert_eq!(result, Ok(()));
    }
}
