//! From values to heights.

use serde::{Deserialize, Serialize};
use tickcast_protocol::message::TimeNs;

use crate::data::time::SECOND;

/// Space above and below the visible values, as a part of their range.
const MARGIN: f64 = 0.05;

/// The scale grows when less than the margin minus this part of the height is free.
const KEEP: f64 = 0.03;

/// How long the visible range must have been smaller before the scale shrinks.
const SHRINK_AFTER_NS: i64 = SECOND;

/// The scale shrinks only to less than this part of its range; a smaller change is not worth a
/// jump.
const SHRINK_BELOW: f64 = 0.8;

/// How the value axis is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleMode {
    /// The visible values fill the height.
    #[default]
    Auto,
    /// The range stays as it is.
    Lock,
    /// Like [`Self::Auto`], on a logarithmic axis.
    Log,
}

/// The range of values between the lower and the upper edge of a chart.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct ValueScale {
    mode: ScaleMode,
    /// Logarithms if the axis is logarithmic.
    range: Option<(f64, f64)>,
    is_log: bool,
    small_since: Option<TimeNs>,
}

impl ValueScale {
    /// Changes the mode.
    pub(crate) fn set_mode(&mut self, mode: ScaleMode) {
        if mode != self.mode {
            self.mode = mode;
            if mode != ScaleMode::Lock {
                self.range = None;
            }
        }
    }

    /// Forgets the range: the next visible values set it.
    pub(crate) fn reset(&mut self) {
        self.range = None;
    }

    /// Shows and keeps exactly this range.
    pub(crate) fn lock(&mut self, min: f64, max: f64) {
        self.mode = ScaleMode::Lock;
        self.is_log = false;
        self.range = Some((min, max));
    }

    /// Follows the visible range: grows at once, shrinks after a while.
    pub(crate) fn update(&mut self, visible: Option<(f64, f64)>, now_ns: TimeNs) {
        let Some((min, max)) = visible else { return };
        if self.mode == ScaleMode::Lock && self.range.is_some() {
            return;
        }
        // Zero and negative values have no logarithm: they get a linear axis.
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
        // The scale grows before a value touches the edge.
        let keep = (wanted.1 - wanted.0) * KEEP;
        let needed = (wanted.0 + keep, wanted.1 - keep);
        if needed.0 < low || needed.1 > high {
            // An edge with enough space stays.
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

    /// When the scale will shrink if the visible range stays.
    pub(crate) fn shrinks_at(&self) -> Option<TimeNs> {
        self.small_since.map(|since| since + SHRINK_AFTER_NS)
    }

    /// The values at the lower and the upper edge.
    pub(crate) fn range(&self) -> Option<(f64, f64)> {
        let (low, high) = self.range?;
        Some(if self.is_log {
            (low.exp(), high.exp())
        } else {
            (low, high)
        })
    }

    /// Whether the axis is logarithmic.
    pub(crate) fn is_log(&self) -> bool {
        self.is_log
    }

    /// How high a value is: 0 at the lower edge, 1 at the upper one.
    pub(crate) fn height(&self, value: f64) -> f64 {
        let Some((low, high)) = self.range else {
            return 0.5;
        };
        let value = if self.is_log { value.ln() } else { value };
        (value - low) / (high - low)
    }

    /// The value at a height.
    pub(crate) fn value(&self, height: f64) -> f64 {
        let Some((low, high)) = self.range else {
            return 0.0;
        };
        let value = low + (high - low) * height;
        if self.is_log { value.exp() } else { value }
    }
}

/// A range with some space around it; never empty.
fn padded(min: f64, max: f64) -> (f64, f64) {
    let span = max - min;
    let room = if span > 0.0 {
        span * MARGIN
    } else {
        // A single value is drawn in the middle.
        match min.abs() * 0.001 {
            0.0 => 0.5,
            room => room,
        }
    };
    (min - room, max + room)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_grows_at_once_and_shrinks_after_a_second() {
        let mut scale = ValueScale::default();
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
        let mut scale = ValueScale::default();
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
        let mut scale = ValueScale::default();
        scale.update(Some((0.0, 1.0)), 0);
        scale.set_mode(ScaleMode::Lock);
        let before = scale.range();
        scale.update(Some((-50.0, 1000.0)), 10 * SECOND);
        assert_eq!(scale.range(), before);
    }

    #[test]
    fn heights_and_values_are_inverse_on_every_scale() {
        for mode in [ScaleMode::Auto, ScaleMode::Log] {
            let mut scale = ValueScale::default();
            scale.set_mode(mode);
            scale.update(Some((0.5, 5000.0)), 0);
            for value in [0.5, 1.0, 77.0, 5000.0] {
                let back = scale.value(scale.height(value));
                assert!((back / value - 1.0).abs() < 1e-9, "{value} {back}");
            }
        }
    }

    #[test]
    fn a_single_value_is_drawn_in_the_middle() {
        let mut scale = ValueScale::default();
        scale.update(Some((5.0, 5.0)), 0);
        assert!((scale.height(5.0) - 0.5).abs() < 1e-9);
        scale.set_mode(ScaleMode::Log);
        scale.update(Some((-5.0, 5.0)), 0);
        assert!(!scale.is_log(), "nothing below zero has a logarithm");
    }
}
