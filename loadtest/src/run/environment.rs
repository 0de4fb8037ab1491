//! Describes the machine of a run.

use std::{fs, process::Command};

use crate::{observe::process, summary::Environment};

/// Describes this machine. `command` is the command line of the program.
pub fn environment(command: String, seed: u64) -> Environment {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let started = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ");
    Environment {
        started: started.to_string(),
        command,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        commit: commit(),
        server: None,
        kernel: first_line("/proc/sys/kernel/osrelease"),
        cpu: cpu(),
        cores,
        open_files_max: process::open_files_limit().map_or(0, |(now, _)| now),
        seed,
    }
}

fn first_line(path: &str) -> String {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().next().unwrap_or_default().to_owned()
}

fn cpu() -> String {
    let text = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = text.lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        (key.trim() == "model name").then(|| value.trim().to_owned())
    });
    model.unwrap_or_else(|| std::env::consts::ARCH.to_owned())
}

/// The commit of the checkout in the current folder, with a mark if files were changed.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args(["describe", "--always", "--dirty", "--abbrev=12"])
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let commit = text.trim();
    (output.status.success() && !commit.is_empty()).then(|| commit.to_owned())
}
