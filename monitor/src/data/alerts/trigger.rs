//! When a rule fires: the state of one rule, without its topic and without a clock.

use tickcast_protocol::message::TimeNs;

use crate::data::time::SECOND;

/// A rule fires at most once per this time, even if its value crosses the threshold more often.
pub(super) const FIRE_EVERY_NS: i64 = 5 * SECOND;

/// What was found about a condition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Finding {
    /// It holds.
    Holds,
    /// It does not hold, and the value has not come back by the margin.
    Near,
    /// It has ceased to hold.
    Ceased,
    /// What it waits for happened just now.
    Happened,
    /// There is nothing to judge it by.
    Unknown,
}

/// A rule fires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Firing {
    /// How often it would have fired since it last did, if it were allowed to fire each time.
    pub(super) times: u64,
    /// Whether it is muted.
    pub(super) is_muted: bool,
}

/// The state of one rule.
///
/// A rule fires when its condition begins to hold, and again only after the condition has ceased to
/// hold. A rule about what happens at one moment fires each time. Both fire at most once per
/// [`FIRE_EVERY_NS`]; what comes sooner is counted, and fires later. If the condition still holds
/// when a rule is no longer muted, it fires once more.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Trigger {
    holds: bool,
    was_muted: bool,
    fired_ns: Option<TimeNs>,
    /// How often the rule is to fire, and has not yet.
    due: u64,
}

impl Trigger {
    /// The rule was muted by the user, who may end that before anything is found.
    pub(super) fn mute(&mut self) {
        self.was_muted = true;
    }

    /// Takes in what was found. Call it with [`Finding::Unknown`] to let time pass.
    pub(super) fn found(
        &mut self,
        finding: Finding,
        now_ns: TimeNs,
        is_muted: bool,
    ) -> Option<Firing> {
        let was_muted = std::mem::replace(&mut self.was_muted, is_muted);
        match finding {
            Finding::Holds if !self.holds => {
                self.holds = true;
                self.due += 1;
            }
            Finding::Ceased => {
                self.holds = false;
                self.due = 0;
            }
            Finding::Happened => self.due += 1,
            Finding::Holds | Finding::Near | Finding::Unknown => {}
        }
        if was_muted && !is_muted && self.holds {
            self.due = self.due.max(1);
        }
        // A clock that is set back must not silence a rule.
        let recently = |fired_ns| (0..FIRE_EVERY_NS).contains(&(now_ns - fired_ns));
        if self.due == 0 || self.fired_ns.is_some_and(recently) {
            return None;
        }
        self.fired_ns = Some(now_ns);
        let times = std::mem::take(&mut self.due);
        Some(Firing { times, is_muted })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Finding::*, *};

    /// How often a rule would have fired, and whether it is muted.
    type Fired = Option<(u64, bool)>;

    /// Feeds findings, each one second after the other, and compares what fires.
    #[track_caller]
    fn check(steps: &[(Finding, bool, Fired)]) {
        let mut trigger = Trigger::default();
        for (at, &(finding, is_muted, expected)) in steps.iter().enumerate() {
            let fired = trigger.found(finding, at as i64 * SECOND, is_muted);
            let fired = fired.map(|firing| (firing.times, firing.is_muted));
            assert_eq!(fired, expected, "step {at}: {finding:?}");
        }
    }

    const LOUD: Fired = Some((1, false));
    const MUTED: Fired = Some((1, true));

    #[test]
    fn it_fires_when_the_condition_begins_to_hold_and_not_while_it_does() {
        check(&[
            (Unknown, false, None),
            (Ceased, false, None),
            (Holds, false, LOUD),
            (Holds, false, None),
            (Ceased, false, None),
            (Ceased, false, None),
            (Ceased, false, None),
            (Holds, false, LOUD),
        ]);
    }

    #[test]
    fn a_value_within_the_margin_neither_fires_nor_rearms() {
        let mut steps = vec![(Near, false, None), (Holds, false, LOUD)];
        for _ in 0..4 {
            steps.extend([(Near, false, None), (Holds, false, None)]);
        }
        steps.extend([(Ceased, false, None), (Near, false, None)]);
        steps.push((Holds, false, LOUD));
        check(&steps);
    }

