//! Carries out the commands of the panels.

use std::path::Path;

use tickcast_log::Range;
use tickcast_protocol::topic::Topic;

use super::{monitor::Monitor, playing::Playing};
use crate::{
    data::{
        alerts::RULES_MAX,
        topics::{SETTINGS_MAX, TopicSettings},
    },
    files::{
        destination,
        recording::{RecordedScope, RecordingPlayer, RecordingWriter},
    },
    ui::command::{Overlay, PlayerAction, UiCommand},
};

impl Monitor {
    /// Carries out a command.
    pub fn execute(&mut self, command: UiCommand) {
        let now_ns = self.now_ns;
        match command {
            UiCommand::Select(topic) => self.screen.selected = Some(topic),
            UiCommand::SetTopic(topic, settings) => self.set_topic(topic, settings),
            UiCommand::AddDerived(definition) => self.add_derived(definition),
            UiCommand::RemoveDerived(topic) => self.remove_derived(&topic),
            UiCommand::Publish(topic, value) => self.publish(topic, value),
            UiCommand::Login(login) => self.log_in(login),
            UiCommand::AddTile => self.add_tile(),
            UiCommand::NextTileKind => {
                if let Some(topic) = &self.screen.selected {
                    self.panels.workspace.next_tile_kind(topic);
                }
            }
            UiCommand::OpenTrades => self.open_trades(),
            UiCommand::Chart { topic, placement } => self.chart(topic, placement),
            UiCommand::ClosePane => self.panels.workspace.close_active(),
            UiCommand::ToggleWindow(pane) => self.toggle_window(pane),
            UiCommand::PutAllBack => self.panels.workspace.put_all_back(),
            UiCommand::OpenHealth => {
                self.panels.workspace.open_health();
            }
            UiCommand::OpenInspector => {
                let has_room = self.panels.workspace.open_inspector();
                self.check_room(has_room);
            }
            UiCommand::Inspect(topic, position) => {
                let has_room = self.panels.workspace.inspect(&topic, position);
                self.screen.selected = Some(topic);
                self.check_room(has_room);
            }
            UiCommand::ToggleLog => match self.screen.selected.clone() {
                Some(topic) => {
                    let has_room = self.panels.workspace.toggle_log(topic);
                    self.check_room(has_room);
                }
                None => self.notify("Select a topic for the log first.".to_owned()),
            },
            UiCommand::View(step) => self.panels.workspace.step(step, now_ns),
            UiCommand::Style(style) => self.panels.workspace.set_style(style, now_ns),
            UiCommand::Scale(mode) => self.panels.workspace.set_scale_mode(mode, now_ns),
            UiCommand::Basis(basis) => self.panels.workspace.toggle_basis(basis),
            UiCommand::Series(topic, action) => self.change_series(topic, action),
            UiCommand::ToggleCursors => self.panels.workspace.toggle_cursors(now_ns),
            UiCommand::NextPane => self.panels.workspace.next_pane(),
            UiCommand::ToggleLink => self.panels.workspace.toggle_link(),
            UiCommand::PageBack(topic) => {
                if self.recordings.playing.is_none()
                    && let Some(before) = self.server.missing_before(&topic)
                {
                    self.line.requests.ask_history(&topic, before);
                }
            }
            UiCommand::LongHistory {
                topic,
                interval,
                wanted,
            } => self.ask_long(&topic, interval, wanted),
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
            UiCommand::ToggleSourceTimes => {
                let is_on = !self.common.preferences.source_times;
                self.common.preferences.source_times = is_on;
                self.notify(match is_on {
                    true => "Charts show source times.".to_owned(),
                    false => "Charts show times of arrival.".to_owned(),
                });
            }
            UiCommand::SetReference(reference) => self.common.preferences.reference = reference,
            UiCommand::SetFlash(flash) => self.common.preferences.flash = flash,
            UiCommand::SetSoundCommand(line) => self.common.preferences.sound_command = line,
            UiCommand::SetFolder(folder) => self.common.preferences.folder = folder,
            UiCommand::Server(action) => self.owner.server = Some(action),
            UiCommand::Connect(url) => {
                self.end_playing();
                self.owner.reconnect_to = Some(url);
            }
            UiCommand::SaveLayout(name) => {
                let workspace = self.layout_to_save();
                self.screen.layouts.save(name, workspace);
            }
            UiCommand::LoadLayout(name) => {
                if let Some(mut workspace) = self.screen.layouts.load(name) {
                    self.add_derived_of(&workspace);
                    workspace.set_derived(Vec::new());
                    workspace.reopen_windows();
                    self.panels.workspace = workspace;
                    let topic = self.panels.workspace.main_topic();
                    self.screen.selected = topic.or(self.screen.selected.take());
                }
            }
            UiCommand::RenameLayout(from, to) => {
                if !self.screen.layouts.rename(&from, to.clone()) {
                    self.notify(format!(
                        "There is a layout {to:?} already: choose another name."
                    ));
                }
            }
            UiCommand::DeleteLayout(name) => self.screen.layouts.delete(&name),
            UiCommand::Export(what) => self.export(what),
            UiCommand::ToggleRecording => self.toggle_recording(),
            UiCommand::Record(scope) => self.record(scope),
            UiCommand::Play(path) => self.play_recording(&path, Range::ALL),
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
            UiCommand::SetAlertMargin(id, margin) => {
                self.server.alerts.change(id, |rule| rule.margin = margin);
            }
            UiCommand::MuteAlerts { rule, for_ns } => {
                let until_ns = for_ns.map(|for_ns| self.live_ns.saturating_add(for_ns));
                self.server.alerts.mute(rule, until_ns);
            }
            UiCommand::Notify(notice) => self.notify(notice),
            UiCommand::RemoveAlert(id) => self.server.alerts.remove(id),
            UiCommand::AcknowledgeAlerts => {
                self.server.alerts.acknowledge();
                if let Some(playing) = &mut self.recordings.playing {
                    playing.data.alerts.acknowledge();
                }
            }
        }
        if let Some(playing) = &mut self.recordings.playing {
            let rules = self.server.alerts.rules_for_recording();
            playing.data.alerts.set_rules(rules);
            playing.data.store.set_settings(&self.screen.topics);
            playing.data.set_derived(&self.server.derived);
        }
        self.sync_subscriptions();
    }

