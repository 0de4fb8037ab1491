//! The server under a real systemd: the package's unit starts, holds, reloads, restarts and stops
//! it, with the blocks of the documents that need a booted machine.

use std::{fs, process::Command};

use tickcast_documents::output::{Output, Running, until};

use crate::{
    booted::Booted,
    built::{block, package, project, run},
    root::Root,
    unit::EXPOSURE_MAX,
};

const UNIT: &str = "tickcast-server.service";
const SETTINGS: &str = "etc/tickcast/server.toml";
const DROP_IN: &str = "etc/systemd/system/tickcast-server.service.d/test.conf";
const SOCKET: &str = "etc/systemd/system/tickcast-server.socket";

/// The file that the documents name as the key of the certificate.
const KEY: &str = "etc/ssl/private/data.example.com.key";

/// What clients of the machine use without TLS.
const PLAIN: &[&str] = &[];

/// What clients use where systemd holds the socket: a port below 1024, with TLS.
const SOCKET_AND_TLS: &[&str] = &["--url", "wss://localhost:80/ws", "--ca", "/etc/ca.pem"];

/// The settings of a server that takes the socket of systemd, and whose key only root can read.
const LISTENER: &str = "\n[[listen]]\naddress = \"systemd:web\"\n\
    tls_cert = \"/etc/tickcast/server.pem\"\n\
    tls_key = \"/run/credentials/tickcast-server.service/server.key\"\n";

#[test]
fn systemd_starts_holds_restarts_and_stops_the_installed_server() {
    let root = Root::of("packaging/booted.sh");
    let system = Booted::start(&root);
    let brought = ["tickcast-server", "tickcast"].map(|name| root.bring(&package(name)));
    system.run(&["dpkg", "--install", &brought[0], &brought[1]]);

    // The package has started the server, and systemd knows when it listens.
    assert_eq!(property(&system, "ActiveState"), "active");
    assert_eq!(property(&system, "Type"), "notify");
    assert_eq!(
        property(&system, "StatusText"),
        "Listening on 127.0.0.1:7400"
    );
    is_held(&system);
    client(&system, PLAIN, &["check"]);
    client(&system, PLAIN, &["pub", "lab/scale", "0.25"]);

    reload(&root, &system);
    restart_from_the_document(&system);
    begins_again(&system, "KILL");
    hangs(&root, &system);
    socket_and_credential(&root, &system);

    system.run(&["systemctl", "stop", UNIT]);
    assert_eq!(property(&system, "ActiveState"), "inactive");
    assert_eq!(property(&system, "Result"), "success");
    let at = |path: &str| root.path().join(path);
    fs::remove_file(at(SOCKET)).unwrap();
    fs::remove_dir_all(at(DROP_IN).parent().unwrap()).unwrap();
    let settings = root.read(SETTINGS).replace(LISTENER, "");
    fs::write(at(SETTINGS), settings).unwrap();
    system.power_off();

    // It starts with the machine, and has forgotten nothing.
    let system = Booted::start(&root);
    assert_eq!(property(&system, "ActiveState"), "active");
    has_the_value(&system, PLAIN);
    system.run(&["dpkg", "--remove", "tickcast-server", "tickcast"]);
    is_gone(&system);
    system.run(&["dpkg", "--purge", "tickcast-server", "tickcast"]);
    is_gone(&system);
    system.is_well();
    system.power_off();
    for path in brought {
        fs::remove_file(at(&path[1..])).unwrap();
    }
    let files = root.files().into_keys();
    let left =
        files.filter(|path| path.contains("tickcast") && !path.starts_with("var/lib/tickcast"));
    let left: Vec<String> = left.collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(root.exists("var/lib/tickcast/0000000001.seg"), "the data");
}

