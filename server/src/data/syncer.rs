//! The sync thread: it waits for the disk, and writes the ends of segments, so that neither holds
//! writes up.

use std::{
    io,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use tickcast_log::{DiskFile, Synced, Unsynced};
use tokio::sync::Notify;

use crate::metrics::DataStats;

/// Longest time for which something written is not synced, if the disk is not slower. A power cut
/// loses no more than this.
const SYNC_AFTER: Duration = Duration::from_millis(50);

/// Bytes that are synced at once, for the same reason at a high rate.
const SYNC_AFTER_BYTES: u64 = 1024 * 1024;

/// Waits for the disk, on a thread of its own.
#[derive(Debug)]
pub(super) struct Syncer<F> {
    shared: Arc<Shared<F>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared<F> {
    state: Mutex<State<F>>,
    /// Something was offered, is urgent, or nothing more will be.
    offered: Condvar,
    /// A sync has ended.
    ended: Condvar,
    /// The same for the log's thread while it waits for strips.
    told: Notify,
    stats: Arc<DataStats>,
}

#[derive(Debug)]
struct State<F> {
    pending: Option<Pending<F>>,
    /// Since when the oldest bytes of the sync under way were written.
    running: Option<Instant>,
    done: Option<Synced>,
    is_urgent: bool,
    is_over: bool,
    /// How often the thread has looked for something to do.
    #[cfg(test)]
    looks: u64,
}

#[derive(Debug)]
struct Pending<F> {
    unsynced: Unsynced<F>,
    /// When the oldest of it was written.
    since: Instant,
    bytes: u64,
}

impl<F> Shared<F> {
    fn state(&self) -> MutexGuard<'_, State<F>> {
        // No code under this lock can leave the state half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F: DiskFile + Send + Sync + 'static> Syncer<F> {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// If the system cannot create it.
    pub(super) fn start(stats: Arc<DataStats>) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            state: Mutex::new(State {
                pending: None,
                running: None,
                done: None,
                is_urgent: false,
                is_over: false,
                #[cfg(test)]
                looks: 0,
            }),
            offered: Condvar::new(),
            ended: Condvar::new(),
            told: Notify::new(),
            stats,
        });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new().name("tickcast-sync".to_owned());
        let thread = thread.spawn(move || run(&of_thread))?;
        let thread = Some(thread);
        Ok(Self { shared, thread })
    }

    /// Takes what is unsynced: `bytes` that may not be on the disk. It takes the place of what was
    /// taken before, and is synced when that was due.
    pub(super) fn offer(&self, unsynced: Unsynced<F>, bytes: u64) {
        let mut state = self.shared.state();
        let earlier = state.pending.take();
        let since = earlier.as_ref().map(|pending| pending.since);
        state.pending = Some(Pending {
            unsynced: match earlier {
                Some(earlier) => unsynced.in_place_of(earlier.unsynced),
                None => unsynced,
            },
            since: since.unwrap_or_else(Instant::now),
            bytes,
        });
        drop(state);
        // Else the thread knows when it is due. Waking it for each write would take the core from a
        // shard, thousands of times in a second.
        if since.is_none() || bytes >= SYNC_AFTER_BYTES {
            self.shared.offered.notify_one();
        }
    }

    /// The result of the last sync, once.
    pub(super) fn take_done(&self) -> Option<Synced> {
        self.shared.state().done.take()
    }

    /// Completes after a sync.
    pub(super) async fn told(&self) {
        self.shared.told.notified().await;
    }

    /// Waits until a sync has ended, or a time has passed. Returns at once if there is none.
    pub(super) fn wait(&self, time: Duration) {
        let mut state = self.shared.state();
        if state.pending.is_none() && state.running.is_none() || state.done.is_some() {
            return;
        }
        state.is_urgent = true;
        self.shared.offered.notify_one();
        let _ = self.shared.ended.wait_timeout(state, time);
    }

    /// Whether no sync is pending or under way.
    pub(super) fn is_idle(&self) -> bool {
        let state = self.shared.state();
        state.pending.is_none() && state.running.is_none()
    }

    /// Whether the thread has ended, by a panic.
    pub(super) fn has_failed(&self) -> bool {
        self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// How long ago the oldest bytes were written that may not be on the disk.
    pub(super) fn age(&self) -> Duration {
        let state = self.shared.state();
        let pending = state.pending.as_ref().map(|pending| pending.since);
        let oldest = state.running.or(pending);
        oldest.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Ends the thread, after what was offered.
    pub(super) fn end(&mut self) {
        self.shared.state().is_over = true;
        self.shared.offered.notify_one();
        if let Some(thread) = self.thread.take() {
            // A panic of it was logged.
            let _ = thread.join();
        }
    }
}

fn run<F: DiskFile>(shared: &Shared<F>) {
    while let Some(pending) = next(shared) {
        let start = Instant::now();
        let synced = pending.unsynced.sync();
        shared.stats.syncs.add(1);
        let elapsed = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
        shared.stats.sync_us.add(elapsed);
        let mut state = shared.state();
        state.running = None;
        state.done = Some(match state.done.take() {
            // A failure stays until it is taken.
            Some(earlier) => synced.after(earlier),
            None => synced,
        });
        drop(state);
        shared.ended.notify_all();
        shared.told.notify_one();
    }
}

/// Waits until something is due.
fn next<F>(shared: &Shared<F>) -> Option<Pending<F>> {
    let mut state = shared.state();
    loop {
        #[cfg(test)]
        {
            state.looks += 1;
        }
        let is_now = state.is_urgent || state.is_over;
        let wait = state.pending.as_ref().map(|pending| {
            let is_due = is_now || pending.bytes >= SYNC_AFTER_BYTES;
            let left = SYNC_AFTER.saturating_sub(pending.since.elapsed());
            if is_due { Duration::ZERO } else { left }
        });
        state = match wait {
            Some(Duration::ZERO) => {
                let pending = state.pending.take()?;
                state.is_urgent = false;
                state.running = Some(pending.since);
                return Some(pending);
            }
            Some(wait) => {
                let waited = shared.offered.wait_timeout(state, wait);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None if state.is_over => return None,
            None => {
                let waited = shared.offered.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use tickcast_log::{Folder, Log, LogSettings, RealFile};
    use tokio::time::sleep;

    use super::*;
    use crate::data::testing::{open_log, strip};

    const MILLISECOND: Duration = Duration::from_millis(1);

    /// Writes an update, and lets the thread look at it.
    async fn write(log: &mut Log<Folder>, syncer: &Syncer<RealFile>) {
        log.write(&[strip(log.next(), 1)], 0).unwrap();
        let bytes = log.unsynced_bytes();
        if let Some(unsynced) = log.unsynced().unwrap() {
            syncer.offer(unsynced, bytes);
        }
        sleep(MILLISECOND).await;
        if let Some(done) = syncer.take_done() {
            log.take_synced(done).unwrap();
        }
    }

    #[tokio::test]
    async fn a_write_wakes_the_thread_only_if_nothing_was_pending() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open_log(folder.path(), LogSettings::default());
        let stats = Arc::<DataStats>::default();
        let mut syncer = Syncer::start(Arc::clone(&stats)).unwrap();
        let writes = 200;
        for _ in 0..writes {
            write(&mut log, &syncer).await;
        }
        syncer.end();
        // For each sync it is woken by the first write, and looks again when it is due.
        let syncs = stats.syncs.get();
        let looks = syncer.shared.state().looks;
        assert!(syncs > 0 && syncs < writes / 10, "{syncs} syncs");
        assert!(looks <= 4 * syncs + 4, "{looks} looks for {syncs} syncs");
    }

    #[test]
    fn the_end_of_a_segment_is_written_although_more_is_offered_before() {
        let folder = tempfile::tempdir().unwrap();
        let settings = LogSettings {
            segment_bytes: 4096,
            ..LogSettings::default()
        };
        let mut log = open_log(folder.path(), settings);
        let mut syncer = Syncer::start(Arc::default()).unwrap();
        while log.segments().len() == 0 {
            log.write(&[strip(log.next(), 10)], 0).unwrap();
        }
        for _ in 0..2 {
            log.write(&[strip(log.next(), 1)], 0).unwrap();
            let unsynced = log.unsynced().unwrap();
            syncer.offer(unsynced.expect("it is not synced"), 1);
        }
        syncer.end();
        let strips = log.bytes();
        log.take_synced(syncer.take_done().unwrap()).unwrap();
        assert!(log.bytes() > strips, "the index is not counted");
        assert_eq!(log.unsynced_bytes(), 0);
    }

    #[test]
    fn many_bytes_are_synced_before_their_time() {
        let folder = tempfile::tempdir().unwrap();
        let mut log = open_log(folder.path(), LogSettings::default());
        let syncer = Syncer::start(Arc::default()).unwrap();
        let mut offer = |bytes| {
            log.write(&[strip(log.next(), 1)], 0).unwrap();
            let unsynced = log.unsynced().unwrap();
            syncer.offer(unsynced.expect("it is not synced"), bytes);
        };
        // A busy machine may be late, but not always.
        let mut tries = 0..100;
        let is_early = tries.any(|_| {
            let begin = Instant::now();
            let looks = syncer.shared.state().looks;
            offer(1);
            // Now it waits until that is due.
            while syncer.shared.state().looks == looks {
                std::thread::park_timeout(MILLISECOND);
            }
            offer(SYNC_AFTER_BYTES);
            while syncer.take_done().is_none() && begin.elapsed() < SYNC_AFTER {
                std::thread::park_timeout(MILLISECOND);
            }
            let is_early = begin.elapsed() < SYNC_AFTER;
            while !syncer.is_idle() {
                std::thread::park_timeout(MILLISECOND);
            }
            syncer.take_done();
            is_early
        });
        assert!(is_early, "each sync came when it was due");
    }
}
