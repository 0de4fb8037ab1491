//! What a feed reports between its updates: that its source is gone, or those of some topics.

use std::{
    collections::{HashSet, VecDeque},
    mem::take,
};

use tickcast_protocol::topic::Topic;

/// One report.
#[derive(Debug, PartialEq)]
pub(super) enum Report {
    /// The feed's source is gone.
    Down,
    /// The sources of these topics are gone.
    Dead(Vec<Topic>),
}

/// Reports, each with the number of updates before it. There is one place per update at most, and
/// one set of topics per place.
#[derive(Debug, Default)]
pub(super) struct Reports {
    places: VecDeque<Place>,
}

#[derive(Debug, Default)]
struct Place {
    at: u64,
    is_down: bool,
    dead: HashSet<Topic>,
}

impl Reports {
    pub(super) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Number of updates before the next report.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.places.front().map(|place| place.at)
    }

    /// Adds a report after a number of updates, which never gets smaller.
    pub(super) fn push(&mut self, at: u64, report: Report) {
        if self.places.back().is_none_or(|place| place.at != at) {
            self.places.push_back(Place {
                at,
                ..Place::default()
            });
        }
        if let Some(place) = self.places.back_mut() {
            match report {
                Report::Down => place.is_down = true,
                Report::Dead(topics) => place.dead.extend(topics),
            }
        }
    }

    /// The next report, if there are no more updates before it.
    pub(super) fn take(&mut self, updates: u64) -> Option<Report> {
        let place = self
            .places
            .front_mut()
            .filter(|place| place.at <= updates)?;
        let report = match place.dead.is_empty() {
            false => Report::Dead(take(&mut place.dead).into_iter().collect()),
            true => {
                place.is_down = false;
                Report::Down
            }
        };
        if !place.is_down && place.dead.is_empty() {
            self.places.pop_front();
        }
        Some(report)
    }

    /// Makes one place of all whose updates are gone. Otherwise there would be a place for each
    /// dropped update.
    pub(super) fn merge(&mut self, updates: u64) {
        while self.places.get(1).is_some_and(|place| place.at <= updates) {
            if let Some(first) = self.places.pop_front()
                && let Some(second) = self.places.front_mut()
            {
                second.is_down |= first.is_down;
                second.dead.extend(first.dead);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dead(topics: &[&str]) -> Report {
        let topics = topics.iter().map(|topic| Topic::new(topic).unwrap());
        Report::Dead(topics.collect())
    }

    #[test]
    fn reports_come_after_the_updates_before_them() {
        let mut reports = Reports::default();
        reports.push(2, dead(&["a"]));
        reports.push(3, Report::Down);
        reports.push(3, dead(&["b"]));
        assert_eq!((reports.next_at(), reports.take(1)), (Some(2), None));
        assert_eq!(reports.take(2), Some(dead(&["a"])));
        assert_eq!(reports.take(2), None);
        assert_eq!(reports.take(3), Some(dead(&["b"])));
        assert_eq!(reports.take(3), Some(Report::Down));
        assert!(reports.is_empty());
    }

    #[test]
    fn reports_whose_updates_are_dropped_become_one() {
        let mut reports = Reports::default();
        for at in 0..1000 {
            reports.push(at, dead(&["a"]));
        }
        reports.push(1000, Report::Down);
        reports.push(1001, dead(&["b"]));
        reports.merge(1000);
        assert_eq!(reports.places.len(), 2);
        assert_eq!(reports.take(1000), Some(dead(&["a"])));
        assert_eq!(reports.take(1000), Some(Report::Down));
        assert_eq!(reports.take(1000), None);
    }
}