/// The kernel holds the running server to what the unit says, and io_uring works under it.
#[track_caller]
fn is_held(system: &Booted<'_>) {
    let process = format!("/proc/{}", property(system, "MainPID"));
    let status = system.run(&["cat", &format!("{process}/status")]);
    let has = |name: &str, value: &str| {
        let line = status.lines().find(|line| line.starts_with(name));
        let found = line.unwrap_or_else(|| panic!("{name} is not in: {status}"));
        assert_eq!(found.split_whitespace().nth(1), Some(value), "{found}");
    };
    let user = system.run(&["id", "--user", "tickcast"]);
    has("Uid:", &user);
    has("CapEff:", "0000000000000000");
    has("CapBnd:", "0000000000000000");
    has("NoNewPrivs:", "1");
    // A filter of system calls.
    has("Seccomp:", "2");

    // All of the system is read-only for it, but for its folder.
    let mounts = system.run(&["cat", &format!("{process}/mountinfo")]);
    let options = |at: &str| {
        let mut lines = mounts.lines().rev().map(|line| line.split(' '));
        let mut found = lines.find(|words| words.clone().nth(4) == Some(at))?;
        found.nth(5)
    };
    let is_read_only = |at| options(at).map(|options| options.starts_with("ro"));
    assert_eq!(is_read_only("/"), Some(true), "{mounts}");
    assert_eq!(is_read_only("/var/lib/tickcast"), Some(false), "{mounts}");

    let files = system.run(&["ls", "-l", &format!("{process}/fd")]);
    assert!(files.contains("anon_inode:[io_uring]"), "{files}");
    let journal = system.journal(UNIT);
    assert!(!journal.contains("no io_uring"), "{journal}");

    let threshold = format!("--threshold={EXPOSURE_MAX}");
    let review = [
        "systemd-analyze",
        "security",
        "--no-pager",
        &threshold,
        UNIT,
    ];
    let review = system.run(&review);
    assert!(review.contains("Overall exposure level"), "{review}");
}

/// A reload applies the filter of the log.
#[track_caller]
fn reload(root: &Root, system: &Booted<'_>) {
    let before = property(system, "MainPID");
    let settings = root.read(SETTINGS);
    let changed = settings.replacen(
        "\ndata =",
        "\nlog = \"info,tickcast_server::feed=debug\"\ndata =",
        1,
    );
    assert_ne!(changed, settings);
    fs::write(root.path().join(SETTINGS), changed).unwrap();
    system.run(&["systemctl", "reload", UNIT]);
    let told = "SIGHUP: the log filter is info,tickcast_server::feed=debug now";
    system.until_logged(UNIT, told);
    assert_eq!(property(system, "MainPID"), before);
    assert_eq!(property(system, "ActiveState"), "active");
}

/// What docs/install.md says to do after a change of the settings.
#[track_caller]
fn restart_from_the_document(system: &Booted<'_>) {
    let before = property(system, "MainPID");
    let text = block("docs/install.md", "systemctl restart tickcast-server");
    let output = Output::default();
    let mut running = Running::start(&mut system.command(&["sh", "-e", "-c", &text]), &output);
    // journalctl goes on until Ctrl+C.
    let shown = ["draining", "listening on ws://127.0.0.1:7400/ws"];
    let found = until(|| {
        let text = output.text();
        let is_shown = shown.iter().all(|part| text.contains(part));
        (is_shown || running.ended().is_some()).then_some(())
    });
    assert!(
        found.is_ok() && running.ended().is_none(),
        "{}",
        output.text()
    );
    running.stop().unwrap();
    assert_ne!(property(system, "MainPID"), before);
    has_the_value(system, PLAIN);
}

/// A server that was killed is started again, and knows what it knew.
#[track_caller]
fn begins_again(system: &Booted<'_>, signal: &str) {
    // systemd forgets the restarts before.
    system.run(&["systemctl", "reset-failed", UNIT]);
    let killed = property(system, "MainPID");
    // The shell's own kill.
    system.run(&["sh", "-c", &format!("kill -{signal} {killed}")]);
    let is_back = || {
        let is_new = property(system, "MainPID") != killed;
        (is_new && property(system, "ActiveState") == "active").then_some(())
    };
    let found = until(is_back);
    found.unwrap_or_else(|error| panic!("{signal}: {error}\n{}", system.journal(UNIT)));
    assert_eq!(property(system, "NRestarts"), "1", "{signal}");
    has_the_value(system, PLAIN);
}

/// A server that hangs is noticed and started again.
#[track_caller]
fn hangs(root: &Root, system: &Booted<'_>) {
    // Instead of half a minute.
    drop_in(root, system, "[Service]\nWatchdogSec=1s\n");
    system.run(&["systemctl", "restart", UNIT]);
    begins_again(system, "STOP");
    system.until_logged(UNIT, "Watchdog timeout");
}

