//! Panes in windows of their own.
//!
//! Each window is repainted by itself. The main one wakes the others when updates came or when
//! something that they show was changed, and the other way round.

use std::time::{Duration, Instant};

use egui::{CentralPanel, Context, Event, Frame, Ui, ViewportCommand, ViewportId, ViewportInfo};

use super::monitor::Monitor;
use crate::{
    data::{
        pane_windows::{PANE_WINDOWS_MAX, PaneId, ScreenArea, WindowPlace},
        repaint_interval::AT_ONCE,
    },
    ui::{command::UiCommand, keyboard, own_window, panes::OpenWindow, scene::Scene},
};

impl Monitor {
    /// Whether a window is to be opened, so that the screens must be known.
    pub(crate) fn wants_screens(&self) -> bool {
        self.panels.workspace.wants_screens()
    }

    /// The windows that are to be open beside the main one. One that lies outside of all screens
    /// comes to the first of them; without `screens` the system decides.
    pub fn pane_windows(&mut self, screens: &[ScreenArea]) -> Vec<OpenWindow> {
        self.panels.workspace.open_windows(screens)
    }

    /// Opens all windows of panes again, where they were last: those of another server were shown.
    pub(super) fn reopen_windows(&mut self) {
        self.panels.workspace.reopen_windows();
    }

    /// The user has moved or resized the window of a pane.
    pub fn pane_window_moved(&mut self, pane: PaneId, place: WindowPlace) {
        self.panels.workspace.window_moved(pane, place);
    }

    /// Takes a pane out into a window of its own, or puts it back.
    pub(super) fn toggle_window(&mut self, pane: Option<PaneId>) {
        let workspace = &mut self.panels.workspace;
        let Some(pane) = pane.or_else(|| workspace.used_pane()) else {
            self.notify("There is no pane to take out: open one first.".to_owned());
            return;
        };
        if !workspace.toggle_window(pane) {
            self.notify(format!(
                "Cannot open another window (limit {PANE_WINDOWS_MAX}): put a pane back first."
            ));
        }
    }

    /// Draws the window of a pane and carries out the commands that the user gave. A window that
    /// the user closes puts its pane back.
    pub fn pane_window_ui(&mut self, ui: &mut Ui, pane: PaneId) {
        let ctx = ui.ctx().clone();
        // Where there are no other windows, it is drawn within the main one.
        if ctx.viewport_id() != ViewportId::ROOT {
            self.pane_window_told(ui, pane);
        }
        if !self.panels.workspace.has_window(pane) {
            // The main window closes it with its next repaint.
            own_window::put_back(ui, &self.scene());
            self.wake_changed(&ctx);
            return;
        }
        let was_covered = self.panels.overlays.is_open();
        let mut commands = match was_covered {
            true => Vec::new(),
            false => keyboard::pressed(&ctx),
        };
        self.dropped_files(ui, &mut commands);
        self.order_by_source();
        let mut panels = std::mem::take(&mut self.panels);
        let scene = Scene {
            is_covered: was_covered,
            is_own_window: true,
            ..self.scene()
        };
        CentralPanel::default()
            .frame(Frame::NONE.fill(scene.theme.background))
            .show(ui, |ui| {
                commands.extend(panels.workspace.show_window(ui, &scene, pane));
            });
        self.panels = panels;
        self.owner
            .picture_drawn(self.panels.workspace.active_rect());
        self.execute_all(commands, Some(pane));
        if !was_covered && self.panels.overlays.is_open() {
            // Dialogs are in the main window.
            ctx.send_viewport_cmd_to(ViewportId::ROOT, ViewportCommand::Focus);
        }
        self.wake_changed(&ctx);
        self.schedule(&ctx);
    }

    /// Takes in what the system tells of the window of a pane.
    fn pane_window_told(&mut self, ui: &Ui, pane: PaneId) {
        ui.input(|input| {
            let info = input.viewport();
            if let Some(place) = place_of(info) {
                self.pane_window_moved(pane, place);
            }
            let workspace = &mut self.panels.workspace;
            if input.raw.events.contains(&Event::WindowFocused(true)) {
                workspace.window_entered(pane);
            }
            if info.close_requested() {
                workspace.put_back(pane);
            }
        });
    }

    /// Carries out the commands of one repaint, given in the window of a pane or in the main one.
    pub(super) fn execute_all(&mut self, commands: Vec<UiCommand>, window: Option<PaneId>) {
        for command in commands {
            let is_request = command.is_request();
            match (command, window) {
                (UiCommand::ClosePane, Some(pane)) => self.panels.workspace.close_pane(pane),
                (command, _) => self.execute(command),
            }
            if !is_request {
                self.panels.workspace.changed();
            }
        }
        self.sync_subscriptions();
    }

