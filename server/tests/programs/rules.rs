//! Which part may use which, as in ARCHITECTURE.md. A failure names the file that breaks a rule.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn source_files(below: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(below).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            source_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Files below a folder whose code (comments left out) contains the word.
fn files_with(source: &Path, word: &str) -> Vec<String> {
    let mut files = Vec::new();
    source_files(source, &mut files);
    assert!(
        files.len() > 30,
        "the sources are not where they are looked for"
    );
    let mut found: Vec<String> = files
        .into_iter()
        .filter(|file| {
            let text = fs::read_to_string(file).unwrap();
            text.lines()
                .any(|line| !line.trim_start().starts_with("//") && line.contains(word))
        })
        .map(|file| file.strip_prefix(source).unwrap().display().to_string())
        .collect();
    found.sort();
    found
}

#[test]
fn the_core_names_no_runtime_socket_or_clock() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR")).join("core/src");
    for word in [
        "std::net",
        "Instant",
        "SystemTime",
        "Mutex",
        "std::thread",
        "async ",
    ] {
        assert_eq!(files_with(&core, word), [""; 0], "must not know of {word}");
    }
}

#[test]
fn the_core_depends_on_no_crate_with_io() {
    let tree = Command::new(env!("CARGO"))
        .args([
            "tree",
            "--offline",
            "--locked",
            "--package",
            "tickcast-core",
        ])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let tree = String::from_utf8(tree.stdout).unwrap();
    let crates: Vec<_> = tree
        .lines()
        .filter_map(|line| line.split(' ').next())
        .collect();
    assert!(crates.contains(&"tickcast-protocol"), "{tree}");
    for outside in [
        "tokio",
        "mio",
        "socket2",
        "hyper",
        "fastwebsockets",
        "rumqttc",
        "prometheus-client",
        "tracing",
        "rustix",
        "libc",
    ] {
        assert!(!crates.contains(&outside), "{outside}:\n{tree}");
    }
}

#[test]
fn each_outside_crate_is_used_in_its_files_only() {
    for (name, files) in [
        ("rumqttc::", &["mqtt/packet/v3.rs", "mqtt/packet/v5.rs"][..]),
        (
            "fastwebsockets::",
            &["net/web_socket.rs", "net/ws_reader/mod.rs"],
        ),
        ("prometheus_client::", &["metrics/prometheus.rs"]),
        ("tickcast_uring::", &["net/ring_writer.rs", "net/unsent.rs"]),
        ("listenfd::", &["passed.rs"]),
        ("bincode::", &[]),
        (
            "async_nats::",
            &[
                "cluster/checkpoints.rs",
                "cluster/engine.rs",
                "cluster/promises.rs",
            ],
        ),
    ] {
        assert_eq!(files_with(&source(), name), files, "{name}");
    }
    // Settings are fields that derive clap's `Args`, also those of a feed. The tools for a log have
    // a command line of their own.
    let with_settings = [
        "cluster/settings.rs",
        "config/",
        "feed/",
        "mqtt/version.rs",
        "output/settings",
        "program/log_tools.rs",
        "settings/",
        "tls/",
    ];
    for file in files_with(&source(), "clap::") {
        assert!(
            with_settings.iter().any(|folder| file.starts_with(folder)),
            "{file}"
        );
    }
}

#[test]
fn the_server_is_built_without_its_clients() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (dependencies, _) = manifest.split_once("[dev-dependencies]").unwrap();
    assert!(dependencies.contains("tickcast-protocol = { workspace = true"));
    for client in ["tickcast-monitor", "tickcast-loadtest", "\"client\""] {
        assert!(!dependencies.contains(client), "{client}");
    }
}

/// The module of a source file, as `--log` names it.
fn module_of(file: &str) -> String {
    let path = file.trim_end_matches(".rs").trim_end_matches("/mod");
    format!("tickcast_server::{}", path.replace('/', "::"))
}

#[test]
fn every_module_that_logs_can_be_named_by_the_setting() {
    let levels = ["error", "warn", "info", "debug", "trace"];
    let mut files: Vec<_> = levels
        .iter()
        .flat_map(|level| files_with(&source(), &format!("tracing::{level}!(")))
        .collect();
    files.sort();
    files.dedup();
    let modules = files.iter().filter(|file| !file.ends_with("tests.rs"));
    let modules: Vec<_> = modules.map(|file| module_of(file)).collect();
    assert!(modules.len() > 10, "{modules:?}");
    let load = |filter: &str| {
        let flags = ["tickcast-server", "--check", "--log", filter];
        tickcast_server::config::load(flags.map(Into::into), [])
    };
    for module in &modules {
        let loaded = load(&format!("{module}=debug"));
        assert!(loaded.is_ok(), "add {module} to settings/log_filter.rs");
    }
    let problem = load("none=debug").unwrap_err().problems.remove(0);
    let (_, listed) = problem.split_once("expected ").unwrap();
    for listed in listed.split([',', ' ']) {
        if listed.starts_with("tickcast_server") {
            let is_real = modules.iter().any(|module| module.starts_with(listed));
            assert!(is_real, "{listed} does not log");
        }
    }
}
