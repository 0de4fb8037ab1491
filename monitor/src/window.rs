//! The window: what joins the program, the connection and eframe.

use std::{
    collections::{HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use tickcast_protocol::topic::Filter;

use crate::{
    app::{Fleet, Monitor, Picture, ServerId},
    args::{Args, URL_DEFAULT},
    connection::{Connection, Requests, clock_ns},
    icon,
    inbox::Inbox,
    report::Report,
    saver::Saver,
    scene::{Command, PlayerStep},
    settings::{self, Settings},
};

/// Size of the window at the first start, in points.
const SIZE_DEFAULT: (f32, f32) = (1440.0, 900.0);

/// Smallest size that still shows a list and a chart.
const SIZE_MIN: (f32, f32) = (720.0, 420.0);

/// What came in is shown 30 times a second: numbers cannot be read faster, and charts that move
/// faster ask for more by themselves.
const REPAINT_INTERVAL: Duration = Duration::from_millis(33);

/// Settings are saved so often, and at the end.
const SAVE_INTERVAL: Duration = Duration::from_secs(30);

struct Window {
    fleet: Fleet,
    connections: HashMap<ServerId, Connection>,
    filters: Vec<Filter>,
    /// None if there is no place for settings on this machine.
    saver: Option<Saver>,
    saved_at: Instant,
    screenshots: Screenshots,
}

/// Pictures that are still to be taken.
struct Screenshots {
    paths: VecDeque<PathBuf>,
    wait: Duration,
    due: Instant,
}

impl Screenshots {
    fn new(args: &Args) -> Self {
        let wait = Duration::try_from_secs_f64(args.screenshot_after).unwrap_or_default();
        Self {
            paths: args.screenshots.iter().cloned().collect(),
            wait,
            due: Instant::now() + wait,
        }
    }
}

/// Opens the window and runs until it is closed.
pub fn run(args: Args) -> anyhow::Result<()> {
    let settings_path = args.settings.clone().or_else(settings::default_path);
    let (mut settings, error) = match &settings_path {
        Some(path) => Settings::load(path),
        None => Default::default(),
    };
    if let Some(theme) = args.theme {
        settings.preferences.theme = theme;
    }
    let url = args
        .url
        .clone()
        .or_else(|| settings.url.clone())
        .unwrap_or_else(|| URL_DEFAULT.to_owned());
    let size = args.size.or(settings.window).unwrap_or(SIZE_DEFAULT);
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Tickcast")
            .with_app_id("tickcast-monitor")
            .with_icon(icon::icon())
            .with_inner_size(size)
            .with_min_inner_size(SIZE_MIN),
        persist_window: false,
        ..Default::default()
    };
    let create = move |cc: &eframe::CreationContext<'_>| {
        Monitor::prepare(&cc.egui_ctx);
        let screenshots = Screenshots::new(&args);
        let others = std::mem::take(&mut settings.others);
        let inbox = Inbox::new(|| {});
        let mut monitor = Monitor::new(url, inbox, Requests::nobody(), settings, &args.charts);
        monitor.connect();
        monitor.take_in(clock_ns());
        if let Some(error) = error {
            tracing::warn!("{error}");
            monitor.tell(error.to_string());
        }
        if let Some(path) = &args.report {
            monitor.set_report(Report::start(path, Instant::now())?);
        }
        if let Some(path) = args.play {
            monitor.execute(Command::Play(path));
            if let Some(speed) = args.play_speed {
                monitor.execute(Command::Player(PlayerStep::SetSpeed(speed)));
            }
        }
        let mut window = Window {
            fleet: Fleet::new(monitor, others),
            connections: HashMap::new(),
            filters: args.filters,
            saver: settings_path.map(Saver::start).transpose()?,
            saved_at: Instant::now(),
            screenshots,
        };
        window.connect(&cc.egui_ctx);
        Ok(Box::new(window) as Box<dyn eframe::App>)
    };
    eframe::run_native("tickcast-monitor", options, Box::new(create))
        .map_err(|error| anyhow::anyhow!("cannot open a window: {error}"))
}

fn connect(
    url: &str,
    filters: &[Filter],
    ctx: &egui::Context,
) -> std::io::Result<(Connection, Inbox, Requests)> {
    let ctx = ctx.clone();
    let inbox = Inbox::new(move || ctx.request_repaint_after(REPAINT_INTERVAL));
    let (connection, requests) = Connection::start(url, filters.to_vec(), inbox.clone())?;
    Ok((connection, inbox, requests))
}

