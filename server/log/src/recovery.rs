//! What a log holds when a server starts: which segments, how far the last one is whole, and what
//! had to be cut off it.

use std::sync::Arc;

use tickcast_protocol::message::{Epoch, Position, TimeNs};

use crate::{
    active::Active,
    completing::{complete_begin, complete_end, first_of, walk_closed, walk_last},
    cut::{Cut, cut},
    disk::{Disk, DiskFile, copy, read_exact_at, write_all_at, write_zeros},
    error::OpenError,
    flaw::Flaw,
    format::{
        FeedOutages, HeaderError, HeaderFlaw, Name, SESSION_MAX_BYTES, Session, TRAILER_BYTES,
        Topics, Trailer,
    },
    opening::Opening,
    records::Records,
    segment::{Opened, Segment, list, read_header, read_trailer},
    walk::{OnDamage, Stop, Walked},
};

/// Positions that are missing between two segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hole {
    /// The first missing position.
    pub first: Position,
    /// The position after the last missing one.
    pub end: Position,
}

/// What is in a folder, after the end of the last segment was put in order.
#[derive(Debug)]
pub(crate) struct Recovered<F> {
    /// The segments that are not written to any more.
    pub(crate) segments: Vec<Segment>,
    /// The last one, if it is not closed.
    pub(crate) active: Option<Active<F>>,
    /// `None` if the log has no session.
    pub(crate) last: Option<Last>,
    /// The number of the next segment.
    pub(crate) next_number: u64,
    pub(crate) cut: Option<Cut>,
    pub(crate) holes: Vec<Hole>,
    pub(crate) rebuilt: Vec<(u64, Stop)>,
}

/// What the last session has left.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) epoch: Epoch,
    pub(crate) session: Session,
    /// The latest time of its updates in the last segment that has any.
    pub(crate) end_ns: Option<TimeNs>,
    /// Whether the server has ended in order, and nothing was cut.
    pub(crate) is_clean: bool,
    pub(crate) next: Position,
    pub(crate) feeds: Vec<FeedOutages>,
    pub(crate) topics: Topics,
}

impl Last {
    /// Of a walk through a segment that is usable, after others.
    fn of(walked: Walked, before: &[Segment]) -> Option<Self> {
        let times = before.iter().map(|segment| segment.times);
        let mut times = times.chain([walked.index.times()]).rev();
        let newest = times.find(|times| !times.is_empty());
        Some(Self {
            epoch: walked.epoch?,
            is_clean: walked.is_clean(),
            session: walked.session?,
            end_ns: newest.map(|times| times.max_ns),
            next: walked.next,
            feeds: walked.feeds,
            topics: walked.topics,
        })
    }
}

/// Reads a folder, and puts the end of its last segment in order.
///
/// # Errors
///
/// If a file cannot be read, is foreign, newer, or damaged at a place where that is not the end of
/// the log. Nothing was changed then, unless saving or cutting itself has failed.
pub(crate) fn recover<D: Disk>(
    disk: &D,
    segment_bytes: u64,
    opening: &Opening,
) -> Result<Recovered<D::File>, OpenError> {
    let mut numbers = list(disk)?;
    let last_number = numbers.pop();
    let mut found = Recovered {
        segments: Vec::new(),
        active: None,
        last: None,
        next_number: last_number.unwrap_or(1),
        cut: None,
        holes: Vec::new(),
        rebuilt: Vec::new(),
    };
    for number in numbers {
        let opened = Opened::open(disk, number)?;
        found.add(opened.segment)?;
        found
            .rebuilt
            .extend(opened.rebuilt.map(|stop| (number, stop)));
    }
    let Some(number) = last_number else {
        return Ok(found);
    };
    let mut end = end_of(disk, number)?;
    let first = first_of(disk, number)?;
    if let (Some(first), End::Closed(..) | End::Open(_)) = (first, &end) {
        found.check_order(number, first)?;
    }
    let is_needed = matches!(end, End::Unusable(_));
    found.complete_ends(disk, first, is_needed, opening.now_ns)?;
    if let (End::Unusable(_), Some(before)) = (&end, found.segments.last())
        && complete_begin(disk, number, before.number)?
    {
        end = end_of(disk, number)?;
    }
    match end {
        End::Closed(file, walked) => {
            // The server may have stopped before this. Only the last segment may be incomplete.
            let name = Name::of_segment(number);
            let len = file.size();
            let len = len.map_err(OpenError::io(format!("reading {name}")))?;
            write_again(&file, &name, len, &walked, opening)?;
            file.sync()
                .and_then(|()| disk.sync_names())
                .map_err(OpenError::io(format!("syncing {name}")))?;
            let opened = Opened::open(disk, number)?;
            found.add(opened.segment)?;
            found.last = Last::of(*walked, &found.segments);
            found.next_number = number + 1;
        }
        End::Open(open) => {
            let Open {
                file,
                first,
                tail,
                walked,
                reserved_bytes,
                cut,
            } = *open;
            found.check_follows(number, first)?;
            found.cut = put_in_order(disk, number, (&file, tail), cut, opening)?;
            let name = Name::of_segment(number);
            let len = file.size();
            let len = len.map_err(OpenError::io(format!("reading {name}")))?;
            let reserved = segment_bytes.max(reserved_bytes);
            if len < reserved {
                file.set_len(reserved).map_err(OpenError::io(format!(
                    "reserving {reserved} bytes for {name}"
                )))?;
            }
            write_again(&file, &name, tail, &walked, opening)?;
            file.sync()
                .map_err(OpenError::io(format!("syncing {name}")))?;
            let index = walked.index.clone();
            found.last = Last::of(*walked, &found.segments);
            if found.cut.is_some()
                && let Some(last) = &mut found.last
            {
                last.is_clean = false;
            }
            found.active = Some(Active {
                file: Arc::new(file),
                name,
                number,
                first,
                tail,
                dirty_to: tail,
                index,
                is_name_synced: false,
            });
            found.next_number = number + 1;
        }
        End::Unusable(stop) => {
            if let Some(segment) = found.segments.last() {
                let walked = walk_closed(disk, segment.number, OnDamage::PassOver)?;
                found.last = Last::of(walked, &found.segments).map(|last| Last {
                    next: last.next.max(segment.end),
                    is_clean: false,
                    ..last
                });
            }
            let name = Name::of_segment(number);
            let file = disk
                .read(&name)
                .map_err(OpenError::io(format!("reading {name}")))?;
            found.cut = cut(disk, number, &file, stop, opening.now_ns)?;
        }
    }
    Ok(found)
}

