//! The list of topics on the left.

use std::collections::BTreeSet;

use egui::{Id, Key, Rect, ScrollArea, Sense, Ui, pos2, vec2};
use serde::{Deserialize, Serialize};
use tickcast_protocol::topic::{Filter, TopicError};

use super::{
    grouping,
    watch_row::{self, Columns},
    widgets::{paint_key, paint_right, styled},
};
use crate::{
    format::SECOND,
    scene::{Command, Place, Scene},
    store::{TimeNs, TopicKey, TopicState},
    theme,
};

/// The list is put together anew at most so often while topics appear or values decide the order.
const REBUILD_NS: i64 = SECOND / 2;

/// So few topics are put together anew whenever one appears.
const CHEAP_TOPICS: usize = 2_000;

/// What the rows are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sort {
    /// By name, in groups.
    #[default]
    Name,
    /// By the newest value.
    Last,
    /// By how much it changed.
    Change,
    /// By how often it comes.
    Rate,
    /// By how long ago it came.
    Age,
}

#[derive(Debug, Clone, PartialEq)]
enum Row {
    Group { name: String, topics: usize },
    Topic { key: TopicKey, prefix: usize },
}

/// The list: its filter, order, folded groups, and the rows that follow from them.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WatchList {
    filter: String,
    sort: Sort,
    is_reversed: bool,
    folded: BTreeSet<String>,
    #[serde(skip)]
    rows: Vec<Row>,
    #[serde(skip)]
    matching: usize,
    #[serde(skip)]
    built: Option<Built>,
    #[serde(skip)]
    scroll_to_selected: bool,
    /// Top and bottom of what is in view.
    #[serde(skip)]
    visible: (f32, f32),
}

/// What the rows were made from.
#[derive(Debug, Clone, PartialEq)]
struct Built {
    filter: String,
    sort: (Sort, bool),
    folded: usize,
    topics: usize,
    at_ns: TimeNs,
}

/// What the text in the filter field selects.
enum Selection {
    All,
    Wildcards(Filter),
    /// In lower case.
    Containing(String),
    Bad(TopicError),
}

impl Selection {
    fn of(text: &str) -> Self {
        let text = text.trim();
        if text.is_empty() {
            Self::All
        } else if text.contains(['+', '#']) {
            match Filter::new(text) {
                Ok(filter) => Self::Wildcards(filter),
                Err(error) => Self::Bad(error),
            }
        } else {
            Self::Containing(text.to_lowercase())
        }
    }

    fn matches(&self, name: &str) -> bool {
        match self {
            Self::All | Self::Bad(_) => true,
            Self::Wildcards(filter) => filter.matches(name),
            Self::Containing(text) => name.to_lowercase().contains(text),
        }
    }
}

impl WatchList {
    /// Draws the list and returns what the person wants.
    pub fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<Command> {
        let mut commands = Vec::new();
        self.filter_field(ui, scene);
        self.build(scene);
        self.keys(ui, scene, &mut commands);
        self.header(ui, scene);
        self.table(ui, scene, &mut commands);
        commands
    }

