//! The rules of this crate about its dependencies.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

/// The names of the crates in this crate's dependency tree.
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
    for name in ["tokio", "hyper", "fastwebsockets", "rand", "url"] {
        assert!(!bare.contains(name), "{name} without the feature");
        assert!(client.contains(name), "{name} with the feature");
    }
    for name in ["tickcast-server", "tickcast-monitor", "tickcast-loadtest"] {
        assert!(!client.contains(name), "{name} depends on this crate");
    }
}

/// Source files of the crate: their paths below `src`, with `/` between the parts, and their text.
fn sources() -> Vec<(String, String)> {
    fn collect(root: &Path, directory: &Path, found: &mut Vec<(String, String)>) {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(root, &path, found);
            } else {
                let parts = path.strip_prefix(root).unwrap().iter();
                let parts: Vec<_> = parts.map(|part| part.to_str().unwrap()).collect();
                found.push((parts.join("/"), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = vec![];
    collect(&root, &root, &mut found);
    found
}

#[test]
fn files_that_decide_use_no_socket_no_clock_and_no_random_numbers() {
    let found = sources();
    let shell = [
        "client/connection/",
        "client/handshake/",
        "client/handle.rs",
        "client/open_connection.rs",
        "client/reconnecting.rs",
        "tls/",
        "websocket/",
    ];
    let is_in = |file: &str, place: &str| file == place || file.starts_with(place);
    for place in shell {
        assert!(
            found.iter().any(|(file, _)| is_in(file, place)),
            "{place} was renamed"
        );
    }
    for (file, text) in &found {
        if shell.iter().any(|place| is_in(file, place)) {
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
            assert!(!text.contains(forbidden), "{forbidden} in {file}");
        }
    }
}

#[test]
fn only_one_file_calls_bincode() {
    let found = sources();
    let functions = [
        "bincode::encode_into",
        "bincode::encode_to",
        "bincode::decode_from",
        "bincode::borrow_decode_from",
        "bincode::config",
    ];
    let callers: Vec<&str> = found
        .iter()
        .filter(|(_, text)| functions.iter().any(|function| text.contains(function)))
        .map(|(file, _)| file.as_str())
        .collect();
    assert_eq!(callers, ["codec/bincode.rs"]);
}
