//! A system that systemd has booted: in a root of its own, with processes, control groups and a
//! network of its own (`packaging/boot.sh`).

use std::{
    io::{BufRead, BufReader},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
};

use tickcast_documents::output::until;

use crate::{
    built::{project, run},
    root::Root,
};

/// What `nsenter` enters, and the file of it in `/proc/PID/ns`.
const NAMESPACES: [(&str, &str); 6] = [
    ("mount", "mnt"),
    ("pid", "pid_for_children"),
    ("net", "net"),
    ("uts", "uts"),
    ("ipc", "ipc"),
    ("cgroup", "cgroup"),
];

/// A running system. It is cut off when it is dropped.
pub(crate) struct Booted<'a> {
    root: &'a Root,
    /// `packaging/boot.sh`, which ends with the system.
    process: Child,
    /// The system is cut off when this ends.
    input: Option<ChildStdin>,
    /// The number of a process whose namespaces are those of the system.
    first: u32,
}

impl<'a> Booted<'a> {
    /// Boots the system of the root. Returns when all its services run.
    pub(crate) fn start(root: &'a Root) -> Self {
        let mut process = Command::new("packaging/boot.sh")
            .current_dir(project())
            .arg(root.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let first = line.trim().parse();
        let first = first.expect("packaging/boot.sh prints a number, or says why it cannot boot");
        let mut system = Self {
            root,
            process,
            input,
            first,
        };
        system.until_running();
        system
    }

    /// Waits until systemd has started everything. Panics if something has failed.
    fn until_running(&mut self) {
        let mut state = String::new();
        let is_up = until(|| {
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("the system does not boot: {status}, after: {state}");
            }
            let output = self.command(&["systemctl", "is-system-running"]).output();
            state = String::from_utf8(output.unwrap().stdout).unwrap();
            matches!(state.trim(), "running" | "degraded").then_some(())
        });
        is_up.unwrap_or_else(|error| panic!("the system does not boot: {error}: {state}"));
        self.is_well();
    }

    /// Panics if a service of the system has failed.
    #[track_caller]
    pub(crate) fn is_well(&self) {
        let failed = self.run(&["systemctl", "list-units", "--failed", "--plain", "--quiet"]);
        assert!(failed.is_empty(), "{failed}");
    }

    /// A command of the system, as root, with the environment of a service.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        for (name, file) in NAMESPACES {
            command.arg(format!("--{name}=/proc/{}/ns/{file}", self.first));
        }
        // They are in the root of the mounts, so no chroot is needed.
        let in_root = self.root.command("root", words);
        command.arg("--").args(words).env_clear();
        for (name, value) in in_root.get_envs() {
            command.env(name, value.unwrap());
        }
        command
    }

    /// Runs a command in the system. Returns its output.
    #[track_caller]
    pub(crate) fn run(&self, words: &[&str]) -> String {
        run(&mut self.command(words))
    }

    /// What a unit has in its journal since the system was booted, oldest first.
    pub(crate) fn journal(&self, unit: &str) -> String {
        let unit = format!("--unit={unit}");
        self.run(&["journalctl", "--boot", "--no-pager", "--output=cat", &unit])
    }

    /// Waits until the journal of a unit has this text.
    #[track_caller]
    pub(crate) fn until_logged(&self, unit: &str, text: &str) {
        let found = until(|| self.journal(unit).contains(text).then_some(()));
        let journal = || self.journal(unit);
        found.unwrap_or_else(|error| panic!("{error} of: {text}\n{}", journal()));
    }

    /// Switches the system off, as its owner does. Returns when everything in it has ended.
    pub(crate) fn power_off(mut self) {
        self.run(&["systemctl", "start", "--no-block", "poweroff.target"]);
        let status: ExitStatus = until(|| self.process.try_wait().unwrap()).unwrap();
        assert!(status.success(), "packaging/boot.sh: {status}");
    }
}

impl Drop for Booted<'_> {
    fn drop(&mut self) {
        drop(self.input.take());
        // It removes the control groups of the system.
        let _ = self.process.wait();
    }
}
