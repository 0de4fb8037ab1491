//! Records the latencies of a worker's receivers. Pure: times come in as arguments.

use std::{collections::BTreeMap, ops::Range};

use tickcast_protocol::message::TimeNs;

use super::{
    completion::Completion,
    histogram::{Histogram, histogram, record},
};
use crate::scan::Facts;

/// Longest run, in seconds of publishing. Each second keeps a histogram of its own (about 60 KB).
pub const SECONDS_MAX: i64 = 3600;

const NS_PER_S: i64 = 1_000_000_000;

/// Where the due time of an update comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DueFrom {
    /// From the stamps of the run with this number. Other updates are not timed.
    Stamp {
        /// The run's number.
        run: u32,
    },
    /// From the server's ingest time, if its own feed is measured.
    Ingest,
}

/// Which updates are timed.
#[derive(Debug, Clone)]
pub struct Scope {
    /// Where due times come from.
    pub due_from: DueFrom,
    /// When publishing starts.
    pub start_ns: TimeNs,
    /// Updates due in this range count as measured. Earlier ones belong to the warm-up.
    pub measured_ns: Range<TimeNs>,
    /// Keys below this do not belong to this run.
    pub first_key: u64,
    /// Receivers that are not probes time only updates whose key is a multiple of this.
    pub stride: u64,
}

/// What was recorded since the last report.
#[derive(Debug)]
pub struct Recorded {
    /// Received - due, by the second in which updates were due (from the start of publishing).
    pub response: BTreeMap<u32, Histogram>,
    /// Received - sent, of measured updates that a load tester sent.
    pub service: Histogram,
    /// Received - due of all measured updates, as the probes received them.
    pub probes: Histogram,
}

impl Recorded {
    fn new() -> Self {
        Self {
            response: BTreeMap::new(),
            service: histogram(),
            probes: histogram(),
        }
    }
}

/// See the module.
#[derive(Debug)]
pub struct LatencyRecorder {
    scope: Option<Scope>,
    recorded: Recorded,
    completion: Completion,
    /// Updates that seem to have arrived before they were due, because clocks differ.
    pub from_the_future: u64,
}

impl Default for LatencyRecorder {
    fn default() -> Self {
        Self {
            scope: None,
            recorded: Recorded::new(),
            completion: Completion::new(0, 1),
            from_the_future: 0,
        }
    }
}

impl LatencyRecorder {
    /// Starts to time updates.
    pub fn start(&mut self, scope: Scope) {
        self.completion = Completion::new(scope.first_key, scope.stride);
        self.scope = Some(scope);
    }

    /// Moves the range that counts as measured.
    pub fn measure(&mut self, measured_ns: Range<TimeNs>) {
        if let Some(scope) = &mut self.scope {
            scope.measured_ns = measured_ns;
        }
    }

    /// A live update arrived.
    pub fn arrived(&mut self, facts: &Facts, is_probe: bool, received_ns: TimeNs) {
        let Some(scope) = &self.scope else { return };
        let (key, due_ns, sent_ns) = match (scope.due_from, facts.stamp) {
            (DueFrom::Ingest, _) => (facts.position, facts.ingest_time_ns, None),
            (DueFrom::Stamp { run }, Some(stamp)) if stamp.run == run => {
                (stamp.index, stamp.due_ns, Some(stamp.sent_ns))
            }
            (DueFrom::Stamp { .. }, _) => return,
        };
        let is_followed = self.completion.follows(key);
        let second = (due_ns - scope.start_ns).div_euclid(NS_PER_S);
        if !(is_followed || is_probe) || !(0..SECONDS_MAX).contains(&second) {
            return;
        }
        let response_ns = received_ns - due_ns;
        if response_ns < 0 {
            self.from_the_future += 1;
        }
        let is_measured = scope.measured_ns.contains(&due_ns);
        if is_followed {
            let response = self.recorded.response.entry(second as u32);
            record(response.or_insert_with(histogram), response_ns);
            self.completion.arrived(key, due_ns, received_ns);
        }
        if is_measured {
            if is_probe {
                record(&mut self.recorded.probes, response_ns);
            }
            if let Some(sent_ns) = sent_ns
                && is_followed
            {
                record(&mut self.recorded.service, received_ns - sent_ns);
            }
        }
    }

