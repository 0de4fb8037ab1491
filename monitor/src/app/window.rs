//! The window: joins the program, the connections and eframe.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use egui::ViewportId;
use tickcast_log::Range;
use tickcast_protocol::{tls::TlsOptions, topic::Filter};

use super::{
    fleet::{Fleet, ServerId},
    monitor::Monitor,
    owner::{Picture, PictureTarget},
    screenshots::{self, Screenshots},
};
use crate::{
    args::{Args, URL_DEFAULT},
    data::{
        login::Login,
        pane_windows::ScreenArea,
        repaint_interval::{RepaintInterval, WakeTimes, Work},
    },
    files::{
        saved_state::{self, SavedState},
        saver::Saver,
        usage_report::{self, UsageReport},
    },
    net::{ConnectionThread, IncomingQueue, Requests, clock_ns},
    ui::{
        command::{PlayerAction, UiCommand},
        icon,
        theme::Theme,
    },
};

/// Size of the window at the first start, in points.
const SIZE_DEFAULT: (f32, f32) = (1440.0, 900.0);

/// The smallest size that still shows a list and a chart.
const SIZE_MIN: (f32, f32) = (720.0, 420.0);

/// Interval at which the state is saved; it is also saved at the end.
const SAVE_INTERVAL: Duration = Duration::from_secs(30);

/// All servers, for each window that is painted.
type SharedFleet = Arc<Mutex<Fleet>>;

struct MonitorWindow {
    fleet: SharedFleet,
    connections: HashMap<ServerId, ConnectionThread>,
    filters: Vec<Filter>,
    tls: TlsOptions,
    /// `None` if this machine has no folder for settings.
    saver: Option<Saver>,
    saved_at: Instant,
    screenshots: Screenshots,
    /// Set when the window was read for a picture of a pane.
    picture_taken: Arc<AtomicBool>,
    repaint_interval: RepaintInterval,
    /// Repaints so far, whatever server was shown. Those of panes' windows for updates belong to
    /// one of the main window.
    repaints: Arc<AtomicU64>,
    /// The interval of repaints in microseconds, for the threads that wake the window.
    interval_us: Arc<AtomicU64>,
}

/// Opens the window and runs until it is closed.
pub fn run(args: Args) -> anyhow::Result<()> {
    let settings_path = args.settings.clone().or_else(saved_state::default_path);
    let (mut saved, error) = match &settings_path {
        Some(path) => SavedState::load(path),
        None => Default::default(),
    };
    if let Some(theme) = args.theme {
        saved.preferences.theme = theme;
    }
    let url = args
        .url
        .clone()
        .or_else(|| saved.url.clone())
        .unwrap_or_else(|| URL_DEFAULT.to_owned());
    let login = args.login.login().map_err(anyhow::Error::msg)?;
    let size = args.size.or(saved.window).unwrap_or(SIZE_DEFAULT);
    let options = eframe::NativeOptions {
        viewport: egui::ViewportBuilder::default()
            .with_title("Tickcast")
            .with_app_id("tickcast-monitor")
            .with_icon(icon::icon())
            .with_inner_size(size)
            .with_min_inner_size(SIZE_MIN),
        persist_window: false,
        // There are no gradients. Without a graphics card it doubles the cost of each pixel.
        dithering: false,
        ..Default::default()
    };
    let create = move |cc: &eframe::CreationContext<'_>| {
        Monitor::prepare(&cc.egui_ctx);
        let screenshots = Screenshots::new(&args);
        let others = std::mem::take(&mut saved.others);
        let queue = IncomingQueue::new(|| {});
        let mut monitor = Monitor::new(url, queue, Requests::unconnected(), saved, &args.charts);
        monitor.apply_preferences(&cc.egui_ctx);
        monitor.set_login(login);
        monitor.connect();
        monitor.receive(clock_ns());
        if let Some(error) = error {
            tracing::warn!("{error}");
            monitor.notify(error.to_string());
        }
        if let Some(path) = &args.report {
            monitor.set_report(UsageReport::start(path, Instant::now())?);
        }
        if let Some(path) = args.play {
            monitor.play_recording(&path, Range::between(args.play_from, args.play_to));
            if let Some(speed) = args.play_speed {
                monitor.execute(UiCommand::Player(PlayerAction::SetSpeed(speed)));
            }
        }
        let mut window = MonitorWindow {
            fleet: Arc::new(Mutex::new(Fleet::new(monitor, others))),
            connections: HashMap::new(),
            filters: args.filters,
            tls: args.tls.options(),
            saver: settings_path.map(Saver::start).transpose()?,
            saved_at: Instant::now(),
            screenshots,
            picture_taken: Arc::default(),
            repaint_interval: RepaintInterval::default(),
            repaints: Arc::new(AtomicU64::new(0)),
            interval_us: Arc::new(AtomicU64::new(0)),
        };
        window.connect(&cc.egui_ctx);
        Ok(Box::new(window) as Box<dyn eframe::App>)
    };
    eframe::run_native("tickcast-monitor", options, Box::new(create))
        .map_err(|error| anyhow::anyhow!(no_window(&error.to_string())))
}