impl Window {
    /// Connects servers that are to be connected, and lets go of those that were removed.
    fn connect(&mut self, ctx: &egui::Context) {
        let mut known = Vec::new();
        for (id, monitor) in self.fleet.monitors() {
            known.push(id);
            let Some(url) = monitor.take_reconnect() else {
                continue;
            };
            match connect(&url, &self.filters, ctx) {
                Ok((connection, inbox, requests)) => {
                    self.connections.insert(id, connection);
                    monitor.reconnected(url, inbox, requests);
                }
                Err(error) => monitor.tell(format!("Cannot start a connection: {error}")),
            }
        }
        self.connections.retain(|id, _| known.contains(id));
    }

    fn save(&mut self) {
        self.saved_at = Instant::now();
        let Some(saver) = &mut self.saver else {
            return;
        };
        if let Err(error) = saver.save(&self.fleet.settings()) {
            let notice = format!("Cannot save the settings: {error}");
            tracing::warn!("{notice}");
            self.fleet.active_mut().tell(notice);
        }
    }

    fn save_pane(&mut self, ctx: &egui::Context) {
        let Some(Picture { rect, path }) = self.fleet.active_mut().take_picture() else {
            return;
        };
        let pixels_per_point = ctx.pixels_per_point();
        let news = self.fleet.active().news();
        ctx.request_screenshot(move |picture: Arc<egui::ColorImage>| {
            let pane = picture.region(&rect, Some(pixels_per_point));
            let told = match save_picture(&path, &pane) {
                Ok(()) => format!("Saved to {}", path.display()),
                Err(error) => format!("Cannot save {}: {error}", path.display()),
            };
            // If too many others have something to say as well, this is not worth waiting.
            let _ = news.try_send(told);
        });
    }

    fn take_screenshot(&mut self, ctx: &egui::Context) {
        let screenshots = &mut self.screenshots;
        if screenshots.paths.is_empty() {
            return;
        }
        ctx.request_repaint_after(Duration::from_millis(100));
        if Instant::now() < screenshots.due {
            return;
        }
        screenshots.due = Instant::now() + screenshots.wait;
        let Some(path) = screenshots.paths.pop_front() else {
            return;
        };
        let is_last = screenshots.paths.is_empty();
        let window = ctx.clone();
        ctx.request_screenshot(move |picture: Arc<egui::ColorImage>| {
            if let Err(error) = save_picture(&path, &picture) {
                tracing::error!("cannot save {}: {error}", path.display());
            }
            if is_last {
                window.send_viewport_cmd(egui::ViewportCommand::Close);
            }
        });
    }
}

fn save_picture(path: &std::path::Path, picture: &egui::ColorImage) -> image::ImageResult<()> {
    let [width, height] = picture.size;
    image::save_buffer(
        path,
        picture.as_raw(),
        width as u32,
        height as u32,
        image::ColorType::Rgba8,
    )
}

impl eframe::App for Window {
    /// Also called while the window is hidden: what comes in is taken in all the same.
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.fleet.take_in(clock_ns());
        let is_visible = ctx.input(|input| input.viewport().visible()) != Some(false);
        if !is_visible {
            self.fleet.active_mut().hidden();
        }
        for (_, monitor) in self.fleet.monitors() {
            monitor.report(is_visible, Instant::now());
        }
        self.connect(ctx);
        if self.saved_at.elapsed() > SAVE_INTERVAL {
            self.save();
        }
        // While hidden nothing else asks to be woken when nothing comes.
        ctx.request_repaint_after(SAVE_INTERVAL);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _frame: &mut eframe::Frame) {
        self.fleet.ui(ui);
        let size = ui.ctx().viewport_rect().size();
        self.fleet.active_mut().window_size(size);
        self.save_pane(ui.ctx());
        self.take_screenshot(ui.ctx());
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        if let Some(saver) = self.saver.take()
            && let Err(error) = saver.finish(&self.fleet.settings())
        {
            tracing::warn!("Cannot save the settings: {error}");
        }
        self.fleet.finish();
        for (_, connection) in self.connections.drain() {
            connection.close();
        }
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}
