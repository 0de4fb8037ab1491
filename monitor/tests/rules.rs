//! What each room may know. A file that breaks a rule is named.
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]

use std::{fs, path::Path};

/// No file below `places` may contain one of `words`, except the files in `except` and unit tests.
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
        if except.contains(&name.as_str()) || name.ends_with("tests.rs") || name.contains("/tests/")
        {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        // Unit tests may use anything.
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        for word in words {
            assert!(!text.contains(word), "{name} must not know {word}");
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
fn data_net_and_files_know_no_screen() {
    check(&["data", "net", "files"], &["egui", "eframe"], &[]);
    check(&["."], &["eframe"], &["app/window.rs"]);
}

#[test]
fn data_knows_no_clock_no_socket_and_no_file() {
    let clocks = ["SystemTime::now", "Instant::now", "clock_ns("];
    check(&["data"], &clocks, &[]);
    check(&["data"], &["tokio", "std::net", "std::fs"], &[]);
}

#[test]
fn panels_know_no_network_and_change_no_data() {
    let words = [
        "tokio",
        "net::",
        "Client",
        "&mut Store",
        "&mut Alerts",
        "std::net",
    ];
    check(&["ui"], &words, &[]);
}

#[test]
fn only_net_runs_the_client() {
    let words = ["Client::new", "ClientHandle", "tokio"];
    check(&["app", "data", "files", "ui"], &words, &[]);
}

#[test]
fn each_room_knows_only_the_rooms_below_it() {
    for (room, above) in [
        ("data", ["files::", "net::", "ui::", "app::"].as_slice()),
        ("net", &["files::", "ui::", "app::"]),
        ("files", &["net::", "ui::", "app::"]),
        ("ui", &["app::"]),
    ] {
        let names: Vec<String> = above.iter().map(|name| format!("crate::{name}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        check(&[room], &names, &[]);
    }
}
