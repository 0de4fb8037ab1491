//! When updates of feeds are missing: in the log by the names of feeds, because their numbers are
//! those of one start.

use tickcast_core::candles::FeedSpans;
use tickcast_log::{FeedOutages, Outage};
use tickcast_protocol::message::TimeNs;

/// What the log has of feeds at a start.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// Of those that are in the settings.
    pub(super) feeds: Vec<FeedSpans>,
    /// Of the others: which topics they have brought is not known.
    pub(super) of_all: Vec<Outage>,
}

/// What the log has of feeds. `names` are those in the settings.
pub(super) fn known(log: &[FeedOutages], names: &[&str]) -> Known {
    let mut known = Known {
        feeds: Vec::new(),
        of_all: Vec::new(),
    };
    for feed in log {
        match names.iter().position(|name| *name == feed.name) {
            Some(index) => {
                let id = u16::try_from(index).unwrap_or(u16::MAX);
                known.feeds.push((id, feed.outages.clone()));
            }
            None => known.of_all.extend(&feed.outages),
        }
    }
    known
}

/// Those of the feeds that are not in the settings any more have no end: they end now. `None` if
/// nothing changes.
pub(super) fn ended(
    log: &[FeedOutages],
    names: &[&str],
    now_ns: TimeNs,
) -> Option<Vec<FeedOutages>> {
    let mut feeds = log.to_vec();
    let gone = feeds
        .iter_mut()
        .filter(|feed| !names.contains(&&*feed.name));
    let ends = gone.flat_map(|feed| &mut feed.outages);
    let mut has_changed = false;
    for (_, to) in ends.filter(|(_, to)| *to == TimeNs::MAX) {
        (*to, has_changed) = (now_ns, true);
    }
    has_changed.then_some(feeds)
}

/// What the log is to have: of the feeds in the settings what is known now, and of the others what
/// the log had.
pub(super) fn named(
    outages: &[FeedSpans],
    names: &[String],
    log: &[FeedOutages],
) -> Vec<FeedOutages> {
    let gone = log.iter().filter(|feed| !names.contains(&feed.name));
    let present = outages.iter().filter_map(|(id, outages)| {
        let name = names.get(usize::from(*id))?;
        Some(FeedOutages {
            name: name.clone(),
            outages: outages.clone(),
        })
    });
    let present = present.filter(|feed| !feed.outages.is_empty());
    gone.cloned().chain(present).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(name: &str, outages: &[Outage]) -> FeedOutages {
        FeedOutages {
            name: name.to_owned(),
            outages: outages.to_vec(),
        }
    }

    #[test]
    fn a_feed_keeps_its_outages_when_its_number_changes() {
        let names = ["one".to_owned(), "two".to_owned()];
        let outages = [(0, vec![]), (1, vec![(5, 6)])];
        let log = named(&outages, &names, &[]);
        assert_eq!(log, [feed("two", &[(5, 6)])]);
        let found = known(&log, &["two", "three"]);
        assert_eq!(
            (found.feeds, found.of_all),
            (vec![(0, vec![(5, 6)])], vec![])
        );
    }

    #[test]
    fn outages_of_a_feed_that_is_gone_stay_end_and_are_those_of_all() {
        let log = [
            feed("gone", &[(1, 2), (5, TimeNs::MAX)]),
            feed("here", &[(7, 8)]),
        ];
        let ended = ended(&log, &["here"], 9).expect("one has no end");
        assert_eq!(ended[0], feed("gone", &[(1, 2), (5, 9)]));
        assert_eq!(ended[1], log[1]);
        assert_eq!(super::ended(&ended, &["here"], 10), None);
        assert_eq!(known(&ended, &["here"]).of_all, [(1, 2), (5, 9)]);
        let names = ["here".to_owned()];
        let later = named(&[(0, vec![(7, 8), (11, 12)])], &names, &ended);
        assert_eq!(later, [ended[0].clone(), feed("here", &[(7, 8), (11, 12)])]);
    }
}
