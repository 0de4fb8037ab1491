//! The updates that came while an answer is under way: those after the answer's position are added
//! to it.

use std::collections::VecDeque;

use tickcast_protocol::message::{Position, TimeNs};

use super::bar::LongSample;

/// The most updates that are kept: 3 seconds of the fastest topic, about 4 MiB. An answer that
/// takes longer is asked for again.
pub(super) const LOG_MAX_UPDATES: usize = 65_536;

/// An update with its position and the time at which it came in.
pub(super) type LoggedUpdate = (Position, TimeNs, LongSample);

/// Updates in ascending order of their positions.
#[derive(Debug, Clone, Default)]
pub(super) struct UpdateLog {
    /// All updates after this position are here; `None` while none are kept.
    after: Option<Position>,
    updates: VecDeque<LoggedUpdate>,
}

impl UpdateLog {
    /// Keeps all updates after this position from now on, unless it does so already.
    pub(super) fn start(&mut self, after: Position) {
        self.after.get_or_insert(after);
    }

    /// Keeps none any more.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }

    /// An update came.
    pub(super) fn push(&mut self, update: LoggedUpdate) {
        if self.after.is_none() {
            return;
        }
        if self.updates.len() == LOG_MAX_UPDATES
            && let Some((position, ..)) = self.updates.pop_front()
        {
            self.after = Some(position);
        }
        self.updates.push_back(update);
    }

    /// All updates after a position; `None` if some of them are not here.
    pub(super) fn after(&self, position: Position) -> Option<impl Iterator<Item = &LoggedUpdate>> {
        let is_whole = self.after.is_some_and(|after| after <= position);
        let first = self.updates.partition_point(|&(at, ..)| at <= position);
        is_whole.then(|| self.updates.range(first..))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_log_forgets_its_oldest_update_and_says_so() {
        let mut log = UpdateLog::default();
        let update = |position| (position, 0, LongSample::Reading(0.0));
        log.push(update(1));
        assert!(log.after(1).is_none(), "it was not started");
        log.start(1);
        for position in 2..2 + LOG_MAX_UPDATES as u64 {
            log.push(update(position));
        }
        assert_eq!(log.after(1).unwrap().count(), LOG_MAX_UPDATES);
        log.push(update(9_000_000));
        assert!(log.after(1).is_none());
        assert_eq!(log.after(2).unwrap().count(), LOG_MAX_UPDATES);
        assert_eq!(log.after(8_000_000).unwrap().count(), 1);
        log.stop();
        assert!(log.after(9_000_000).is_none());
    }
}
