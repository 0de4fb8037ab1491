//! The phases of a run.

use crate::assertion::Assertion;

/// Lengths of the phases, in seconds. A phase of length 0 is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Durations {
    /// Publishing that does not count yet.
    pub warmup_s: u32,
    /// The phase that counts.
    pub steady_s: u32,
    /// Subscribers leave and reconnect.
    pub churn_s: u32,
    /// All subscribers leave and reconnect at the start of this phase.
    pub storm_s: u32,
}

/// A stretch of publishing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Phase {
    /// What happens in it.
    pub kind: PhaseKind,
    /// Its first second, from the start of publishing.
    pub from_s: u32,
    /// The second after its last.
    pub to_s: u32,
}

/// What happens in a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhaseKind {
    /// Results are discarded.
    Warmup,
    /// Results count.
    Steady,
    /// Subscribers leave and reconnect.
    Churn,
    /// All subscribers leave at once and reconnect.
    Storm,
}

/// How to look for the highest rate.
#[derive(Debug, Clone)]
pub struct SearchPlan {
    /// What must hold at a rate.
    pub goal: Assertion,
    /// How long each rate is tried.
    pub step_s: u32,
    /// Highest rate to try.
    pub rate_max: f64,
}

impl PhaseKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Warmup => "warm-up",
            Self::Steady => "steady",
            Self::Churn => "churn",
            Self::Storm => "storm",
        }
    }
}

impl Durations {
    /// The phases that have a length, in order.
    pub fn phases(self) -> Vec<Phase> {
        let mut from_s = 0;
        [
            (PhaseKind::Warmup, self.warmup_s),
            (PhaseKind::Steady, self.steady_s),
            (PhaseKind::Churn, self.churn_s),
            (PhaseKind::Storm, self.storm_s),
        ]
        .into_iter()
        .filter(|(_, len_s)| *len_s > 0)
        .map(|(kind, len_s)| {
            let phase = Phase {
                kind,
                from_s,
                to_s: from_s + len_s,
            };
            from_s = phase.to_s;
            phase
        })
        .collect()
    }
}
