//! Tests of the file and of its bounds.

use std::{
    fs,
    path::Path,
    sync::{Arc, mpsc::sync_channel},
};

use super::{
    line::{Line, bounded},
    shared::AuditLog,
    waiting::AuditStats,
    writer::Writer,
};

fn lines(path: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

const LINE: Line<'_> = Line::Started { epoch: "00" };

#[test]
fn lines_above_the_bound_are_dropped_counted_and_told_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let stats = Arc::<AuditStats>::default();
    let writer = Writer::open(&path, 1_000_000, Arc::clone(&stats)).unwrap();
    let (sender, items) = sync_channel(3);
    let log = AuditLog::of_channel(sender, Arc::clone(&stats));
    for _ in 0..8 {
        log.note(&LINE);
    }
    assert_eq!(stats.dropped.get(), 5);
    let thread = std::thread::Builder::new();
    let thread = thread.spawn(move || writer.run(&items)).unwrap();
    log.end();
    thread.join().unwrap();
    let lines = lines(&path);
    assert_eq!(stats.lines.get(), 3);
    let told: u64 = lines.iter().filter_map(|line| line["lines"].as_u64()).sum();
    assert_eq!(told, 5);
    let written = lines.iter().filter(|line| line["event"] == "started");
    assert_eq!(written.count(), 3);
    assert!(lines.iter().all(|line| line["time"].is_string()));
}

#[test]
fn a_full_file_becomes_the_one_before_and_that_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.jsonl");
    let stats = Arc::<AuditStats>::default();
    let before = path.with_file_name("audit.jsonl.1");
    fs::write(&before, "old").unwrap();
    for _ in 0..3 {
        let log = AuditLog::start(&path, 100, Arc::clone(&stats)).unwrap();
        log.note(&LINE);
        log.end();
    }
    let (now, before) = (lines(&path), lines(&before));
    assert_eq!(now[0]["event"], "rotated");
    assert_eq!(now.last().unwrap()["event"], "started");
    assert_eq!(before.last().unwrap()["event"], "started");
    assert!(fs::metadata(&path).unwrap().len() < 200);
    assert_eq!(stats.lines.get(), 3);
}

#[test]
fn a_text_that_a_client_chooses_is_cut() {
    assert_eq!(bounded("short"), "short");
    let long = "é".repeat(1_000);
    assert_eq!(bounded(&long).len(), 512);
    let shifted = format!("a{long}");
    assert_eq!(bounded(&shifted).len(), 511);
}
