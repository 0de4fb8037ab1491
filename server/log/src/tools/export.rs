//! A range of a log as a recording, which the replay feed, the monitor and the load tester read.

use std::io::{self, Write};

use tickcast_protocol::{codec, message::Quality, recording::RecordedLine, topic::Filter};

use super::ToolError;
use crate::{
    disk::Disk,
    read::{Entry, Range, read},
};

/// What was exported, and what could not be.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Exported {
    /// Number of updates.
    pub updates: u64,
    /// Number of statuses.
    pub statuses: u64,
    /// Number of positions in the range that are missing.
    pub missing: u64,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
}

/// Writes the updates and statuses in a range whose topics match one of the filters.
///
/// # Errors
///
/// If the log cannot be read, or the output not written.
pub fn export<D: Disk>(
    disk: &D,
    range: Range,
    filters: &[Filter],
    out: &mut impl Write,
) -> Result<Exported, ToolError> {
    let mut exported = Exported::default();
    let mut result: io::Result<()> = Ok(());
    let mut text = Vec::new();
    read(disk, range, |entry| {
        if result.is_err() {
            return;
        }
        let line = match entry {
            Entry::Update { head, bytes, info } => {
                if !filters
                    .iter()
                    .any(|filter| filter.matches(info.topic.as_str()))
                {
                    return;
                }
                let update = match codec::decode_update_bincode(bytes) {
                    Ok(update) => update,
                    Err(error) => {
                        exported.missing += 1;
                        let problem = format!("update {}: {error}", head.position);
                        exported.problems.push(problem);
                        return;
                    }
                };
                exported.updates += 1;
                RecordedLine {
                    topic: info.topic.clone(),
                    time: update.ingest_time_ns,
                    seq: update.seq,
                    every: true,
                    unit: info.unit.clone(),
                    quality: update.quality,
                    source_time: update.source_time_ns,
                    value: Some(update.value),
                    status: None,
                }
            }
            Entry::Status { change, info, .. } => {
                if !filters
                    .iter()
                    .any(|filter| filter.matches(info.topic.as_str()))
                {
                    return;
                }
                exported.statuses += 1;
                RecordedLine {
                    topic: info.topic.clone(),
                    time: change.since_ns,
                    seq: 0,
                    every: true,
                    unit: None,
                    quality: Quality::Live,
                    source_time: None,
                    value: None,
                    status: Some(change.status),
                }
            }
            Entry::Missing { first, end } => {
                exported.missing += end - first;
                let problem = format!("positions {first} to {} are missing", end - 1);
                exported.problems.push(problem);
                return;
            }
            Entry::Flaw { name, offset, flaw } => {
                exported
                    .problems
                    .push(format!("{name}: at byte {offset}: {flaw}"));
                return;
            }
        };
        text.clear();
        let written = line.write(&mut text).map_err(io::Error::from);
        result = written.and_then(|()| out.write_all(&text));
    })?;
    result?;
    out.flush()?;
    Ok(exported)
}
