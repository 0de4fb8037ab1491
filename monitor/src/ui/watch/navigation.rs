//! Keys that move through the rows, and the scrolling that follows them.

use egui::{Key, Modifiers, Ui};

use crate::ui::{command::Placement, theme};

/// The scroll offset that makes row number `at` visible, if it is not between top and bottom of the
/// visible part.
pub(super) fn offset_to_show(at: usize, (top, bottom): (f32, f32)) -> Option<f32> {
    let line = at as f32 * theme::ROW_HEIGHT;
    if line < top {
        Some(line)
    } else if line + theme::ROW_HEIGHT > bottom {
        Some(line + theme::ROW_HEIGHT - (bottom - top))
    } else {
        None
    }
}

/// The number of rows that j and k or the arrows move by.
pub(super) fn step_keys(ui: &Ui) -> isize {
    ui.input_mut(|input| {
        let mut pressed = |key| input.consume_key(Modifiers::NONE, key);
        let down = pressed(Key::J) || pressed(Key::ArrowDown);
        let up = pressed(Key::K) || pressed(Key::ArrowUp);
        isize::from(down) - isize::from(up)
    })
}

/// Where Enter opens a chart, if it was pressed.
pub(super) fn enter_keys(ui: &Ui) -> Option<Placement> {
    // The plain key comes last, because the others contain it.
    let keys = [
        (
            Modifiers::SHIFT.plus(Modifiers::COMMAND),
            Placement::SecondAxis,
        ),
        (Modifiers::COMMAND, Placement::New),
        (Modifiers::SHIFT, Placement::Overlay),
        (Modifiers::NONE, Placement::Active),
    ];
    ui.input_mut(|input| {
        keys.into_iter()
            .find(|(modifiers, _)| input.consume_key(*modifiers, Key::Enter))
            .map(|(_, placement)| placement)
    })
}
