//! The menu of a topic's row.

use egui::Response;
use tickcast_protocol::topic::Topic;

use crate::ui::command::{Overlay, Placement, UiCommand};

/// Offers what can be done with a topic on a right click.
pub(super) fn show(response: &Response, topic: &Topic) -> Vec<UiCommand> {
    let mut given = Vec::new();
    response.context_menu(|ui| {
        let chart = |placement| {
            vec![UiCommand::Chart {
                topic: topic.clone(),
                placement,
            }]
        };
        let select = UiCommand::Select(topic.clone());
        let overlay = |overlay| vec![select.clone(), UiCommand::Overlay(Some(overlay))];
        for (label, commands) in [
            ("Chart", chart(Placement::Active)),
            ("Chart in a new pane", chart(Placement::New)),
            ("Add to the active chart", chart(Placement::Overlay)),
            (
                "Add to the active chart, second axis",
                chart(Placement::SecondAxis),
            ),
            ("Inspect", vec![select.clone(), UiCommand::OpenInspector]),
            (
                "Add to the log, or take off",
                vec![select.clone(), UiCommand::ToggleLog],
            ),
            ("Alerts …", overlay(Overlay::Alerts)),
            (
                "Add to the dashboard",
                vec![select.clone(), UiCommand::AddTile],
            ),
            (
                "Time and sales",
                vec![select.clone(), UiCommand::OpenTrades],
            ),
            ("Derive a topic …", overlay(Overlay::Derived)),
            ("Publish a value …", overlay(Overlay::Publish)),
            ("Name, unit, limits …", overlay(Overlay::Topic)),
        ] {
            if ui.button(label).clicked() {
                given = commands;
                ui.close();
            }
        }
        if ui.button("Copy the name").clicked() {
            ui.copy_text(topic.to_string());
            ui.close();
        }
    });
    given
}