impl<F> Recovered<F> {
    /// Writes the ends of segments that the server has not written before it stopped. `last` is the
    /// first position of the last segment, if that can be read. `is_needed` is whether its begin
    /// has to be completed from the segment before it. Else the disk may be full.
    fn complete_ends<D: Disk>(
        &mut self,
        disk: &D,
        last: Option<Position>,
        is_needed: bool,
        now_ns: TimeNs,
    ) -> Result<(), OpenError> {
        for (number, _) in &self.rebuilt {
            let at = self.segments.iter().position(|it| it.number == *number);
            let Some(at) = at else {
                continue;
            };
            let next = self.segments.get(at + 1).map(|next| next.first);
            let next = next.or(last);
            match complete_end(disk, *number, next, now_ns) {
                Ok(true) => self.segments[at] = Opened::open(disk, *number)?.segment,
                Err(error) if is_needed && at + 1 == self.segments.len() => return Err(error),
                // Its index is in memory, which is told.
                Ok(false) | Err(_) => {}
            }
        }
        Ok(())
    }

    fn add(&mut self, segment: Segment) -> Result<(), OpenError> {
        self.check_follows(segment.number, segment.first)?;
        self.segments.push(segment);
        Ok(())
    }

    /// Checks that a segment begins where the one before it ends, or later.
    fn check_order(&self, number: u64, first: Position) -> Result<(), OpenError> {
        match self.segments.last().map(|before| before.end) {
            Some(end) if first < end => Err(OpenError::Damaged {
                name: Name::of_segment(number),
                reason: format!("it begins at position {first}, and the one before ends at {end}"),
            }),
            _ => Ok(()),
        }
    }

    /// The same, and notes the positions that are missing between the two.
    fn check_follows(&mut self, number: u64, first: Position) -> Result<(), OpenError> {
        self.check_order(number, first)?;
        if let Some(end) = self.segments.last().map(|before| before.end)
            && first > end
        {
            self.holes.push(Hole {
                first: end,
                end: first,
            });
        }
        Ok(())
    }
}

/// The end of the last segment.
enum End<F> {
    /// It is closed and whole.
    Closed(F, Box<Walked>),
    /// It can be written to.
    Open(Box<Open<F>>),
    /// Its beginning is not complete, so that it has no updates.
    Unusable(Option<Stop>),
}

struct Open<F> {
    file: F,
    first: Position,
    /// Where the next record will begin.
    tail: u64,
    walked: Box<Walked>,
    reserved_bytes: u64,
    /// What is wrong at the tail.
    cut: Option<Stop>,
}

