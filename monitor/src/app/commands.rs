//! Carries out the commands of the panels.

use std::path::Path;

use super::monitor::Monitor;
use crate::{
    data::alerts::RULES_MAX,
    files::{
        destination,
        recording::{RecordingPlayer, RecordingWriter},
    },
    ui::command::{PlayerAction, UiCommand},
};

impl Monitor {
    /// Carries out a command.
    pub fn execute(&mut self, command: UiCommand) {
        let now_ns = self.now_ns;
        match command {
            UiCommand::Select(topic) => self.screen.selected = Some(topic),
            UiCommand::Chart { topic, placement } => self.chart(topic, placement),
            UiCommand::ClosePane => self.panels.workspace.close_active(),
            UiCommand::OpenHealth => {
                self.panels.workspace.open_health();
            }
            UiCommand::View(step) => self.panels.workspace.step(step, now_ns),
            UiCommand::Style(style) => self.panels.workspace.set_style(style),
            UiCommand::Scale(mode) => self.panels.workspace.set_scale_mode(mode),
            UiCommand::NextPane => self.panels.workspace.next_pane(),
            UiCommand::ToggleLink => self.panels.workspace.toggle_link(),
            UiCommand::PageBack(topic) => {
                if let Some(before) = self.server.missing_before(&topic) {
                    self.line.requests.ask_history(&topic, before);
                }
            }
            UiCommand::ToggleTree => self.panels.watch_list.toggle_tree(),
            UiCommand::FollowAll => self.panels.workspace.follow_all(now_ns),
            UiCommand::Overlay(overlay) => {
                let mut overlays = std::mem::take(&mut self.panels.overlays);
                overlays.set(overlay, &self.scene());
                self.panels.overlays = overlays;
            }
            UiCommand::SetTheme(theme) => self.common.preferences.theme = theme,
            UiCommand::SetZoom(zoom) => self.common.preferences.zoom = zoom,
            UiCommand::SetMemoryLimit(bytes) => {
                self.common.preferences.memory_limit = bytes;
                self.apply_memory_limit();
            }
            UiCommand::SetZone(zone) => {
                self.common.preferences.zone = zone;
                self.screen.zone = zone.zone();
            }
            UiCommand::SetFlash(flash) => self.common.preferences.flash = flash,
            UiCommand::SetSoundCommand(line) => self.common.preferences.sound_command = line,
            UiCommand::SetFolder(folder) => self.common.preferences.folder = folder,
            UiCommand::Server(action) => self.owner.server = Some(action),
            UiCommand::Connect(url) => {
                self.end_playing();
                self.owner.reconnect_to = Some(url);
            }
            UiCommand::SaveLayout(name) => {
                let workspace = self.panels.workspace.clone();
                self.screen.layouts.save(name, workspace);
            }
            UiCommand::LoadLayout(name) => {
                if let Some(workspace) = self.screen.layouts.load(name) {
                    self.panels.workspace = workspace;
                    let topic = self.panels.workspace.main_topic();
                    self.screen.selected = topic.or(self.screen.selected.take());
                }
            }
            UiCommand::DeleteLayout(name) => self.screen.layouts.delete(&name),
            UiCommand::Export(what) => self.export(what),
            UiCommand::ToggleRecording => self.toggle_recording(),
            UiCommand::Play(path) => self.open_recording(&path),
            UiCommand::Player(step) => self.steer_player(step),
            UiCommand::AddAlert { topic, condition } => {
                if self.server.alerts.add(topic, condition).is_none() {
                    self.notify(format!(
                        "Cannot add another alert (limit {RULES_MAX}): remove one first."
                    ));
                }
            }
            UiCommand::SwitchAlert(id, is_on) => {
                self.server.alerts.change(id, |rule| rule.is_on = is_on);
            }
            UiCommand::SetAlertSound(id, sound) => {
                self.server.alerts.change(id, |rule| rule.sound = sound)
            }
            UiCommand::SetAlertCommand(id, line) => {
                self.server.alerts.change(id, |rule| rule.command = line);
            }
            UiCommand::RemoveAlert(id) => self.server.alerts.remove(id),
            UiCommand::AcknowledgeAlerts => self.server.alerts.acknowledge(),
        }
        self.sync_subscriptions();
    }

    fn toggle_recording(&mut self) {
        if let Some(notice) = self.recordings.end_writing() {
            self.notify(notice);
            return;
        }
        let path = destination::file_name(
            &self.common.preferences.folder(),
            "recording",
            self.now_ns,
            "jsonl",
        );
        match RecordingWriter::start(path) {
            Ok(writer) => self.recordings.writer = Some(writer),
            Err(error) => self.notify(format!("Cannot record: {error}")),
        }
    }

    fn open_recording(&mut self, path: &Path) {
        match RecordingPlayer::open(path) {
            Ok(player) => {
                self.recordings.player = Some(player);
                self.forget();
            }
            Err(error) => self.notify(error.to_string()),
        }
    }

    fn steer_player(&mut self, step: PlayerAction) {
        let Some(player) = &mut self.recordings.player else {
            return;
        };
        match step {
            PlayerAction::SetPaused(paused) => player.set_paused(paused),
            PlayerAction::SetSpeed(speed) => player.set_speed(speed),
            PlayerAction::Seek(time_ns) => match player.seek(time_ns) {
                Ok(true) => self.forget(),
                Ok(false) => {}
                Err(error) => self.notify(format!("Cannot seek: {error}")),
            },
            PlayerAction::Stop => {
                self.end_playing();
                // Updates that the server sent meanwhile were dropped: the connection starts again.
                self.connect();
            }
        }
    }

    fn end_playing(&mut self) {
        if self.recordings.player.take().is_some() {
            self.forget();
        }
    }
}
