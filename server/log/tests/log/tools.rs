//! Verify, dump, stats and export.

use std::collections::BTreeSet;

use tickcast_log::{
    testing::MemoryDisk,
    tools::{Detail, Range, dump, export, stats, verify},
};
use tickcast_protocol::{recording::RecordedLine, topic::Filter};

use crate::support::{Source, open, opening};

fn log() -> MemoryDisk {
    let disk = MemoryDisk::default();
    let (mut log, _) = open(&disk, opening(1, 10));
    let mut source = Source::default();
    for _ in 0..40 {
        let strip = source.strip(log.next(), 5, 20);
        log.write(&[strip], 9).unwrap();
    }
    log.end(5).unwrap();
    disk
}

fn filters(filters: &[&str]) -> Vec<Filter> {
    filters
        .iter()
        .map(|filter| Filter::new(filter).unwrap())
        .collect()
}

#[test]
fn verify_finds_a_whole_log_whole_and_has_a_line_for_each_segment() {
    let disk = log();
    let mut out = Vec::new();
    let verdict = verify(&disk, &mut out).unwrap();
    assert_eq!(
        (verdict.segments, verdict.updates),
        (disk.files().len(), 200)
    );
    assert!(verdict.problems.is_empty(), "{verdict:?}");
    let text = String::from_utf8(out).unwrap();
    assert_eq!(text.lines().count(), disk.files().len());
    assert!(text.starts_with("0000000001.seg: "), "{text}");
    assert!(
        text.contains("closed") && text.contains("positions 1 to "),
        "{text}"
    );
}

#[test]
fn verify_names_the_file_the_byte_and_what_is_missing() {
    let disk = log();
    let name = "0000000001.seg";
    let mut bytes = disk.files()[name].clone();
    bytes[2000] ^= 1;
    disk.set(name, bytes);
    let mut out = Vec::new();
    let verdict = verify(&disk, &mut out).unwrap();
    assert!(
        verdict.problems[0].starts_with("0000000001.seg: at byte "),
        "{verdict:?}"
    );
    assert!(
        String::from_utf8(out)
            .unwrap()
            .contains("problem: 0000000001.seg")
    );
}

#[test]
fn export_writes_a_recording_of_a_range_and_of_some_topics() {
    let disk = log();
    let lines = |range, names: &[&str]| {
        let mut out = Vec::new();
        let exported = export(&disk, range, &filters(names), &mut out).unwrap();
        assert!(exported.problems.is_empty());
        let lines: Vec<_> = out
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
            .map(|line| RecordedLine::parse(line).unwrap())
            .collect();
        let values = lines.iter().filter(|line| line.value.is_some()).count();
        assert_eq!(exported.updates as usize, values);
        assert_eq!(exported.statuses as usize, lines.len() - values);
        lines
    };
    let all = lines(Range::ALL, &["#"]);
    assert_eq!(all.iter().filter(|line| line.value.is_some()).count(), 200);
    assert!(all.iter().any(|line| line.status.is_some()));
    assert!(all.iter().any(|line| line.unit.as_deref() == Some("°C")));
    let range = Range {
        from: 50,
        to: 59,
        ..Range::ALL
    };
    let some = lines(range, &["#"]);
    assert_eq!(some.iter().filter(|line| line.value.is_some()).count(), 10);
    let first = some[0].time;
    let by_time = Range {
        from_ns: first,
        to_ns: first + 100,
        ..Range::ALL
    };
    let by_time = lines(by_time, &["#"]);
    assert_eq!(
        by_time.iter().filter(|line| line.value.is_some()).count(),
        10
    );
    let topics = lines(Range::ALL, &["plant/3", "plant/4"]);
    let names: BTreeSet<_> = topics.iter().map(|line| line.topic.as_str()).collect();
    assert_eq!(names, BTreeSet::from(["plant/3", "plant/4"]));
    assert!(lines(Range::ALL, &["other/#"]).is_empty());
}

#[test]
fn export_counts_what_is_missing() {
    let disk = log();
    tickcast_log::Disk::remove(&disk, "0000000002.seg").unwrap();
    let mut out = Vec::new();
    let exported = export(&disk, Range::ALL, &filters(&["#"]), &mut out).unwrap();
    assert_eq!(exported.updates + exported.missing, 200);
    assert!(exported.problems[0].contains("are missing"), "{exported:?}");
}

#[test]
fn stats_and_dump_tell_what_is_there() {
    let disk = log();
    let mut out = Vec::new();
    stats(&disk, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    for part in [
        "positions  1 to 200",
        "updates    200 in 40 strips",
        "topics     7",
        "plant/3",
        "sessions   1",
        "epoch 000000000000000a, from position 1 on",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let mut out = Vec::new();
    dump(&disk, (101, 103), Detail::Updates, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    let strips: Vec<_> = text
        .lines()
        .filter(|line| line.contains(" strip "))
        .collect();
    assert_eq!(strips.len(), 1, "{text}");
    assert!(strips[0].contains("positions 101 to 105"), "{text}");
    assert_eq!(
        text.lines().filter(|line| line.starts_with("    ")).count(),
        3,
        "{text}"
    );
    assert!(
        text.contains(r#"{"text":"xxxxxxxxxxxxxxxxxxxx"}"#),
        "{text}"
    );
    let mut out = Vec::new();
    dump(&disk, (0, u64::MAX), Detail::Records, &mut out).unwrap();
    let text = String::from_utf8(out).unwrap();
    assert_eq!(
        text.lines().filter(|line| line.contains(" strip ")).count(),
        40
    );
    assert!(text.contains("clean end, next position 201"), "{text}");
    assert!(
        text.contains(" topics ") && text.contains(" index of "),
        "{text}"
    );
}
