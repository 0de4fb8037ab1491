//! The pure core of a derived topic: values and gaps of its sources go in, values come out.

use tickcast_protocol::message::TimeNs;

use super::{
    definition::DerivedRule,
    error::DerivedError,
    formula::Formula,
    window::{ValueWindow, WINDOW_MAX},
};

/// A value of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct SourceValue {
    pub(super) time_ns: TimeNs,
    pub(super) value: f64,
    /// The size of a trade.
    pub(super) size: f64,
}

/// What follows from a value of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Outcome {
    /// A value.
    Value(f64),
    /// There is no value, for this reason.
    Absent(&'static str),
    /// Other values are needed first.
    Waiting,
}

/// A derived topic's rule, and what it remembers of its sources.
///
/// Input: [`Self::value`] and [`Self::gap`], in order of time. It has no clock.
#[derive(Debug, Clone)]
pub(super) enum Calculation {
    Window(WindowKind, ValueWindow),
    /// The newest values of the sources, and what is made of them.
    Newest(Combine, Vec<Option<f64>>),
}

/// What is made of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WindowKind {
    Mean,
    Rate,
    Vwap,
}

/// What is made of the newest values.
#[derive(Debug, Clone)]
pub(super) enum Combine {
    Spread,
    Ratio,
    Formula(Formula),
}

impl Calculation {
    /// The calculation of a rule, before the first value.
    pub(super) fn new(rule: &DerivedRule) -> Result<Self, DerivedError> {
        let sources = rule.sources()?.len();
        let window = |window_ns: &i64| ValueWindow::of_time(*window_ns, WINDOW_MAX);
        let newest = |combine| Self::Newest(combine, vec![None; sources]);
        Ok(match rule {
            DerivedRule::Mean { window_ns, .. } => {
                Self::Window(WindowKind::Mean, window(window_ns))
            }
            DerivedRule::MeanOf { count, .. } => {
                Self::Window(WindowKind::Mean, ValueWindow::of_count(*count as usize))
            }
            DerivedRule::Rate { window_ns, .. } => {
                Self::Window(WindowKind::Rate, window(window_ns))
            }
            DerivedRule::Vwap { window_ns, .. } => {
                Self::Window(WindowKind::Vwap, window(window_ns))
            }
            DerivedRule::Spread { .. } => newest(Combine::Spread),
            DerivedRule::Ratio { .. } => newest(Combine::Ratio),
            DerivedRule::Formula { text } => newest(Combine::Formula(Formula::new(text)?)),
        })
    }

    /// A value of the source of this number came.
    pub(super) fn value(&mut self, source: usize, given: SourceValue) -> Outcome {
        match self {
            Self::Window(kind, window) => {
                let weight = match kind {
                    WindowKind::Mean | WindowKind::Rate => 1.0,
                    WindowKind::Vwap => given.size,
                };
                window.push(given.time_ns, given.value, weight);
                if window.is_too_full() {
                    return Outcome::Absent("too many updates in the window");
                }
                if window.is_short() {
                    return Outcome::Waiting;
                }
                of_window(*kind, window, given)
            }
            Self::Newest(combine, values) => {
                if let Some(value) = values.get_mut(source) {
                    *value = Some(given.value);
                }
                let known: Option<Vec<f64>> = values.iter().copied().collect();
                match known {
                    Some(known) => combine.value(&known),
                    None => Outcome::Waiting,
                }
            }
        }
    }

    /// After this the source of this number is unknown, until its next value.
    pub(super) fn gap(&mut self, source: usize) {
        match self {
            Self::Window(_, window) => window.clear(),
            Self::Newest(_, values) => {
                if let Some(value) = values.get_mut(source) {
                    *value = None;
                }
            }
        }
    }
}

fn of_window(kind: WindowKind, window: &ValueWindow, given: SourceValue) -> Outcome {
    let (weighted, weights) = window.sums();
    match kind {
        WindowKind::Mean => finite(weighted / weights),
        WindowKind::Vwap if weights == 0.0 => Outcome::Absent("no size was traded"),
        WindowKind::Vwap => finite(weighted / weights),
        WindowKind::Rate => match window.oldest() {
            Some((time_ns, value)) if time_ns < given.time_ns => {
                let seconds = (given.time_ns - time_ns) as f64 / 1e9;
                finite((given.value - value) / seconds)
            }
            _ => Outcome::Waiting,
        },
    }
}

impl Combine {
    fn value(&self, values: &[f64]) -> Outcome {
        let (a, b) = (values.first(), values.last());
        match (self, a, b) {
            (Self::Spread, Some(a), Some(b)) => finite(a - b),
            (Self::Ratio, Some(_), Some(0.0)) => Outcome::Absent("division by zero"),
            (Self::Ratio, Some(a), Some(b)) => finite(a / b),
            (Self::Formula(formula), ..) => match formula.value(values) {
                value if value.is_infinite() => Outcome::Absent("division by zero or overflow"),
                value => finite(value),
            },
            (_, _, _) => Outcome::Waiting,
        }
    }
}

fn finite(value: f64) -> Outcome {
    if value.is_finite() {
        Outcome::Value(value)
    } else {
        Outcome::Absent("not a number")
    }
}
