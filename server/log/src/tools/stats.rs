//! How much there is of what.

use std::{cell::RefCell, collections::BTreeMap, io::Write};

use tickcast_protocol::message::{Epoch, Position, TimeNs};

use super::{
    ToolError,
    survey::survey,
    text::{bytes, time},
};
use crate::{
    disk::Disk,
    format::{Kind, Times, Topics},
    walk::Event,
};

/// Topics with the most updates that are listed.
const TOPICS_MAX: usize = 10;

#[derive(Debug, Default)]
struct Counts {
    strips: u64,
    updates: u64,
    update_bytes: u64,
    record_bytes: u64,
    sessions: Vec<(TimeNs, Epoch, Position)>,
    damaged: u64,
    by_topic: BTreeMap<u32, u64>,
}

/// Writes how many segments, updates, topics and sessions there are.
///
/// # Errors
///
/// If the log cannot be read, or the output not written.
pub fn stats<D: Disk>(disk: &D, out: &mut impl Write) -> Result<(), ToolError> {
    let counts = RefCell::new(Counts::default());
    let (mut segments, mut file_bytes, mut unreadable) = (0u64, 0u64, 0u64);
    let mut positions: Option<(Position, Position)> = None;
    let mut times = Times::NONE;
    let mut topics = Topics::default();
    survey(
        disk,
        |_, _, header, event| {
            let mut counts = counts.borrow_mut();
            match event {
                Event::Session(session) => {
                    let start = (session.started_ns, header.epoch, header.first);
                    // A segment begins with the session under way.
                    if counts.sessions.last().is_none_or(|last| last.0 != start.0) {
                        counts.sessions.push(start);
                    }
                }
                Event::Strip { updates, .. } => {
                    counts.strips += 1;
                    for (head, bytes) in updates {
                        counts.updates += 1;
                        counts.update_bytes += bytes.len() as u64;
                        *counts.by_topic.entry(head.topic).or_default() += 1;
                    }
                }
                Event::Damaged(_) => counts.damaged += 1,
                Event::Feeds(_) | Event::Topics | Event::End | Event::Index(_) => {}
            }
            if header.kind == Kind::Strip {
                counts.record_bytes += header.record_bytes();
            }
        },
        |segment| {
            segments += 1;
            file_bytes += segment.bytes;
            match segment.content {
                Ok(content) => {
                    unreadable += u64::from(content.stop.flaw.is_some());
                    times.join(content.walked.index.build().times());
                    let first = positions.map_or(content.header.first, |(first, _)| first);
                    positions = Some((first, content.end()));
                    topics = content.walked.topics;
                }
                Err(_) => unreadable += 1,
            }
        },
    )?;
    let counts = counts.into_inner();
    writeln!(out, "segments   {segments} ({})", bytes(file_bytes))?;
    match positions {
        Some((first, end)) if first < end => writeln!(out, "positions  {first} to {}", end - 1)?,
        _ => writeln!(out, "positions  none")?,
    }
    if !times.is_empty() {
        writeln!(
            out,
            "times      {} to {}",
            time(times.min_ns),
            time(times.max_ns)
        )?;
    }
    let per_update = counts.record_bytes as f64 / counts.updates.max(1) as f64;
    writeln!(
        out,
        "updates    {} in {} strips, {} on the tape, {per_update:.1} bytes each with their headers",
        counts.updates,
        counts.strips,
        bytes(counts.update_bytes),
    )?;
    writeln!(out, "topics     {}", topics.list().len())?;
    let mut most: Vec<_> = counts.by_topic.into_iter().collect();
    most.sort_by_key(|(topic, updates)| (std::cmp::Reverse(*updates), *topic));
    for (topic, updates) in most.into_iter().take(TOPICS_MAX) {
        let name = topics.list().get(topic as usize);
        let name = name.map_or("?", |topic| topic.info.topic.as_str());
        writeln!(out, "  {updates:>12}  {name}")?;
    }
    writeln!(out, "sessions   {}", counts.sessions.len())?;
    for (started_ns, epoch, next) in counts.sessions {
        let started = time(started_ns);
        writeln!(out, "  {started}  epoch {epoch}, from position {next} on")?;
    }
    if counts.damaged + unreadable > 0 {
        let (strips, segments) = (counts.damaged, unreadable);
        writeln!(
            out,
            "damaged    {strips} strips, {segments} segments that end early: see `log verify`"
        )?;
    }
    Ok(())
}
