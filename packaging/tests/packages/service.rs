//! Runs the service of a unit in a root, as systemd would, and records its system calls.

use std::{
    env,
    fs::{self, File},
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{PermissionsExt, chown},
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::PathBuf,
    process::{Child, Command, ExitStatus, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tickcast_packaging::unit::{Unit, words};

use crate::{built::run, root::Root};

/// Longest wait for anything, on a machine with other work.
const DEADLINE: Duration = Duration::from_secs(60);

/// How often the service is asked to tell that it is alive; the unit's own time is half a minute.
const WATCHDOG: Duration = Duration::from_millis(500);

/// A running service.
pub(crate) struct Service<'a> {
    root: &'a Root,
    unit: Unit,
    manager: UnixDatagram,
    process: Child,
    /// The record of its system calls.
    pub(crate) record: PathBuf,
    log: PathBuf,
}

impl<'a> Service<'a> {
    /// Starts what the unit in the root says.
    pub(crate) fn start(root: &'a Root, path: &str) -> Self {
        let unit = Unit::parse(&root.read(path)).unwrap();
        let value = |key| {
            let value = unit.value("Service", key);
            value.unwrap_or_else(|| panic!("{path} has no {key}"))
        };
        assert_eq!(value("Type"), "notify");
        assert!(!value("WatchdogSec").is_empty());
        let user = value("User");
        let state = format!("/var/lib/{}", value("StateDirectory"));
        make_state(root, user, &state, value("StateDirectoryMode"));

        let name = format!("tickcast-packages-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let manager = UnixDatagram::bind_addr(&address).unwrap();
        manager.set_read_timeout(Some(DEADLINE)).unwrap();

        // strace leaves the process as the child of this test (-D), so that signals reach it.
        let record = root.path().with_extension("calls");
        let log = root.path().with_extension("log");
        let start = words(value("ExecStart")).unwrap();
        let start: Vec<&str> = start.iter().map(String::as_str).collect();
        let in_root = root.command(user, &start);
        let mut command = Command::new("strace");
        command
            .args(["-D", "-f", "-q", "-o"])
            .arg(&record)
            .arg(in_root.get_program())
            .args(in_root.get_args())
            .env_clear()
            .env("PATH", env::var_os("PATH").unwrap())
            .env("USER", user)
            .env("HOME", &state)
            .env("STATE_DIRECTORY", &state)
            .env("NOTIFY_SOCKET", format!("@{name}"))
            .env("WATCHDOG_USEC", WATCHDOG.as_micros().to_string())
            // The one thing that differs from a real start: a port that is free for certain.
            .env("TICKCAST_LISTEN", "127.0.0.1:0")
            .stdin(Stdio::null())
            .stderr(File::create(&log).unwrap());
        let process = command
            .spawn()
            .expect("strace runs: scripts/test.sh installs it");
        Self {
            root,
            unit,
            manager,
            process,
            record,
            log,
        }
    }

    /// The next thing that it tells, but for being alive.
    #[track_caller]
    pub(crate) fn told(&self) -> String {
        loop {
            let told = self.next();
            if told != "WATCHDOG=1" {
                return told;
            }
        }
    }

    /// Waits until it tells that it is alive.
    pub(crate) fn is_alive(&self) {
        while self.next() != "WATCHDOG=1" {}
    }

    #[track_caller]
    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.manager.recv(&mut bytes).unwrap_or_else(|error| {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            panic!("the service tells nothing within {DEADLINE:?} ({error}):\n{log}")
        });
        String::from_utf8(bytes[..length].to_vec()).unwrap()
    }

    /// Runs the unit's ExecReload, as the unit's user.
    pub(crate) fn reload(&self) {
        let line = self.unit.value("Service", "ExecReload").unwrap();
        let line = line.replace("$MAINPID", &self.process.id().to_string());
        let words = words(&line).unwrap();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let user = self.unit.value("Service", "User").unwrap();
        run(&mut self.root.command(user, &words));
    }

    /// Sends what systemd sends to stop a service.
    pub(crate) fn stop(&self) {
        run(Command::new("kill").args(["-TERM", &self.process.id().to_string()]));
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let end = Instant::now() + DEADLINE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "it runs on after {DEADLINE:?}");
            sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Service<'_> {
    fn drop(&mut self) {
        // It has ended, unless the test has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_file(&self.record);
        let _ = fs::remove_file(&self.log);
    }
}

/// The folder of the state, as systemd makes it before the start.
pub(crate) fn make_state(root: &Root, user: &str, path: &str, mode: &str) {
    let id = |of: &str| root.run(&["id", of, user]).parse().unwrap();
    let folder = root.path().join(&path[1..]);
    fs::create_dir_all(&folder).unwrap();
    chown(&folder, Some(id("--user")), Some(id("--group"))).unwrap();
    let mode = u32::from_str_radix(mode, 8).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(mode)).unwrap();
}
