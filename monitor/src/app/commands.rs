//! Doing what panels ask for.

use std::{collections::HashSet, path::Path};

use tickcast_protocol::{message::TimeNs, topic::Topic};

use super::{Monitor, Picture};
use crate::{
    export,
    panels::ActiveChart,
    recording::{Player, Recorder},
    scene::{Command, Export, Place, PlayerStep},
};

impl Monitor {
    /// Does what a panel asks for.
    pub fn execute(&mut self, command: Command) {
        let now_ns = self.now_ns;
        match command {
            Command::Select(topic) => self.selected = Some(topic),
            Command::Chart { topic, place } => self.chart(topic, place),
            Command::ClosePane => self.settings.workspace.close_active(),
            Command::OpenHealth => {
                self.settings.workspace.open_health();
            }
            Command::View(step) => self.settings.workspace.step(step, now_ns),
            Command::Style(style) => self.settings.workspace.set_style(style),
            Command::Scale(mode) => self.settings.workspace.set_scale_mode(mode),
            Command::NextPane => self.settings.workspace.next_pane(),
            Command::ToggleLink => self.settings.workspace.toggle_link(),
            Command::PageBack(topic) => self.page_back(&topic),
            Command::ToggleTree => self.settings.watch_list.toggle_tree(),
            Command::FollowAll => self.settings.workspace.follow_all(now_ns),
            Command::Overlay(overlay) => {
                let mut overlays = std::mem::take(&mut self.overlays);
                overlays.set(overlay, &self.scene(&self.settings));
                self.overlays = overlays;
            }
            Command::SetTheme(theme) => self.settings.preferences.theme = theme,
            Command::SetZoom(zoom) => self.settings.preferences.zoom = zoom,
            Command::SetMemoryLimit(bytes) => {
                self.settings.preferences.memory_limit = bytes;
                self.store.set_memory_limit(self.memory_limit());
            }
            Command::SetZone(zone) => {
                self.settings.preferences.zone = zone;
                self.zone = zone.zone();
            }
            Command::SetFlash(flash) => self.settings.preferences.flash = flash,
            Command::SetSoundCommand(line) => self.settings.preferences.sound_command = line,
            Command::SetFolder(folder) => self.settings.preferences.folder = folder,
            Command::Server(wish) => self.server_wish = Some(wish),
            Command::Connect(url) => {
                self.end_playing();
                self.reconnect_to = Some(url);
            }
            Command::SaveLayout(_) | Command::LoadLayout(_) | Command::DeleteLayout(_) => {
                self.execute_layout(command);
            }
            Command::Export(what) => self.export(what),
            Command::ToggleRecording => self.toggle_recording(),
            Command::Play(path) => self.open_recording(&path),
            Command::Player(step) => self.steer_player(step),
            Command::AddAlert { topic, condition } => {
                if self.alerts.add(topic, condition).is_none() {
                    self.tell("There are as many alerts as can be.".to_owned());
                }
            }
            Command::SwitchAlert(id, is_on) => {
                self.alerts.change(id, |rule| rule.is_on = is_on);
            }
            Command::SetAlertSound(id, sound) => self.alerts.change(id, |rule| rule.sound = sound),
            Command::SetAlertCommand(id, line) => {
                self.alerts.change(id, |rule| rule.command = line);
            }
            Command::RemoveAlert(id) => self.alerts.remove(id),
            Command::AcknowledgeAlerts => self.alerts.acknowledge(),
        }
        self.ask_for_every();
    }

    fn chart(&mut self, topic: Topic, place: Place) {
        self.wants_first_chart = false;
        if !self.settings.workspace.open(topic.clone(), place) {
            self.tell("There are as many panes as can be: close one first.".to_owned());
        }
        self.selected = Some(topic);
    }

    /// Asks for every update of what is charted or watched over, and of nothing else.
    pub(super) fn ask_for_every(&mut self) {
        let mut wanted: HashSet<Topic> = self.settings.workspace.topics();
        wanted.extend(self.alerts.topics().cloned());
        if wanted == *self.requests.wanted() {
            return;
        }
        for topic in self.requests.wanted().difference(&wanted) {
            self.store.want_every(topic, false);
        }
        for topic in &wanted {
            self.store.want_every(topic, true);
        }
        self.health.watch(wanted.iter());
        self.requests.want_every(wanted);
    }

