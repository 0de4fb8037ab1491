//! Ranges of values, from the least to the greatest one.

/// The range that holds all of some ranges; `None` without any.
pub(crate) fn union_of(ranges: impl IntoIterator<Item = (f64, f64)>) -> Option<(f64, f64)> {
    let joined = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
    ranges.into_iter().reduce(joined)
}
