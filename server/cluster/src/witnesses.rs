//! Which nodes have read what this node has read.
//!
//! An engine may give different nodes different messages: its servers may have come apart, and each
//! that leads gives its own. Messages say what their node has read, so this shows. As many nodes as
//! there are on this side, with this one, or more on the other: then this node reads the stream
//! again from the start. The side with more nodes goes on.

use std::{collections::BTreeMap, time::Duration};

use crate::{book::MEMBERS_MAX, ids::MemberId};

/// How long a message counts: members write once per second.
const HEARD_FOR: Duration = Duration::from_secs(4);

/// Time after which it is certain: nodes may notice at different times that the stream is another
/// one.
const CERTAIN_AFTER: Duration = Duration::from_secs(4);

/// Maximum number of nodes that are heard: members, and as many that are none.
const HEARD_MAX: usize = 2 * MEMBERS_MAX;

/// What other nodes have read; see the module.
#[derive(Debug, Default)]
pub(crate) struct Witnesses {
    /// Whether each agrees, and when it was heard.
    heard: BTreeMap<MemberId, (bool, Duration)>,
    /// Since when this node is outvoted.
    outvoted: Option<Duration>,
}

impl Witnesses {
    /// Notes a message of another node.
    pub(crate) fn heard(&mut self, node: MemberId, agrees: bool, now: Duration) {
        self.heard.retain(|_, (_, at)| counts(*at, now));
        if self.heard.len() < HEARD_MAX || self.heard.contains_key(&node) {
            self.heard.insert(node, (agrees, now));
        }
    }

    /// Whether a node lives that has read something else.
    pub(crate) fn is_contradicted(&self, now: Duration) -> bool {
        self.count(now).1 > 0
    }

    /// Whether more nodes agree, with this one, than do not.
    pub(crate) fn agree_with_most(&self, now: Duration) -> bool {
        let (agree, others) = self.count(now);
        others <= agree
    }

    /// Whether this node is the one to read again. It is asked at each own beat that is read.
    pub(crate) fn is_outvoted(&mut self, now: Duration) -> bool {
        if self.agree_with_most(now) {
            self.outvoted = None;
            return false;
        }
        let since = *self.outvoted.get_or_insert(now);
        since + CERTAIN_AFTER <= now
    }

    /// How many agree, and how many do not.
    fn count(&self, now: Duration) -> (usize, usize) {
        let heard = self.heard.values();
        let heard = heard.filter(|(_, at)| counts(*at, now));
        heard.fold((0, 0), |(agree, others), (agrees, _)| match agrees {
            true => (agree + 1, others),
            false => (agree, others + 1),
        })
    }
}

/// Whether what was heard at a time still counts.
fn counts(at: Duration, now: Duration) -> bool {
    now < at + HEARD_FOR
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Beats once per second, with messages of others that agree and that do not.
    fn beats(agree: u64, others: u64) -> bool {
        let mut witnesses = Witnesses::default();
        (0..10).any(|second| {
            let now = Duration::from_secs(second);
            for node in 0..agree + others {
                witnesses.heard(MemberId(node), node < agree, now);
            }
            witnesses.is_outvoted(now)
        })
    }

    #[test]
    fn the_smaller_side_reads_again_and_both_if_they_are_equal() {
        for (agree, others, is_outvoted) in [
            (0, 0, false),
            (1, 0, false),
            (1, 1, false),
            (0, 1, true),
            (0, 2, true),
            (1, 2, true),
            (2, 2, false),
        ] {
            assert_eq!(beats(agree, others), is_outvoted, "{agree} {others}");
        }
    }

    #[test]
    fn what_was_heard_long_ago_counts_no_more() {
        let mut witnesses = Witnesses::default();
        witnesses.heard(MemberId(1), false, Duration::ZERO);
        assert!(witnesses.is_contradicted(Duration::from_secs(3)));
        assert!(!witnesses.is_contradicted(Duration::from_secs(4)));
        let outvoted = (4..20).any(|second| witnesses.is_outvoted(Duration::from_secs(second)));
        assert!(!outvoted);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let mut witnesses = Witnesses::default();
        for node in 0..1_000 {
            witnesses.heard(MemberId(node), true, Duration::ZERO);
        }
        assert_eq!(witnesses.heard.len(), HEARD_MAX);
    }
}
