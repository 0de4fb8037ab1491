//! Flags and environment variables in the documents exist.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use regex::Regex;
use tickcast_documents::commands;
use walkdir::WalkDir;

use crate::programs::{all_documents, root, shell};

/// Our programs, and how they print their help.
const HELP: [(&str, &str); 21] = [
    ("tickcast-server", "tickcast-server --help"),
    ("tickcast-server", "tickcast-server config --help"),
    ("tickcast-server", "tickcast-server log dump --help"),
    ("tickcast-server", "tickcast-server log export --help"),
    ("tickcast", "tickcast tail --help"),
    ("tickcast", "tickcast latest --help"),
    ("tickcast", "tickcast topics --help"),
    ("tickcast", "tickcast history --help"),
    ("tickcast", "tickcast pub --help"),
    ("tickcast", "tickcast record --help"),
    ("tickcast", "tickcast replay --help"),
    ("tickcast", "tickcast log dump --help"),
    ("tickcast", "tickcast log export --help"),
    ("tickcast", "tickcast man --help"),
    ("tickcast", "tickcast token make --help"),
    ("tickcast", "tickcast token show --help"),
    ("tickcast-loadtest", "tickcast-loadtest --help"),
    ("tickcast-loadtest", "tickcast-loadtest selftest --help"),
    ("tickcast-monitor", "tickcast-monitor --help"),
    ("tickcast-benches", "compare --help"),
    ("mqtt-ingest", "mqtt-ingest --help"),
];

/// Flags of other programs that the prose names.
const FOREIGN: [&str; 4] = [
    "--experimental-websocket",
    "--layout-features",
    "--file",
    "--shard",
];

/// The flags of each program.
fn known() -> BTreeMap<&'static str, BTreeSet<String>> {
    let flag = Regex::new(r"--[a-z][a-z0-9-]*").unwrap();
    let mut known: BTreeMap<_, BTreeSet<String>> = BTreeMap::new();
    for (program, help) in HELP {
        let output = shell(help, &root()).output().unwrap();
        assert!(output.status.success(), "{help}");
        let text = String::from_utf8(output.stdout).unwrap();
        let flags = flag.find_iter(&text).map(|found| found.as_str().to_owned());
        known.entry(program).or_default().extend(flags);
    }
    known
}

#[test]
fn every_flag_in_the_documents_exists() {
    let known = known();
    let all: BTreeSet<&str> = known
        .values()
        .flatten()
        .map(String::as_str)
        .chain(FOREIGN)
        .collect();
    let span = Regex::new(r"`(--[a-z][a-z0-9-]*)").unwrap();
    let mut checked = 0;
    let mut problems = Vec::new();
    for document in all_documents() {
        let path = document.path.display();
        for found in span.captures_iter(&document.prose()) {
            checked += 1;
            if !all.contains(&found[1]) {
                problems.push(format!("{path}: {}", &found[1]));
            }
        }
        for block in document.blocks() {
            let is_console = block.text.starts_with("$ ");
            let language = if is_console { "console" } else { "sh" };
            if !["sh", "console", ""].contains(&block.language.as_str()) {
                continue;
            }
            for command in commands(language, &block.text) {
                for (program, flags) in flags_of(&command, &known) {
                    checked += flags.len();
                    let unknown = flags.iter().filter(|flag| !known[program].contains(*flag));
                    problems.extend(unknown.map(|flag| format!("{path}: {program} {flag}")));
                }
            }
        }
    }
    assert!(
        problems.is_empty(),
        "there is no such flag:\n{}",
        problems.join("\n")
    );
    assert!(checked > 100, "{checked}");
}

/// The programs of ours in a command, each with its flags.
fn flags_of<'a>(
    command: &str,
    known: &BTreeMap<&'a str, BTreeSet<String>>,
) -> Vec<(&'a str, Vec<String>)> {
    let mut found = Vec::new();
    for part in command.split(" | ") {
        let words: Vec<&str> = part.split_whitespace().collect();
        let program = words.iter().enumerate().find_map(|(at, word)| {
            let mut programs = known.keys();
            let program = programs.find(|program| word.rsplit('/').next() == Some(program))?;
            // The words before `--` are those of cargo.
            let rest = &words[at + 1..];
            let start = rest
                .iter()
                .position(|word| *word == "--")
                .map_or(0, |at| at + 1);
            let is_cargo = words[..at].contains(&"cargo");
            (!is_cargo || start > 0).then_some((*program, &rest[start..]))
        });
        if let Some((program, rest)) = program {
            let flags = rest.iter().filter(|word| word.starts_with("--"));
            let flags = flags.map(|word| word.split('=').next().unwrap_or(word).to_string());
            found.push((program, flags.collect()));
        }
    }
    found
}

#[test]
fn every_environment_variable_in_the_documents_exists() {
    let mut sources = String::new();
    for program in ["tickcast-server", "tickcast-monitor", "tickcast tail"] {
        let output = shell(&format!("{program} --help"), &root())
            .output()
            .unwrap();
        sources.push_str(&String::from_utf8(output.stdout).unwrap());
    }
    for folder in [
        "protocol",
        "benches",
        "fuzz/src",
        "monitor/tests",
        "server/src/simulation",
        "server/tests",
        "clients/javascript/test/support",
        "clients/python/tests",
    ] {
        let files = WalkDir::new(root().join(folder))
            .into_iter()
            .map(|entry| entry.unwrap());
        let is_source = |path: &std::path::Path| {
            path.extension()
                .is_some_and(|end| end == "rs" || end == "js" || end == "py")
        };
        for file in files.filter(|file| is_source(file.path())) {
            sources.push_str(&fs::read_to_string(file.path()).unwrap());
        }
    }
    let variable = Regex::new(r"TICKCAST_[A-Z_]*[A-Z]\b").unwrap();
    let mut checked = 0;
    for document in all_documents() {
        for found in variable.find_iter(&document.text) {
            let name = found.as_str();
            // Kubernetes sets these, for a service of this name.
            let is_kubernetes = ["TICKCAST_PORT", "TICKCAST_SERVICE_HOST"].contains(&name);
            let path = document.path.display();
            assert!(
                is_kubernetes || sources.contains(name),
                "{path}: there is no {name}"
            );
            checked += 1;
        }
    }
    assert!(checked >= 5, "{checked}");
}
