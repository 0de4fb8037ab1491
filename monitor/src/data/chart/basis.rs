//! What the values of a chart are shown as: as they are, in percent, or normalised.

use serde::{Deserialize, Serialize};

/// What the values of a chart are shown as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ValueBasis {
    /// As they are.
    #[default]
    Plain,
    /// The change from the first visible value, in percent.
    Percent,
    /// 0 is the smallest visible value of each series, 1 its largest one.
    Normalised,
}

/// A rising straight line from values to what is shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct ShownAs {
    offset: f64,
    factor: f64,
}

impl Default for ShownAs {
    fn default() -> Self {
        Self::PLAIN
    }
}

impl ShownAs {
    /// Values as they are.
    pub(crate) const PLAIN: Self = Self {
        offset: 0.0,
        factor: 1.0,
    };

    /// The change from `first` in percent; `None` if it is zero, of which there is no percentage.
    pub(crate) fn percent_of(first: f64) -> Option<Self> {
        let factor = 100.0 / first.abs();
        let map = Self {
            offset: first,
            factor,
        };
        (factor.is_finite() && factor > 0.0).then_some(map)
    }

    /// 0 for `min`, 1 for `max`. Values that are all the same are in the middle.
    pub(crate) fn part_of(min: f64, max: f64) -> Self {
        let factor = 1.0 / (max - min);
        if factor.is_finite() && factor > 0.0 {
            Self {
                offset: min,
                factor,
            }
        } else {
            Self {
                offset: min - 0.5,
                factor: 1.0,
            }
        }
    }

    /// What a value is shown as.
    pub(crate) fn shown(&self, value: f64) -> f64 {
        (value - self.offset) * self.factor
    }

    /// The value that is shown so.
    pub(crate) fn value(&self, shown: f64) -> f64 {
        shown / self.factor + self.offset
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percent_is_the_change_from_the_first_value_also_below_zero() {
        let map = ShownAs::percent_of(200.0).unwrap();
        assert_eq!((map.shown(200.0), map.shown(210.0)), (0.0, 5.0));
        let map = ShownAs::percent_of(-200.0).unwrap();
        assert_eq!(
            map.shown(-190.0),
            5.0,
            "a rise stays a rise, so a line keeps its shape"
        );
        assert_eq!(ShownAs::percent_of(0.0), None);
        assert_eq!(ShownAs::percent_of(f64::MIN_POSITIVE / 4.0), None);
        assert_eq!(ShownAs::percent_of(f64::INFINITY), None);
        assert_eq!(ShownAs::percent_of(f64::NAN), None);
    }

    #[test]
    fn normalised_values_lie_between_zero_and_one() {
        let map = ShownAs::part_of(-10.0, 30.0);
        let shown = [-10.0, 10.0, 30.0].map(|value| map.shown(value));
        assert_eq!(shown, [0.0, 0.5, 1.0]);
        assert_eq!(ShownAs::part_of(7.0, 7.0).shown(7.0), 0.5);
        let tiny = ShownAs::part_of(1.0, 1.0 + f64::EPSILON).shown(1.0);
        assert_eq!(tiny, 0.0);
    }

    #[test]
    fn what_is_shown_leads_back_to_the_value() {
        for map in [
            ShownAs::PLAIN,
            ShownAs::percent_of(39_484.64).unwrap(),
            ShownAs::part_of(-1.0, 1e6),
        ] {
            for value in [-3.5, 0.0, 39_500.0] {
                let back = map.value(map.shown(value));
                assert!((back - value).abs() < 1e-6, "{map:?} {value} {back}");
            }
        }
    }
}
