//! An empty list: why there are no rows, and what to do.

use egui::{Align, Layout, Rect, Ui, UiBuilder, vec2};

use crate::{
    data::format,
    ui::{
        connection_advice::Advice,
        scene::Scene,
        theme,
        widgets::{action, styled},
    },
};

/// Space around the words.
const MARGIN: egui::Vec2 = vec2(16.0, 20.0);

/// Draws the words into an area. Returns whether the user wants the filter to be cleared.
pub(super) fn show(ui: &mut Ui, scene: &Scene<'_>, area: Rect) -> bool {
    let theme = scene.theme;
    let place = UiBuilder::new()
        .max_rect(area.shrink2(MARGIN))
        .layout(Layout::top_down(Align::Center))
        .id_salt("empty");
    let mut ui = ui.new_child(place);
    ui.set_clip_rect(area);
    ui.spacing_mut().item_spacing.y = 6.0;
    let mut line = |text: &str, color| {
        ui.label(styled(text, theme::text(), color));
    };
    // Topics that are listed whatever the connection is: the filter hides them.
    let hidden = scene.store.with_value().len();
    if hidden > 0 {
        let text = match hidden {
            1 => "The filter hides the only topic.".to_owned(),
            _ => format!(
                "The filter hides all {} topics.",
                format::count(hidden as u64)
            ),
        };
        line(&text, theme.text);
        return action(&mut ui, theme, "Clear the filter").clicked();
    }
    if let Some(advice) = Advice::of(scene) {
        line(&advice.title, theme.text);
        if let Some(why) = &advice.why {
            line(why, theme.muted);
        }
        line(&advice.hint, theme.muted);
    }
    false
}