/// Why there is no window, and what to do. The window library names a line of its source in front
/// of the system's words, which is of no use here.
fn no_window(error: &str) -> String {
    let words = error
        .rsplit_once(".rs:")
        .and_then(|(_, rest)| rest.split_once(": "))
        .map_or(error, |(_, words)| words);
    format!(
        "cannot open a window: {}: start the monitor on a desktop, or set DISPLAY; without one, \
         the command tickcast and the server's page show the same data",
        words.trim_end_matches('.')
    )
}

/// The servers: one window is painted at a time, so this never waits. After a panic the program
/// ends.
fn lock(fleet: &SharedFleet) -> MutexGuard<'_, Fleet> {
    fleet.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Wakes the main window for what a connection has brought; it wakes the others. The context alone
/// would wake the window that is painted at that moment, and while the main one is hidden nothing
/// else wakes it.
fn waker(ctx: egui::Context, interval_us: Arc<AtomicU64>) -> impl Fn() + Send + Sync + 'static {
    let times = Mutex::new(WakeTimes::default());
    move || {
        let interval = Duration::from_micros(interval_us.load(Ordering::Relaxed));
        // A panic while a duration is computed is not possible.
        let mut times = times.lock().unwrap_or_else(PoisonError::into_inner);
        let wait = times.wait(Instant::now(), interval);
        ctx.request_repaint_after_for(wait, ViewportId::ROOT);
    }
}

fn connect(
    url: &str,
    tls: &TlsOptions,
    login: &Login,
    filters: &[Filter],
    ctx: &egui::Context,
    interval_us: &Arc<AtomicU64>,
) -> std::io::Result<(ConnectionThread, IncomingQueue, Requests)> {
    let queue = IncomingQueue::new(waker(ctx.clone(), Arc::clone(interval_us)));
    let filters = filters.to_vec();
    let (connection, requests) =
        ConnectionThread::start(url, tls.clone(), login, filters, queue.clone())?;
    Ok((connection, queue, requests))
}

impl MonitorWindow {
    /// Connects the servers that ask for it, and drops the connections of removed ones.
    fn connect(&mut self, ctx: &egui::Context) {
        let mut known = Vec::new();
        for (id, monitor) in lock(&self.fleet).monitors() {
            known.push(id);
            let Some(url) = monitor.take_reconnect() else {
                continue;
            };
            let login = monitor.login_for(&url);
            let interval_us = &self.interval_us;
            match connect(&url, &self.tls, &login, &self.filters, ctx, interval_us) {
                Ok((connection, queue, requests)) => {
                    self.connections.insert(id, connection);
                    monitor.reconnected(url, queue, requests);
                }
                Err(error) => monitor.notify(format!("Cannot start a connection: {error}")),
            }
        }
        self.connections.retain(|id, _| known.contains(id));
    }

