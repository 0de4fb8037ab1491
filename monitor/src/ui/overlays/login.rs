//! The login at the server that is shown: who the program is there, what it may do, what is wrong,
//! and a token or a header to log in with.

use egui::{Align, Key, Layout, Modifiers, Ui, vec2};

use super::heading::heading;
use crate::{
    data::{format, login::Login},
    ui::{
        command::UiCommand,
        scene::Scene,
        theme,
        widgets::{action, styled, text_field},
    },
};

/// The longest token and header that can be typed.
const MAX_CHARS: usize = 4_200;

/// Two lines are kept free, so that nothing moves when a problem is told.
const PROBLEM_HEIGHT: f32 = 34.0;

/// What is being typed. It is forgotten when the dialog closes.
#[derive(Default)]
pub(super) struct LoginPanel {
    token: String,
    header: String,
    problem: Option<String>,
    was_focused: bool,
}

impl std::fmt::Debug for LoginPanel {
    /// Without what is typed.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginPanel").finish_non_exhaustive()
    }
}

impl LoginPanel {
    pub(super) fn show(&mut self, ui: &mut Ui, scene: &Scene<'_>, commands: &mut Vec<UiCommand>) {
        let theme = scene.theme;
        heading(ui, theme, "Log in");
        let access = scene.access;
        ui.label(styled(scene.url, theme::small_figures(), theme.muted));
        let mut who = access.who();
        if let Some(left_ns) = access.left_ns(scene.now_ns) {
            who += &format!(" It lasts for {}.", format::duration(left_ns));
        }
        ui.label(styled(who, theme::text(), theme.text));
        for (name, text) in access.rights() {
            ui.horizontal_wrapped(|ui| {
                ui.label(styled(name, theme::small(), theme.muted));
                ui.label(styled(text, theme::small_figures(), theme.text));
            });
        }
        if let Some(file) = scene.login.file() {
            let text = format!("The token is read from {}.", file.display());
            ui.label(styled(text, theme::small(), theme.muted));
        }
        if let Some(header) = scene.login.header() {
            let text = format!("The header {} is sent with each connection.", header.name());
            ui.label(styled(text, theme::small(), theme.muted));
        }
        ui.add_space(8.0);
        let secret = |ui: &mut Ui, name: &str, text: &mut String| {
            ui.label(styled(name, theme::small(), theme.muted));
            let edit = egui::TextEdit::singleline(text)
                .password(true)
                .char_limit(MAX_CHARS)
                .desired_width(f32::INFINITY)
                .margin(egui::Margin::symmetric(10, 6));
            text_field(ui, theme, name, "", edit)
        };
        let response = secret(ui, "Token", &mut self.token);
        if !std::mem::replace(&mut self.was_focused, true) {
            response.request_focus();
        }
        let name = "Header for a proxy, if it wants one, as Name: value";
        secret(ui, name, &mut self.header);
        let problem = self.problem.as_deref().or(access.problem());
        ui.scope(|ui| {
            ui.set_min_height(PROBLEM_HEIGHT);
            let problem = problem.unwrap_or_default();
            ui.label(styled(sentence(problem), theme::small(), theme.bad));
        });
        let enter = ui.input_mut(|input| input.consume_key(Modifiers::NONE, Key::Enter));
        // The height of a line: the buttons would stand in the middle of all that is left.
        let line = vec2(ui.available_width(), ui.spacing().interact_size.y);
        let layout = Layout::right_to_left(Align::Center);
        ui.allocate_ui_with_layout(line, layout, |ui| {
            if action(ui, theme, "Log in").clicked() || enter {
                self.enter(commands);
            }
            if action(ui, theme, "Close").clicked() {
                commands.push(UiCommand::Overlay(None));
            }
            if !scene.login.is_empty() && action(ui, theme, "Log out").clicked() {
                commands.push(UiCommand::Login(Login::default()));
                commands.push(UiCommand::Overlay(None));
            }
        });
        let text = "Both are kept until the program ends, and are sent to this server alone.";
        ui.label(styled(text, theme::small(), theme.muted));
    }

    fn enter(&mut self, commands: &mut Vec<UiCommand>) {
        match Login::typed(&self.token, &self.header) {
            Ok(login) if login.is_empty() => {
                self.problem = Some("type a token or a header".to_owned());
            }
            Ok(login) => {
                commands.push(UiCommand::Login(login));
                commands.push(UiCommand::Overlay(None));
            }
            Err(problem) => self.problem = Some(problem),
        }
    }
}

/// A text as a sentence.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let Some(first) = chars.next() else {
        return String::new();
    };
    let end = if text.ends_with('.') { "" } else { "." };
    format!("{}{}{end}", first.to_uppercase(), chars.as_str())
}
