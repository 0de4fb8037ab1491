//! Compares every checksum, every position and every index of a log.

use std::{cell::RefCell, io::Write};

use tickcast_protocol::{codec, message::Position};

use super::{
    ToolError,
    survey::{Surveyed, survey},
    text::{bytes, time},
};
use crate::{
    disk::Disk,
    flaw::Flaw,
    format::{Index, Kind},
    walk::Event,
};

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Verdict {
    /// Number of segments.
    pub segments: usize,
    /// Number of updates that are whole.
    pub updates: u64,
    /// What is wrong, one line each.
    pub problems: Vec<String>,
}

/// Compares everything, and writes a line for each segment and each problem.
///
/// # Errors
///
/// If the log cannot be read, or the output not written.
pub fn verify<D: Disk>(disk: &D, out: &mut impl Write) -> Result<Verdict, ToolError> {
    let verdict = RefCell::new(Verdict::default());
    let index = RefCell::new(None);
    let mut next: Option<Position> = None;
    let mut lines = Vec::new();
    survey(
        disk,
        |name, offset, _, event| match event {
            Event::Strip { updates, .. } => {
                let mut verdict = verdict.borrow_mut();
                for (head, bytes) in updates {
                    match codec::decode_update_bincode(bytes) {
                        Ok(_) => verdict.updates += 1,
                        Err(error) => {
                            let position = head.position;
                            let problem = format!("{name}: update {position}: {error}");
                            verdict.problems.push(problem);
                        }
                    }
                }
            }
            Event::Damaged(flaw) => {
                let problem = format!("{name}: at byte {offset}: {flaw}");
                verdict.borrow_mut().problems.push(problem);
            }
            Event::Index(found) => *index.borrow_mut() = Some(found),
            Event::Session(_) | Event::Feeds(_) | Event::Topics | Event::End => {}
        },
        |segment| {
            let mut verdict = verdict.borrow_mut();
            verdict.segments += 1;
            let found = index.borrow_mut().take();
            verdict
                .problems
                .extend(problems(&segment, found.as_deref(), &mut next));
            lines.push(line(&segment));
        },
    )?;
    let verdict = verdict.into_inner();
    for line in lines {
        writeln!(out, "{line}")?;
    }
    for problem in &verdict.problems {
        writeln!(out, "problem: {problem}")?;
    }
    Ok(verdict)
}

fn line(segment: &Surveyed) -> String {
    let name = &segment.name;
    let Ok(content) = &segment.content else {
        return format!("{name}: {}, unreadable", bytes(segment.bytes));
    };
    let index = content.walked.index.build();
    let state = if segment.is_closed { "closed" } else { "open" };
    let (first, end) = (content.header.first, content.end());
    if first == end {
        return format!("{name}: {}, {state}, no updates", bytes(segment.bytes));
    }
    let times = index.times();
    format!(
        "{name}: {}, {state}, {} updates, positions {first} to {}, {} to {}",
        bytes(segment.bytes),
        index.updates,
        end - 1,
        time(times.min_ns),
        time(times.max_ns),
    )
}

/// What is wrong with a segment as a whole, and between it and the one before it.
fn problems(segment: &Surveyed, found: Option<&Index>, next: &mut Option<Position>) -> Vec<String> {
    let name = &segment.name;
    let content = match &segment.content {
        Ok(content) => content,
        Err(error) => {
            *next = None;
            return vec![format!("{name}: {error}")];
        }
    };
    let mut problems = Vec::new();
    let (first, stop) = (content.header.first, &content.stop);
    if let Some(next) = *next
        && next != first
    {
        let problem = match next < first {
            true => format!("positions {next} to {} are missing before it", first - 1),
            false => format!("it begins at position {first}, and the one before it ends at {next}"),
        };
        problems.push(format!("{name}: {problem}"));
    }
    *next = Some(content.end());
    // A server that runs may be writing the index, and the next start does it otherwise.
    let is_ending = !segment.is_closed && segment.is_last_but_one;
    let is_of_index = stop.header.is_some_and(|header| header.kind == Kind::Index);
    if let Some(flaw) = &stop.flaw
        && !(is_ending && is_of_index)
    {
        let what = match segment.is_last {
            true => " (the next start cuts the log here)",
            false => "",
        };
        problems.push(format!("{name}: at byte {}: {flaw}{what}", stop.offset));
    }
    let reserved = content.header.reserved_bytes;
    if !segment.is_closed && segment.bytes < reserved {
        let flaw = Flaw::FileShort {
            bytes: segment.bytes,
            reserved,
        };
        problems.push(format!("{name}: {flaw}"));
    }
    if !content.walked.is_usable() {
        problems.push(format!("{name}: its beginning is not complete"));
    }
    if !segment.is_closed && !segment.is_last && !is_ending {
        problems.push(format!("{name}: it is not closed"));
    }
    // After damage the records tell less than the index.
    if segment.is_closed && problems.is_empty() {
        match found {
            None => problems.push(format!("{name}: it has no index")),
            Some(found) if *found != content.walked.index.build() => {
                problems.push(format!("{name}: its index is not that of its records"));
            }
            Some(_) => {}
        }
    }
    problems
}
