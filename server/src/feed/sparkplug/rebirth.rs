//! When a node is asked to be born again.

use std::time::Duration;

/// Shortest time between two requests to a node: a large node needs seconds to answer over a slow
/// link, and each answer is all of its metrics.
const WAIT_FIRST: Duration = Duration::from_secs(5);

/// Longest time between two requests to a node that does not help itself by a birth.
const WAIT_MAX: Duration = Duration::from_secs(600);

/// The requests to one node. The time between them doubles, until the node has caused none for
/// another such time.
#[derive(Debug, Default)]
pub(super) struct Rebirth {
    is_wanted: bool,
    /// When the next request may be sent.
    next_at: Duration,
    /// The time to wait after the next request.
    wait: Duration,
}

impl Rebirth {
    /// Records that the node must be born again.
    pub(super) fn want(&mut self, now: Duration) {
        if !self.is_wanted && now >= self.next_at + self.wait {
            self.wait = WAIT_FIRST;
        }
        self.is_wanted = true;
    }

    /// When the next request is due.
    pub(super) fn due(&self) -> Option<Duration> {
        self.is_wanted.then_some(self.next_at)
    }

    /// Records that the request was sent.
    pub(super) fn sent(&mut self, now: Duration) {
        self.is_wanted = false;
        self.next_at = now + self.wait;
        self.wait = (self.wait * 2).clamp(WAIT_FIRST, WAIT_MAX);
    }

    /// Records that the node was born, or cannot answer.
    pub(super) fn forget(&mut self) {
        self.is_wanted = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_without_effect_become_rare_and_a_node_in_order_is_asked_at_once_again() {
        let mut rebirth = Rebirth::default();
        let mut now = Duration::from_secs(100);
        let mut waits = Vec::new();
        rebirth.want(now);
        assert_eq!(rebirth.due(), Some(Duration::ZERO));
        for _ in 0..10 {
            rebirth.sent(now);
            assert_eq!(rebirth.due(), None);
            rebirth.want(now);
            let due = rebirth.due().unwrap();
            waits.push((due - now).as_secs());
            now = due;
        }
        assert_eq!(waits, [5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
        rebirth.sent(now);
        now += 2 * WAIT_MAX;
        rebirth.want(now);
        assert!(rebirth.due().unwrap() <= now);
        rebirth.sent(now);
        rebirth.want(now);
        assert_eq!(rebirth.due(), Some(now + WAIT_FIRST));
    }
}