    /// Wakes the other windows if something that they show was changed.
    pub(super) fn wake_changed(&mut self, ctx: &Context) {
        self.wake_pictured(ctx);
        let workspace = &mut self.panels.workspace;
        workspace.raise_asked(ctx);
        if workspace.take_news() {
            let here = ctx.viewport_id();
            let all = workspace.window_ids().chain([ViewportId::ROOT]);
            for id in all.filter(|id| *id != here) {
                wake(ctx, id, Duration::ZERO);
            }
        }
    }

    /// Wakes the window of which a picture is wanted.
    fn wake_pictured(&mut self, ctx: &Context) {
        if self.owner.wanted_picture.is_none() {
            return;
        }
        let window = self.panels.workspace.active_window();
        if is_hidden(ctx, window) {
            self.owner.wanted_picture = None;
            self.notify("A hidden window has no picture: show it first.".to_owned());
        } else {
            wake(ctx, window, Duration::ZERO);
        }
    }

    /// Wakes the windows of panes if updates came that they do not show yet. `now` is the time.
    pub(crate) fn wake_updated(&mut self, ctx: &Context, now: Instant) {
        if self.screen.arrived.is_none() || !self.panels.workspace.has_windows() {
            return;
        }
        let wait = self
            .screen
            .window_wakes
            .wait(now, self.screen.repaint_interval);
        for id in self.panels.workspace.window_ids() {
            wake(ctx, id, wait);
        }
    }
}

fn is_hidden(ctx: &Context, id: ViewportId) -> bool {
    ctx.input(|input| {
        let info = input.raw.viewports.get(&id);
        info.and_then(ViewportInfo::visible) == Some(false)
    })
}

/// Repaints a window after a wait. One that is hidden or minimised costs nothing.
fn wake(ctx: &Context, id: ViewportId, wait: Duration) {
    // The main window closes windows, and brings them back, also while it is hidden.
    if id == ViewportId::ROOT || !is_hidden(ctx, id) {
        ctx.request_repaint_after_for(wait.max(AT_ONCE), id);
    }
}

/// Where a window is, if the system tells it. A minimised one has no place.
fn place_of(info: &ViewportInfo) -> Option<WindowPlace> {
    let inner = info.inner_rect?;
    let position = info.outer_rect.map(|rect| rect.min.into());
    (info.visible() != Some(false)).then(|| WindowPlace {
        position,
        size: inner.size().into(),
    })
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use egui::RawInput;

    use super::*;

    const SEEN: PaneId = PaneId(1);
    const MINIMISED: PaneId = PaneId(2);
    const COVERED: PaneId = PaneId(3);

    #[test]
    fn a_window_that_is_hidden_is_not_woken_and_the_main_one_always_is() {
        let id = |pane: PaneId| ViewportId::from_hash_of(pane);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let ctx = Context::default();
        let asking = Arc::clone(&asked);
        ctx.set_repaint_observer(move |request| {
            asking.lock().unwrap().push(request.viewport_id);
        });
        let mut input = RawInput::default();
        let hidden = |minimized, occluded| ViewportInfo {
            minimized: Some(minimized),
            occluded: Some(occluded),
            ..ViewportInfo::default()
        };
        input.viewports.insert(id(SEEN), hidden(false, false));
        input.viewports.insert(id(MINIMISED), hidden(true, false));
        input.viewports.insert(id(COVERED), hidden(false, true));
        input
            .viewports
            .insert(ViewportId::ROOT, hidden(true, false));
        let mut woken = Vec::new();
        let output = ctx.run_ui(input, |ui| {
            asked.lock().unwrap().clear();
            for id in [id(MINIMISED), id(SEEN), id(COVERED), ViewportId::ROOT] {
                wake(ui.ctx(), id, Duration::from_millis(33));
            }
            woken.append(&mut asked.lock().unwrap());
        });
        // It is not drawn: textures are dropped instead of uploaded.
        let mut textures = output.textures_delta;
        textures.clear();
        assert_eq!(woken, [id(SEEN), ViewportId::ROOT]);
    }

    #[test]
    fn the_place_of_a_window_is_that_of_its_frame_and_a_minimised_one_has_none() {
        let rect = |left, top| {
            let size = egui::vec2(640.0, 480.0);
            egui::Rect::from_min_size(egui::pos2(left, top), size)
        };
        let info = ViewportInfo {
            inner_rect: Some(rect(104.0, 130.0)),
            outer_rect: Some(rect(100.0, 100.0)),
            ..ViewportInfo::default()
        };
        let place = WindowPlace {
            position: Some((100.0, 100.0)),
            size: (640.0, 480.0),
        };
        assert_eq!(place_of(&info), Some(place));
        // Wayland does not tell where a window is.
        let unplaced = ViewportInfo {
            outer_rect: None,
            ..info.clone()
        };
        let place = WindowPlace::of_size((640.0, 480.0));
        assert_eq!(place_of(&unplaced), Some(place));
        let minimised = ViewportInfo {
            minimized: Some(true),
            ..info
        };
        assert_eq!(place_of(&minimised), None);
    }
}
