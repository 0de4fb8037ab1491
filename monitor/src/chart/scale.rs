//! From values to heights.

use serde::{Deserialize, Serialize};

use crate::{format::SECOND, store::TimeNs};

/// Room above and below what is visible, as a part of its height.
const MARGIN: f64 = 0.05;

/// The scale grows when less than the margin minus this part of the height is left.
const KEEP: f64 = 0.03;

/// How long what is visible must have been smaller before the scale follows.
const SHRINK_AFTER_NS: i64 = SECOND;

/// The scale shrinks only if it can by this much; less is not worth a jump.
const SHRINK_BELOW: f64 = 0.8;

/// How values are laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleMode {
    /// What is visible fills the height.
    #[default]
    Auto,
    /// Stays as it is.
    Lock,
    /// As [`Self::Auto`], by powers of ten.
    Log,
}

/// The range of values between the lower and the upper edge of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Scale {
    mode: ScaleMode,
    /// In logarithms for [`ScaleMode::Log`].
    range: Option<(f64, f64)>,
    is_log: bool,
    small_since: Option<TimeNs>,
}

impl Scale {
    /// How values are laid out.
    pub fn mode(&self) -> ScaleMode {
        self.mode
    }

    /// Lays values out anew.
    pub fn set_mode(&mut self, mode: ScaleMode) {
        if mode != self.mode {
            self.mode = mode;
            if mode != ScaleMode::Lock {
                self.range = None;
            }
        }
    }

    /// Fits the scale to new circumstances at once.
    pub fn reset(&mut self) {
        self.range = None;
    }

    /// Shows exactly this range, and keeps it.
    pub fn lock(&mut self, min: f64, max: f64) {
        self.mode = ScaleMode::Lock;
        self.is_log = false;
        self.range = Some((min, max));
    }

    /// Takes in what is visible: grows at once, shrinks after a while.
    pub fn update(&mut self, visible: Option<(f64, f64)>, now_ns: TimeNs) {
        let Some((min, max)) = visible else { return };
        if self.mode == ScaleMode::Lock && self.range.is_some() {
            return;
        }
        // Nothing at or below zero has a logarithm: such values are laid out as they are.
        let is_log = self.mode == ScaleMode::Log && min > 0.0;
        if is_log != self.is_log {
            self.is_log = is_log;
            self.range = None;
        }
        let wanted = if is_log {
            padded(min.ln(), max.ln())
        } else {
            padded(min, max)
        };
        let Some((low, high)) = self.range else {
            self.range = Some(wanted);
            return;
        };
        // It grows before a value touches the edge.
        let keep = (wanted.1 - wanted.0) * KEEP;
        let needed = (wanted.0 + keep, wanted.1 - keep);
        if needed.0 < low || needed.1 > high {
            // An edge that has room enough stays.
            let low = if needed.0 < low { wanted.0 } else { low };
            let high = if needed.1 > high { wanted.1 } else { high };
            self.range = Some((low, high));
            self.small_since = None;
        } else if wanted.1 - wanted.0 < (high - low) * SHRINK_BELOW {
            let since = *self.small_since.get_or_insert(now_ns);
            if now_ns - since >= SHRINK_AFTER_NS {
                self.range = Some(wanted);
                self.small_since = None;
            }
        } else {
            self.small_since = None;
        }
    }

    /// When the scale will shrink if nothing else happens.
    pub fn shrinks_at(&self) -> Option<TimeNs> {
        self.small_since.map(|since| since + SHRINK_AFTER_NS)
    }

    /// The values at the lower and the upper edge.
    pub fn range(&self) -> Option<(f64, f64)> {
        let (low, high) = self.range?;
        Some(if self.is_log {
            (low.exp(), high.exp())
        } else {
            (low, high)
        })
    }

    /// Whether heights go by powers of ten.
    pub fn is_log(&self) -> bool {
        self.is_log
    }

    /// How high a value is: 0 at the lower edge, 1 at the upper one.
    pub fn height(&self, value: f64) -> f64 {
        let Some((low, high)) = self.range else {
            return 0.5;
        };
        let value = if self.is_log { value.ln() } else { value };
        (value - low) / (high - low)
    }

    /// The value at a height.
    pub fn value(&self, height: f64) -> f64 {
        let Some((low, high)) = self.range else {
            return 0.0;
        };
        let value = low + (high - low) * height;
        if self.is_log { value.exp() } else { value }
    }
}

/// A range with some room around it; never empty.
fn padded(min: f64, max: f64) -> (f64, f64) {
    let span = max - min;
    let room = if span > 0.0 {
        span * MARGIN
    } else {
        // One value only: it goes into the middle.
        (min.abs() * 0.001).max(1e-9)
    };
    (min - room, max + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_grows_at_once_and_shrinks_after_a_second() {
        let mut scale = Scale::default();
        scale.update(Some((10.0, 20.0)), 0);
        assert_eq!(scale.range(), Some((9.5, 20.5)));
        scale.update(Some((10.0, 40.0)), 1);
        assert_eq!(scale.range(), Some((8.5, 41.5)));
        scale.update(Some((10.0, 20.0)), 2);
        scale.update(Some((10.0, 20.0)), SECOND);
        assert_eq!(scale.range(), Some((8.5, 41.5)));
        scale.update(Some((10.0, 20.0)), SECOND + 2);
        assert_eq!(scale.range(), Some((9.5, 20.5)));
    }

    #[test]
    fn small_changes_do_not_make_the_axis_jitter() {
        let mut scale = Scale::default();
        scale.update(Some((0.0, 100.0)), 0);
        let before = scale.range();
        for second in 0..10 {
            scale.update(
                Some((0.0, 90.0 + f64::from(second))),
                i64::from(second) * SECOND,
            );
        }
        assert_eq!(scale.range(), before);
    }

    #[test]
    fn a_locked_scale_stays() {
        let mut scale = Scale::default();
        scale.update(Some((0.0, 1.0)), 0);
        scale.set_mode(ScaleMode::Lock);
        let before = scale.range();
        scale.update(Some((-50.0, 1000.0)), 10 * SECOND);
        assert_eq!(scale.range(), before);
    }

    #[test]
    fn heights_and_values_are_each_others_inverse_on_every_scale() {
        for mode in [ScaleMode::Auto, ScaleMode::Log] {
            let mut scale = Scale::default();
            scale.set_mode(mode);
            scale.update(Some((0.5, 5000.0)), 0);
            for value in [0.5, 1.0, 77.0, 5000.0] {
                let back = scale.value(scale.height(value));
                assert!((back / value - 1.0).abs() < 1e-9, "{value} {back}");
            }
        }
    }

    #[test]
    fn one_single_value_goes_into_the_middle() {
        let mut scale = Scale::default();
        scale.update(Some((5.0, 5.0)), 0);
        assert!((scale.height(5.0) - 0.5).abs() < 1e-9);
        scale.set_mode(ScaleMode::Log);
        scale.update(Some((-5.0, 5.0)), 0);
        assert!(!scale.is_log(), "nothing below zero has a logarithm");
    }
}
