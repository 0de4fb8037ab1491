//! The bar at the top: the server, its rate and latency, the recording, the layout.

use std::time::Instant;

use egui::{Align, Key, Layout, Ui};

use super::{
    fitting::{BarPart, fitting},
    measure, other_servers, recording,
};
use crate::{
    data::{connection_state::ConnectionState, format},
    ui::{
        command::{Overlay, UiCommand},
        connection_words::{connection_words, short_words},
        names::Name,
        scene::Scene,
        theme,
        widgets::{chip, key_and_name, labelled_value, status_light, styled, text_field},
    },
};

/// Space between two parts.
const GAP: f32 = 12.0;

/// The least width of the server's address.
const ADDRESS_MIN: f32 = 120.0;

/// Width of the field for another address.
const FIELD_WIDTH: f32 = 220.0;

/// The longest name of a login that is shown.
const LOGIN_CHARS: usize = 20;

const TITLE: &str = "Tickcast";

const TRY_NOW: &str = "Try now";

/// The parts that give way, each with its rank; the server is always shown.
const RANKS: [(Part, u8); 9] = [
    (Part::Title, 8),
    (Part::Login, 0),
    (Part::Others, 2),
    (Part::Rate, 4),
    (Part::Latency, 7),
    (Part::Recording, 1),
    (Part::Layout, 5),
    (Part::Commands, 3),
    (Part::Keys, 6),
];

/// A part of the bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Title,
    Login,
    Others,
    Rate,
    Latency,
    Recording,
    Layout,
    Commands,
    Keys,
}

/// The bar's own state: the address that is being edited.
#[derive(Debug, Default)]
pub(crate) struct TopBar {
    editing: Option<String>,
}

impl TopBar {
    /// Draws the bar and returns the commands that the user gave.
    pub(crate) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>) -> Vec<UiCommand> {
        let mut commands = Vec::new();
        let theme = scene.theme;
        let server = ServerWidths::of(ui, scene, self.editing.is_some());
        let room = ui.available_width() - server.least - GAP;
        let parts = RANKS.map(|(part, rank)| BarPart {
            width: width(ui, scene, part),
            rank,
        });
        let shown = fitting(&parts, room, GAP);
        let used: f32 = parts
            .iter()
            .zip(&shown)
            .filter(|(_, shown)| **shown)
            .map(|(part, _)| part.width + GAP)
            .sum();
        let is_shown = |part: Part| {
            let at = RANKS.iter().position(|(other, _)| *other == part);
            at.is_some_and(|at| shown[at])
        };
        ui.horizontal_centered(|ui| {
            ui.spacing_mut().item_spacing.x = GAP;
            if is_shown(Part::Title) {
                ui.label(styled(TITLE, theme::strong(), theme.text));
            }
            self.server(ui, scene, &server, room - used, &mut commands);
            if is_shown(Part::Login) {
                login(ui, scene, &mut commands);
            }
            if is_shown(Part::Others) {
                other_servers::show(ui, scene, &mut commands);
            }
            if is_shown(Part::Rate) {
                chip(ui, theme, |ui| {
                    labelled_value(ui, theme, "", &rate(scene), "upd/s");
                });
            }
            if is_shown(Part::Latency) {
                latency(ui, scene);
            }
            ui.with_layout(Layout::right_to_left(Align::Center), |ui| {
                ui.spacing_mut().item_spacing.x = GAP;
                for (part, key, label, overlay) in [
                    (Part::Keys, "?", "keys", Overlay::Keys),
                    (Part::Commands, "Ctrl K", "commands", Overlay::Palette),
                ] {
                    if is_shown(part) && key_and_name(ui, theme, key, label) {
                        commands.push(UiCommand::Overlay(Some(overlay)));
                    }
                }
                if is_shown(Part::Layout) {
                    layout(ui, scene, &mut commands);
                }
                if is_shown(Part::Recording) {
                    recording::show(ui, scene, &mut commands);
                }
            });
        });
        commands
    }

    /// Draws the address and the state of the server, in at most `spare` more than their least
    /// width.
    fn server(
        &mut self,
        ui: &mut Ui,
        scene: &Scene<'_>,
        widths: &ServerWidths,
        spare: f32,
        commands: &mut Vec<UiCommand>,
    ) {
        let theme = scene.theme;
        let (words, color) = connection_words(scene.connection, theme, Instant::now());
        let spare_for_address = (widths.address - widths.address_least).min(spare.max(0.0));
        let has_room = spare - spare_for_address >= widths.words - widths.words_least;
        let words = if has_room {
            words
        } else {
            short_words(scene.connection, words)
        };
        // While a recording is played, the state of the server does not matter.
        let color = match scene.player {
            Some(_) => theme.muted,
            None => color,
        };
        chip(ui, theme, |ui| {
            status_light(ui, color);
            if self.editing.is_some() {
                self.field(ui, scene.theme, commands);
            } else {
                let width = widths.address_least + spare_for_address;
                let address = Name {
                    text: scene.url,
                    font: theme::small_figures(),
                    color: theme.text,
                };
                let response = address
                    .button(ui, width)
                    .on_hover_text("Click to connect to another server");
                if response.clicked() {
                    self.editing = Some(scene.url.to_owned());
                }
            }
            let color = match scene.connection {
                ConnectionState::Connected { .. } => theme.muted,
                _ => color,
            };
            let response = ui.label(styled(words, theme::small(), color));
            if can_try(scene) {
                let now = egui::Button::new(styled(TRY_NOW, theme::small(), theme.text));
                if ui.add(now.frame(false)).clicked() {
                    commands.push(UiCommand::Connect(scene.url.to_owned()));
                }
            }
            match scene.connection {
                ConnectionState::Connected { server, .. } => {
                    response.on_hover_text(server);
                }
                ConnectionState::BackingOff { why, .. } | ConnectionState::Ended { why, .. } => {
                    response.on_hover_text(why);
                }
                ConnectionState::Silent { .. } => {
                    response.on_hover_text(
                        "The server sends no heartbeats: it is stopped, or the network is down.",
                    );
                }
                ConnectionState::Connecting { .. } => {}
            }
        });
    }

    /// Draws the field for another address.
    fn field(&mut self, ui: &mut Ui, theme: &theme::Theme, commands: &mut Vec<UiCommand>) {
        let Some(text) = &mut self.editing else {
            return;
        };
        let field = egui::TextEdit::singleline(text)
            .font(theme::small_figures())
            .desired_width(FIELD_WIDTH);
        let response = text_field(ui, theme, "Server address", "", field);
        if response.lost_focus() {
            let url = text.trim();
            // Without an address everything stays as it is.
            if ui.input(|input| input.key_pressed(Key::Enter)) && !url.is_empty() {
                commands.push(UiCommand::Connect(url.to_owned()));
            }
            self.editing = None;
        } else {
            response.request_focus();
        }
    }
}

