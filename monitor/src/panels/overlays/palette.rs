//! All that can be done, by name: type some letters, press Enter.

use egui::{CornerRadius, Key, Modifiers, Sense, Ui, pos2, vec2};

use crate::{
    format, keys,
    panels::widgets::{paint_cut, paint_key, paint_right, styled},
    scene::{Command, Place, Scene, ServerWish},
    theme,
};

/// Most topics that are offered: whoever wants others types more.
const TOPICS_OFFERED: usize = 40;

const ROW_HEIGHT: f32 = 30.0;

#[derive(Debug, Default)]
pub(super) struct Palette {
    query: String,
    at: usize,
}

struct Entry {
    name: String,
    key: Option<String>,
    value: Option<String>,
    command: Command,
}

impl Palette {
    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<Command>) {
        let theme = scene.theme;
        let field = egui::TextEdit::singleline(&mut self.query)
            .hint_text(styled("A command or a topic", theme::text(), theme.dim))
            .font(theme::text())
            .desired_width(f32::INFINITY)
            .margin(egui::Margin::symmetric(10, 8));
        let response = ui.add(field);
        response.widget_info(|| {
            egui::WidgetInfo::labeled(egui::Role::TextInput, true, "A command or a topic")
        });
        response.request_focus();
        if response.changed() {
            self.at = 0;
        }
        let entries = self.entries(scene);
        let (step, enter, new) = ui.input_mut(|input| {
            let down = input.consume_key(Modifiers::NONE, Key::ArrowDown);
            let up = input.consume_key(Modifiers::NONE, Key::ArrowUp);
            let new = input.consume_key(Modifiers::COMMAND, Key::Enter);
            let enter = input.key_pressed(Key::Enter) || new;
            (isize::from(down) - isize::from(up), enter, new)
        });
        self.at = self
            .at
            .saturating_add_signed(step)
            .min(entries.len().saturating_sub(1));
        ui.add_space(6.0);
        let mut chosen = entries
            .get(self.at)
            .filter(|_| enter)
            .map(|entry| entry.command.clone());
        egui::ScrollArea::vertical()
            .max_height(ui.available_height().max(240.0))
            .show(ui, |ui| {
                ui.spacing_mut().item_spacing.y = 0.0;
                for (at, entry) in entries.iter().enumerate() {
                    if row(ui, scene, entry, at == self.at, step != 0) {
                        chosen = Some(entry.command.clone());
                    }
                }
                if entries.is_empty() {
                    ui.label(styled("Nothing is called that", theme::text(), theme.muted));
                }
            });
        if let Some(mut command) = chosen {
            if let (Command::Chart { place, .. }, true) = (&mut command, new) {
                *place = Place::New;
            }
            commands.push(Command::Overlay(None));
            commands.push(command);
        }
    }

    fn entries(&self, scene: &Scene<'_>) -> Vec<Entry> {
        let query = self.query.trim().to_lowercase();
        let words: Vec<&str> = query.split_whitespace().collect();
        let fits = |name: &str| {
            let name = name.to_lowercase();
            words.iter().all(|word| name.contains(word))
        };
        let mut entries: Vec<Entry> = keys::actions()
            .into_iter()
            .filter(|action| fits(action.name))
            .map(|action| Entry {
                name: action.name.to_owned(),
                key: action.shortcut.as_ref().map(keys::written),
                value: None,
                command: action.command,
            })
            .collect();
        let layouts = scene.layouts.names.iter();
        entries.extend(
            layouts
                .filter(|name| fits(&format!("layout {name}")))
                .map(|name| Entry {
                    name: format!("Layout: {name}"),
                    key: None,
                    value: None,
                    command: Command::LoadLayout(name.clone()),
                }),
        );
        let servers = scene.servers.iter().filter(|url| *url != scene.url);
        entries.extend(
            servers
                .filter(|url| fits(&format!("connect to {url}")))
                .map(|url| Entry {
                    name: format!("Connect to {url}"),
                    key: None,
                    value: None,
                    command: Command::Connect(url.clone()),
                }),
        );
        let others = scene.tabs.iter().enumerate();
        entries.extend(
            others
                .filter(|(_, tab)| !tab.is_active && fits(&format!("show server {}", tab.url)))
                .map(|(at, tab)| Entry {
                    name: format!("Show server {}", tab.url),
                    key: None,
                    value: None,
                    command: Command::Server(ServerWish::Show(at)),
                }),
        );
        let known = |url: &String| scene.tabs.iter().any(|tab| tab.url == *url);
        entries.extend(
            scene
                .servers
                .iter()
                .filter(|url| !known(url) && fits(&format!("add server {url}")))
                .map(|url| Entry {
                    name: format!("Add server {url}"),
                    key: None,
                    value: None,
                    command: Command::Server(ServerWish::Add(url.clone())),
                }),
        );
        if !words.is_empty() {
            let topics = scene
                .store
                .topics()
                .filter(|(_, topic)| fits(topic.name.as_str()));
            entries.extend(topics.take(TOPICS_OFFERED).map(|(_, topic)| Entry {
                name: topic.name.to_string(),
                key: None,
                value: Some(format::latest(topic, false)),
                command: Command::Chart {
                    topic: topic.name.clone(),
                    place: Place::Active,
                },
            }));
        }
        entries
    }
}

/// Whether the row was clicked.
fn row(ui: &mut Ui, scene: &Scene<'_>, entry: &Entry, is_current: bool, scroll: bool) -> bool {
    let theme = scene.theme;
    let size = vec2(ui.available_width(), ROW_HEIGHT);
    let (rect, response) = ui.allocate_exact_size(size, Sense::click());
    response.widget_info(|| {
        let name = format!("Do: {}", entry.name);
        egui::WidgetInfo::selected(egui::Role::ListBoxOption, true, is_current, name)
    });
    if is_current && scroll {
        ui.scroll_to_rect(rect, None);
    }
    if !ui.is_rect_visible(rect) {
        return response.clicked();
    }
    let painter = ui.painter();
    if is_current || response.hovered() {
        painter.rect_filled(rect, CornerRadius::same(6), theme.raised);
    }
    let place = pos2(rect.left() + 10.0, rect.center().y);
    let width = rect.width() - 140.0;
    paint_cut(
        painter,
        place,
        width,
        &entry.name,
        theme::text(),
        theme.text,
    );
    let right = pos2(rect.right() - 10.0, rect.center().y);
    if let Some(key) = &entry.key {
        paint_key(painter, right, key, theme);
    }
    if let Some(value) = &entry.value {
        paint_right(painter, right, value, theme::small_figures(), theme.muted);
    }
    response.clicked()
}
