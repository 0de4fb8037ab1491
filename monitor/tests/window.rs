//! The real program with a real window on a display of its own, against a real server: as
//! README.md starts it.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

#[path = "window/panes.rs"]
mod panes;

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use image::RgbaImage;
use tickcast_server::{Server, config};

/// The line of the first chart, in the dark colours.
const ACCENT: [u8; 3] = [0x5a, 0xa9, 0xff];

/// Seconds between two pictures.
const SECONDS_BETWEEN: u32 = 3;

/// Enough pictures for a busy machine.
const PICTURES: usize = 8;

/// The slowest start and all pictures must be done by then.
const TIMEOUT: Duration = Duration::from_secs(180);

/// A virtual display; it ends with the test.
struct Display {
    server: Child,
    name: String,
}

impl Display {
    fn start(screen: &str) -> Self {
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &format!("{screen}x24")])
            .args(["-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("Xvfb must be installed (Debian package xvfb)");
        let mut number = String::new();
        BufReader::new(server.stdout.take().unwrap())
            .read_line(&mut number)
            .unwrap();
        assert!(!number.trim().is_empty(), "Xvfb found no free display");
        let name = format!(":{}", number.trim());
        Self { server, name }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The running program; it ends with the test.
struct Program(Child);

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn server() -> Server {
    let args = ["tickcast-server", "--listen", "127.0.0.1:0"];
    match config::load(args.map(Into::into), []).unwrap() {
        config::Command::Run(settings) => Server::start(*settings).unwrap(),
        config::Command::Print(text) => panic!("{text}"),
    }
}

/// The program on a display.
fn program(display: &Display, folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tickcast-monitor"));
    command
        .args(arguments)
        .args(["--size", "1200x800", "--theme", "dark"])
        .arg("--settings")
        .arg(folder.join("settings.json"))
        .env("DISPLAY", &display.name)
        .env_remove("WAYLAND_DISPLAY")
        .env("LIBGL_ALWAYS_SOFTWARE", "1");
    command
}

/// Waits until `look` finds something.
#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < TIMEOUT, "{what}: not within {TIMEOUT:?}");
        #[allow(
            clippy::disallowed_methods,
            reason = "a test that waits for another program"
        )]
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Runs the program until it has taken its pictures and closed its window.
fn run(display: &Display, folder: &Path, arguments: &[&str]) -> Vec<PathBuf> {
    let pictures: Vec<PathBuf> = (0..PICTURES)
        .map(|number| folder.join(format!("{number}.png")))
        .collect();
    let mut command = program(display, folder, arguments);
    command.args(["--screenshot-after", &SECONDS_BETWEEN.to_string()]);
    for picture in &pictures {
        command.arg("--screenshot").arg(picture);
    }
    let mut program = Program(command.spawn().unwrap());
    let status = wait_for("the end of the program", || program.0.try_wait().unwrap());
    assert!(status.success(), "{status}");
    pictures
}

/// The part of the window in which the chart is drawn.
fn chart(path: &Path) -> RgbaImage {
    let picture = image::open(path).unwrap().into_rgba8();
    let (width, height) = picture.dimensions();
    let (left, top) = (width * 2 / 5, height / 8);
    image::imageops::crop_imm(&picture, left, top, width / 2, height * 3 / 4).to_image()
}

fn line_pixels(chart: &RgbaImage) -> usize {
    let is_line = |pixel: &image::Rgba<u8>| {
        let near = |a: u8, b: u8| a.abs_diff(b) < 24;
        (0..3).all(|channel| near(pixel[channel], ACCENT[channel]))
    };
    chart.pixels().filter(|pixel| is_line(pixel)).count()
}

fn differing(a: &RgbaImage, b: &RgbaImage) -> usize {
    a.pixels().zip(b.pixels()).filter(|(a, b)| a != b).count()
}

#[test]
fn the_program_shows_a_chart_that_moves_and_saves_its_settings() {
    let display = Display::start("1600x1000");
    let folder = tempfile::tempdir().unwrap();
    let server = server();
    let url = format!("ws://{}/ws", server.address());
    let topic = "market/BTC-USDT/trade";
    let pictures = run(&display, folder.path(), &["--url", &url, "--chart", topic]);
    let charts: Vec<RgbaImage> = pictures.iter().map(|path| chart(path)).collect();
    let drawn: Vec<usize> = charts.iter().map(line_pixels).collect();
    let moved = charts.windows(2).zip(&drawn).any(|(pair, &line)| {
        // A line across half a chart has hundreds of pixels; one that has moved differs in as many.
        line > 200 && differing(&pair[0], &pair[1]) > 200
    });
    assert!(moved, "pixels of the line in each picture: {drawn:?}");
    let settings = std::fs::read_to_string(folder.path().join("settings.json")).unwrap();
    assert!(settings.contains(topic), "{settings}");
    drop(server);
}

#[test]
fn without_a_server_the_program_says_so_and_draws_no_chart() {
    let display = Display::start("1600x1000");
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("settings.json"), "{ damaged").unwrap();
    // Port 9 is "discard": no server listens there.
    let pictures = run(&display, folder.path(), &["--url", "ws://127.0.0.1:9/ws"]);
    let last = image::open(&pictures[PICTURES - 1]).unwrap().into_rgba8();
    let centre = chart(&pictures[PICTURES - 1]);
    assert_eq!(line_pixels(&centre), 0);
    // The words are there: light and red pixels on a dark background.
    let is_ink = |pixel: &&image::Rgba<u8>| pixel[0] > 0xc0;
    assert!(centre.pixels().filter(is_ink).count() > 100);
    assert!(last.pixels().filter(is_ink).count() > 500);
    assert!(folder.path().join("settings.damaged.json").exists());
}

#[test]
fn without_a_display_it_says_so_in_plain_words() {
    let output = Command::new(env!("CARGO_BIN_EXE_tickcast-monitor"))
        .env_remove("DISPLAY")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("WAYLAND_SOCKET")
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<_> = said.lines().collect();
    let [line] = &lines[..] else {
        panic!("{said}");
    };
    assert!(line.contains("cannot open a window: "), "{line}");
    assert!(line.contains("set DISPLAY"), "{line}");
    for inside in [".rs", "winit", "os error", "Error {"] {
        assert!(!line.contains(inside), "{line}");
    }
}
