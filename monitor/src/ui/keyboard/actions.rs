//! The table of commands, and the gestures of the mouse and of single places.

use egui::{Key, KeyboardShortcut, Modifiers};

use crate::{
    data::chart::{ChartStyle, ScaleMode, ValueBasis},
    files::saved_state::ThemeChoice,
    ui::command::{Export, Overlay, SeriesAction, UiCommand, ViewAction},
};

/// A command that can be given at any time.
#[derive(Debug, Clone)]
pub(crate) struct Action {
    /// Its name.
    pub(crate) name: &'static str,
    /// The key for it.
    pub(crate) shortcut: Option<KeyboardShortcut>,
    /// The command.
    pub(crate) command: UiCommand,
}

/// Gestures, and keys that work only in one place, for the help.
pub(crate) const GESTURES: [(&str, &str); 21] = [
    ("/", "Filter the topics: part of a name, or MQTT wildcards"),
    ("j  k", "Next topic, previous topic"),
    ("l  h", "In the tree: open a branch, close it or go up"),
    ("Enter", "Chart the selected topic"),
    ("Ctrl+Enter", "Chart it in a new pane"),
    ("Shift+Enter", "Add it to the active chart, or remove it"),
    ("Ctrl+Shift+Enter", "Add it to the second axis"),
    (
        "Drag a topic",
        "From the list onto a chart; at its left edge to the second axis",
    ),
    ("Drag a cursor", "Move A or B; the table below follows"),
    ("Click", "Chart a topic; Ctrl and Shift as above"),
    ("Wheel", "Zoom time, at the live edge while following"),
    ("Drag", "Move in time"),
    ("Shift+drag", "Measure: time, change, count, min, max, mean"),
    ("Right drag", "Zoom to a box"),
    (
        "Right click",
        "Menus of charts, topics, and of the heading %",
    ),
    ("Double click", "Follow, and fit the values"),
    ("Drag axis", "Stretch the values; double click fits them"),
    ("Drag title", "Move a pane: beside, below or onto another"),
    ("Close a window", "Its pane comes back into the main window"),
    ("Ctrl+1 …", "Show the first, second … server"),
    ("Esc", "Close the dialog, clear the filter"),
];

const fn key(modifiers: Modifiers, key: Key) -> Option<KeyboardShortcut> {
    Some(KeyboardShortcut::new(modifiers, key))
}

