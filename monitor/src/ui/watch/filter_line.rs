//! The line above the topics: the filter, and the switch between list and tree.

use egui::{Id, Key, Modifiers, Rect, Ui, vec2};

use super::text_filter::TextFilter;
use crate::{
    data::{format, topics::TOPICS_MAX},
    ui::{
        scene::Scene,
        theme,
        widgets::{choice, field_frame, paint_key, paint_right, styled},
    },
};

/// Width of the switch between list and tree.
const SWITCH_WIDTH: f32 = 92.0;

/// What the line above the topics changes.
pub(super) struct FilterLine<'a> {
    /// The text of the filter.
    pub(super) filter: &'a mut String,
    /// Whether the topics are shown as a tree.
    pub(super) is_tree: &'a mut bool,
}

impl FilterLine<'_> {
    /// Draws the line. `matching` is how many topics the filter selects.
    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, matching: usize) {
        let theme = scene.theme;
        let id = Id::unique("filter");
        let filter = TextFilter::of(self.filter);
        egui::Frame::new()
            .inner_margin(egui::Margin {
                left: 10,
                right: 10,
                top: 10,
                bottom: 4,
            })
            .show(ui, |ui| {
                let width = ui.available_width() - SWITCH_WIDTH;
                let switch = ui
                    .max_rect()
                    .split_left_right_at_x(ui.max_rect().left() + width)
                    .1;
                let output = egui::TextEdit::singleline(self.filter)
                    .id(id)
                    .hint_text(styled(
                        "Filter, e.g. market/+/trade",
                        theme::text(),
                        theme.dim,
                    ))
                    .font(theme::text())
                    .text_color(theme.text)
                    .desired_width(width - 20.0)
                    .margin(egui::Margin::symmetric(10, 7))
                    .show(ui);
                let response = output.response.response;
                let rect = response.rect;
                let is_wrong = matches!(filter, TextFilter::Bad(_));
                field_frame(ui, theme, &response, is_wrong);
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Filter topics")
                });
                if !response.has_focus() && self.filter.is_empty() {
                    paint_key(
                        ui.painter(),
                        rect.right_center() - vec2(8.0, 0.0),
                        "/",
                        theme,
                    );
                } else if !self.filter.is_empty() {
                    let text = format!("{matching} of {}", scene.store.with_value().len());
                    let place = rect.right_center() - vec2(10.0, 0.0);
                    paint_right(ui.painter(), place, &text, theme::axis_figures(), theme.dim);
                }
                self.switch(ui, scene, switch.with_max_y(rect.bottom()));
                if let TextFilter::Bad(error) = &filter {
                    ui.label(styled(
                        format!("Not a filter: {error}"),
                        theme::small(),
                        theme.bad,
                    ));
                }
                if scene.store.totals().dropped > 0 {
                    left_out(ui, scene);
                }
                let escaped = ui.input(|input| input.key_pressed(Key::Escape));
                if escaped && response.lost_focus() {
                    self.filter.clear();
                }
            });
        if !scene.is_covered {
            focus_on_slash(ui, id);
        }
    }

    /// Draws the switch between list and tree beside the filter.
    fn switch(&mut self, ui: &mut Ui, scene: &Scene<'_>, place: Rect) {
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(place).layout(layout));
        ui.spacing_mut().item_spacing.x = 2.0;
        for (label, is_tree, tip) in [
            ("Tree", true, "Topics as a tree, level by level (G)"),
            ("List", false, "Topics as a list (G)"),
        ] {
            let chosen = *self.is_tree == is_tree;
            if choice(&mut ui, scene.theme, chosen, label)
                .on_hover_text(tip)
                .clicked()
            {
                *self.is_tree = is_tree;
            }
        }
    }
}

/// Says that there are more topics than are kept, and what to do about it.
fn left_out(ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    let text = format!(
        "The server has more topics than the monitor keeps (limit {}): {} updates of other topics \
         were dropped. Choose topics with --filter, for example --filter 'market/#'.",
        format::count(TOPICS_MAX as u64),
        format::count(scene.store.totals().dropped),
    );
    let text = styled(text, theme::small(), theme.warning);
    ui.add(egui::Label::new(text).wrap());
}

/// A slash, or Ctrl+F, puts the cursor into the filter.
fn focus_on_slash(ui: &Ui, id: Id) {
    let is_typing = ui.ctx().text_edit_focused();
    let slash = ui.input_mut(|input| {
        !is_typing
            && (input.consume_key(Modifiers::NONE, Key::Slash)
                || input.consume_key(Modifiers::COMMAND, Key::F))
    });
    if slash {
        ui.memory_mut(|memory| memory.request_focus(id));
        // Otherwise the slash would be typed into the field.
        ui.input_mut(|input| {
            input
                .events
                .retain(|event| !matches!(event, egui::Event::Text(_)));
        });
    }
}
