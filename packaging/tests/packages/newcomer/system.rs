//! A running system of a newcomer: files, network and processes of its own.
//!
//! So the commands of the documents run as they are, with their ports, and nothing outlives the
//! test.

use std::{env, path::PathBuf, process::Command};

use tickcast_documents::output::{Output, Running, until};
use tickcast_packaging::unit::{Unit, words};

use crate::{
    built::{package, project, run},
    root::Root,
    service::make_state,
    unit::UNIT,
};

/// The folder in which a newcomer has the repository.
const HOME: &str = "/home/newcomer";

/// The first process of the system: it starts the network, ends zombies, and stays until its input
/// ends, which it does with the test.
const FIRST: &str = "\
import fcntl, signal, socket, struct, sys
SIOCSIFFLAGS, IFF_UP, IFF_RUNNING = 0x8914, 0x1, 0x40
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
with socket.socket() as any:
    fcntl.ioctl(any, SIOCSIFFLAGS, struct.pack('16sh14x', b'lo', IFF_UP | IFF_RUNNING))
print('ready', flush=True)
sys.stdin.read()
";

/// See the module.
pub(crate) struct System {
    first: Running,
    root: Root,
}

impl System {
    /// Brings it up, with the repository and the packages that `scripts/package.sh` has made of it.
    pub(crate) fn start() -> Self {
        let root = Root::of("packaging/newcomer.sh");
        bring_project(&root);
        let mut command = Command::new("unshare");
        command
            .args(["--mount", "--net", "--pid", "--fork", "--kill-child"])
            .arg(format!("--mount-proc={}/proc", root.path().display()))
            .args(["/usr/bin/python3", "-c", FIRST]);
        let output = Output::default();
        let mut first = Running::start(&mut command, &output);
        let is_ready = || (output.text() == "ready\n" || first.ended().is_some()).then_some(());
        until(is_ready).unwrap();
        assert_eq!(output.text(), "ready\n", "the system does not start");
        Self { first, root }
    }

    /// A command of the system, as this user.
    pub(crate) fn command(&self, user: &str, words: &[&str]) -> Command {
        let in_root = self.root.command(user, words);
        let namespaces = PathBuf::from(format!("/proc/{}/ns", self.first.id()));
        let option = |name: &str, file: &str| {
            let path = namespaces.join(file);
            format!("--{name}={}", path.display())
        };
        let mut command = Command::new("nsenter");
        command
            .arg(option("mount", "mnt"))
            .arg(option("net", "net"))
            .arg(option("pid", "pid_for_children"))
            .arg("--")
            .arg(in_root.get_program())
            .args(in_root.get_args())
            .env_clear();
        for (name, value) in in_root.get_envs() {
            command.env(name, value.unwrap());
        }
        // There is no other network: what pip needs is here.
        command
            .env("PATH", "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", HOME)
            .env("USER", user)
            .env("PIP_NO_INDEX", "1")
            .env("PIP_FIND_LINKS", "/opt/wheels");
        command
    }

    /// What a newcomer types in a terminal, in the folder of the repository.
    pub(crate) fn shell(&self, text: &str) -> Command {
        let script = format!("cd {HOME}/tickcast\nset -e\n{text}");
        self.command("newcomer", &["bash", "-c", &script])
    }

    /// Writes a file into the folder of the repository.
    pub(crate) fn save(&self, name: &str, text: &str) {
        let folder = self.root.path().join(&HOME[1..]).join("tickcast");
        std::fs::write(folder.join(name), text).unwrap();
    }

    /// Whether there is what the packages leave: the data, and the user to whom it belongs.
    pub(crate) fn has_data(&self) -> bool {
        let has_user = self.root.read("etc/passwd").contains("\ntickcast:");
        let has_data = self.root.exists("var/lib/tickcast");
        assert_eq!(has_data, has_user, "both are left, or none of them");
        has_data
    }