fn end_of<D: Disk>(disk: &D, number: u64) -> Result<End<D::File>, OpenError> {
    let name = Name::of_segment(number);
    let failed = || OpenError::io(format!("reading {name}"));
    let file = disk
        .write(&name)
        .map_err(OpenError::io(format!("opening {name}")))?;
    let len = file.size().map_err(failed())?;
    let header = match read_header::<D>(&name, &file)? {
        Ok(header) => header,
        Err(HeaderError::Newer(version)) => return Err(OpenError::Newer { name, version }),
        Err(error) => return unusable(&name, &file, len, error),
    };
    let trailer = read_trailer(number, &name, &file)?;
    let records_end = len - trailer.map_or(0, |_| TRAILER_BYTES as u64);
    let (mut walked, mut stop, mut index_at) = walk_last(&file, header, records_end, &name)?;
    if matches!(stop.flaw, Some(Flaw::Content(_))) {
        // What was taken of that record is not wanted.
        (walked, _, index_at) = walk_last(&file, header, stop.offset, &name)?;
    }
    if !walked.is_usable() {
        stop.flaw = stop.flaw.or(Some(Flaw::Unfinished));
        return Ok(End::Unusable(Some(stop)));
    }
    let is_whole = stop.flaw.is_none() && stop.offset == records_end;
    if trailer.is_some() && walked.is_closed() && is_whole {
        return Ok(End::Closed(file, Box::new(walked)));
    }
    let tail = index_at.unwrap_or(stop.offset);
    if trailer.is_none() && len < header.reserved_bytes {
        // Whole records may be gone with the rest.
        stop.flaw = Some(Flaw::FileShort {
            bytes: len,
            reserved: header.reserved_bytes,
        });
        stop.header = None;
    }
    let cut = match index_at {
        // It was being closed. The index is made anew, and its trailer is nothing to tell about.
        Some(_) if is_trailer(&file, &stop, number, len).map_err(failed())? => None,
        _ => stop.flaw.is_some().then_some(stop),
    };
    Ok(End::Open(Box::new(Open {
        file,
        first: header.first,
        tail,
        walked: Box::new(walked),
        reserved_bytes: header.reserved_bytes,
        cut,
    })))
}

/// A last segment whose header is wrong. It was being made, or it is damaged, or it is foreign.
fn unusable<F: DiskFile>(
    name: &str,
    file: &F,
    len: u64,
    error: HeaderError,
) -> Result<End<F>, OpenError> {
    let failed = || OpenError::io(format!("reading {name}"));
    let mut records = Records::new(file, 0, len);
    let last_written = records.last_written(0).map_err(failed())?;
    let Some(_) = last_written else {
        return Ok(End::Unusable(None));
    };
    let mut first = [0; 8];
    let known = len.min(8) as usize;
    read_exact_at(file, &mut first[..known], 0).map_err(failed())?;
    if error == HeaderError::Foreign && first != [0; 8] {
        return Err(OpenError::header(name, error));
    }
    Ok(End::Unusable(Some(Stop {
        offset: 0,
        flaw: Some(Flaw::Header(HeaderFlaw::Crc)),
        header: None,
    })))
}

/// Whether there is nothing after the index but the segment's trailer, or a part of it.
fn is_trailer(file: &impl DiskFile, stop: &Stop, number: u64, len: u64) -> std::io::Result<bool> {
    let start = stop.offset;
    let mut records = Records::new(file, start, len);
    let Some(last) = records.last_written(start)? else {
        return Ok(true);
    };
    let mut bytes = vec![0; (last + 1 - start).min(TRAILER_BYTES as u64 + 1) as usize];
    read_exact_at(file, &mut bytes, start)?;
    let is_whole = Trailer::decode(&bytes).is_some_and(|trailer| trailer.number == number);
    Ok(is_whole || Trailer::is_beginning(&bytes))
}

/// What is written where something was cut that clients may have, until the new session is written
/// there. Without it, a start that is interrupted would leave a log to which nothing has happened.
pub(crate) const MARK: [u8; SESSION_MAX_BYTES] = [0xff; SESSION_MAX_BYTES];

/// Cuts off what is after the tail.
fn put_in_order<D: Disk>(
    disk: &D,
    number: u64,
    (file, tail): (&D::File, u64),
    stop: Option<Stop>,
    opening: &Opening,
) -> Result<Option<Cut>, OpenError> {
    let name = Name::of_segment(number);
    let failed = || OpenError::io(format!("cutting {name} at {tail}"));
    let cut = cut(disk, number, file, stop, opening.now_ns)?;
    // The file never becomes shorter than what was reserved for it, also if this is interrupted.
    let len = file.size().map_err(failed())?;
    let last_written = Records::new(file, tail, len).last_written(tail);
    let end = last_written
        .map_err(failed())?
        .map_or(tail, |last| last + 1);
    let mut from = tail;
    if cut.as_ref().is_some_and(|cut| !cut.is_torn) {
        write_all_at(file, &MARK, tail).map_err(failed())?;
        from += MARK.len() as u64;
    }
    write_zeros(file, from, end).map_err(failed())?;
    Ok(cut)
}

/// Writes the bytes of a segment once more, if the machine was not started since they were written.
/// A sync may have failed before. Then they are read from memory, while the disk does not have
/// them, and a sync would not write them.
fn write_again<F: DiskFile>(
    file: &F,
    name: &str,
    bytes: u64,
    walked: &Walked,
    opening: &Opening,
) -> Result<(), OpenError> {
    let session = walked.session.as_ref();
    if session.is_some_and(|session| session.boot_id == opening.boot_id) {
        copy((file, 0), bytes, (file, 0))
            .map_err(OpenError::io(format!("writing {name} once more")))?;
    }
    Ok(())
}
