//! One line for each record, or for each update.

use std::{
    cell::RefCell,
    io::{self, Write},
};

use tickcast_protocol::{
    codec,
    message::{Position, TimeNs},
};

use super::{ToolError, survey::survey, text::time};
use crate::{disk::Disk, format::RecordHeader, walk::Event};

/// What has a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Each record.
    Records,
    /// Each record, and each update of it.
    Updates,
}

/// Writes the records that touch the positions `from` to `to`.
///
/// # Errors
///
/// If the log cannot be read, or the output not written.
pub fn dump<D: Disk>(
    disk: &D,
    (from, to): (Position, Position),
    detail: Detail,
    out: &mut impl Write,
) -> Result<(), ToolError> {
    let out = RefCell::new(Output {
        out,
        result: Ok(()),
    });
    survey(
        disk,
        |name, offset, header, event| {
            let is_strip = matches!(event, Event::Strip { .. } | Event::Damaged(_));
            let end = if is_strip {
                header.end()
            } else {
                header.first.saturating_add(1)
            };
            if end <= from && !(is_strip && header.count == 0 && end == from) || header.first > to {
                return;
            }
            let mut out = out.borrow_mut();
            out.line(&record_line(name, offset, header, &event));
            if detail == Detail::Updates
                && let Event::Strip {
                    updates, topics, ..
                } = event
            {
                for (head, bytes) in updates {
                    if !(from..=to).contains(&head.position) {
                        continue;
                    }
                    let topic = topics.list().get(head.topic as usize);
                    let topic = topic.map_or("?", |topic| topic.info.topic.as_str());
                    let value = match codec::decode_update_bincode(bytes) {
                        Ok(update) => serde_json::to_string(&update.value)
                            .unwrap_or_else(|error| error.to_string()),
                        Err(error) => format!("unreadable: {error}"),
                    };
                    let (position, seq) = (head.position, head.seq);
                    let at = time(head.ingest_time_ns);
                    out.line(&format!("    {position} {topic} seq {seq} {at} {value}"));
                }
            }
        },
        |segment| {
            let mut out = out.borrow_mut();
            let name = &segment.name;
            match &segment.content {
                Ok(content) => {
                    if let Some(flaw) = &content.stop.flaw {
                        out.line(&format!("{name} {:>10} {flaw}", content.stop.offset));
                    }
                }
                Err(error) => out.line(&format!("{name} {:>10} {error}", 0)),
            }
        },
    )?;
    Ok(out.into_inner().result?)
}

struct Output<'a, W> {
    out: &'a mut W,
    result: io::Result<()>,
}

impl<W: Write> Output<'_, W> {
    /// Writes a line, unless one before it could not be written.
    fn line(&mut self, line: &str) {
        if self.result.is_ok() {
            self.result = writeln!(self.out, "{line}");
        }
    }
}

fn record_line(name: &str, offset: u64, header: &RecordHeader, event: &Event<'_>) -> String {
    let (first, count) = (header.first, header.count);
    let what = match event {
        Event::Session(session) => {
            let started = time(session.started_ns);
            let mut text = format!("session started {started}, next position {first}");
            for ended in &session.continues {
                text += &format!(", continues {} after position {}", ended.epoch, ended.last);
            }
            for (from, to) in &session.outages {
                text += &format!(", no server from {} to {}", time(*from), time(*to));
            }
            text
        }
        Event::Feeds(feeds) => {
            let mut text = format!("outages of {} feeds", feeds.len());
            for feed in *feeds {
                text += &format!(", {}:", feed.name);
                for (from, to) in &feed.outages {
                    let to = match *to {
                        TimeNs::MAX => "now on".to_owned(),
                        to => time(to),
                    };
                    text += &format!(" from {} to {to}", time(*from));
                }
            }
            text
        }
        Event::Topics => format!(
            "topics {count}{}",
            if header.is_last { ", last part" } else { "" }
        ),
        Event::Strip { body, .. } => {
            let positions = match count {
                0 => format!("no updates, next position {first}"),
                _ => format!("positions {first} to {}", header.end() - 1),
            };
            let (topics, statuses) = (body.topics.len(), body.statuses.len());
            let publishes = match body.publishes.len() {
                0 => String::new(),
                publishes => format!(", {publishes} publishes once"),
            };
            format!("strip {positions}, {topics} topics, {statuses} statuses{publishes}")
        }
        Event::Damaged(flaw) => format!("strip at position {first}, {count} updates: {flaw}"),
        Event::End => format!("clean end, next position {first}"),
        Event::Index(index) => {
            let (topics, blocks) = (index.topic_count(), index.blocks.len());
            format!("index of {topics} topics in {blocks} blocks")
        }
    };
    let (bytes, at, epoch) = (header.record_bytes(), time(header.time_ns), header.epoch);
    format!("{name} {offset:>10} {bytes:>8} bytes {at} epoch {epoch} {what}")
}