    /// Repaints less often where they take much CPU time, as with a software renderer.
    fn measure_repaints(&mut self) {
        let now = Instant::now();
        if self.repaint_interval.is_due(now)
            && let Some(cpu) = usage_report::cpu_time()
        {
            let repaints = self.repaints.load(Ordering::Relaxed);
            self.repaint_interval.measured(now, Work { cpu, repaints });
        }
        let interval = self.repaint_interval.interval();
        let us = u64::try_from(interval.as_micros()).unwrap_or(u64::MAX);
        self.interval_us.store(us, Ordering::Relaxed);
        lock(&self.fleet)
            .active_mut()
            .set_repaint_interval(interval);
    }

    fn save(&mut self) {
        self.saved_at = Instant::now();
        let Some(saver) = &mut self.saver else {
            return;
        };
        let mut fleet = lock(&self.fleet);
        if let Err(error) = saver.save(&fleet.saved_state()) {
            let notice = format!("Cannot save the settings: {error}");
            tracing::warn!("{notice}");
            fleet.active_mut().notify(notice);
        }
    }

    /// Opens the windows of panes. Closes the window of a pane that was put back.
    fn show_pane_windows(&self, ctx: &egui::Context, frame: &eframe::Frame) {
        let windows = {
            let mut fleet = lock(&self.fleet);
            let monitor = fleet.active_mut();
            let screens = match monitor.wants_screens() {
                true => screens(ctx, frame),
                false => Vec::new(),
            };
            monitor.pane_windows(&screens)
        };
        for window in windows {
            let (fleet, pane) = (Arc::clone(&self.fleet), window.pane);
            let (repaints, taken) = (Arc::clone(&self.repaints), Arc::clone(&self.picture_taken));
            // It is painted later, by itself.
            ctx.show_viewport_deferred(window.id(), window.builder(), move |ui, _| {
                if ui.input(|input| input.pointer.is_moving()) {
                    repaints.fetch_add(1, Ordering::Relaxed);
                }
                let mut fleet = lock(&fleet);
                note_picture_taken(&mut fleet, &taken);
                fleet.active_mut().pane_window_ui(ui, pane);
                save_pane(&mut fleet, ui.ctx(), &taken);
            });
        }
    }
}

/// All screens in points, the main one first.
fn screens(ctx: &egui::Context, frame: &eframe::Frame) -> Vec<ScreenArea> {
    let Some(window) = frame.winit_window() else {
        return Vec::new();
    };
    let pixels_per_point = ctx.pixels_per_point();
    let points = |pixels: f64| pixels as f32 / pixels_per_point;
    let all = window.primary_monitor().into_iter();
    all.chain(window.available_monitors())
        .map(|screen| {
            let (place, size) = (screen.position(), screen.size());
            ScreenArea {
                position: (points(place.x.into()), points(place.y.into())),
                size: (points(size.width.into()), points(size.height.into())),
            }
        })
        .collect()
}

/// Lets panes be drawn as usual again after a window was read for a picture.
fn note_picture_taken(fleet: &mut Fleet, taken: &AtomicBool) {
    if taken.swap(false, Ordering::Relaxed) {
        for (_, monitor) in fleet.monitors() {
            monitor.picture_taken();
        }
    }
}

/// Saves the picture of a pane if it was drawn just now, in this window.
fn save_pane(fleet: &mut Fleet, ctx: &egui::Context, taken: &Arc<AtomicBool>) {
    let Some(Picture { rect, target }) = fleet.active_mut().take_picture() else {
        return;
    };
    let pixels_per_point = ctx.pixels_per_point();
    let notices = fleet.active().notices();
    let (window, taken) = (ctx.clone(), Arc::clone(taken));
    ctx.request_screenshot(move |picture: Arc<egui::ColorImage>| {
        taken.store(true, Ordering::Relaxed);
        window.request_repaint();
        let pane = picture.region(&rect, Some(pixels_per_point));
        let notice = match target {
            PictureTarget::Clipboard => {
                window.copy_image(pane);
                "The picture is in the clipboard".to_owned()
            }
            PictureTarget::File(path) => match screenshots::save(&path, &pane) {
                Ok(()) => format!("Saved to {}", path.display()),
                Err(error) => format!("Cannot save {}: {error}", path.display()),
            },
        };
        // If the channel is full of other notices, this one is dropped.
        let _ = notices.try_send(notice);
    });
}

