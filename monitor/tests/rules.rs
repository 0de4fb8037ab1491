//! Who may know of whom. A file that breaks a rule is named.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{fs, path::Path};

/// No file below `places` may contain one of `words`, except those named.
#[track_caller]
fn check(places: &[&str], words: &[&str], except: &[&str]) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    for place in places {
        collect(&source.join(place), &mut files);
    }
    assert!(!files.is_empty(), "nothing below {places:?}");
    for file in files {
        let name = file
            .strip_prefix(&source)
            .unwrap()
            .to_string_lossy()
            .into_owned();
        if except.contains(&name.as_str()) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        for word in words {
            assert!(!text.contains(word), "{name} must not know of {word}");
        }
    }
}

fn collect(path: &Path, files: &mut Vec<std::path::PathBuf>) {
    if path.is_file() {
        files.push(path.to_owned());
        return;
    }
    for entry in fs::read_dir(path).unwrap() {
        collect(&entry.unwrap().path(), files);
    }
}

#[test]
fn what_computes_knows_of_no_screen() {
    let places = [
        "store",
        "chart",
        "alerts.rs",
        "recording",
        "health.rs",
        "latency.rs",
        "export.rs",
        "inbox.rs",
        "connection.rs",
        "settings.rs",
    ];
    check(&places, &["egui"], &["chart/draw.rs", "chart/plot.rs"]);
    check(&["."], &["eframe"], &["window.rs"]);
}

#[test]
fn what_computes_knows_of_no_clock() {
    let clocks = ["SystemTime::now", "Instant::now", "clock_ns("];
    check(
        &["store", "chart", "alerts.rs", "health.rs", "latency.rs"],
        &clocks,
        &[],
    );
}

#[test]
fn panels_know_of_no_network_and_change_no_data() {
    let words = [
        "tokio",
        "connection::",
        "Client",
        "&mut Store",
        "&mut Alerts",
        "std::net",
    ];
    check(&["panels"], &words, &[]);
}

#[test]
fn one_file_runs_the_client() {
    check(
        &["."],
        &["Client::new", "ClientHandle", "tokio::runtime"],
        &["connection.rs", "inbox.rs"],
    );
}
