//! The list of topics on the left.

use egui::{Id, Key, Modifiers, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use serde::{Deserialize, Serialize};

use super::{
    watch_row::{self, Columns},
    watch_rows::{Order, Row, Rows, Selection, Sort},
    widgets::{paint_key, paint_right, styled},
};
use crate::{
    scene::{Command, Place, Scene},
    store::TopicKey,
    theme,
};

/// The list: what the person wants to see of the topics, and the rows that follow from it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchList {
    #[serde(flatten)]
    order: Order,
    #[serde(skip)]
    rows: Rows,
    #[serde(skip)]
    scroll_to_selected: bool,
    /// Top and bottom of what is in view.
    #[serde(skip)]
    visible: (f32, f32),
}

impl WatchList {
    /// Draws the list and returns what the person wants.
    pub fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        self.filter_field(ui, scene);
        self.rows.update(&self.order, scene.store, scene.now_ns);
        self.keys(ui, scene, &mut commands);
        self.header(ui, scene);
        self.table(ui, scene, &mut commands);
        commands
    }

    fn filter_field(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        let id = Id::unique("filter");
        let selection = Selection::of(&self.order.filter);
        egui::Frame::new()
            .inner_margin(egui::Margin {
                left: 10,
                right: 10,
                top: 10,
                bottom: 4,
            })
            .show(ui, |ui| {
                let output = egui::TextEdit::singleline(&mut self.order.filter)
                    .id(id)
                    .hint_text(styled(
                        "Filter, e.g. market/+/trade",
                        theme::text(),
                        theme.dim,
                    ))
                    .font(theme::text())
                    .desired_width(f32::INFINITY)
                    .margin(egui::Margin::symmetric(10, 7))
                    .show(ui);
                let response = output.response.response;
                let rect = response.rect;
                let line = match (&selection, response.has_focus()) {
                    (Selection::Bad(_), _) => theme.bad,
                    (_, true) => theme.accent,
                    _ => theme.hairline,
                };
                ui.painter().rect_stroke(
                    rect,
                    theme::CORNER,
                    egui::Stroke::new(1.0, line),
                    egui::StrokeKind::Inside,
                );
                response.widget_info(|| {
                    egui::WidgetInfo::labeled(egui::Role::TextInput, true, "Filter topics")
                });
                if !response.has_focus() && self.order.filter.is_empty() {
                    paint_key(
                        ui.painter(),
                        rect.right_center() - vec2(8.0, 0.0),
                        "/",
                        theme,
                    );
                } else if !self.order.filter.is_empty() {
                    let text = format!("{} of {}", self.rows.matching, scene.store.len());
                    let place = rect.right_center() - vec2(10.0, 0.0);
                    paint_right(ui.painter(), place, &text, theme::axis_figures(), theme.dim);
                }
                if let Selection::Bad(error) = &selection {
                    ui.label(styled(
                        format!("Not a filter: {error}"),
                        theme::small(),
                        theme.bad,
                    ));
                }
                let escaped = ui.input(|input| input.key_pressed(Key::Escape));
                if escaped && response.lost_focus() {
                    self.order.filter.clear();
                }
            });
        focus_on_slash(ui, id);
    }

    /// j and k or the arrows move the selection, Enter opens a chart.
    fn keys(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        if ui.ctx().egui_wants_keyboard_input() {
            return;
        }
        let (step, enter) = ui.input_mut(|input| {
            let mut pressed = |key| input.consume_key(Modifiers::NONE, key);
            let down = pressed(Key::J) || pressed(Key::ArrowDown);
            let up = pressed(Key::K) || pressed(Key::ArrowUp);
            // The plain key comes last, because it is pressed in the others too.
            let enter = [
                (Modifiers::COMMAND, Place::New),
                (Modifiers::SHIFT, Place::Overlay),
                (Modifiers::NONE, Place::Active),
            ]
            .into_iter()
            .find(|(modifiers, _)| input.consume_key(*modifiers, Key::Enter))
            .map(|(_, place)| place);
            (i32::from(down) - i32::from(up), enter)
        });
        if step != 0 {
            let topics: Vec<TopicKey> = self.rows.topics().collect();
            let selected = scene
                .selected
                .and_then(|name| scene.store.find(name.as_str()));
            let at = topics.iter().position(|&key| Some(key) == selected);
            let next = match at {
                Some(at) => at
                    .saturating_add_signed(step as isize)
                    .min(topics.len().saturating_sub(1)),
                None => 0,
            };
            if let Some(&key) = topics.get(next) {
                commands.push(Command::Select(scene.store.topic(key).name.clone()));
                self.scroll_to_selected = true;
            }
        }
        if let (Some(place), Some(topic)) = (enter, scene.selected) {
            commands.push(Command::Chart {
                topic: topic.clone(),
                place,
            });
        }
    }

    fn header(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        let (rect, _) = ui.allocate_exact_size(vec2(ui.available_width(), 24.0), Sense::hover());
        let columns = Columns::of(rect);
        let headings = [
            (
                "Topic",
                Sort::Name,
                columns.name,
                false,
                "By name, in groups",
            ),
            ("Last", Sort::Last, columns.last, true, "Newest value"),
            (
                "%",
                Sort::Change,
                columns.change,
                true,
                "Change since the monitor first saw the topic",
            ),
            ("/s", Sort::Rate, columns.rate, true, "Updates per second"),
            (
                "Age",
                Sort::Age,
                columns.age,
                true,
                "Time since the newest update",
            ),
        ];
        for (label, sort, range, is_right, tip) in headings {
            let cell = Rect::from_x_y_ranges(range, rect.y_range());
            let response = ui
                .interact(cell, ui.scope_id().with(("heading", label)), Sense::click())
                .on_hover_text(tip);
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Sort by {label}"))
            });
            let is_current = self.order.sort == sort;
            let color = if response.hovered() || (is_current && sort != Sort::Name) {
                theme.text
            } else {
                theme.muted
            };
            let arrow = match (is_current, self.order.is_reversed) {
                (true, true) => " ▴",
                (true, false) if sort != Sort::Name => " ▾",
                _ => "",
            };
            let text = format!("{label}{arrow}");
            if is_right {
                let place = pos2(range.max, cell.center().y);
                paint_right(ui.painter(), place, &text, theme::small(), color);
            } else {
                ui.painter().text(
                    pos2(range.min, cell.center().y),
                    egui::Align2::LEFT_CENTER,
                    text,
                    theme::small(),
                    color,
                );
            }
            if response.clicked() {
                if is_current {
                    self.order.is_reversed = !self.order.is_reversed;
                } else {
                    self.order.sort = sort;
                    self.order.is_reversed = false;
                }
            }
        }
    }

    fn table(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        ui.spacing_mut().item_spacing.y = 0.0;
        let mut area = ScrollArea::vertical().auto_shrink(false).id_salt("topics");
        if std::mem::take(&mut self.scroll_to_selected)
            && let Some(offset) = self.offset_to_show_selected(scene)
        {
            area = area.vertical_scroll_offset(offset);
        }
        let rows = &self.rows.rows;
        let mut toggled = None;
        let output = area.show_rows(ui, theme::ROW_HEIGHT, rows.len(), |ui, range| {
            for row in &rows[range] {
                match row {
                    Row::Group { name, topics } => {
                        let is_folded = self.order.folded.contains(name);
                        if watch_row::group(ui, scene.theme, name, *topics, is_folded) {
                            toggled = Some(name.clone());
                        }
                    }
                    Row::Topic { key, prefix } => {
                        let topic = scene.store.topic(*key);
                        commands.extend(watch_row::topic(ui, scene, topic, *prefix));
                    }
                }
            }
        });
        let top = output.state.clamped_offset().y;
        self.visible = (top, top + output.inner_rect.height());
        if let Some(name) = toggled
            && !self.order.folded.remove(&name)
        {
            self.order.folded.insert(name);
        }
        if self.rows.rows.is_empty() {
            let text = if scene.store.is_empty() {
                "No topics yet"
            } else {
                "No topic matches the filter"
            };
            ui.painter().text(
                output.inner_rect.center_top() + vec2(0.0, 32.0),
                egui::Align2::CENTER_CENTER,
                text,
                theme::text(),
                scene.theme.muted,
            );
        }
    }

    /// The scroll offset that brings the row with the selection into view, if it is not.
    fn offset_to_show_selected(&self, scene: &Scene<'_>) -> Option<f32> {
        let selected = scene
            .selected
            .and_then(|name| scene.store.find(name.as_str()))?;
        let at = self
            .rows
            .rows
            .iter()
            .position(|row| matches!(row, Row::Topic { key, .. } if *key == selected))?;
        let top = at as f32 * theme::ROW_HEIGHT;
        if top < self.visible.0 {
            Some(top)
        } else if top + theme::ROW_HEIGHT > self.visible.1 {
            Some(top + theme::ROW_HEIGHT - (self.visible.1 - self.visible.0))
        } else {
            None
        }
    }
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
        // Or the slash would be typed into the field.
        ui.input_mut(|input| {
            input
                .events
                .retain(|event| !matches!(event, egui::Event::Text(_)));
        });
    }
}