    #[test]
    fn what_happens_too_soon_is_counted_and_fires_later() {
        check(&[
            (Happened, false, LOUD),
            (Happened, false, None),
            (Happened, false, None),
            (Unknown, false, None),
            (Unknown, false, None),
            (Unknown, false, Some((2, false))),
            (Unknown, false, None),
        ]);
    }

    #[test]
    fn a_condition_that_ceases_before_the_rule_may_fire_again_does_not_fire() {
        check(&[
            (Holds, false, LOUD),
            (Ceased, false, None),
            (Holds, false, None),
            (Ceased, false, None),
            (Unknown, false, None),
            (Unknown, false, None),
            (Unknown, false, None),
        ]);
    }

    #[test]
    fn a_muted_rule_fires_once_more_if_its_condition_still_holds_afterwards() {
        let mut steps = vec![(Holds, true, MUTED)];
        steps.extend([(Holds, true, None); 5]);
        steps.extend([(Unknown, false, LOUD), (Holds, false, None)]);
        steps.extend([(Ceased, true, None), (Unknown, false, None)]);
        check(&steps);
        let mut ceased = vec![(Holds, true, MUTED), (Ceased, true, None)];
        ceased.extend([(Unknown, false, None); 8]);
        check(&ceased);
    }

    #[test]
    fn a_mute_that_ends_before_anything_is_found_reminds_all_the_same() {
        let second = |at: i64| at * SECOND;
        let mut trigger = Trigger::default();
        assert!(trigger.found(Holds, 0, false).is_some());
        trigger.mute();
        assert_eq!(trigger.found(Unknown, second(1), false), None, "too soon");
        let reminder = trigger.found(Unknown, second(5), false);
        let once = Firing {
            times: 1,
            is_muted: false,
        };
        assert_eq!(reminder, Some(once));
        assert_eq!(trigger.found(Holds, second(20), false), None);
        // Without anything to remind of it stays silent.
        trigger.found(Ceased, second(21), false);
        trigger.mute();
        assert_eq!(trigger.found(Unknown, second(30), false), None);
    }

    fn any_finding() -> impl Strategy<Value = Finding> {
        prop::sample::select(vec![Holds, Near, Ceased, Happened, Unknown])
    }

    proptest! {
        #[test]
        fn firings_keep_their_distance(
            steps in prop::collection::vec((any_finding(), 0i64..3, any::<bool>()), 0..60),
        ) {
            let mut trigger = Trigger::default();
            let (mut now_ns, mut fired) = (0, Vec::new());
            for (finding, seconds, is_muted) in steps {
                now_ns += seconds * SECOND;
                if let Some(firing) = trigger.found(finding, now_ns, is_muted) {
                    prop_assert_eq!(firing.is_muted, is_muted);
                    prop_assert!(firing.times > 0);
                    fired.push(now_ns);
                }
            }
            for pair in fired.windows(2) {
                prop_assert!(pair[1] - pair[0] >= FIRE_EVERY_NS);
            }
        }

        #[test]
        fn all_that_happens_is_told_in_the_end(
            steps in prop::collection::vec((any::<bool>(), 0i64..3, any::<bool>()), 0..60),
        ) {
            let mut trigger = Trigger::default();
            let (mut now_ns, mut happened, mut told) = (0, 0, 0);
            for (happens, seconds, is_muted) in steps {
                now_ns += seconds * SECOND;
                happened += u64::from(happens);
                let finding = if happens { Happened } else { Unknown };
                let fired = trigger.found(finding, now_ns, is_muted);
                told += fired.map_or(0, |firing| firing.times);
            }
            let last = trigger.found(Unknown, now_ns + FIRE_EVERY_NS, false);
            told += last.map_or(0, |firing| firing.times);
            prop_assert_eq!(told, happened);
        }

        #[test]
        fn without_mutes_it_fires_no_more_often_than_conditions_begin(
            findings in prop::collection::vec(any_finding(), 0..60),
        ) {
            let mut trigger = Trigger::default();
            let (mut holds, mut begun) = (false, 0);
            let mut told = 0;
            for (at, finding) in findings.into_iter().filter(|f| *f != Happened).enumerate() {
                begun += u64::from(finding == Holds && !holds);
                holds = match finding {
                    Holds => true,
                    Ceased => false,
                    _ => holds,
                };
                let fired = trigger.found(finding, at as i64 * SECOND, false);
                told += fired.map_or(0, |firing| firing.times);
            }
            prop_assert!(told <= begun);
        }
    }
}
