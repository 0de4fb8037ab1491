//! What a server that stopped had still to write: the begin of the last segment, and the ends of
//! those before it. The strips say what it is.

use std::sync::Arc;

use tickcast_protocol::message::{Position, TimeNs};

use crate::{
    disk::{Disk, DiskFile, write_all_at},
    ending::Ending,
    error::{LogError, OpenError},
    format::{Kind, Name, RecordHeader, SegmentHeader, TRAILER_BYTES, append_topics},
    records::{Found, Records},
    segment::{read_header, read_trailer},
    walk::{Event, FIRST_RECORD, OnDamage, Stop, Walked, walk},
};

/// A segment that may lack its begin or its end, open for writing.
struct Incomplete<F> {
    name: String,
    file: F,
    header: SegmentHeader,
    /// The bytes of the file.
    len: u64,
}

impl<F: DiskFile> Incomplete<F> {
    /// Opens a segment, if its header can be read.
    fn open<D: Disk<File = F>>(disk: &D, number: u64) -> Result<Option<Self>, OpenError> {
        let name = Name::of_segment(number);
        let file = disk
            .write(&name)
            .map_err(OpenError::io(format!("opening {name}")))?;
        let Ok(header) = read_header::<D>(&name, &file)? else {
            return Ok(None);
        };
        let len = file
            .size()
            .map_err(OpenError::io(format!("reading {name}")))?;
        Ok(Some(Self {
            name,
            file,
            header,
            len,
        }))
    }
}

/// Writes the [end](crate::ending) of a segment that has none. `next` is the first position of the
/// segment after it, if that can be read. Returns whether it is written: a segment that is damaged
/// stays as it is.
pub(crate) fn complete_end<D: Disk>(
    disk: &D,
    number: u64,
    next: Option<Position>,
    now_ns: TimeNs,
) -> Result<bool, OpenError> {
    let Some(incomplete) = Incomplete::open(disk, number)? else {
        return Ok(false);
    };
    let Incomplete {
        name,
        file,
        header,
        len,
    } = incomplete;
    // Its trailer is written last.
    if read_trailer(number, &name, &file)?.is_some() {
        return Ok(false);
    }
    let (walked, stop, index_at) = walk_last(&file, header, len, &name)?;
    // Its strips were synced before the next segment was made. What stands after them is a part of
    // the index, or nothing.
    let is_whole = index_at.is_some() || walked.is_before_index();
    let is_of_strip = stop.header.is_some_and(|header| header.kind != Kind::Index);
    let follows = next.is_none_or(|next| next == walked.next);
    let Some(epoch) = walked.epoch.filter(|_| is_whole && !is_of_strip && follows) else {
        return Ok(false);
    };
    let ending = Ending {
        file: Arc::new(file),
        name,
        number,
        tail: index_at.unwrap_or(stop.offset),
        header: RecordHeader::new(Kind::Index, epoch, walked.next, now_ns),
        index: walked.index,
    };
    match ending.write() {
        Ok(_) => Ok(true),
        Err(LogError::Io { what, error }) => Err(OpenError::Io { what, error }),
        // There are more topics than an index can have.
        Err(_) => Ok(false),
    }
}

/// The first position of a segment, if that can be read.
pub(crate) fn first_of<D: Disk>(disk: &D, number: u64) -> Result<Option<Position>, OpenError> {
    let name = Name::of_segment(number);
    let file = disk.read(&name);
    let file = file.map_err(OpenError::io(format!("reading {name}")))?;
    let header = read_header::<D>(&name, &file)?;
    Ok(header.ok().map(|header| header.first))
}

/// Writes the topics at the begin of the last segment, if the server has stopped before they were
/// [written](crate::head): those at the end of the segment before. Returns whether they are
/// written.
pub(crate) fn complete_begin<D: Disk>(
    disk: &D,
    number: u64,
    before: u64,
) -> Result<bool, OpenError> {
    let Some(incomplete) = Incomplete::open(disk, number)? else {
        return Ok(false);
    };
    let Incomplete {
        name,
        file,
        header,
        len,
    } = incomplete;
    let failed = || OpenError::io(format!("reading {name}"));
    let mut records = Records::new(&file, FIRST_RECORD, len);
    let mut begun = Walked::new(header.first);
    let mut topics_at = None;
    let stop = walk(&mut records, &mut begun, OnDamage::Stop, |at, _, event| {
        if matches!(event, Event::Topics) {
            topics_at.get_or_insert(at);
        }
    });
    let offset = topics_at.unwrap_or(stop.map_err(failed())?.offset);
    let Some(epoch) = begun.epoch else {
        return Ok(false);
    };
    let walked = walk_closed(disk, before, OnDamage::Stop)?;
    let is_before =
        walked.is_closed() && walked.next == header.first && walked.epoch == Some(epoch);
    if begun.is_usable() || !is_before {
        return Ok(false);
    }
    let mut topics = Vec::new();
    let part = RecordHeader::new(Kind::Topics, epoch, header.first, header.created_ns);
    if append_topics(&walked.topics, part, &mut topics).is_none() {
        return Ok(false);
    }
    // A segment that was damaged has something else there.
    let after = offset + topics.len() as u64;
    let mut records = Records::new(&file, after, len);
    let fits = match records.next().map_err(failed())? {
        Found::Record(record, _) | Found::Flaw(_, Some(record)) => record.first == header.first,
        Found::Nothing => records.last_written(after).map_err(failed())?.is_none(),
        Found::Flaw(_, None) => false,
    };
    if fits {
        write_all_at(&file, &topics, offset)
            .map_err(OpenError::io(format!("writing the begin of {name}")))?;
    }
    Ok(fits)
}

/// Walks through the last segment. Also returns where its index begins.
pub(crate) fn walk_last(
    file: &impl DiskFile,
    header: SegmentHeader,
    records_end: u64,
    name: &str,
) -> Result<(Walked, Stop, Option<u64>), OpenError> {
    let mut walked = Walked::new(header.first);
    let mut index_at = None;
    let mut records = Records::new(file, FIRST_RECORD, records_end);
    let stop = walk(
        &mut records,
        &mut walked,
        OnDamage::Stop,
        |offset, _, event| {
            if matches!(event, Event::Index(_)) {
                index_at = Some(offset);
            }
        },
    );
    let stop = stop.map_err(OpenError::io(format!("reading {name}")))?;
    Ok((walked, stop, index_at))
}

/// Walks through a segment that is not written to any more.
pub(crate) fn walk_closed<D: Disk>(
    disk: &D,
    number: u64,
    on_damage: OnDamage,
) -> Result<Walked, OpenError> {
    let name = Name::of_segment(number);
    let failed = || OpenError::io(format!("reading {name}"));
    let file = disk.read(&name).map_err(failed())?;
    let len = file.size().map_err(failed())?;
    let header = read_header::<D>(&name, &file)?;
    let header = header.map_err(|error| OpenError::header(&name, error))?;
    let trailer = read_trailer(number, &name, &file)?;
    let mut records = Records::new(
        &file,
        FIRST_RECORD,
        len - trailer.map_or(0, |_| TRAILER_BYTES as u64),
    );
    let mut walked = Walked::new(header.first);
    walk(&mut records, &mut walked, on_damage, |_, _, _| {}).map_err(failed())?;
    Ok(walked)
}
