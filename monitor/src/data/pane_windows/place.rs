//! Where a window is, and how it comes onto a screen.

use serde::{Deserialize, Serialize};

/// The range of widths and heights, in points.
const SIZE_RANGE: std::ops::RangeInclusive<f32> = 100.0..=20_000.0;

/// The size instead of one that no window can have.
const SIZE_DEFAULT: (f32, f32) = (720.0, 480.0);

/// Width and height of the part of a window that must lie on a screen, so that it can be seen and
/// moved with the pointer.
const GRIP: (f32, f32) = (80.0, 32.0);

/// Place and size of a window, in points.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct WindowPlace {
    /// Left and top edge of its frame; `None` where the system does not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<(f32, f32)>,
    /// Width and height without its frame.
    pub size: (f32, f32),
}

/// The area of a screen, in points.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ScreenArea {
    /// Left and top edge.
    pub position: (f32, f32),
    /// Width and height.
    pub size: (f32, f32),
}

impl ScreenArea {
    /// Whether enough of a window's upper edge lies here to be seen and grasped.
    fn has_grip(&self, position: (f32, f32), width: f32) -> bool {
        let (left, top) = self.position;
        let (right, bottom) = (left + self.size.0, top + self.size.1);
        let seen = (position.0 + width).min(right) - position.0.max(left);
        seen >= GRIP.0.min(width) && position.1 >= top && position.1 + GRIP.1 <= bottom
    }
}

impl WindowPlace {
    /// A window of this size, wherever the system places it.
    pub fn of_size(size: (f32, f32)) -> Self {
        Self {
            position: None,
            size,
        }
        .repaired()
    }

    /// With values that a window can have.
    pub(super) fn repaired(self) -> Self {
        let is_size = |size: f32| SIZE_RANGE.contains(&size);
        let has_size = is_size(self.size.0) && is_size(self.size.1);
        let is_place = |(left, top): &(f32, f32)| {
            let most = *SIZE_RANGE.end();
            left.abs() <= most && top.abs() <= most
        };
        Self {
            position: self.position.filter(is_place),
            size: if has_size { self.size } else { SIZE_DEFAULT },
        }
    }

    /// The same place if it is on one of the screens, and else on the main one, which is the first.
    pub(super) fn on_screens(self, screens: &[ScreenArea]) -> Self {
        let (Some(position), Some(main)) = (self.position, screens.first()) else {
            return self;
        };
        let width = self.size.0;
        if screens
            .iter()
            .any(|screen| screen.has_grip(position, width))
        {
            return self;
        }
        let size = (self.size.0.min(main.size.0), self.size.1.min(main.size.1));
        let middle = |start: f32, whole: f32, part: f32| start + (whole - part) / 2.0;
        Self {
            position: Some((
                middle(main.position.0, main.size.0, size.0),
                middle(main.position.1, main.size.1, size.1),
            )),
            size,
        }
    }
}
