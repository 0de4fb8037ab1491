//! A segment that is not written to any more.

use tickcast_protocol::message::Position;

use crate::{
    disk::{Disk, DiskFile, read_exact_at},
    error::OpenError,
    format::{
        HeaderError, Index, Kind, Name, SEGMENT_HEADER_BYTES, SegmentHeader, TRAILER_BYTES, Times,
        Trailer,
    },
    records::{Found, Records},
    walk::{FIRST_RECORD, OnDamage, Stop, Walked, walk},
};

/// What is known about a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its number.
    pub number: u64,
    /// Bytes of its file.
    pub bytes: u64,
    /// Position of its first update.
    pub first: Position,
    /// Position after its last update.
    pub end: Position,
    /// Number of its updates.
    pub updates: u64,
    /// The times of its updates.
    pub times: Times,
}

/// A segment, opened.
#[derive(Debug)]
pub(crate) struct Opened {
    /// What is known about it.
    pub(crate) segment: Segment,
    /// Its index.
    pub(crate) index: Index,
    /// Where its records end, the index included.
    pub(crate) records_end: u64,
    /// Where a walk has ended that made the index anew, because the one in the file is missing or
    /// wrong.
    pub(crate) rebuilt: Option<Stop>,
}

/// Reads the header of a segment.
///
/// # Errors
///
/// If the file cannot be read, or its header is wrong.
pub(crate) fn read_header<D: Disk>(
    name: &str,
    file: &D::File,
) -> Result<Result<SegmentHeader, HeaderError>, OpenError> {
    let len = file
        .size()
        .map_err(OpenError::io(format!("reading {name}")))?;
    let mut bytes = [0; SEGMENT_HEADER_BYTES];
    let known = len.min(SEGMENT_HEADER_BYTES as u64) as usize;
    read_exact_at(file, &mut bytes[..known], 0)
        .map_err(OpenError::io(format!("reading {name}")))?;
    let header = SegmentHeader::decode(&bytes[..known]);
    Ok(match header {
        Ok(header) if Name::of_segment(header.number) != name => Err(HeaderError::Damaged),
        header => header,
    })
}

/// The end of a segment's records, if the segment is closed.
///
/// # Errors
///
/// If the file cannot be read.
pub(crate) fn read_trailer(
    number: u64,
    name: &str,
    file: &impl DiskFile,
) -> Result<Option<Trailer>, OpenError> {
    let failed = || OpenError::io(format!("reading {name}"));
    let len = file.size().map_err(failed())?;
    let Some(start) = len.checked_sub(TRAILER_BYTES as u64) else {
        return Ok(None);
    };
    let mut bytes = [0; TRAILER_BYTES];
    read_exact_at(file, &mut bytes, start).map_err(failed())?;
    let trailer = Trailer::decode(&bytes).filter(|trailer| trailer.number == number);
    Ok(trailer.filter(|trailer| trailer.index_offset < start))
}

impl Opened {
    /// Opens a segment that should be closed. If its index is missing or wrong, it is made anew
    /// from the records.
    ///
    /// # Errors
    ///
    /// If the file cannot be read, or its header is wrong.
    pub(crate) fn open<D: Disk>(disk: &D, number: u64) -> Result<Self, OpenError> {
        let name = Name::of_segment(number);
        let failed = || OpenError::io(format!("reading {name}"));
        let file = disk.read(&name).map_err(failed())?;
        let header = read_header::<D>(&name, &file)?;
        let header = header.map_err(|error| OpenError::header(&name, error))?;
        let len = file.size().map_err(failed())?;
        let trailer = read_trailer(number, &name, &file)?;
        let records_end = match trailer {
            Some(_) => len - TRAILER_BYTES as u64,
            None => len,
        };
        let index = match trailer {
            Some(trailer) => {
                let mut records = Records::new(&file, trailer.index_offset, records_end);
                let index = match records.next().map_err(failed())? {
                    Found::Record(record, body) if record.kind == Kind::Index => {
                        Index::parse(body).filter(|index| index.end == record.first)
                    }
                    _ => None,
                };
                index.filter(|index| {
                    let first = index.blocks.first().map_or(index.end, |block| block.first);
                    records.offset() == records_end && first == header.first
                })
            }
            None => None,
        };
        let (index, rebuilt) = match index {
            Some(index) => (index, None),
            None => {
                let mut walked = Walked::new(header.first);
                let mut records = Records::new(&file, FIRST_RECORD, records_end);
                let walk = walk(&mut records, &mut walked, OnDamage::PassOver, |_, _, _| {});
                let stop = walk.map_err(failed())?;
                let mut index = walked.index.build();
                // A strip that was passed over may be the last one.
                index.end = walked.next;
                (index, Some(stop))
            }
        };
        let segment = Segment {
            number,
            bytes: len,
            first: header.first,
            end: index.end,
            updates: index.updates,
            times: index.times(),
        };
        Ok(Self {
            segment,
            index,
            records_end,
            rebuilt,
        })
    }
}

/// The numbers of the segments in a folder, in order.
///
/// # Errors
///
/// If the folder cannot be read, or holds a file that is no part of a log.
pub(crate) fn list<D: Disk>(disk: &D) -> Result<Vec<u64>, OpenError> {
    let names = disk.list().map_err(OpenError::io("reading the folder"))?;
    let mut numbers = Vec::new();
    for name in names {
        match Name::parse(&name) {
            Name::Segment(number) => numbers.push(number),
            Name::Other => {}
            Name::Foreign => return Err(OpenError::Foreign(name)),
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}