    /// Returns what was recorded since the last call.
    pub fn take(&mut self) -> Recorded {
        std::mem::replace(&mut self.recorded, Recorded::new())
    }

    /// Returns the notes on completion, at the end.
    pub fn take_completion(&mut self) -> Completion {
        std::mem::replace(&mut self.completion, Completion::new(0, 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schedule::Stamp;

    const START_NS: i64 = 1_000_000_000_000;

    fn recorder(due_from: DueFrom, stride: u64) -> LatencyRecorder {
        let mut recorder = LatencyRecorder::default();
        recorder.start(Scope {
            due_from,
            start_ns: START_NS,
            measured_ns: START_NS + 2 * NS_PER_S..START_NS + 4 * NS_PER_S,
            first_key: 0,
            stride,
        });
        recorder
    }

    fn facts(index: u64, due_s: i64) -> Facts {
        let due_ns = START_NS + due_s * NS_PER_S;
        Facts {
            position: index,
            seq: index,
            ingest_time_ns: due_ns + 500,
            stamp: Some(Stamp {
                run: 1,
                index,
                due_ns,
                sent_ns: due_ns + 1_000_000,
            }),
        }
    }

    fn counts(recorded: &Recorded) -> Vec<(u32, u64)> {
        let response = recorded.response.iter();
        response
            .map(|(&s, histogram)| (s, histogram.len()))
            .collect()
    }

    #[test]
    fn a_late_update_counts_in_the_second_in_which_it_was_due() {
        let mut recorder = recorder(DueFrom::Stamp { run: 1 }, 1);
        for (index, due_s) in [(0, -1), (1, 0), (2, 2), (3, 3), (4, 4)] {
            let received_ns = START_NS + 7 * NS_PER_S;
            recorder.arrived(&facts(index, due_s), index == 3, received_ns);
        }
        let recorded = recorder.take();
        assert_eq!(counts(&recorded), [(0, 1), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(recorded.service.len(), 2);
        assert_eq!(recorded.probes.len(), 1);
        assert!(recorded.response[&2].equivalent(recorded.response[&2].max(), 5_000_000_000));
        assert!(recorder.take().response.is_empty());
    }

    #[test]
    fn updates_of_other_runs_are_not_timed_and_the_servers_own_are_timed_from_ingest() {
        let mut foreign = recorder(DueFrom::Stamp { run: 2 }, 1);
        foreign.arrived(&facts(1, 2), true, START_NS + 3 * NS_PER_S);
        assert!(counts(&foreign.take()).is_empty());
        let mut own = recorder(DueFrom::Ingest, 1);
        own.arrived(&facts(1, 2), true, START_NS + 2 * NS_PER_S);
        assert_eq!(own.from_the_future, 1);
        let recorded = own.take();
        assert_eq!(counts(&recorded), [(2, 1)]);
        assert_eq!(recorded.service.len(), 0);
    }

    #[test]
    fn with_a_stride_probes_time_every_update_and_other_receivers_a_sample() {
        let mut recorder = recorder(DueFrom::Stamp { run: 1 }, 4);
        for index in 0..16 {
            for is_probe in [false, true] {
                recorder.arrived(&facts(index, 3), is_probe, START_NS + 4 * NS_PER_S);
            }
        }
        let recorded = recorder.take();
        assert_eq!(counts(&recorded), [(3, 8)]);
        assert_eq!(recorded.probes.len(), 16);
        assert_eq!(
            recorder
                .take_completion()
                .summary(0, i64::MAX)
                .completion
                .len(),
            4
        );
    }
}
