//! Messages in the documents are those of the protocol.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    sync::LazyLock,
};

use serde_json::Value;
use tickcast_protocol::{
    codec::{self, Encoding},
    recording::RecordedLine,
};

use crate::programs::root;

/// A whole message of a client or the server, or lines of a recording.
pub(crate) fn check_message(text: &str) -> Result<(), String> {
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let is_recorded = |line: &str| RecordedLine::parse(line.as_bytes()).is_ok();
    if lines.clone().all(is_recorded) {
        return Ok(());
    }
    let client = codec::decode_client(text.as_bytes(), Encoding::Json);
    let server = codec::decode_server_json(text.as_bytes());
    match (client, server) {
        (Err(client), Err(server)) => Err(format!("{text}{client}; {server}")),
        _ => Ok(()),
    }
}

/// Lines `> {...}` of a client and `< {...}` of the server. Parts may be left out as `...`.
pub(crate) fn check_lines(text: &str) -> Result<(), String> {
    for line in text.lines() {
        let Some(json) = line.strip_prefix("> ").or(line.strip_prefix("< ")) else {
            continue;
        };
        let whole = json
            .replace("{...}", "{}")
            .replace("[...]", "[]")
            .replace(",...}", "}")
            .replace(", ...}", "}");
        let message: Value =
            serde_json::from_str(&whole).map_err(|error| format!("{line}: {error}"))?;
        let kind = message["type"].as_str().unwrap_or_default();
        let Some(known) = KEYS.get(kind) else {
            return Err(format!("{line}: no message has the type {kind:?}"));
        };
        let mut keys = BTreeSet::new();
        collect(&message, &mut keys);
        if let Some(key) = keys.difference(known).next() {
            return Err(format!("{line}: {kind} has no {key:?}"));
        }
    }
    Ok(())
}

/// The keys of each kind of message, at any depth, from the golden files.
static KEYS: LazyLock<BTreeMap<String, BTreeSet<String>>> = LazyLock::new(|| {
    let mut keys: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in fs::read_dir(root().join("docs/golden")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let message: Value = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
            let kind = message["type"].as_str().unwrap().to_owned();
            collect(&message, keys.entry(kind).or_default());
        }
    }
    keys
});

fn collect(value: &Value, keys: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (key, value) in members {
                keys.insert(key.clone());
                collect(value, keys);
            }
        }
        Value::Array(members) => members.iter().for_each(|member| collect(member, keys)),
        _ => {}
    }
}