/// Whether an attempt to connect can be made now instead of later.
fn can_try(scene: &Scene<'_>) -> bool {
    matches!(scene.connection, ConnectionState::BackingOff { .. }) && scene.player.is_none()
}

/// Widths of the server's part.
struct ServerWidths {
    least: f32,
    address: f32,
    address_least: f32,
    words: f32,
    words_least: f32,
}

impl ServerWidths {
    fn of(ui: &Ui, scene: &Scene<'_>, is_edited: bool) -> Self {
        let (words, _) = connection_words(scene.connection, scene.theme, Instant::now());
        let short = short_words(scene.connection, words.clone());
        let (words, words_least) = (
            measure::text(ui, &words, theme::small()),
            measure::text(ui, &short, theme::small()),
        );
        let address = match is_edited {
            true => FIELD_WIDTH + 8.0,
            false => measure::text(ui, scene.url, theme::small_figures()),
        };
        let address_least = match is_edited {
            true => address,
            false => address.min(ADDRESS_MIN),
        };
        let try_now = match can_try(scene) {
            true => measure::text(ui, TRY_NOW, theme::small()) + 24.0,
            false => 0.0,
        };
        let content = measure::LIGHT + address_least + 6.0 + words_least + try_now;
        Self {
            least: measure::chip(content),
            address,
            address_least,
            words,
            words_least,
        }
    }
}

