//! Compares `docs/protocol.md` with the code.

use std::{collections::BTreeSet, fs, path::PathBuf};

use tickcast_protocol::{
    codec::{
        self, CLIENT_MESSAGE_MAX_BYTES, Encoding, SERVER_MESSAGE_MAX_BYTES, SUBPROTOCOL_BINCODE,
        SUBPROTOCOL_JSON,
    },
    decimal::SCALE_MAX,
    error::{CloseCode, ErrorCode},
    message::{Batch, Quality, ServerMessage, TopicId, TopicInfo, Update},
    topic::{TOPIC_MAX_BYTES, Topic},
    value::{Side, Trade, Value},
};

use crate::{
    golden::{from_hex, to_hex},
    samples::{self, BTC, BTC_ID, Name},
};

fn document() -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../docs/protocol.md");
    fs::read_to_string(path).unwrap()
}

/// The section of the document under a heading of level two.
fn section<'a>(document: &'a str, heading: &str) -> &'a str {
    let (_, rest) = document
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("no section {heading:?}"));
    rest.split("\n## ").next().unwrap()
}

/// The first cells of the rows of a table under a header.
fn rows<'a>(document: &'a str, header: &str) -> Vec<Vec<&'a str>> {
    let (_, rest) = document
        .split_once(&format!("\n{header}\n"))
        .unwrap_or_else(|| panic!("no table {header:?}"));
    let lines = rest.lines().skip(1);
    let lines = lines.map_while(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    lines.map(|line| line.split(" | ").collect()).collect()
}

#[test]
fn the_topics_of_the_golden_files_are_listed() {
    let document = document();
    let rows = rows(&document, "| topic id | topic |");
    let listed: BTreeSet<(String, String)> = rows
        .iter()
        .map(|row| (row[0].to_owned(), row[1].trim_matches('`').to_owned()))
        .collect();
    // The topics that any of the messages introduces, which are all that the others use.
    let mut introduced = BTreeSet::new();
    for (_, message) in samples::server_messages::<Topic>() {
        let topics = match message {
            ServerMessage::Batch(batch) => batch.topics,
            ServerMessage::Status(statuses) => statuses.topics,
            ServerMessage::History(history) => history.topics,
            ServerMessage::Candles(candles) => candles.topics,
            _ => continue,
        };
        introduced.extend(
            topics
                .iter()
                .map(|info| (info.id.to_string(), info.topic.to_string())),
        );
    }
    assert_eq!(listed, introduced);
}

#[test]
fn the_welcome_has_the_name_and_the_version_of_the_server() {
    let start = concat!(
        "< {\"type\":\"welcome\",\"server\":\"tickcast-server ",
        env!("CARGO_PKG_VERSION"),
        "\""
    );
    assert!(document().contains(start), "{start}");
}

#[test]
fn the_errors_without_an_id_name_known_codes() {
    let document = document();
    for row in rows(&document, "| error without an id | code |") {
        for code in row[1].split(", ") {
            let known = code.parse().ok().and_then(ErrorCode::from_number);
            assert!(known.is_some(), "{row:?}");
        }
    }
}

/// The message of the worked example.
fn example<T: Name>() -> ServerMessage<T> {
    ServerMessage::Batch(Batch {
        channel: 3,
        from: 300,
        to: 301,
        snapshot: false,
        topics: vec![TopicInfo::new(BTC_ID, Topic::new(BTC).unwrap())],
        updates: vec![Update {
            topic: T::name(BTC_ID, BTC),
            position: 301,
            seq: 88,
            source_time_ns: None,
            ingest_time_ns: 1_610_064_000_278_450_001,
            quality: Quality::Live,
            value: Value::Trade(Trade {
                price: "39432.48".parse().unwrap(),
                size: "0.000263".parse().unwrap(),
                side: Some(Side::Sell),
            }),
        }],
    })
}

#[test]
fn the_worked_example_equals_the_output_of_the_codec() {
    let document = document();
    let section = section(&document, "A message byte by byte");
    let hex: String = section
        .lines()
        .filter_map(|line| line.strip_prefix("| `"))
        .filter_map(|line| line.split('`').next())
        .collect();
    let bytes = codec::encode_server_bincode(&example::<TopicId>());
    assert_eq!(to_hex(&from_hex(&hex)), to_hex(&bytes));
    let json = section
        .lines()
        .find_map(|line| line.strip_prefix("< "))
        .unwrap();
    assert_eq!(
        codec::decode_server_json(json.as_bytes()).unwrap(),
        example()
    );
}