/// systemd opens a port below 1024, starts the server for the first connection, and hands it a
/// secret of root: with the units and drop-ins of the documents.
#[track_caller]
fn socket_and_credential(root: &Root, system: &Booted<'_>) {
    let certificates = tempfile::tempdir().unwrap();
    let make =
        "set -eu; . scripts/packages.sh; . scripts/certificates.sh; make_certificates \"$1\"";
    run(Command::new("bash")
        .current_dir(project())
        .args(["-c", make, "make"])
        .arg(certificates.path()));
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at(KEY).parent().unwrap()).unwrap();
    for (name, path) in [
        ("ca.pem", "etc/ca.pem"),
        ("server.pem", "etc/tickcast/server.pem"),
        ("server.key", KEY),
    ] {
        fs::copy(certificates.path().join(name), at(path)).unwrap();
    }
    system.run(&["chmod", "0644", "/etc/tickcast/server.pem"]);
    assert_eq!(root.owner_and_mode(KEY), ("root:root".into(), 0o600));
    let credential = block("docs/install.md", "LoadCredential=");
    assert!(credential.contains(&format!("=server.key:/{KEY}\n")));
    fs::write(at(SOCKET), block("docs/operations.md", "ListenStream=")).unwrap();
    drop_in(root, system, &credential);

    system.run(&["systemctl", "stop", UNIT]);
    let settings = root.read(SETTINGS);
    fs::write(at(SETTINGS), format!("{settings}{LISTENER}")).unwrap();
    system.run(&["systemctl", "start", "tickcast-server.socket"]);
    assert_eq!(property(system, "ActiveState"), "inactive");
    has_the_value(system, SOCKET_AND_TLS);
    assert_eq!(property(system, "ActiveState"), "active");

    // The socket stays open while the server is started again: no connection is refused. One that
    // reaches the server while it drains may end.
    let restart = Output::default();
    let words = ["systemctl", "restart", UNIT];
    let mut running = Running::start(&mut system.command(&words), &restart);
    let mut clients = 0;
    while running.ended().is_none() {
        let words = [&["tickcast", "check"], SOCKET_AND_TLS].concat();
        let output = system.command(&words).output().unwrap();
        let errors = String::from_utf8(output.stderr).unwrap();
        assert!(!errors.contains("refused"), "{errors}");
        clients += 1;
    }
    assert_eq!(running.ended(), Some(0), "{}", restart.text());
    assert!(clients > 0);
    has_the_value(system, SOCKET_AND_TLS);
    system.run(&["systemctl", "stop", "tickcast-server.socket"]);
}

/// Nothing of the package runs, listens or is known to systemd any more.
#[track_caller]
fn is_gone(system: &Booted<'_>) {
    assert_eq!(property(system, "LoadState"), "not-found");
    assert_eq!(property(system, "MainPID"), "0");
    let files = ["systemctl", "list-unit-files", "--quiet", "tickcast*"];
    let output = system.command(&files).output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), "");
    let sockets = system.run(&["cat", "/proc/net/tcp"]);
    // Port 7400, and the state of one that listens.
    assert!(!sockets.contains(":1CE8 00000000:0000 0A "), "{sockets}");
}

/// The newest value is the one that was published first.
#[track_caller]
fn has_the_value(system: &Booted<'_>, flags: &[&str]) {
    let latest = client(system, flags, &["latest", "--format", "jsonl", "#"]);
    assert!(latest.contains("\"reading\":0.25"), "{latest}");
}

/// What the command prints in the system.
#[track_caller]
fn client(system: &Booted<'_>, flags: &[&str], words: &[&str]) -> String {
    system.run(&[&["tickcast"], words, flags].concat())
}

/// A property of the unit.
#[track_caller]
fn property(system: &Booted<'_>, name: &str) -> String {
    system.run(&["systemctl", "show", "--value", "--property", name, UNIT])
}

/// Changes the unit, as `systemctl edit` does.
fn drop_in(root: &Root, system: &Booted<'_>, text: &str) {
    let at = root.path().join(DROP_IN);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, text).unwrap();
    system.run(&["systemctl", "daemon-reload"]);
}
