//! Pictures of the window, and how a picture is saved.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use crate::args::Args;

/// The pictures still to be taken.
pub(super) struct Screenshots {
    paths: VecDeque<PathBuf>,
    wait: Duration,
    due: Instant,
}

impl Screenshots {
    pub(super) fn new(args: &Args) -> Self {
        let wait = Duration::try_from_secs_f64(args.screenshot_after).unwrap_or_default();
        Self {
            paths: args.screenshots.iter().cloned().collect(),
            wait,
            due: Instant::now() + wait,
        }
    }

    /// Takes the next picture, if it is due. The last one closes the window.
    pub(super) fn take_due(&mut self, ctx: &egui::Context) {
        if self.paths.is_empty() {
            return;
        }
        ctx.request_repaint_after(Duration::from_millis(100));
        if Instant::now() < self.due {
            return;
        }
        self.due = Instant::now() + self.wait;
        let Some(path) = self.paths.pop_front() else {
            return;
        };
        let is_last = self.paths.is_empty();
        let window = ctx.clone();
        ctx.request_screenshot(move |picture: Arc<egui::ColorImage>| {
            if let Err(error) = save(&path, &picture) {
                tracing::error!("cannot save {}: {error}", path.display());
            }
            if is_last {
                window.send_viewport_cmd(egui::ViewportCommand::Close);
            }
        });
    }
}

/// Saves a picture as PNG.
pub(super) fn save(path: &Path, picture: &egui::ColorImage) -> image::ImageResult<()> {
    let [width, height] = picture.size;
    image::save_buffer(
        path,
        picture.as_raw(),
        width as u32,
        height as u32,
        image::ColorType::Rgba8,
    )
}
