//! What can be done, by name and by key: one table for the palette, the help and the keyboard.

use egui::{Key, KeyboardShortcut, Modifiers};

use crate::{
    chart::{ChartStyle, scale::ScaleMode},
    scene::{Command, Export, Overlay, ServerWish, ViewStep},
    theme::ThemeChoice,
};

/// Something that can be done at any time.
#[derive(Debug, Clone)]
pub struct Action {
    /// What it does, in words.
    pub name: &'static str,
    /// The key for it.
    pub shortcut: Option<KeyboardShortcut>,
    /// What it is.
    pub command: Command,
}

/// What the mouse and keys do in one place only, for the help.
pub const GESTURES: [(&str, &str); 17] = [
    ("/", "Filter the topics: part of a name, or MQTT wildcards"),
    ("j  k", "Next topic, topic before"),
    ("l  h", "In the tree: open a branch, close it or go up"),
    ("Enter", "Chart the selected topic"),
    ("Ctrl+Enter", "Chart it in a pane of its own"),
    ("Shift+Enter", "Put it on the active chart, or take it off"),
    ("Click", "A topic: chart it; with Ctrl or Shift as above"),
    ("Wheel", "Zoom time, at the live edge while following"),
    ("Drag", "Move in time"),
    ("Shift+drag", "Measure: time, change, count, min, max, mean"),
    ("Right drag", "Zoom to a box"),
    ("Right click", "Alerts and files for this chart"),
    ("Double click", "Follow, and fit the values"),
    ("Drag axis", "Stretch the values; double click fits them"),
    ("Drag title", "Move a pane: beside, below or onto another"),
    ("Ctrl+1 …", "Show the first, second … server"),
    ("Esc", "Close what is open, clear the filter"),
];

const fn key(modifiers: Modifiers, key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(modifiers, key))
}

/// All that can be done at any time, what is used most first.
pub fn actions() -> Vec<Action> {
    const NONE: Modifiers = Modifiers::NONE;
    const COMMAND: Modifiers = Modifiers::COMMAND;
    let action = |name, shortcut, command| Action {
        name,
        shortcut,
        command,
    };
    let view = |step| Command::View(step);
    let style = |at: usize| Command::Style(ChartStyle::ALL[at].1);
    let overlay = |overlay| Command::Overlay(Some(overlay));
    let themes = ThemeChoice::ALL.map(|choice| {
        let command = Command::SetTheme(choice);
        action(choice.name(), None, command)
    });
    let mut actions = vec![
        action(
            "Follow the newest values",
            key(NONE, Key::End),
            view(ViewStep::Follow),
        ),
        action(
            "Pause or follow",
            key(NONE, Key::Space),
            view(ViewStep::TogglePause),
        ),
        action(
            "All charts follow",
            key(NONE, Key::Home),
            Command::FollowAll,
        ),
        action(
            "Link the time of all charts, or unlink it",
            key(NONE, Key::T),
            Command::ToggleLink,
        ),
        action(
            "Back in time",
            key(NONE, Key::ArrowLeft),
            view(ViewStep::Back),
        ),
        action(
            "Forward in time",
            key(NONE, Key::ArrowRight),
            view(ViewStep::Forward),
        ),
        action(
            "Topics as a tree, or as a list",
            key(NONE, Key::G),
            Command::ToggleTree,
        ),
        action("Zoom in", key(NONE, Key::Plus), view(ViewStep::Closer)),
        action("Zoom out", key(NONE, Key::Minus), view(ViewStep::Farther)),
        action(
            "Undo the last change of view",
            key(COMMAND, Key::Z),
            view(ViewStep::Undo),
        ),
        action(
            "Close the active pane",
            key(COMMAND, Key::W),
            Command::ClosePane,
        ),
        action(
            "Show health in a pane",
            key(COMMAND, Key::H),
            Command::OpenHealth,
        ),
        action("Alerts", key(COMMAND, Key::L), overlay(Overlay::Alerts)),
        action(
            "Save the layout under a name",
            key(COMMAND, Key::S),
            overlay(Overlay::SaveLayout),
        ),
        action(
            "Save what is visible as CSV",
            key(COMMAND, Key::E),
            Command::Export(Export::VisibleCsv),
        ),
        action(
            "Save all history of the chart as CSV",
            None,
            Command::Export(Export::AllCsv),
        ),
        action(
            "Save a picture of the chart as PNG",
            key(COMMAND, Key::P),
            Command::Export(Export::Png),
        ),
        action(
            "Record, or end the recording",
            key(COMMAND, Key::R),
            Command::ToggleRecording,
        ),
        action(
            "Play a recording",
            key(COMMAND, Key::O),
            overlay(Overlay::Recordings),
        ),
        action(
            "Servers: add, show, remove",
            key(COMMAND, Key::N),
            overlay(Overlay::Servers),
        ),
        action(
            "Preferences",
            key(COMMAND, Key::Comma),
            overlay(Overlay::Preferences),
        ),
        action(
            "All commands",
            key(COMMAND, Key::K),
            overlay(Overlay::Palette),
        ),
        action(
            "All keys",
            key(NONE, Key::Questionmark),
            overlay(Overlay::Keys),
        ),
    ];
    actions.extend([
        action("Next chart", key(NONE, Key::N), Command::NextPane),
        action("Draw as a line", None, style(0)),
        action("Draw candles of 1 second", None, style(1)),
        action("Draw candles of 10 seconds", None, style(2)),
        action("Draw candles of 1 minute", None, style(3)),
        action("Draw candles of 5 minutes", None, style(4)),
        action(
            "Values: what is visible fills the height",
            None,
            Command::Scale(ScaleMode::Auto),
        ),
        action(
            "Values: stay where they are",
            None,
            Command::Scale(ScaleMode::Lock),
        ),
        action(
            "Values: by powers of ten",
            None,
            Command::Scale(ScaleMode::Log),
        ),
    ]);
    actions.extend(themes);
    actions
}

/// With Ctrl they show the first, second ... server.
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

/// A key as people write it: `Ctrl+Z`, `?`.
pub fn written(shortcut: &KeyboardShortcut) -> String {
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

/// Takes the keys out of the input that mean something here. Keys without Ctrl belong to whatever
/// has the focus.
pub fn pressed(ctx: &egui::Context) -> Vec<Command> {
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
                commands.push(Command::Server(ServerWish::Show(at)));
            }
        }
        // A question mark is typed with Shift on most keyboards, and a plus on many.
        let mut shifted = |key| !is_typing && input.consume_key(Modifiers::SHIFT, key);
        if shifted(Key::Questionmark) || shifted(Key::Slash) {
            commands.push(Command::Overlay(Some(Overlay::Keys)));
        }
        if shifted(Key::Plus) || (!is_typing && input.consume_key(Modifiers::NONE, Key::Equals)) {
            commands.push(Command::View(ViewStep::Closer));
        }
    });
    commands
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_means_two_things() {
        let actions = actions();
        let keys: Vec<_> = actions
            .iter()
            .filter_map(|action| action.shortcut)
            .collect();
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{key:?}");
        }
    }
}
