//! What a real window costs, and how soon it shows an update: on a display of its own, with a
//! software renderer, against a server in this process.
//!
//! * CPU of the program at 1,000 and 20,000 updates per second with one chart, and at 1,000 with
//!   two further charts in windows of their own, as a part of a core
//! * the time from a publish after silence until the pixels of the display have changed
//!
//! Run it with `cargo bench -p tickcast-monitor --bench window`. To compare with another build, add
//! `-- --before PROGRAM`: both are measured in turn. It needs Xvfb (Debian package xvfb).

mod support;

use std::{
    io::Write,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use support::{Display, HEIGHT, Program, WIDTH, server, url, wait};
use tickcast_protocol::{
    client::{Client, ClientHandle, ClientOptions, ConnectOptions, Event},
    codec::Encoding,
    message::Publication,
    value::Value,
};
use x11rb::{
    connection::Connection,
    protocol::xproto::{ConnectionExt, ImageFormat, MapState, Window},
    rust_connection::RustConnection,
};

/// Before it, the window is being built.
const WARM_UP: Duration = Duration::from_secs(8);

/// The time over which CPU is measured.
const MEASURED: Duration = Duration::from_secs(10);

/// Publishes after silence.
const PUBLISHES: usize = 30;

/// Long enough for the window to have nothing left to draw.
const SILENCE: Duration = Duration::from_millis(900);

/// An update that is not seen by then is not shown at all.
const SEEN_MAX: Duration = Duration::from_secs(2);

/// The colour of the newest value on its axis, in the dark colours: blue, green, red.
const ACCENT: [u8; 3] = [0xff, 0xa9, 0x5a];

const TOPIC: &str = "bench/value";

/// A chart in the main window, and two in windows of their own that lie beside each other.
const WITH_PANE_WINDOWS: &str = r#"{"workspace": {"tree": {"id": 1, "root": 1, "height": null,
    "width": null, "tiles": {"next_tile_id": 9, "invisible": [], "tiles": {
        "1": {"Container": {"Linear": {"children": [2, 3, 4], "dir": "Vertical",
            "shares": {"shares": {}}}}},
        "2": {"Pane": {"chart": {"topics": ["market/BTC-USDT/trade"]}}},
        "3": {"Pane": {"chart": {"topics": ["market/ETH-USDT/trade"]}}},
        "4": {"Pane": {"chart": {"topics": ["market/BTC-USDT/quote"]}}}}}}, "active": 2,
    "windows": [{"pane": 3, "place": {"position": [0.0, 0.0], "size": [640.0, 420.0]}},
        {"pane": 4, "place": {"position": [660.0, 0.0], "size": [640.0, 420.0]}}]}}"#;

/// What is on the screen while CPU is measured.
#[derive(Debug, Clone, Copy)]
enum Scene {
    Chart,
    PaneWindows,
}

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let before = arguments.iter().position(|argument| argument == "--before");
    let before = before.and_then(|at| arguments.get(at + 1));
    let mut programs = vec![("now", PathBuf::from(env!("CARGO_BIN_EXE_tickcast-monitor")))];
    if let Some(path) = before {
        programs.insert(0, ("before", path.into()));
    }
    let mut out = std::io::stdout();
    let display = Display::start()?;
    for (rate, scene, words) in [
        (1_000, Scene::Chart, ""),
        (20_000, Scene::Chart, ""),
        (1_000, Scene::PaneWindows, ", two windows of panes"),
    ] {
        for (name, program) in &programs {
            let cpu = 100.0 * cpu_at(&display, program, rate, scene)?;
            writeln!(out, "{name}: {rate} updates/s{words}: {cpu:.0} % of a core")?;
        }
    }
    for (name, program) in &programs {
        let mut times = publish_to_pixel(&display, program)?;
        times.sort();
        let at = |part: f64| times[((times.len() - 1) as f64 * part) as usize].as_secs_f64() * 1e3;
        writeln!(
            out,
            "{name}: publish to pixel after silence: p50 {:.1} ms, p90 {:.1} ms, max {:.1} ms",
            at(0.5),
            at(0.9),
            at(1.0)
        )?;
    }
    Ok(())
}

