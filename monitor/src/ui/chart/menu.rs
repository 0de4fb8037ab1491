//! The menu of a right click.

use egui::Response;

use super::{
    cursors,
    pane::{ChartPane, PaneResponse},
    plot::Plot,
};
use crate::{
    data::alerts::AlertCondition,
    ui::{
        command::{Export, Overlay, UiCommand},
        own_window,
        scene::Scene,
    },
};

/// Offers alerts, cursors, a window and files on a right click.
pub(super) fn show(
    pane: &mut ChartPane,
    response: &Response,
    scene: &Scene<'_>,
    plot: &Plot,
    done: &mut PaneResponse,
) {
    let Some(topic) = pane.topics.first().cloned() else {
        return;
    };
    if response.secondary_clicked()
        && let Some(place) = response.interact_pointer_pos()
    {
        done.is_activated = true;
        pane.state.menu_value = pane.main_value(plot, place.y);
        pane.state.menu_ns = plot.time(place.x);
    }
    let decimals = pane.main(scene).map_or(2, |topic| topic.decimals);
    // The value that the axis shows is meant, not the sixteen digits of the pixel.
    let power = 10f64.powi(i32::from(decimals));
    let value = (pane.state.menu_value * power).round() / power;
    response.context_menu(|ui| {
        for condition in [AlertCondition::Above(value), AlertCondition::Below(value)] {
            let label = format!("Alert when {}", condition.words(decimals));
            if ui.button(label).clicked() {
                let topic = topic.clone();
                done.commands.push(UiCommand::AddAlert { topic, condition });
                ui.close();
            }
        }
        for (number, name) in cursors::NAMES.into_iter().enumerate() {
            if ui.button(format!("Cursor {name} here")).clicked() {
                done.is_activated = true;
                pane.remember_now();
                pane.place_cursor(number, pane.state.menu_ns, scene.now_ns);
                ui.close();
            }
        }
        if own_window::menu_item(ui, scene) {
            done.changes_window = true;
        }
        let times = match scene.preferences.source_times {
            true => "Charts by time of arrival",
            false => "Charts by source time",
        };
        for (label, command) in [
            (times, UiCommand::ToggleSourceTimes),
            ("More alerts …", UiCommand::Overlay(Some(Overlay::Alerts))),
            (
                "Save the visible data as CSV",
                UiCommand::Export(Export::VisibleCsv),
            ),
            ("Save all history as CSV", UiCommand::Export(Export::AllCsv)),
            ("Save a picture as PNG", UiCommand::Export(Export::Png)),
            ("Copy a picture", UiCommand::Export(Export::Copy)),
        ] {
            if ui.button(label).clicked() {
                done.is_activated = true;
                done.commands.push(command);
                ui.close();
            }
        }
    });
}
