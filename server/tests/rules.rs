//! Who may know of whom, as ARCHITECTURE.md says. A file that breaks a rule is named.

#![allow(clippy::unwrap_used, reason = "a test may fail by it")]

use std::{
    fs,
    path::{Path, PathBuf},
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

/// Files below `src` whose code (comments left out) contains the word.
fn files_with(word: &str) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    source_files(&source, &mut files);
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
        .map(|file| file.strip_prefix(&source).unwrap().display().to_string())
        .collect();
    found.sort();
    found
}

#[test]
fn the_core_knows_no_sockets_no_runtime_and_no_clock() {
    const CORE: [&str; 16] = [
        "catch_up.rs",
        "channel.rs",
        "connection.rs",
        "history.rs",
        "levels.rs",
        "liveness.rs",
        "recall.rs",
        "requests.rs",
        "sequencer.rs",
        "shard.rs",
        "slow.rs",
        "statuses.rs",
        "subscription.rs",
        "tape.rs",
        "topics.rs",
        "upkeep.rs",
    ];
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in CORE {
        assert!(source.join(file).exists(), "{file}");
    }
    for word in [
        "tokio",
        "hyper",
        "fastwebsockets",
        "rumqttc",
        "std::net",
        "Instant",
        "SystemTime",
        "wall_ns()",
        "Mutex",
        "std::thread",
    ] {
        let offenders: Vec<_> = files_with(word)
            .into_iter()
            .filter(|file| CORE.contains(&file.as_str()))
            .collect();
        assert_eq!(offenders, Vec::<String>::new(), "must not know of {word}");
    }
}

#[test]
fn each_outside_crate_has_its_place() {
    assert_eq!(files_with("rumqttc::"), ["feed/mqtt/link.rs"]);
    assert_eq!(files_with("percent_encoding::"), ["feed/mqtt/url.rs"]);
    // Settings are fields that derive clap's `Args`, also those of a feed.
    let with_settings = ["config/", "feed/", "settings/"];
    for file in files_with("clap::") {
        assert!(
            with_settings.iter().any(|folder| file.starts_with(folder)),
            "{file}"
        );
    }
    assert_eq!(
        files_with("fastwebsockets::"),
        ["frame.rs", "http.rs", "inbound.rs"]
    );
    assert_eq!(files_with("prometheus_client::"), ["metrics.rs"]);
    assert_eq!(files_with("tickcast_uring::"), ["outlet.rs"]);
    assert_eq!(files_with("bincode::"), Vec::<String>::new());
}

#[test]
fn the_server_is_built_without_its_clients() {
    let manifest =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml")).unwrap();
    let (dependencies, _) = manifest.split_once("[dev-dependencies]").unwrap();
    assert!(dependencies.contains("tickcast-protocol.workspace"));
    for client in ["tickcast-monitor", "tickcast-loadtest", "\"client\""] {
        assert!(!dependencies.contains(client), "{client}");
    }
}