#[test]
fn every_line_of_a_transcript_is_a_message() {
    let document = document();
    let mut requests = BTreeSet::new();
    let mut answers = BTreeSet::new();
    for line in document.lines() {
        if let Some(json) = line.strip_prefix("> {") {
            let json = format!("{{{json}");
            let message = codec::decode_client(json.as_bytes(), Encoding::Json)
                .unwrap_or_else(|error| panic!("{error}: {json}"));
            requests.insert(codec::encode_client(&message, Encoding::Bincode)[0]);
        } else if let Some(json) = line.strip_prefix("< {") {
            let json = format!("{{{json}");
            let message = codec::decode_server_json(json.as_bytes())
                .unwrap_or_else(|error| panic!("{error}: {json}"));
            // The document shows exactly what the server writes.
            let encoded = String::from_utf8(codec::encode_server_json(&message)).unwrap();
            assert_eq!(encoded, json);
            answers.insert(tag(&encoded));
        }
    }
    assert_eq!(requests.len(), 10, "each request is shown");
    let all: BTreeSet<String> = samples::server_messages::<Topic>()
        .iter()
        .map(|(_, message)| tag(&String::from_utf8(codec::encode_server_json(message)).unwrap()))
        .collect();
    assert_eq!(answers, all, "each message of a server is shown");
}

fn tag(json: &str) -> String {
    let value: serde_json::Value = serde_json::from_str(json).unwrap();
    value["type"].as_str().unwrap().to_owned()
}

/// All keys, and all names of variants.
fn words(value: &serde_json::Value, found: &mut BTreeSet<String>) {
    match value {
        serde_json::Value::Object(map) => {
            for (key, value) in map {
                found.insert(key.clone());
                if [
                    "type", "mode", "start", "quality", "side", "status", "state", "interval",
                ]
                .contains(&key.as_str())
                {
                    found.extend(value.as_str().map(str::to_owned));
                }
                words(value, found);
            }
        }
        serde_json::Value::Array(values) => values.iter().for_each(|value| words(value, found)),
        _ => {}
    }
}

#[test]
fn every_field_and_every_variant_is_described() {
    let document = document();
    let mut found = BTreeSet::new();
    for (_, message) in samples::client_messages() {
        let json = codec::encode_client(&message, Encoding::Json);
        words(&serde_json::from_slice(&json).unwrap(), &mut found);
    }
    for (_, message) in samples::server_messages::<Topic>() {
        let json = codec::encode_server_json(&message);
        words(&serde_json::from_slice(&json).unwrap(), &mut found);
    }
    assert!(found.len() > 70, "{found:?}");
    for word in found {
        assert!(document.contains(&format!("`{word}`")), "`{word}`");
    }
}

#[test]
fn every_code_is_in_its_table() {
    let document = document();
    let errors = section(&document, "Error codes");
    for code in ErrorCode::ALL {
        let temporary = if code.is_temporary() { "yes" } else { "no" };
        let row = format!("| {} | {} | {temporary} |", code.number(), code.text());
        assert!(errors.contains(&row), "{row}");
    }
    let closes = section(&document, "Close codes");
    for code in CloseCode::ALL {
        let again = match CloseCode::should_reconnect(code.number()) {
            true => "yes",
            false => "no",
        };
        let row = format!("| {} | {} | {again} |", code.number(), code.text());
        assert!(closes.contains(&row), "{row}");
    }
}

#[test]
fn the_limits_are_those_of_the_code() {
    let document = document();
    let limits = section(&document, "Limits");
    for (limit, unit) in [
        (CLIENT_MESSAGE_MAX_BYTES, "bytes"),
        (SERVER_MESSAGE_MAX_BYTES, "bytes"),
        (TOPIC_MAX_BYTES, "bytes"),
        (usize::from(SCALE_MAX), "digits"),
    ] {
        let text = format!("{} {unit}", grouped(limit));
        assert!(limits.contains(&text), "{text}");
    }
    for name in [SUBPROTOCOL_BINCODE, SUBPROTOCOL_JSON] {
        assert!(document.contains(&format!("`{name}`")), "{name}");
    }
}

/// With commas between the thousands.
fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    groups.join(",")
}
