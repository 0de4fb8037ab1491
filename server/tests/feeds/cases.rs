//! Payloads as devices, gateways and exchanges send them, with what is right for each.
//!
//! The files in `cases/` have one case after the other:
//!
//! ```text
//! = what the case shows
//! rule FILTER=FORMAT,KEY=VALUE
//! > TOPIC PAYLOAD
//!   TOPIC: VALUE
//! ```
//!
//! The rules are those of `--decode`. A topic with spaces is in quotes. After `x` the payload is in
//! hexadecimal digits. Payloads of one case come one after the other. What becomes of a payload is
//! indented, one line for each update, error and count, as `--try-decode` prints it.

use std::{fmt::Write, fs, path::Path, process::Command, time::SystemTime};

use tickcast_server::{
    config::{self, Command as Loaded},
    testing::decode::Decoder,
};
use tickcast_server_testkit::command;

/// The files, each with the number of its cases at least.
const FILES: [(&str, usize); 7] = [
    ("absent", 8),
    ("bytes", 8),
    ("devices", 50),
    ("exchanges", 45),
    ("numbers", 45),
    ("times", 30),
    ("told", 3),
];

#[derive(Default)]
struct Case {
    title: String,
    rules: Vec<String>,
    payloads: Vec<Sent>,
}

struct Sent {
    topic: String,
    payload: Vec<u8>,
    /// What is right.
    lines: Vec<String>,
}

fn read(name: &str) -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/feeds/cases");
    let text = fs::read_to_string(folder.join(format!("{name}.txt"))).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for line in text.split('\n') {
        let Some((mark, rest)) = line.split_once(' ') else {
            assert!(line.is_empty(), "{name}: {line}");
            continue;
        };
        if mark == "#" {
            continue;
        }
        if mark == "=" {
            let title = rest.to_owned();
            cases.push(Case {
                title,
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().expect("a title comes first");
        match mark {
            "rule" => case.rules.push(rest.to_owned()),
            ">" | "x" => {
                let (topic, payload) = match rest.strip_prefix('"') {
                    Some(rest) => rest.split_once("\" ").unwrap(),
                    None => rest.split_once(' ').unwrap(),
                };
                let payload = match mark {
                    ">" => payload.as_bytes().to_vec(),
                    _ => from_hex(payload),
                };
                let topic = topic.to_owned();
                case.payloads.push(Sent {
                    topic,
                    payload,
                    lines: Vec::new(),
                });
            }
            "" => {
                let sent = case.payloads.last_mut().expect("a payload comes first");
                let line = rest.strip_prefix(' ').expect("an indented line");
                sent.lines.push(line.to_owned());
            }
            _ => panic!("{name}: {line}"),
        }
    }
    cases
}

fn from_hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter_map(|c| c.to_digit(16)).collect();
    let pairs = digits.chunks_exact(2);
    pairs.map(|pair| (pair[0] * 16 + pair[1]) as u8).collect()
}

/// The decoder that feeds have with these rules.
fn decoder(rules: &[String]) -> Decoder {
    let flags = rules.iter().map(|rule| format!("--decode={rule}"));
    let flags = ["tickcast-server".to_owned(), "--feed=none".to_owned()]
        .into_iter()
        .chain(flags);
    let Loaded::Run(settings) = config::load(flags.map(Into::into), []).unwrap() else {
        panic!("no settings");
    };
    Decoder::new(settings.decode)
}

fn now_ns() -> i64 {
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap();
    now.as_nanos() as i64
}

#[test]
fn every_payload_becomes_what_is_right() {
    let mut wrong = String::new();
    for (file, least) in FILES {
        let cases = read(file);
        assert!(cases.len() >= least, "{file} has {} cases", cases.len());
        for case in cases {
            let mut decoder = decoder(&case.rules);
            assert!(!case.payloads.is_empty(), "{file}: {}", case.title);
            for sent in &case.payloads {
                let found = match decoder.decode(&sent.topic, &sent.payload, now_ns()) {
                    Ok(decoded) => decoded.to_string().lines().map(str::to_owned).collect(),
                    Err(error) => vec![format!("cannot be read: {error}")],
                };
                if found != sent.lines {
                    let payload = sent.payload.escape_ascii();
                    let (right, found) = (sent.lines.join("\n  "), found.join("\n  "));
                    writeln!(
                        wrong,
                        "{file}, {}: {payload}\nright:\n  {right}\nfound:\n  {found}\n",
                        case.title
                    )
                    .unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_program_prints_the_same() {
    for (file, _) in FILES {
        let cases = read(file).into_iter();
        let single = cases.filter(|case| case.payloads.len() == 1);
        for case in single.step_by(12) {
            let sent = &case.payloads[0];
            let Ok(payload) = std::str::from_utf8(&sent.payload) else {
                continue;
            };
            if payload.contains('\0') {
                continue;
            }
            let program = command(&[]);
            let mut program = Command::new(program.as_std().get_program());
            program.arg("--feed=none");
            program.args(case.rules.iter().map(|rule| format!("--decode={rule}")));
            program.args(["--try-decode", &sent.topic, payload]);
            let output = program.output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            let lines: Vec<_> = text.lines().skip(1).collect();
            assert_eq!(lines, sent.lines, "{file}: {}", case.title);
        }
    }
}