    fn set_topic(&mut self, topic: Topic, settings: TopicSettings) {
        let topics = &mut self.screen.topics;
        if settings.is_empty() {
            topics.remove(&topic);
        } else if topics.len() < SETTINGS_MAX || topics.contains_key(&topic) {
            topics.insert(topic, settings);
        } else {
            self.notify(format!(
                "Cannot set anything for another topic (limit {SETTINGS_MAX}): unset one first."
            ));
        }
        self.server.store.set_settings(&self.screen.topics);
    }

    /// Ends the recording, or asks what to record.
    fn toggle_recording(&mut self) {
        if let Some(notice) = self.recordings.end_writing() {
            self.line.requests.want_all(false);
            self.notify(notice);
        } else {
            self.execute(UiCommand::Overlay(Some(Overlay::Record)));
        }
    }

    fn record(&mut self, scope: RecordedScope) {
        if self.recordings.writer.is_some() {
            return;
        }
        let path = destination::file_name(
            &self.common.preferences.folder(),
            &format!("recording-{}", scope.name()),
            self.live_ns,
            "jsonl",
        );
        match RecordingWriter::start(path, scope) {
            Ok(writer) => self.recordings.writer = Some(writer),
            Err(error) => self.notify(format!("Cannot record: {error}")),
        }
        self.line.requests.want_all(self.recordings.wants_all());
    }

    /// Plays a recording, or a range of the log in a folder.
    pub(super) fn play_recording(&mut self, path: &Path, range: Range) {
        match RecordingPlayer::open(path, range) {
            Ok(player) => {
                let memory = (self.server.store.bytes(), self.memory_limit());
                let rules = self.server.alerts.rules_for_recording();
                self.now_ns = player.now_ns();
                self.recordings.playing = Some(Playing::new(player, rules, memory));
                self.panels.workspace.follow_all(self.now_ns);
            }
            Err(error) => self.notify(error.to_string()),
        }
    }

    fn steer_player(&mut self, step: PlayerAction) {
        let Some(playing) = &mut self.recordings.playing else {
            return;
        };
        match step {
            PlayerAction::SetPaused(paused) => playing.player.set_paused(paused),
            PlayerAction::SetSpeed(speed) => playing.player.set_speed(speed),
            PlayerAction::Seek(time_ns) => match playing.player.seek(time_ns) {
                Ok(true) => playing.forget(),
                Ok(false) => {}
                Err(error) => self.notify(format!("Cannot seek: {error}")),
            },
            PlayerAction::SetAlerts(has_alerts) => playing.has_alerts = has_alerts,
            PlayerAction::Stop => self.end_playing(),
        }
    }

    /// Shows the server again, whose updates went on unseen.
    fn end_playing(&mut self) {
        if self.recordings.playing.take().is_some() {
            self.now_ns = self.live_ns;
            self.panels.workspace.follow_all(self.now_ns);
        }
    }
}
