//! The names of keys, and the keys that were pressed.

use egui::{Key, KeyboardShortcut, Modifiers};

use super::actions::actions;
use crate::ui::command::{Overlay, ServerAction, UiCommand, ViewAction};

/// With Ctrl these keys show the first, second ... server.
const NUMBERS: [Key; 8] = [
    Key::Num1,
    Key::Num2,
    Key::Num3,
    Key::Num4,
    Key::Num5,
    Key::Num6,
    Key::Num7,
    Key::Num8,
];

/// The name of a key: `Ctrl+Z`, `?`.
pub(crate) fn key_name(shortcut: &KeyboardShortcut) -> String {
    let key = match shortcut.logical_key {
        Key::Plus => "+",
        Key::Minus => "−",
        Key::ArrowLeft => "←",
        Key::ArrowRight => "→",
        key => key.symbol_or_name(),
    };
    if shortcut.modifiers.command {
        format!("Ctrl+{key}")
    } else {
        key.to_owned()
    }
}

/// Consumes the keys of commands. Keys without Ctrl belong to the focused widget, if there is one.
pub(crate) fn pressed(ctx: &egui::Context) -> Vec<UiCommand> {
    let is_typing = ctx.egui_wants_keyboard_input();
    let mut commands = Vec::new();
    ctx.input_mut(|input| {
        for action in actions() {
            let Some(shortcut) = action.shortcut else {
                continue;
            };
            if is_typing && shortcut.modifiers.is_none() {
                continue;
            }
            if input.consume_shortcut(&shortcut) {
                commands.push(action.command);
            }
        }
        for (at, number) in NUMBERS.into_iter().enumerate() {
            if input.consume_key(Modifiers::COMMAND, number) {
                commands.push(UiCommand::Server(ServerAction::Show(at)));
            }
        }
        // A question mark needs Shift on most keyboards, and a plus on many.
        let mut shifted = |key| !is_typing && input.consume_key(Modifiers::SHIFT, key);
        if shifted(Key::Questionmark) || shifted(Key::Slash) {
            commands.push(UiCommand::Overlay(Some(Overlay::Keys)));
        }
        if shifted(Key::Plus) || (!is_typing && input.consume_key(Modifiers::NONE, Key::Equals)) {
            commands.push(UiCommand::View(ViewAction::Closer));
        }
    });
    commands
}
