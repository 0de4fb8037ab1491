//! Axes of charts: where values are placed, and where ticks are.

/// How an axis maps values to places.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AxisScale {
    /// Equal distances are equal differences.
    Linear,
    /// Equal distances are equal ratios. Values of 0 or below are not shown.
    Log,
}

/// One axis.
pub struct Axis<'a> {
    /// How values are mapped.
    pub scale: AxisScale,
    /// The smallest and the largest value.
    pub range: (f64, f64),
    /// The text at a tick.
    pub label: &'a dyn Fn(f64) -> String,
    /// Positions of the ticks. If empty, round numbers are chosen.
    pub ticks: Vec<f64>,
    /// What the axis shows.
    pub title: &'a str,
}

impl Axis<'_> {
    /// The place of a value, from 0 to 1.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let (from, to) = self.range;
        let place = match self.scale {
            AxisScale::Linear => (value - from) / (to - from),
            AxisScale::Log if value <= 0.0 => return None,
            AxisScale::Log => (value / from).ln() / (to / from).ln(),
        };
        place.is_finite().then_some(place.clamp(0.0, 1.0))
    }

    pub(super) fn ticks(&self) -> Vec<f64> {
        if !self.ticks.is_empty() {
            return self.ticks.clone();
        }
        let (from, to) = self.range;
        match self.scale {
            AxisScale::Linear => {
                let step = nice_step((to - from) / 5.0);
                let count = ((to - from) / step + 1e-9).floor() as usize;
                (0..=count).map(|i| from + i as f64 * step).collect()
            }
            AxisScale::Log => {
                let first = from.log10().ceil() as i32;
                let last = to.log10().floor() as i32;
                (first..=last)
                    .map(|exponent| 10f64.powi(exponent))
                    .collect()
            }
        }
    }
}

/// 1, 2 or 5 times a power of ten, at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.max(1e-12).log10().floor());
    let factor = [1.0, 2.0, 5.0].into_iter().find(|f| f * power >= step);
    factor.unwrap_or(10.0) * power
}

/// A range that holds all values: from 0, or whole decades if the scale is logarithmic.
pub fn range_of(values: impl Iterator<Item = f64> + Clone, scale: AxisScale) -> (f64, f64) {
    let max = values.clone().fold(0.0, f64::max);
    match scale {
        AxisScale::Linear => {
            let max = if max > 0.0 { max } else { 1.0 };
            let step = nice_step(max / 5.0);
            (0.0, (max / step).ceil() * step)
        }
        AxisScale::Log => {
            let min = values.filter(|&v| v > 0.0).fold(f64::MAX, f64::min);
            if max <= 0.0 {
                return (1.0, 10.0);
            }
            let low = 10f64.powf(min.log10().floor());
            let high = 10f64.powf(max.log10().ceil());
            (low, high.max(low * 10.0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(scale: AxisScale, range: (f64, f64)) -> Axis<'static> {
        Axis {
            scale,
            range,
            label: &|value| value.to_string(),
            ticks: Vec::new(),
            title: "",
        }
    }

    #[test]
    fn ticks_are_round_numbers_within_the_range() {
        let linear = axis(AxisScale::Linear, (0.0, 33.0)).ticks();
        assert_eq!(linear, [0.0, 10.0, 20.0, 30.0]);
        let log = axis(AxisScale::Log, (100.0, 1e6)).ticks();
        assert_eq!(log, [100.0, 1e3, 1e4, 1e5, 1e6]);
    }

    #[test]
    fn values_have_places_except_those_that_a_logarithm_cannot_show() {
        let log = axis(AxisScale::Log, (1.0, 100.0));
        assert_eq!(log.place(10.0), Some(0.5));
        assert_eq!(log.place(0.0), None);
        let linear = axis(AxisScale::Linear, (0.0, 4.0));
        assert_eq!(linear.place(3.0), Some(0.75));
        assert_eq!(linear.place(9.0), Some(1.0));
        assert_eq!(axis(AxisScale::Linear, (5.0, 5.0)).place(5.0), None);
    }

    #[test]
    fn a_range_holds_all_values_and_is_never_empty() {
        let range = |values: &[f64], scale| range_of(values.iter().copied(), scale);
        let some = [30.0, 47_000.0];
        assert_eq!(range(&some, AxisScale::Log), (10.0, 100_000.0));
        assert_eq!(range(&some, AxisScale::Linear), (0.0, 50_000.0));
        assert_eq!(range(&[], AxisScale::Linear), (0.0, 1.0));
        assert_eq!(range(&[], AxisScale::Log), (1.0, 10.0));
    }
}
