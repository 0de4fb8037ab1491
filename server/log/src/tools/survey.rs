//! All records of all segments.

use tickcast_protocol::message::Position;

use crate::{
    disk::{Disk, DiskFile},
    error::OpenError,
    format::{HeaderError, Name, RecordHeader, SegmentHeader, TRAILER_BYTES},
    records::Records,
    segment::{list, read_header, read_trailer},
    walk::{Event, FIRST_RECORD, OnDamage, Stop, Walked, walk},
};

/// One segment, read from its beginning to its end.
#[derive(Debug)]
pub(super) struct Surveyed {
    /// Its file.
    pub(super) name: String,
    /// Bytes of the file.
    pub(super) bytes: u64,
    /// Whether it has the trailer of a closed segment.
    pub(super) is_closed: bool,
    /// Whether it is the last one.
    pub(super) is_last: bool,
    /// Whether it is the one before the last one.
    pub(super) is_last_but_one: bool,
    /// Its header, and what was found after it.
    pub(super) content: Result<Content, HeaderError>,
}

/// What is in a segment.
#[derive(Debug)]
pub(super) struct Content {
    /// Its header.
    pub(super) header: SegmentHeader,
    /// What is known after its last record.
    pub(super) walked: Walked,
    /// Where the walk has ended.
    pub(super) stop: Stop,
}

impl Content {
    /// Position after its last update.
    pub(super) fn end(&self) -> Position {
        self.walked.next
    }
}

/// Reads all segments. `on` gets each record with the name of its file and its offset.
pub(super) fn survey<D: Disk>(
    disk: &D,
    mut on: impl FnMut(&str, u64, &RecordHeader, Event<'_>),
    mut on_segment: impl FnMut(Surveyed),
) -> Result<(), OpenError> {
    let numbers = list(disk)?;
    let last = numbers.last().copied();
    let last_but_one = numbers.iter().rev().nth(1).copied();
    for number in numbers {
        let name = Name::of_segment(number);
        let failed = || OpenError::io(format!("reading {name}"));
        let file = disk.read(&name).map_err(failed())?;
        let bytes = file.size().map_err(failed())?;
        let trailer = read_trailer(number, &name, &file)?;
        let content = match read_header::<D>(&name, &file)? {
            Err(error) => Err(error),
            Ok(header) => {
                let end = bytes - trailer.map_or(0, |_| TRAILER_BYTES as u64);
                let mut walked = Walked::new(header.first);
                let mut records = Records::new(&file, FIRST_RECORD, end);
                let stop = walk(
                    &mut records,
                    &mut walked,
                    OnDamage::PassOver,
                    |offset, header, event| on(&name, offset, header, event),
                );
                let stop = stop.map_err(failed())?;
                Ok(Content {
                    header,
                    walked,
                    stop,
                })
            }
        };
        on_segment(Surveyed {
            bytes,
            is_closed: trailer.is_some(),
            is_last: Some(number) == last,
            is_last_but_one: Some(number) == last_but_one,
            content,
            name,
        });
    }
    Ok(())
}