    /// What a browser shows at an address, as HTML. The browser is that of the machine: it is in
    /// the network of the system, and sees nothing else of it.
    pub(crate) fn browser(&self, address: &str) -> String {
        let profile = tempfile::tempdir().unwrap();
        let mut command = Command::new("nsenter");
        command
            .arg(format!("--net=/proc/{}/ns/net", self.first.id()))
            .arg("--")
            .arg(env::var_os("CHROMIUM").unwrap_or("chromium".into()))
            .args(["--headless=new", "--no-sandbox", "--disable-gpu"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            // Its clock runs ahead while nothing happens: so what comes after the page is shown.
            .args(["--virtual-time-budget=10000", "--dump-dom", address]);
        let output = Output::default();
        let mut browser = Running::start(&mut command, &output);
        until(|| browser.ended()).unwrap();
        output.text()
    }

    /// Starts the service of the installed server, as systemd would.
    pub(crate) fn service(&self) -> Running {
        let unit = Unit::parse(&self.root.read(UNIT)).unwrap();
        let value = |key| unit.value("Service", key).unwrap();
        let state = format!("/var/lib/{}", value("StateDirectory"));
        make_state(
            &self.root,
            value("User"),
            &state,
            value("StateDirectoryMode"),
        );
        let start = words(value("ExecStart")).unwrap();
        let start: Vec<&str> = start.iter().map(String::as_str).collect();
        listening(&mut self.command(value("User"), &start)).unwrap()
    }

    /// Starts the service of the broker, as the package `mosquitto` has it.
    pub(crate) fn broker(&self) -> Running {
        let start = "mkdir --parents /run/mosquitto /var/log/mosquitto\n\
            chown mosquitto: /run/mosquitto /var/log/mosquitto\n\
            exec mosquitto -c /etc/mosquitto/mosquitto.conf";
        let output = Output::default();
        let mut broker = Running::start(&mut self.command("root", &["sh", "-c", start]), &output);
        let answers = || {
            let mut command = self.shell("mosquitto_pub -t test -m 1");
            let is_up = command.output().unwrap().status.success();
            (is_up || broker.ended().is_some()).then_some(())
        };
        until(answers).unwrap();
        assert_eq!(broker.ended(), None, "mosquitto: {}", output.text());
        broker
    }
}

/// Starts a server. Returns when it listens.
pub(crate) fn listening(command: &mut Command) -> Result<Running, String> {
    let log = Output::default();
    let mut server = Running::start(command, &log);
    let listens = || match (log.text().contains("listening on "), server.ended()) {
        (true, _) => Some(Ok(())),
        (false, Some(code)) => Some(Err(format!("the server ends with exit code {code}"))),
        (false, None) => None,
    };
    let started = until(listens).flatten();
    started.map_err(|error| format!("{error}\n{}", log.text()))?;
    Ok(server)
}

/// Copies the sources, and the packages to where `scripts/package.sh` puts them.
fn bring_project(root: &Root) {
    let folder = root.path().join(&HOME[1..]).join("tickcast");
    let packages = folder.join("target/packages");
    std::fs::create_dir_all(&packages).unwrap();
    let copy = "tar --directory \"$1\" --exclude ./target --exclude .git --exclude node_modules \
        --create . | tar --directory \"$2\" --extract";
    let mut command = Command::new("bash");
    command
        .args(["-o", "pipefail", "-c", copy, "copy"])
        .args([&project(), &folder])
        .env("PATH", env::var_os("PATH").unwrap());
    run(&mut command);
    for name in ["tickcast-server", "tickcast-monitor", "tickcast"] {
        let from = package(name);
        std::fs::copy(&from, packages.join(from.file_name().unwrap())).unwrap();
    }
    // What `npm install socket.io-client` brings.
    let modules = root.path().join(&HOME[1..]).join("node_modules");
    std::os::unix::fs::symlink("/opt/javascript/node_modules", modules).unwrap();
    root.run(&["chown", "--recursive", "newcomer:newcomer", HOME]);
}
