//! A window of its own for a bench: a display, a server, and the program.
#![allow(dead_code, reason = "each bench uses its own part")]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use tickcast_server::{Server, config};

pub(crate) const WIDTH: u16 = 1440;
pub(crate) const HEIGHT: u16 = 900;

/// A virtual display; it ends with the bench.
pub(crate) struct Display {
    server: Child,
    pub(crate) name: String,
}

impl Display {
    pub(crate) fn start() -> Result<Self> {
        let screen = format!("{WIDTH}x{HEIGHT}x24");
        let mut server = Command::new("Xvfb")
            .args(["-displayfd", "1", "-screen", "0", &screen])
            .args(["-nolisten", "tcp"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .context("Xvfb must be installed (Debian package xvfb)")?;
        let stdout = server.stdout.take().context("Xvfb has no output")?;
        let mut number = String::new();
        BufReader::new(stdout).read_line(&mut number)?;
        ensure!(!number.trim().is_empty(), "Xvfb found no free display");
        let name = format!(":{}", number.trim());
        Ok(Self { server, name })
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The program with its window; it ends with the measurement.
pub(crate) struct Program {
    child: Child,
    _folder: tempfile::TempDir,
}

impl Program {
    /// Starts it with its own arguments and, if there are any, with these settings.
    pub(crate) fn start(
        display: &Display,
        program: &Path,
        url: &str,
        arguments: &[&str],
        settings: Option<&str>,
    ) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        if let Some(settings) = settings {
            std::fs::write(folder.path().join("settings.json"), settings)?;
        }
        let child = Command::new(program)
            .args(["--url", url, "--theme", "dark"])
            .args(arguments)
            .args(["--size", &format!("{WIDTH}x{HEIGHT}")])
            .arg("--settings")
            .arg(folder.path().join("settings.json"))
            .env("DISPLAY", &display.name)
            .env_remove("WAYLAND_DISPLAY")
            .env("LIBGL_ALWAYS_SOFTWARE", "1")
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        Ok(Self {
            child,
            _folder: folder,
        })
    }

    /// The CPU time so far, by Linux's /proc (proc_pid_stat(5)).
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let (_, rest) = stat.rsplit_once(')').context("no name of a program")?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        Ok(Duration::from_millis(ticks * 10))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) fn server(arguments: &[&str]) -> Result<Server> {
    let fixed = ["tickcast-server", "--listen", "127.0.0.1:0"];
    let all = fixed.iter().chain(arguments).map(Into::into);
    match config::load(all, [])? {
        config::Command::Run(settings) => Ok(Server::start(*settings)?),
        config::Command::Print(text) => anyhow::bail!("{text}"),
    }
}

pub(crate) fn url(server: &Server) -> String {
    format!("ws://{}/ws", server.address())
}

#[allow(clippy::disallowed_methods, reason = "it waits for another program")]
pub(crate) fn wait(time: Duration) {
    std::thread::sleep(time);
}