    fn filter_field(&mut self, ui: &mut Ui, scene: &Scene<'_>) {
        let theme = scene.theme;
        let id = Id::unique("filter");
        let selection = Selection::of(&self.filter);
        egui::Frame::new()
            .inner_margin(egui::Margin {
                left: 10,
                right: 10,
                top: 10,
                bottom: 4,
            })
            .show(ui, |ui| {
                let output = egui::TextEdit::singleline(&mut self.filter)
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
                if !response.has_focus() && self.filter.is_empty() {
                    paint_key(
                        ui.painter(),
                        rect.right_center() - vec2(8.0, 0.0),
                        "/",
                        theme,
                    );
                } else if !self.filter.is_empty() {
                    let text = format!("{} of {}", self.matching, scene.store.len());
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
                    self.filter.clear();
                }
            });
        let typing = ui.ctx().text_edit_focused();
        let slash = ui.input_mut(|input| {
            !typing
                && (input.consume_key(egui::Modifiers::NONE, Key::Slash)
                    || input.consume_key(egui::Modifiers::COMMAND, Key::F))
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

    /// Makes the rows anew, if what they are made from has changed.
    fn build(&mut self, scene: &Scene<'_>) {
        let wanted = Built {
            filter: self.filter.clone(),
            sort: (self.sort, self.is_reversed),
            folded: self.folded.len(),
            topics: scene.store.len(),
            at_ns: scene.now_ns,
        };
        if let Some(built) = &self.built {
            let asked = built.filter == wanted.filter
                && built.sort == wanted.sort
                && built.folded == wanted.folded;
            let grown = built.topics != wanted.topics;
            let due = !(0..REBUILD_NS).contains(&(wanted.at_ns - built.at_ns));
            let stands = if grown {
                built.topics >= CHEAP_TOPICS && !due
            } else {
                self.sort == Sort::Name || !due
            };
            if asked && stands {
                return;
            }
        }
        self.built = Some(wanted);
        let selection = Selection::of(&self.filter);
        let mut topics: Vec<(TopicKey, &TopicState)> = scene
            .store
            .topics()
            .filter(|(_, topic)| topic.latest.is_some() && selection.matches(topic.name.as_str()))
            .collect();
        self.matching = topics.len();
        self.rows.clear();
        self.sort_topics(&mut topics, scene.now_ns);
        if self.sort != Sort::Name {
            let rows = topics.iter().map(|&(key, _)| Row::Topic { key, prefix: 0 });
            self.rows.extend(rows);
            return;
        }
        let prefixes = grouping(topics.iter().map(|(_, topic)| topic.name.as_str()));
        let mut group: Option<(usize, &str)> = None;
        for ((key, topic), prefix) in topics.into_iter().zip(prefixes) {
            let name = &topic.name.as_str()[..prefix];
            if group.is_none_or(|(_, current)| current != name) {
                group = Some((self.rows.len(), name));
                self.rows.push(Row::Group {
                    name: name.to_owned(),
                    topics: 0,
                });
            }
            if let Some((at, _)) = group
                && let Row::Group { topics, .. } = &mut self.rows[at]
            {
                *topics += 1;
            }
            if !self.folded.contains(name) {
                let prefix = if prefix == 0 { 0 } else { prefix + 1 };
                self.rows.push(Row::Topic { key, prefix });
            }
        }
        // A single group of nameless topics needs no heading.
        if let [Row::Group { name, .. }, ..] = &self.rows[..]
            && name.is_empty()
        {
            self.rows.remove(0);
        }
    }

    fn sort_topics(&self, topics: &mut [(TopicKey, &TopicState)], now_ns: TimeNs) {
        let by_number = |number: fn(&TopicState, TimeNs) -> Option<f64>| {
            move |a: &TopicState, b: &TopicState| {
                let (a, b) = (number(a, now_ns), number(b, now_ns));
                let key = |n: Option<f64>| n.unwrap_or(f64::NEG_INFINITY);
                key(b).total_cmp(&key(a))
            }
        };
        let number: fn(&TopicState, TimeNs) -> Option<f64> = match self.sort {
            Sort::Name => {
                // Topics without a group come first, not in between.
                topics.sort_by_cached_key(|(_, topic)| {
                    let name = topic.name.as_str().to_owned();
                    (name.contains('/'), name)
                });
                |_, _| None
            }
            Sort::Last => |topic, _| topic.number,
            Sort::Change => |topic, _| topic.change_percent(),
            Sort::Rate => |topic, now| topic.rate.per_second(now),
            Sort::Age => |topic, now| topic.age_ns(now).map(|age| -(age as f64)),
        };
        if self.sort != Sort::Name {
            let compare = by_number(number);
            topics.sort_by(|(_, a), (_, b)| compare(a, b).then_with(|| a.name.cmp(&b.name)));
        }
        if self.is_reversed {
            topics.reverse();
        }
    }

    /// j and k or the arrows move the selection, Enter opens a chart.
    fn keys(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        use egui::Modifiers;
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
            let topics: Vec<TopicKey> = self
                .rows
                .iter()
                .filter_map(|row| match row {
                    Row::Topic { key, .. } => Some(*key),
                    Row::Group { .. } => None,
                })
                .collect();
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
            let is_current = self.sort == sort;
            let color = if response.hovered() || (is_current && sort != Sort::Name) {
                theme.text
            } else {
                theme.muted
            };
            let arrow = match (is_current, self.is_reversed) {
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
                    self.is_reversed = !self.is_reversed;
                } else {
                    self.sort = sort;
                    self.is_reversed = false;
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
        let rows = &self.rows;
        let mut toggled = None;
        let output = area.show_rows(ui, theme::ROW_HEIGHT, rows.len(), |ui, range| {
            for row in &rows[range] {
                match row {
                    Row::Group { name, topics } => {
                        let is_folded = self.folded.contains(name);
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
            && !self.folded.remove(&name)
        {
            self.folded.insert(name);
        }
        if self.rows.is_empty() {
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
