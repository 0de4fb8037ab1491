//! A range of a log as a recording, which the replay feed, the monitor and the load tester read.

use std::io::{self, Write};

use tickcast_protocol::topic::Filter;

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
        let is_wanted = |topic: &str| filters.iter().any(|filter| filter.matches(topic));
        if entry
            .info()
            .is_some_and(|info| !is_wanted(info.topic.as_str()))
        {
            return;
        }
        let line = match (&entry, entry.recorded()) {
            (_, Some(Ok(line))) => line,
            (Entry::Update { head, .. }, Some(Err(error))) => {
                exported.missing += 1;
                let problem = format!("update {}: {error}", head.position);
                exported.problems.push(problem);
                return;
            }
            (Entry::Missing { first, end }, _) => {
                exported.missing += end - first;
                let problem = format!("positions {first} to {} are missing", end - 1);
                exported.problems.push(problem);
                return;
            }
            (Entry::Flaw { name, offset, flaw }, _) => {
                let problem = format!("{name}: at byte {offset}: {flaw}");
                exported.problems.push(problem);
                return;
            }
            // Only an update has bytes that can be wrong.
            (Entry::Update { .. } | Entry::Status { .. } | Entry::Publish(_), _) => return,
        };
        match line.status {
            Some(_) => exported.statuses += 1,
            None => exported.updates += 1,
        }
        text.clear();
        let written = line.write(&mut text).map_err(io::Error::from);
        result = written.and_then(|()| out.write_all(&text));
    })?;
    result?;
    out.flush()?;
    Ok(exported)
}
