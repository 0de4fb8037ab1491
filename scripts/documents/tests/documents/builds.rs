//! Commands that build are not run, because they take minutes. What they name exists: packages,
//! programs, tests, benches, examples and scripts.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::PermissionsExt,
    process::Command,
};

use regex::Regex;
use serde_json::Value;
use tickcast_documents::commands;

use crate::programs::{all_documents, root};

/// Fewest names that are checked, so that none is lost without notice.
const NAMES_MIN: usize = 60;

/// What cargo calls targets, and the flag that names one.
const KINDS: [(&str, &str); 4] = [
    ("bench", "--bench"),
    ("bin", "--bin"),
    ("example", "--example"),
    ("test", "--test"),
];

/// What the workspace has, by the flags that name it.
struct Workspace(BTreeMap<&'static str, BTreeSet<String>>);

impl Workspace {
    fn read() -> Self {
        let output = Command::new("cargo")
            .args(["metadata", "--offline", "--locked", "--no-deps"])
            .args(["--format-version", "1"])
            .current_dir(root())
            .output()
            .unwrap();
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut found: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
        for package in metadata["packages"].as_array().unwrap() {
            let name = package["name"].as_str().unwrap();
            found.entry("--package").or_default().insert(name.into());
            for target in package["targets"].as_array().unwrap() {
                let is = |kind: &str| target["kind"][0] == kind;
                let flags = KINDS.iter().filter(|(kind, _)| is(kind));
                for (_, flag) in flags {
                    let name = target["name"].as_str().unwrap();
                    found.entry(*flag).or_default().insert(name.into());
                }
            }
        }
        Self(found)
    }

    fn has(&self, flag: &str, name: &str) -> bool {
        self.0.get(flag).is_some_and(|names| names.contains(name))
    }

    /// Checks what a command names. Returns how many names it has, and those that do not exist.
    fn check(&self, command: &str) -> (usize, Vec<String>) {
        let mut checked = 0;
        let mut wrong = Vec::new();
        let mut check = |exists: bool, what: String| {
            checked += 1;
            if !exists {
                wrong.push(what);
            }
        };
        let words: Vec<&str> = command.split_whitespace().collect();
        // The words after `--` are those of the program.
        let is_cargo = |word: &&str| *word == "cargo";
        if let Some(start) = words.iter().position(is_cargo) {
            let ours = words[start..].iter().take_while(|word| **word != "--");
            let ours: Vec<&str> = ours.copied().collect();
            for pair in ours.windows(2) {
                let flag = if pair[0] == "-p" {
                    "--package"
                } else {
                    pair[0]
                };
                if self.0.contains_key(flag) {
                    check(self.has(flag, pair[1]), format!("{flag} {}", pair[1]));
                }
            }
        }
        let program = Regex::new(r"^(?:\./)?target/release/([a-z][a-z-]*)$").unwrap();
        let script = Regex::new(r"^(?:\./)?((?:scripts|packaging)/\S+\.sh)$").unwrap();
        for word in words {
            if let Some(found) = program.captures(word) {
                check(self.has("--bin", &found[1]), word.to_owned());
            } else if let Some(found) = script.captures(word) {
                let data = fs::metadata(root().join(&found[1]));
                let is_executable = data.is_ok_and(|data| data.permissions().mode() & 0o111 != 0);
                check(is_executable, word.to_owned());
            }
        }
        (checked, wrong)
    }
}

#[test]
fn every_command_that_builds_names_what_there_is() {
    let workspace = Workspace::read();
    let span = Regex::new("`([^`]+)`").unwrap();
    let mut checked = 0;
    let mut problems = Vec::new();
    for document in all_documents() {
        let mut found = Vec::new();
        for block in document.blocks() {
            if ["sh", "console", ""].contains(&block.language.as_str()) {
                found.extend(commands("sh", &block.text));
            }
        }
        let prose = document.prose();
        found.extend(span.captures_iter(&prose).map(|found| found[1].to_owned()));
        for command in found {
            let (count, wrong) = workspace.check(&command);
            checked += count;
            let path = document.path.display();
            problems.extend(
                wrong
                    .iter()
                    .map(|wrong| format!("{path}: {wrong}: {command}")),
            );
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
    assert!(checked >= NAMES_MIN, "only {checked} names were found");
}

#[test]
fn a_name_that_does_not_exist_is_found() {
    let workspace = Workspace::read();
    for (command, wrong) in [
        ("cargo build -p tickcast-servr", "--package tickcast-servr"),
        ("cargo bench --bench rond -- --package x", "--bench rond"),
        ("PATH=a cargo run --example x", "--example x"),
        (
            "sudo install target/release/tickcast-x /usr",
            "target/release/tickcast-x",
        ),
        ("scripts/demos.sh --tls", "scripts/demos.sh"),
        // It is there, and is read by the others.
        ("scripts/packages.sh", "scripts/packages.sh"),
    ] {
        assert_eq!(
            workspace.check(command),
            (1, vec![wrong.to_owned()]),
            "{command}"
        );
    }
    assert_eq!(workspace.check("cargo build --release"), (0, Vec::new()));
}