    fn execute_layout(&mut self, command: Command) {
        let settings = &mut self.settings;
        match command {
            Command::SaveLayout(name) => {
                let layout = settings.workspace.clone();
                settings.layouts.insert(name.clone(), layout);
                settings.layout = Some(name);
            }
            Command::LoadLayout(name) => {
                if let Some(layout) = settings.layouts.get(&name) {
                    settings.workspace = layout.clone();
                    settings.layout = Some(name);
                    self.selected = settings.workspace.main_topic().or(self.selected.take());
                }
            }
            Command::DeleteLayout(name) => {
                settings.layouts.remove(&name);
                settings.layout.take_if(|current| *current == name);
            }
            _ => {}
        }
        self.layout_names = self.settings.layouts.keys().cloned().collect();
    }

    fn export(&mut self, what: Export) {
        let Some(active) = self.settings.workspace.active(self.now_ns) else {
            self.tell("There is no chart to save.".to_owned());
            return;
        };
        match what {
            Export::VisibleCsv => self.export_csv(&active, active.window),
            Export::AllCsv => self.export_csv(&active, (TimeNs::MIN, TimeNs::MAX)),
            Export::Png => {
                if let Some(topic) = active.topics.first() {
                    let path = export::file_name(
                        &self.settings.preferences.folder(),
                        topic,
                        self.now_ns,
                        "png",
                    );
                    self.picture = Some(Picture {
                        rect: active.rect,
                        path,
                    });
                }
            }
        }
    }

    /// Writes one file per topic, on a thread of its own.
    fn export_csv(&mut self, active: &ActiveChart, window: (TimeNs, TimeNs)) {
        for name in &active.topics {
            let topic = self.store.topic_named(name.as_str());
            let Some((series, decimals)) =
                topic.and_then(|topic| Some((topic.series.clone()?, topic.decimals)))
            else {
                self.tell(format!("There is nothing to save of {name}."));
                continue;
            };
            let path = export::file_name(
                &self.settings.preferences.folder(),
                name,
                self.now_ns,
                "csv",
            );
            let news = self.news.0.clone();
            let spawned = std::thread::Builder::new()
                .name("export".to_owned())
                .spawn(move || {
                    let written = export::write_file(&path, |out| {
                        export::csv(&series, decimals, window, out)
                    });
                    // If too many others have something to say as well, this is not worth waiting.
                    let _ = news.try_send(match written {
                        Ok(rows) => format!("{rows} rows saved to {}", path.display()),
                        Err(error) => format!("Cannot save {}: {error}", path.display()),
                    });
                });
            if let Err(error) = spawned {
                self.tell(format!("Cannot save: {error}"));
            }
        }
    }

    fn toggle_recording(&mut self) {
        if let Some(recorder) = self.recorder.take() {
            let path = recorder.path().display().to_string();
            let notice = match recorder.finish() {
                Ok(updates) => format!("{updates} updates recorded in {path}"),
                Err(error) => format!("The recording {path} is not complete: {error}"),
            };
            self.tell(notice);
            return;
        }
        let name = Topic::new("recording").ok();
        let Some(name) = name else { return };
        let path = export::file_name(
            &self.settings.preferences.folder(),
            &name,
            self.now_ns,
            "jsonl",
        );
        match Recorder::start(path) {
            Ok(recorder) => self.recorder = Some(recorder),
            Err(error) => self.tell(format!("Cannot record: {error}")),
        }
    }

    fn open_recording(&mut self, path: &Path) {
        match Player::open(path) {
            Ok(player) => {
                self.player = Some(player);
                self.forget();
            }
            Err(error) => self.tell(error.to_string()),
        }
    }

    fn steer_player(&mut self, step: PlayerStep) {
        let Some(player) = &mut self.player else {
            return;
        };
        match step {
            PlayerStep::SetPaused(paused) => player.set_paused(paused),
            PlayerStep::SetSpeed(speed) => player.set_speed(speed),
            PlayerStep::Seek(time_ns) => match player.seek(time_ns) {
                Ok(true) => self.forget(),
                Ok(false) => {}
                Err(error) => self.tell(format!("Cannot go there: {error}")),
            },
            PlayerStep::Stop => {
                self.end_playing();
                // What the server sent meanwhile was not taken in: it is asked for again.
                self.reconnect_to = Some(self.url.clone());
            }
        }
    }

    fn end_playing(&mut self) {
        if self.player.take().is_some() {
            self.forget();
        }
    }
}
