//! Which stretches of time are known.

use tickcast_protocol::message::TimeNs;

/// Stretches of time, each from its first time up to its second. They are ascending, and between
/// two of them is something that is not known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Coverage(Vec<(TimeNs, TimeNs)>);

impl Coverage {
    /// The stretch `from..to` is known now.
    pub(super) fn add(&mut self, from: TimeNs, to: TimeNs) {
        if from >= to {
            return;
        }
        let first = self.0.partition_point(|&(_, end)| end < from);
        let after = self.0.partition_point(|&(start, _)| start <= to);
        let joined = self.0[first..after]
            .iter()
            .fold((from, to), |(from, to), &(start, end)| {
                (from.min(start), to.max(end))
            });
        self.0.splice(first..after, [joined]);
    }

    /// Everything from `from` on is not known any more.
    pub(super) fn forget_from(&mut self, from: TimeNs) {
        self.0.retain(|&(start, _)| start < from);
        if let Some((_, end)) = self.0.last_mut() {
            *end = (*end).min(from);
        }
    }

    /// Everything before `to` is not known any more.
    pub(super) fn forget_before(&mut self, to: TimeNs) {
        self.0.retain(|&(_, end)| end > to);
        if let Some((start, _)) = self.0.first_mut() {
            *start = (*start).max(to);
        }
    }

    /// Whether all of `from..to` is known.
    pub(super) fn covers(&self, from: TimeNs, to: TimeNs) -> bool {
        let at = self.0.partition_point(|&(_, end)| end <= from);
        from >= to || matches!(self.0.get(at), Some(&(start, end)) if start <= from && to <= end)
    }

    /// The newest stretch within `from..to` that is not known: the end of what is known before it,
    /// if anything is, and its own end.
    pub(super) fn newest_hole(&self, from: TimeNs, to: TimeNs) -> Option<(Option<TimeNs>, TimeNs)> {
        let mut to = to;
        for &(start, end) in self.0.iter().rev() {
            if end < to {
                // The stretch between is not known.
                return (to > from).then_some((Some(end), to));
            }
            to = to.min(start);
        }
        (to > from).then_some((None, to))
    }

    /// The start of the oldest stretch.
    pub(super) fn start(&self) -> Option<TimeNs> {
        self.0.first().map(|&(start, _)| start)
    }

    /// The end of the newest stretch.
    pub(super) fn end(&self) -> Option<TimeNs> {
        self.0.last().map(|&(_, end)| end)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All times below this are looked at one by one.
    const TIMES: i64 = 40;

    #[derive(Debug, Clone)]
    enum Step {
        Add(i64, i64),
        ForgetFrom(i64),
        ForgetBefore(i64),
    }

    fn step() -> impl Strategy<Value = Step> {
        let time = || 0..TIMES;
        prop_oneof![
            4 => (time(), time()).prop_map(|(a, b)| Step::Add(a.min(b), a.max(b))),
            1 => time().prop_map(Step::ForgetFrom),
            1 => time().prop_map(Step::ForgetBefore),
        ]
    }

    proptest! {
        #[test]
        fn it_knows_what_a_list_of_all_times_knows(
            steps in prop::collection::vec(step(), 0..30),
            (a, b) in (0..TIMES, 0..TIMES),
        ) {
            let mut coverage = Coverage::default();
            let mut known = [false; TIMES as usize];
            for step in steps {
                match step {
                    Step::Add(from, to) => {
                        coverage.add(from, to);
                        known[from as usize..to as usize].fill(true);
                    }
                    Step::ForgetFrom(from) => {
                        coverage.forget_from(from);
                        known[from as usize..].fill(false);
                    }
                    Step::ForgetBefore(to) => {
                        coverage.forget_before(to);
                        known[..to as usize].fill(false);
                    }
                }
            }
            let is_known = |time: i64| known[time as usize];
            let (from, to) = (a.min(b), a.max(b));
            prop_assert_eq!(coverage.covers(from, to), (from..to).all(is_known));
            let newest = (from..to).rev().find(|&time| !is_known(time));
            let hole = coverage.newest_hole(from, to);
            prop_assert_eq!(hole.map(|(_, end)| end), newest.map(|time| time + 1));
            if let (Some((below, end)), Some(newest)) = (hole, newest) {
                let first = (0..=newest).rev().take_while(|&time| !is_known(time)).last();
                prop_assert_eq!(below, first.filter(|&first| first > 0));
                prop_assert!((below.unwrap_or(0)..end).all(|time| !is_known(time)));
            }
            for pair in coverage.0.windows(2) {
                prop_assert!(pair[0].1 < pair[1].0, "{:?}", coverage);
            }
        }
    }
}
