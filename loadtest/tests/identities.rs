//! Runs against a real server with identities.

#![allow(clippy::unwrap_used)]

mod support;

use std::{fs, path::PathBuf, process::Command};

use support::{TestServer, run};
use tempfile::TempDir;

/// Two tokens of a file with identities, and the hashes there.
const TOKENS: [(&str, &str); 2] = [
    (
        "tct_loadtest",
        "b836cd7733aa512306b778ae8b46ca6d85a4871528e873be16465d3fe22e6df4",
    ),
    (
        "tct_other",
        "0c726a326fc31737a6446d557b23deccbc6d26d80256079f5c75ea3b89fe0b55",
    ),
];

/// A server that wants tokens, and files with tokens.
struct Identities {
    server: TestServer,
    tokens: [PathBuf; 2],
    wrong: PathBuf,
    _folder: TempDir,
}

impl Identities {
    fn start() -> Self {
        Self::start_with("subscribe = [\"#\"]\npublish = [\"#\"]\nconnections = 3\n")
    }

    /// A server whose clients have a role with these rights.
    fn start_with(rights: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let mut file = format!("[roles.load]\n{rights}");
        let tokens = ["first", "second"].map(&path);
        for (at, (token, sha256)) in TOKENS.iter().enumerate() {
            fs::write(&tokens[at], format!("{token}\n")).unwrap();
            file += &format!(
                "[[tokens]]\nid = \"{at}\"\nsubject = \"load{at}\"\nrole = \"load\"\n\
                 sha256 = \"{sha256}\"\n"
            );
        }
        fs::write(path("wrong"), "tct_wrong").unwrap();
        fs::write(path("identities.toml"), file).unwrap();
        let arguments = format!(
            "--feed none --identities {}",
            path("identities.toml").display()
        );
        Self {
            server: TestServer::start(&arguments),
            tokens,
            wrong: path("wrong"),
            _folder: folder,
        }
    }
}

#[test]
fn a_run_with_tokens_is_measured_and_its_subscribers_have_them_in_turn() {
    let identities = Identities::start();
    let [first, second] = identities.tokens.each_ref().map(|path| path.display());
    // Each identity may have three connections: the publisher has one of the first.
    let flags = format!(
        "-n 5 -r 50 -d 1 --warmup 0 --threads 1 --token-file {second} --token-file {first}"
    );
    let summary = run(&identities.server.url(), &flags)
        .unwrap_err()
        .to_string();
    assert!(
        summary.contains("as many connections as it may"),
        "{summary}"
    );
    // Those of the first run may not have ended yet.
    let identities = Identities::start();
    let [first, second] = identities.tokens.each_ref().map(|path| path.display());
    let flags = format!(
        "-n 4 -r 50 -d 1 --warmup 0 --threads 1 --token-file {first} --token-file {second}"
    );
    let summary = run(&identities.server.url(), &flags).unwrap().summary;
    assert_eq!(summary.integrity.healthy.live, 50 * 4);
    assert_eq!(summary.integrity.healthy.broken(), 0);
}

#[test]
fn a_token_is_never_printed_and_a_refused_one_ends_the_run_with_the_reason() {
    let identities = Identities::start();
    let url = identities.server.url();
    let out = tempfile::tempdir().unwrap();
    for (token, is_known) in [(&identities.tokens[0], true), (&identities.wrong, false)] {
        let output = Command::new(env!("CARGO_BIN_EXE_tickcast-loadtest"))
            .args([
                "--url", &url, "-n", "2", "-r", "50", "-d", "1", "--warmup", "0",
            ])
            .arg("--token-file")
            .arg(token)
            .arg("--out")
            .arg(out.path())
            .output()
            .unwrap();
        let mut all = String::from_utf8(output.stdout).unwrap();
        all += &String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code() == Some(3), !is_known, "{all}");
        assert_eq!(
            all.contains("401 Unauthorized: the token is unknown"),
            !is_known,
            "{all}"
        );
        for entry in fs::read_dir(out.path()).unwrap() {
            all += &String::from_utf8_lossy(&fs::read(entry.unwrap().path()).unwrap());
        }
        for secret in ["tct_", "Bearer"] {
            assert!(!all.contains(secret), "{all}");
        }
    }
}

#[test]
fn a_role_that_may_not_subscribe_or_publish_ends_the_run_with_words_that_say_so() {
    for (rights, words) in [
        (
            "subscribe = [\"a/#\"]\npublish = [\"#\"]\n",
            "subscribing to",
        ),
        (
            "subscribe = [\"#\"]\npublish = [\"a/#\"]\n",
            "publishing to",
        ),
    ] {
        let identities = Identities::start_with(rights);
        let token = identities.tokens[0].display();
        let flags = format!("-n 2 -r 50 -d 1 --warmup 0 --threads 1 --token-file {token}");
        let error = run(&identities.server.url(), &flags).unwrap_err();
        let said = error.to_string();
        assert!(said.contains(words), "{said}");
        assert!(said.contains("not allowed"), "{said}");
    }
}

#[test]
fn a_file_without_a_token_is_refused_before_anything_is_connected() {
    let output = Command::new(env!("CARGO_BIN_EXE_tickcast-loadtest"))
        .args(["--token-file", "/nowhere/token"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("--token-file: cannot read the token file /nowhere/token"),
        "{said}"
    );
}