impl eframe::App for MonitorWindow {
    /// Also called while the window is hidden, so that updates are applied all the time.
    fn logic(&mut self, ctx: &egui::Context, _frame: &mut eframe::Frame) {
        self.measure_repaints();
        let is_visible = ctx.input(|input| input.viewport().visible()) != Some(false);
        {
            let mut fleet = lock(&self.fleet);
            fleet.receive(clock_ns());
            fleet.active_mut().wake_updated(ctx, Instant::now());
            if !is_visible {
                fleet.active_mut().window_hidden();
            }
            for (_, monitor) in fleet.monitors() {
                monitor.write_report(is_visible, Instant::now());
            }
        }
        self.connect(ctx);
        if self.saved_at.elapsed() > SAVE_INTERVAL {
            self.save();
        }
        // While the window is hidden, nothing else wakes it when no update comes.
        ctx.request_repaint_after(SAVE_INTERVAL);
    }

    fn ui(&mut self, ui: &mut egui::Ui, frame: &mut eframe::Frame) {
        self.repaints.fetch_add(1, Ordering::Relaxed);
        {
            let mut fleet = lock(&self.fleet);
            note_picture_taken(&mut fleet, &self.picture_taken);
            fleet.ui(ui);
            let size = ui.ctx().viewport_rect().size();
            fleet.active_mut().set_window_size(size);
            save_pane(&mut fleet, ui.ctx(), &self.picture_taken);
        }
        self.show_pane_windows(ui.ctx(), frame);
        self.screenshots.take_due(ui.ctx());
    }

    /// The ground of charts: what the window is cleared with need not be painted again.
    fn clear_color(&self, _visuals: &egui::Visuals) -> [f32; 4] {
        let theme = Theme::of(lock(&self.fleet).active().preferences().theme);
        theme.background.to_normalized_gamma_f32()
    }

    fn on_exit(&mut self, _gl: Option<&eframe::glow::Context>) {
        let mut fleet = lock(&self.fleet);
        if let Some(saver) = self.saver.take()
            && let Err(error) = saver.finish(&fleet.saved_state())
        {
            tracing::warn!("Cannot save the settings: {error}");
        }
        fleet.finish();
        for (_, connection) in self.connections.drain() {
            connection.close();
        }
    }

    fn persist_egui_memory(&self) -> bool {
        false
    }
}

#[cfg(test)]
mod tests {
    use egui::{RawInput, ViewportInfo};

    use super::*;

    #[test]
    fn an_update_wakes_the_main_window_whichever_is_painted() {
        let ctx = egui::Context::default();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let asking = Arc::clone(&asked);
        ctx.set_repaint_observer(move |request| asking.lock().unwrap().push(request.viewport_id));
        let wake = waker(ctx.clone(), Arc::default());
        let pane = ViewportId::from_hash_of("pane");
        let windows = [ViewportId::ROOT, pane].map(|id| (id, ViewportInfo::default()));
        let input = RawInput {
            viewport_id: pane,
            viewports: windows.into_iter().collect(),
            ..RawInput::default()
        };
        let mut woken = Vec::new();
        let output = ctx.run_ui(input, |ui| {
            assert_eq!(ui.ctx().viewport_id(), pane);
            asked.lock().unwrap().clear();
            wake();
            woken.append(&mut asked.lock().unwrap());
        });
        // It is not drawn: textures are dropped instead of uploaded.
        let mut textures = output.textures_delta;
        textures.clear();
        assert_eq!(woken, [ViewportId::ROOT]);
    }
}
