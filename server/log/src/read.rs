//! Reading a log from its oldest update on, whether a server writes to it or not.

use tickcast_core::tape::{PublishedOnce, StatusChange};
use tickcast_protocol::{
    codec::UpdateHead,
    message::{Position, TimeNs, TopicInfo},
};

use crate::{
    disk::{Disk, DiskFile},
    error::OpenError,
    flaw::Flaw,
    format::{Name, TRAILER_BYTES},
    records::Records,
    segment::{Opened, list, read_header, read_trailer},
    walk::{Event, FIRST_RECORD, OnDamage, Stop, Walked, walk},
};

/// What is read.
#[derive(Debug)]
pub enum Entry<'a> {
    /// An update.
    Update {
        /// Its fields before the value.
        head: UpdateHead,
        /// Its bytes, as they are on the tape.
        bytes: &'a [u8],
        /// What was known about its topic.
        info: &'a TopicInfo,
    },
    /// A status.
    Status {
        /// The change.
        change: StatusChange,
        /// The position of the next update.
        position: Position,
        /// What was known about its topic.
        info: &'a TopicInfo,
    },
    /// A publish that is on the tape once, of any position. [`read`] alone tells it.
    Publish(PublishedOnce),
    /// Positions that should be here and are not.
    Missing {
        /// The first one.
        first: Position,
        /// The position after the last one.
        end: Position,
    },
    /// Bytes that cannot be read.
    Flaw {
        /// The file.
        name: &'a str,
        /// Where in the file.
        offset: u64,
        /// What is wrong.
        flaw: &'a Flaw,
    },
}

/// Which part of a log is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first position.
    pub from: Position,
    /// The last position.
    pub to: Position,
    /// The earliest time.
    pub from_ns: TimeNs,
    /// The time after the latest one.
    pub to_ns: TimeNs,
}

impl Range {
    /// Everything.
    pub const ALL: Self = Self {
        from: 0,
        to: Position::MAX,
        from_ns: TimeNs::MIN,
        to_ns: TimeNs::MAX,
    };

    /// Whether an update is in it.
    pub(crate) fn has(&self, head: &UpdateHead) -> bool {
        let is_at = (self.from..=self.to).contains(&head.position);
        is_at && (self.from_ns..self.to_ns).contains(&head.ingest_time_ns)
    }
}

/// Reads the updates and statuses in a range, oldest first. Memory is bounded by the longest strip
/// and by what is known about topics. Positions that are missing between two that are there are
/// told, and so are bytes that cannot be read.
///
/// # Errors
///
/// If a file cannot be read, or is no segment.
pub fn read<D: Disk>(
    disk: &D,
    range: Range,
    mut on: impl FnMut(Entry<'_>),
) -> Result<(), OpenError> {
    let numbers = list(disk)?;
    let newest = numbers.last().copied();
    let mut next = None;
    for number in numbers {
        let name = Name::of_segment(number);
        if Some(number) != newest && is_outside(disk, number, range, &mut next)? {
            continue;
        }
        let mut segment = Reading {
            range,
            name: &name,
            next,
            on: &mut on,
        };
        if let Some(stop) = segment.read(disk, number)?
            && let Some(flaw) = &stop.flaw
        {
            let (name, offset) = (name.as_str(), stop.offset);
            (segment.on)(Entry::Flaw { name, offset, flaw });
        }
        next = segment.next;
    }
    Ok(())
}

/// Whether a closed segment has nothing of a range, by its index. Damage inside is then not told.
fn is_outside<D: Disk>(
    disk: &D,
    number: u64,
    range: Range,
    next: &mut Option<Position>,
) -> Result<bool, OpenError> {
    let Opened {
        segment, rebuilt, ..
    } = Opened::open(disk, number)?;
    let times = segment.times;
    let is_in_time =
        times.is_empty() || times.max_ns >= range.from_ns && times.min_ns < range.to_ns;
    let is_there = segment.end > range.from && segment.first <= range.to;
    let is_outside = rebuilt.is_none() && !(is_in_time && is_there);
    if is_outside {
        *next = None;
    }
    Ok(is_outside)
}

/// A segment that is read.
struct Reading<'a, On> {
    range: Range,
    name: &'a str,
    /// The position of the next update, once there was one.
    next: Option<Position>,
    on: &'a mut On,
}

impl<On: FnMut(Entry<'_>)> Reading<'_, On> {
    /// Returns where the records end; `None` if there is nothing yet.
    fn read<D: Disk>(&mut self, disk: &D, number: u64) -> Result<Option<Stop>, OpenError> {
        let failed = || OpenError::io(format!("reading {}", self.name));
        let file = disk.read(self.name).map_err(failed())?;
        let len = file.size().map_err(failed())?;
        let header = match read_header::<D>(self.name, &file)? {
            Ok(header) => header,
            Err(error) => {
                let mut records = Records::new(&file, 0, len);
                let is_empty = records.last_written(0).map_err(failed())?.is_none();
                return match is_empty {
                    true => Ok(None),
                    false => Err(OpenError::header(self.name, error)),
                };
            }
        };
        let trailer = read_trailer(number, self.name, &file)?;
        let end = len - trailer.map_or(0, |_| TRAILER_BYTES as u64);
        let mut records = Records::new(&file, FIRST_RECORD, end);
        let mut walked = Walked::new(header.first);
        self.skip_to(header.first);
        let stop = walk(
            &mut records,
            &mut walked,
            OnDamage::PassOver,
            |offset, record, event| match event {
                Event::Strip {
                    body,
                    updates,
                    topics,
                } => {
                    self.skip_to(record.first);
                    self.next = Some(record.end());
                    for (head, bytes) in updates {
                        if self.range.has(head)
                            && let Some(topic) = topics.list().get(head.topic as usize)
                        {
                            let (head, info) = (*head, &topic.info);
                            (self.on)(Entry::Update { head, bytes, info });
                        }
                    }
                    self.statuses(&body.statuses, record.end(), topics.list());
                    let publishes = body.publishes.iter().copied();
                    publishes.for_each(|publish| (self.on)(Entry::Publish(publish)));
                }
                Event::Damaged(flaw) => {
                    let name = self.name;
                    (self.on)(Entry::Flaw { name, offset, flaw });
                }
                Event::Session(_)
                | Event::Feeds(_)
                | Event::Topics
                | Event::End
                | Event::Index(_) => {}
            },
        );
        let stop = stop.map_err(OpenError::io(format!("reading {}", self.name)))?;
        self.skip_to(walked.next);
        Ok(Some(stop))
    }

    /// Tells that positions before the next one are missing.
    fn skip_to(&mut self, position: Position) {
        if let Some(first) = self.next.replace(position)
            && first < position
        {
            let (first, end) = (first.max(self.range.from), position);
            if first < end && first <= self.range.to {
                let end = end.min(self.range.to.saturating_add(1));
                (self.on)(Entry::Missing { first, end });
            }
        }
    }

    fn statuses(
        &mut self,
        changes: &[StatusChange],
        position: Position,
        topics: &[crate::format::TopicState],
    ) {
        for change in changes {
            let is_in_time = (self.range.from_ns..self.range.to_ns).contains(&change.since_ns);
            let is_at = (self.range.from..=self.range.to).contains(&position);
            if is_in_time
                && is_at
                && let Some(topic) = topics.get(change.topic as usize)
            {
                let (change, info) = (*change, &topic.info);
                (self.on)(Entry::Status {
                    change,
                    position,
                    info,
                });
            }
        }
    }
}
