//! The rules of this crate about what it depends on.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// Names of the crates that this one is built with.
fn tree(arguments: &[&str]) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args(["tree", "--offline", "--package", "tickcast-protocol"])
        .args(["--edges", "normal", "--prefix", "none", "--format", "{p}"])
        .args(arguments)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn only_the_client_needs_a_runtime_and_a_network() {
    let bare = tree(&["--no-default-features"]);
    let client = tree(&["--features", "client"]);
    for name in ["tokio", "hyper", "fastwebsockets", "rand"] {
        assert!(!bare.contains(name), "{name} without the feature");
        assert!(client.contains(name), "{name} with the feature");
    }
    for name in ["tickcast-server", "tickcast-monitor", "tickcast-loadtest"] {
        assert!(!client.contains(name), "{name} depends on this crate");
    }
}

/// Source files below a directory, with their text.
fn sources(directory: &Path, found: &mut Vec<(String, String)>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else {
            let text = fs::read_to_string(&path).unwrap();
            found.push((path.file_name().unwrap().to_str().unwrap().into(), text));
        }
    }
}

#[test]
fn what_decides_touches_neither_socket_nor_clock_nor_chance() {
    let mut found = vec![];
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    let shell = [
        "connection.rs",
        "handshake.rs",
        "open.rs",
        "reconnecting.rs",
        "handle.rs",
    ];
    let files = |name: &str| found.iter().filter(move |(file, _)| file == name).count();
    for name in shell {
        assert_eq!(files(name), 1, "{name} was renamed");
    }
    for (name, text) in &found {
        if shell.contains(&name.as_str()) {
            continue;
        }
        for forbidden in [
            "tokio::",
            "hyper::",
            "fastwebsockets::",
            "rand::",
            "std::net",
            "Instant",
            "SystemTime",
        ] {
            assert!(!text.contains(forbidden), "{forbidden} in {name}");
        }
    }
}

#[test]
fn bincodes_functions_are_named_in_one_file() {
    let mut found = vec![];
    sources(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    let callers: Vec<&str> = found
        .iter()
        .filter(|(_, text)| {
            ["bincode::encode_", "bincode::decode_", "bincode::config"]
                .iter()
                .any(|function| text.contains(function))
        })
        .map(|(name, _)| name.as_str())
        .collect();
    assert_eq!(callers, ["codec.rs"]);
}