fn cpu_at(display: &Display, program: &Path, rate: usize, scene: Scene) -> Result<f64> {
    let server = server(&["--feed", "simulated", "--sim-rate", &rate.to_string()])?;
    let (arguments, settings): (&[&str], _) = match scene {
        Scene::Chart => (&["--chart", "market/BTC-USDT/trade"], None),
        Scene::PaneWindows => (&[], Some(WITH_PANE_WINDOWS)),
    };
    let program = Program::start(display, program, &url(&server), arguments, settings)?;
    wait(WARM_UP);
    let windows = windows_seen(display)?;
    let expected = match scene {
        Scene::Chart => 1,
        Scene::PaneWindows => 3,
    };
    ensure!(
        windows == expected,
        "{windows} windows instead of {expected}"
    );
    let (begun, before) = (Instant::now(), program.cpu()?);
    wait(MEASURED);
    let used = program.cpu()?.saturating_sub(before);
    Ok(used.as_secs_f64() / begun.elapsed().as_secs_f64())
}

/// The number of windows on a display.
fn windows_seen(display: &Display) -> Result<usize> {
    let (screen, number) = x11rb::connect(Some(&display.name))?;
    let root = screen.setup().roots[number].root;
    let all = screen.query_tree(root)?.reply()?.children;
    let mut seen = 0;
    for window in all {
        let attributes = screen.get_window_attributes(window)?.reply()?;
        // Some are as large as a pixel and hold nothing.
        let size = screen.get_geometry(window)?.reply()?;
        if attributes.map_state == MapState::VIEWABLE && size.width > 1 {
            seen += 1;
        }
    }
    Ok(seen)
}

/// A client that publishes.
struct Publisher {
    runtime: tokio::runtime::Runtime,
    client: Client,
    handle: ClientHandle,
}

impl Publisher {
    fn new(url: &str) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let options = ClientOptions::new(ConnectOptions::new(url, Encoding::Bincode));
        let (mut client, handle) = Client::new(options);
        runtime.block_on(async { while !matches!(client.next().await, Event::Connected(_)) {} });
        Ok(Self {
            runtime,
            client,
            handle,
        })
    }

    fn publish(&mut self, reading: f64) -> Result<()> {
        self.handle.publish(vec![Publication {
            topic: TOPIC.to_owned(),
            value: Value::Reading(reading),
            source_time_ns: None,
        }])?;
        self.runtime
            .block_on(async { while !matches!(self.client.next().await, Event::Published(_)) {} });
        Ok(())
    }
}

/// The times from a publish until the display shows it. The value jumps between the two ends of
/// its axis, and its label with it.
fn publish_to_pixel(display: &Display, program: &Path) -> Result<Vec<Duration>> {
    let server = server(&["--feed", "none"])?;
    let url = url(&server);
    let mut publisher = Publisher::new(&url)?;
    publisher.publish(0.0)?;
    let program = Program::start(display, program, &url, &["--chart", TOPIC], None)?;
    let (screen, number) = x11rb::connect(Some(&display.name))?;
    let root = screen.setup().roots[number].root;
    wait(WARM_UP);
    // Both ends are in the visible minute from now on.
    for reading in [100.0, 0.0, 100.0, 0.0] {
        publisher.publish(reading)?;
        wait(SILENCE);
    }
    let mut times = Vec::new();
    for number in 0..PUBLISHES {
        let is_high = number % 2 == 0;
        let begun = Instant::now();
        publisher.publish(if is_high { 100.0 } else { 0.0 })?;
        while label_is_high(&screen, root)? != is_high {
            ensure!(begun.elapsed() < SEEN_MAX, "update {number} is not shown");
            wait(Duration::from_millis(1));
        }
        times.push(begun.elapsed());
        wait(SILENCE);
    }
    drop(program);
    Ok(times)
}

/// Whether the label of the newest value is in the upper half of the value axis.
fn label_is_high(screen: &RustConnection, root: Window) -> Result<bool> {
    /// The value axis is at the right edge, and at least this wide.
    const AXIS: u16 = 48;
    let (x, y) = ((WIDTH - AXIS) as i16, 70);
    let (width, height) = (AXIS / 2, HEIGHT / 3);
    let image = screen.get_image(ImageFormat::Z_PIXMAP, root, x, y, width, height, !0)?;
    let pixels = image.reply()?.data;
    let is_accent = |pixel: &[u8]| pixel.iter().zip(ACCENT).all(|(a, b)| a.abs_diff(b) < 24);
    Ok(pixels
        .chunks_exact(4)
        .filter(|pixel| is_accent(pixel))
        .count()
        > 20)
}