/// The width of a part; 0 if it has nothing to say.
fn width(ui: &Ui, scene: &Scene<'_>, part: Part) -> f32 {
    match part {
        Part::Title => measure::text(ui, TITLE, theme::strong()),
        Part::Login if !scene.access.is_used() => 0.0,
        Part::Login => measure::chip(measure::text(ui, &login_words(scene), theme::small())),
        Part::Others => other_servers::width(ui, scene),
        Part::Rate => measure::chip(measure::labelled(ui, "", &rate(scene), "upd/s")),
        Part::Latency => {
            let (p50, p99) = latencies(scene);
            let first = measure::labelled(ui, "latency p50", &p50, "p99");
            measure::chip(first + 6.0 + measure::labelled(ui, "", &p99, ""))
        }
        Part::Recording => recording::width(ui, scene),
        // A menu has margins.
        Part::Layout => measure::text(ui, &layout_words(scene), theme::text()) + 16.0,
        Part::Commands => measure::key_and_name(ui, "Ctrl K", "commands"),
        Part::Keys => measure::key_and_name(ui, "?", "keys"),
    }
}

/// Updates per second, as wide as a million, so that the parts to the right do not move.
fn rate(scene: &Scene<'_>) -> String {
    let rate = format::count(scene.health.updates_per_second().round() as u64);
    format!("{rate:>7}")
}

/// Two percentiles, as wide as any latency, so that the parts to the right do not move.
fn latencies(scene: &Scene<'_>) -> (String, String) {
    let words = |ns: Option<i64>| ns.map_or("–".to_owned(), format::latency);
    let summary = scene.health.summary();
    let p50 = words(summary.map(|summary| summary.p50_ns));
    let p99 = words(summary.map(|summary| summary.p99_ns));
    (format!("{p50:<7}"), format!("{p99:<7}"))
}

fn latency(ui: &mut Ui, scene: &Scene<'_>) {
    let theme = scene.theme;
    let tip =
        "Latency from the server's tape to the monitor, over the last minute, of charted topics";
    let (p50, p99) = latencies(scene);
    chip(ui, theme, |ui| {
        labelled_value(ui, theme, "latency p50", &p50, "p99");
        labelled_value(ui, theme, "", &p99, "");
        ui.response().on_hover_text(tip);
    });
}

/// The name of the login, in a few words.
fn login_words(scene: &Scene<'_>) -> String {
    match scene.access.identity() {
        Some(told) if !told.subject.is_empty() => {
            let name: String = told.subject.chars().take(LOGIN_CHARS).collect();
            let cut = if name.len() < told.subject.len() {
                "…"
            } else {
                ""
            };
            format!("{name}{cut}")
        }
        _ => "Log in".to_owned(),
    }
}

/// Draws the name of the login; a click opens the dialog. Without identities nothing is drawn.
fn login(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
    let (theme, access) = (scene.theme, scene.access);
    if !access.is_used() {
        return;
    }
    let color = match access.needs_attention(scene.now_ns) {
        true => theme.warning,
        false => theme.text,
    };
    let words = login_words(scene);
    chip(ui, theme, |ui| {
        let button = egui::Button::new(styled(&words, theme::small(), color)).frame(false);
        let response = ui.add(button);
        let mut tip = access.who();
        if let Some(left_ns) = access.left_ns(scene.now_ns) {
            tip += &format!(" It lasts for {}.", format::duration(left_ns));
        }
        if let Some(problem) = access.problem() {
            tip += &format!("\nProblem: {problem}");
        }
        if response.on_hover_text(tip).clicked() {
            commands.push(UiCommand::Overlay(Some(Overlay::Login)));
        }
    });
}

fn layout_words(scene: &Scene<'_>) -> String {
    let current = scene.layouts.current.unwrap_or("unsaved");
    format!("Workspace: {current}")
}

fn layout(ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
    let theme = scene.theme;
    let current = scene.layouts.current.unwrap_or("unsaved");
    let mut text = egui::text::LayoutJob::default();
    for (part, color) in [("Workspace: ", theme.muted), (current, theme.text)] {
        text.append(part, 0.0, egui::TextFormat::simple(theme::text(), color));
    }
    ui.menu_button(text, |ui| {
        for name in scene.layouts.all {
            if ui.button(name).clicked() {
                commands.push(UiCommand::LoadLayout(name.clone()));
                ui.close();
            }
        }
        if ui.button("Save as …").clicked() {
            commands.push(UiCommand::Overlay(Some(Overlay::SaveLayout)));
            ui.close();
        }
        if ui.button("Preferences …").clicked() {
            commands.push(UiCommand::Overlay(Some(Overlay::Preferences)));
            ui.close();
        }
    });
}
