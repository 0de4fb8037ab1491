//! One compared figure.

/// How a figure changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureChange {
    /// The second run is better.
    Better,
    /// The second run is worse.
    Worse,
    /// The difference is chance, or too small to matter.
    None,
    /// There are too few samples.
    Unknown,
}

/// One figure of both runs.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// What the figure is.
    pub name: &'static str,
    /// Its value in the first run, as text.
    pub before: String,
    /// Its value in the second run, as text.
    pub after: String,
    /// Relative growth from the first run to the second, if both values are known.
    pub growth: Option<f64>,
    /// How it changed.
    pub change: FigureChange,
}