/// All commands that can be given at any time, the most used ones first.
pub(crate) fn actions() -> Vec<Action> {
    const NONE: Modifiers = Modifiers::NONE;
    const COMMAND: Modifiers = Modifiers::COMMAND;
    let action = |name, shortcut, command| Action {
        name,
        shortcut,
        command,
    };
    let view = |step| UiCommand::View(step);
    let style = |at: usize| UiCommand::Style(ChartStyle::ALL[at].1);
    let overlay = |overlay| UiCommand::Overlay(Some(overlay));
    let themes = ThemeChoice::ALL.map(|choice| {
        let command = UiCommand::SetTheme(choice);
        action(choice.name(), None, command)
    });
    let mut actions = vec![
        action(
            "Follow the newest values",
            key(NONE, Key::End),
            view(ViewAction::Follow),
        ),
        action(
            "Pause or follow",
            key(NONE, Key::Space),
            view(ViewAction::TogglePause),
        ),
        action(
            "All charts follow",
            key(NONE, Key::Home),
            UiCommand::FollowAll,
        ),
        action(
            "Link or unlink the times of all charts",
            key(NONE, Key::T),
            UiCommand::ToggleLink,
        ),
        action(
            "Charts by source time, or by time of arrival",
            key(NONE, Key::S),
            UiCommand::ToggleSourceTimes,
        ),
        action(
            "Back in time",
            key(NONE, Key::ArrowLeft),
            view(ViewAction::Back),
        ),
        action(
            "Forward in time",
            key(NONE, Key::ArrowRight),
            view(ViewAction::Forward),
        ),
        action(
            "Show topics as a tree or as a list",
            key(NONE, Key::G),
            UiCommand::ToggleTree,
        ),
        action("Zoom in", key(NONE, Key::Plus), view(ViewAction::Closer)),
        action("Zoom out", key(NONE, Key::Minus), view(ViewAction::Farther)),
        action(
            "Undo the last change of view",
            key(COMMAND, Key::Z),
            view(ViewAction::Undo),
        ),
        action(
            "Close the active pane",
            key(COMMAND, Key::W),
            UiCommand::ClosePane,
        ),
        action(
            "Take the pane out into a window of its own, or put it back",
            key(NONE, Key::W),
            UiCommand::ToggleWindow(None),
        ),
        action(
            "Bring all windows back",
            key(NONE, Key::B),
            UiCommand::PutAllBack,
        ),
        action(
            "Show health in a pane",
            key(COMMAND, Key::H),
            UiCommand::OpenHealth,
        ),
        action(
            "Inspect the payloads of the selected topic",
            key(COMMAND, Key::I),
            UiCommand::OpenInspector,
        ),
        action(
            "Add the selected topic to the log, or take it off",
            key(COMMAND, Key::J),
            UiCommand::ToggleLog,
        ),
        action("Alerts", key(COMMAND, Key::L), overlay(Overlay::Alerts)),
        action(
            "Name, unit, limits of the selected topic",
            key(COMMAND, Key::T),
            overlay(Overlay::Topic),
        ),
        action(
            "Derived topics: means, spreads, formulas",
            key(COMMAND, Key::D),
            overlay(Overlay::Derived),
        ),
        action(
            "Add the selected topic to the dashboard",
            key(COMMAND, Key::B),
            UiCommand::AddTile,
        ),
        action(
            "Show the selected tile as the next kind",
            None,
            UiCommand::NextTileKind,
        ),
        action(
            "Time and sales of the selected topic",
            key(COMMAND, Key::M),
            UiCommand::OpenTrades,
        ),
        action(
            "Publish a value",
            key(COMMAND, Key::U),
            overlay(Overlay::Publish),
        ),
        action("Log in or out", None, overlay(Overlay::Login)),
        action(
            "Save, rename or delete layouts",
            key(COMMAND, Key::S),
            overlay(Overlay::SaveLayout),
        ),
        action(
            "Save the visible data as CSV",
            key(COMMAND, Key::E),
            UiCommand::Export(Export::VisibleCsv),
        ),
        action(
            "Save all history of the chart as CSV",
            None,
            UiCommand::Export(Export::AllCsv),
        ),
        action(
            "Save a picture of the chart as PNG",
            key(COMMAND, Key::P),
            UiCommand::Export(Export::Png),
        ),
        action(
            "Copy a picture of the chart",
            None,
            UiCommand::Export(Export::Copy),
        ),
        action(
            "Start or stop recording",
            key(COMMAND, Key::R),
            UiCommand::ToggleRecording,
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
        action("Next chart", key(NONE, Key::N), UiCommand::NextPane),
        action("Draw as a line", None, style(0)),
        action("Draw candles of 1 second", None, style(1)),
        action("Draw candles of 10 seconds", None, style(2)),
        action("Draw candles of 1 minute", None, style(3)),
        action("Draw candles of 5 minutes", None, style(4)),
        action("Draw candles of 15 minutes", None, style(5)),
        action("Draw candles of 1 hour", None, style(6)),
        action("Draw candles of 4 hours", None, style(7)),
        action("Draw candles of 1 day", None, style(8)),
        action(
            "Values: the visible range fills the height",
            None,
            UiCommand::Scale(ScaleMode::Auto),
        ),
        action(
            "Values: the range stays fixed",
            None,
            UiCommand::Scale(ScaleMode::Lock),
        ),
        action(
            "Values: a logarithmic axis",
            None,
            UiCommand::Scale(ScaleMode::Log),
        ),
        action(
            "Values: in percent of the first visible one",
            key(NONE, Key::P),
            UiCommand::Basis(ValueBasis::Percent),
        ),
        action(
            "Values: normalised, each series fills the height",
            key(NONE, Key::M),
            UiCommand::Basis(ValueBasis::Normalised),
        ),
        action(
            "Place two cursors, or remove them",
            key(NONE, Key::C),
            UiCommand::ToggleCursors,
        ),
        action(
            "Hide or show the selected series",
            key(NONE, Key::X),
            UiCommand::Series(None, SeriesAction::Hide),
        ),
        action(
            "Move the selected series to the other axis",
            key(NONE, Key::Y),
            UiCommand::Series(None, SeriesAction::MoveAxis),
        ),
        action(
            "Remove the selected series from the chart",
            key(NONE, Key::Delete),
            UiCommand::Series(None, SeriesAction::Remove),
        ),
    ]);
    actions.extend(themes);
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_key_has_two_meanings() {
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
