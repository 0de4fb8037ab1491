//! What is done while the log cannot be written.

use std::time::{Duration, Instant};

use tickcast_log::LogError;

use crate::{log::limit::LogLimit, settings::data::OnDataFailure};

/// For how long updates wait before the server goes on without the log, if it may: a disk that is
/// full for a moment ends no log.
const GO_ON_AFTER: Duration = Duration::from_secs(5);

/// For how long a server that ends tries to write what waits.
const END_AFTER: Duration = Duration::from_secs(2);

/// Time between two tries.
pub(super) const RETRY: Duration = Duration::from_millis(200);

/// What to do after a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Try again later.
    Retry,
    /// Go on without the log.
    GoOn,
    /// Give up what waits: the server ends.
    GiveUp,
}

/// The failure of the log, as long as it lasts.
#[derive(Debug)]
pub(super) struct Failing {
    policy: OnDataFailure,
    since: Option<Instant>,
    ending_since: Option<Instant>,
    log_limit: LogLimit<1>,
    start: Instant,
}

impl Failing {
    pub(super) fn new(policy: OnDataFailure, now: Instant) -> Self {
        Self {
            policy,
            since: None,
            ending_since: None,
            log_limit: LogLimit::default(),
            start: now,
        }
    }

    /// Takes a failure, and says so at a bounded rate.
    pub(super) fn failed(&mut self, error: &LogError, is_ending: bool, now: Instant) -> Next {
        let since = *self.since.get_or_insert(now);
        let is_final = !matches!(error, LogError::Io { .. });
        if let Some(unlogged) = self.log_limit.allow(now.duration_since(self.start)) {
            let consequence = match (self.policy, is_final) {
                (OnDataFailure::Stop, false) => "updates wait, and publishes are refused",
                (OnDataFailure::Stop, true) => {
                    "updates wait, and publishes are refused, until the server is started again"
                }
                (OnDataFailure::GoOn, _) => "the server will go on without it",
            };
            tracing::error!(%error, unlogged, "the log cannot be written: {consequence}");
        }
        if is_ending {
            let ending_since = *self.ending_since.get_or_insert(now);
            if now.duration_since(ending_since) >= END_AFTER {
                return Next::GiveUp;
            }
        }
        let is_over = is_final || now.duration_since(since) >= GO_ON_AFTER;
        match self.policy {
            OnDataFailure::GoOn if is_over => Next::GoOn,
            OnDataFailure::GoOn | OnDataFailure::Stop => Next::Retry,
        }
    }

    /// Whether it can be written after a failure, once.
    pub(super) fn recovered(&mut self) -> bool {
        self.since.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    fn full() -> LogError {
        LogError::Io {
            what: "writing to 0000000001.seg".to_owned(),
            error: io::ErrorKind::StorageFull.into(),
        }
    }

    fn unsynced() -> LogError {
        LogError::NotSynced("syncing".to_owned())
    }

    #[test]
    fn a_server_that_stops_tries_again_until_it_ends() {
        let start = Instant::now();
        let mut failing = Failing::new(OnDataFailure::Stop, start);
        for hours in 0..3 {
            let now = start + Duration::from_hours(hours);
            assert_eq!(failing.failed(&full(), false, now), Next::Retry);
            assert_eq!(failing.failed(&unsynced(), false, now), Next::Retry);
        }
        let end = start + Duration::from_hours(3);
        assert_eq!(failing.failed(&full(), true, end), Next::Retry);
        let later = end + END_AFTER;
        assert_eq!(failing.failed(&full(), true, later), Next::GiveUp);
    }

    #[test]
    fn a_server_that_goes_on_waits_a_little_for_what_may_be_over() {
        let start = Instant::now();
        let mut failing = Failing::new(OnDataFailure::GoOn, start);
        assert_eq!(failing.failed(&full(), false, start), Next::Retry);
        assert!(failing.recovered());
        assert!(!failing.recovered());
        let again = start + GO_ON_AFTER;
        assert_eq!(failing.failed(&full(), false, again), Next::Retry);
        let over = again + GO_ON_AFTER;
        assert_eq!(failing.failed(&full(), false, over), Next::GoOn);
        let mut failing = Failing::new(OnDataFailure::GoOn, start);
        assert_eq!(failing.failed(&unsynced(), false, start), Next::GoOn);
    }
}
