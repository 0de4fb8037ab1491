//! The topics on the left: as a list, or as a tree.

use egui::{Id, Key, Modifiers, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use serde::{Deserialize, Serialize};

use super::{
    watch_row::{self, Columns, RowPlace},
    watch_rows::{Order, Row, Rows, Selection, Sort},
    watch_tree::WatchTree,
    widgets::{choice, paint_key, paint_right, styled},
};
use crate::{
    format,
    scene::{Command, Place, Scene},
    store::{TOPICS_MAX, TopicKey},
    theme,
};

/// Room for the switch between list and tree.
const SWITCH_WIDTH: f32 = 92.0;

/// The list: what the person wants to see of the topics, and the rows that follow from it.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchList {
    #[serde(flatten)]
    order: Order,
    is_tree: bool,
    tree: WatchTree,
    #[serde(skip)]
    rows: Rows,
    #[serde(skip)]
    scroll_to_selected: bool,
    /// Top and bottom of what is in view.
    #[serde(skip)]
    visible: (f32, f32),
}

impl Clone for WatchList {
    /// What is saved; the rest is made anew.
    fn clone(&self) -> Self {
        Self {
            order: self.order.clone(),
            is_tree: self.is_tree,
            tree: self.tree.clone(),
            ..Self::default()
        }
    }
}

impl WatchList {
    /// Draws the list and returns what the person wants.
    pub fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        self.filter_field(ui, scene);
        if self.is_tree {
            self.tree.update(ui, scene, &self.order.filter);
            self.tree.keys(ui, scene, &mut commands);
        } else {
            self.rows.update(&self.order, scene);
            self.keys(ui, scene, &mut commands);
        }
        self.header(ui, scene);
        let area = self.table(ui, scene, &mut commands);
        if self.matching() == 0 {
            nothing(ui, scene, area);
        }
        commands
    }

    /// Shows the topics as a tree, or as a list again.
    pub fn toggle_tree(&mut self) {
        self.is_tree = !self.is_tree;
    }

    /// How many topics the filter selects.
    fn matching(&self) -> usize {
        if self.is_tree {
            self.tree.matching()
        } else {
            self.rows.matching
        }
    }

    fn filter_field(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        let id = Id::unique("filter");
        let selection = Selection::of(&self.order.filter);
        let matching = self.matching();
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
                let output = egui::TextEdit::singleline(&mut self.order.filter)
                    .id(id)
                    .hint_text(styled(
                        "Filter, e.g. market/+/trade",
                        theme::text(),
                        theme.dim,
                    ))
                    .font(theme::text())
                    .desired_width(width - 20.0)
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
                    let text = format!("{matching} of {}", scene.store.valued().len());
                    let place = rect.right_center() - vec2(10.0, 0.0);
                    paint_right(ui.painter(), place, &text, theme::axis_figures(), theme.dim);
                }
                self.switch(ui, scene, switch.with_max_y(rect.bottom()));
                if let Selection::Bad(error) = &selection {
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
                    self.order.filter.clear();
                }
            });
        if !scene.is_covered {
            focus_on_slash(ui, id);
        }
    }

    /// The switch between list and tree, in a place beside the filter.
    fn switch(&mut self, ui: &mut Ui, scene: &Scene<'_>, place: Rect) {
        let layout = egui::Layout::right_to_left(egui::Align::Center);
        let mut ui = ui.new_child(egui::UiBuilder::new().max_rect(place).layout(layout));
        ui.spacing_mut().item_spacing.x = 2.0;
        for (label, is_tree, tip) in [
            ("Tree", true, "Topics level by level of their names (G)"),
            ("List", false, "Topics one below the other (G)"),
        ] {
            let chosen = self.is_tree == is_tree;
            if choice(&mut ui, scene.theme, chosen, label)
                .on_hover_text(tip)
                .clicked()
            {
                self.is_tree = is_tree;
            }
        }
    }

    /// j and k or the arrows move the selection, Enter opens a chart.
    fn keys(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        if scene.is_covered || ui.ctx().egui_wants_keyboard_input() {
            return;
        }
        let (step, enter) = (step_keys(ui), enter_keys(ui));
        if step != 0 {
            let topics: Vec<TopicKey> = self.rows.topics().collect();
            let selected = scene
                .selected
                .and_then(|name| scene.store.find(name.as_str()));
            let at = topics.iter().position(|&key| Some(key) == selected);
            let next = match at {
                Some(at) => at
                    .saturating_add_signed(step)
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
        for (label, sort, range, tip) in columns.headings() {
            let is_right = sort != Sort::Name;
            let cell = Rect::from_x_y_ranges(range, rect.y_range());
            let response = ui
                .interact(cell, ui.scope_id().with(("heading", label)), Sense::click())
                .on_hover_text(tip);
            response.widget_info(|| {
                egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Sort by {label}"))
            });
            let is_current = self.order.sort == sort && !self.is_tree;
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
            // A tree has one order.
            if response.clicked() && !self.is_tree {
                if is_current {
                    self.order.is_reversed = !self.order.is_reversed;
                } else {
                    self.order.sort = sort;
                    self.order.is_reversed = false;
                }
            }
        }
    }

    /// Draws the lines in view. Returns where they are.
    fn table(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) -> Rect {
        ui.spacing_mut().item_spacing.y = 0.0;
        if self.is_tree {
            return self.tree.table(ui, scene, commands);
        }
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
                        let begin = RowPlace {
                            prefix: *prefix,
                            indent: 0.0,
                        };
                        commands.extend(watch_row::topic(ui, scene, topic, begin));
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
        output.inner_rect
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
        offset_to_show(at, self.visible)
    }
}

/// The scroll offset that brings line number `at` into view, if it is not between top and bottom of
/// what is visible.
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

/// How many lines j and k or the arrows move.
pub(super) fn step_keys(ui: &Ui) -> isize {
    ui.input_mut(|input| {
        let mut pressed = |key| input.consume_key(Modifiers::NONE, key);
        let down = pressed(Key::J) || pressed(Key::ArrowDown);
        let up = pressed(Key::K) || pressed(Key::ArrowUp);
        isize::from(down) - isize::from(up)
    })
}

/// Where Enter opens a chart, if it was pressed.
pub(super) fn enter_keys(ui: &Ui) -> Option<Place> {
    // The plain key comes last, because it is pressed in the others too.
    let keys = [
        (Modifiers::COMMAND, Place::New),
        (Modifiers::SHIFT, Place::Overlay),
        (Modifiers::NONE, Place::Active),
    ];
    ui.input_mut(|input| {
        keys.into_iter()
            .find(|(modifiers, _)| input.consume_key(*modifiers, Key::Enter))
            .map(|(_, place)| place)
    })
}

/// Says that there are more topics than are kept, and what can be done about it.
fn left_out(ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    let text = format!(
        "The server has more topics than the {} that are kept: {} updates of others were left \
         out. Start with --filter to choose, e.g. --filter 'market/#'.",
        format::count(TOPICS_MAX as u64),
        format::count(scene.store.totals().dropped),
    );
    let text = styled(text, theme::small(), theme.warning);
    ui.add(egui::Label::new(text).wrap());
}

/// Says why there is no line.
fn nothing(ui: &Ui, scene: &Scene<'_>, area: Rect) {
    let text = if scene.store.valued().is_empty() {
        "No topics yet"
    } else {
        "No topic matches the filter"
    };
    ui.painter().text(
        area.center_top() + vec2(0.0, 32.0),
        egui::Align2::CENTER_CENTER,
        text,
        theme::text(),
        scene.theme.muted,
    );
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
