//! What is cut off the last segment: said exactly, and saved.

use tickcast_protocol::message::{Position, TimeNs};

use crate::{
    disk::{Disk, DiskFile, copy},
    error::OpenError,
    flaw::Flaw,
    format::{HeaderFlaw, Kind, Name, RECORD_HEADER_BYTES},
    records::{Found, Records},
    walk::{FIRST_RECORD, Stop},
};

/// What was cut off the last segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cut {
    /// The segment's file.
    pub name: String,
    /// Where the first byte was that is not there any more.
    pub offset: u64,
    /// Number of bytes up to the last one that was not zero.
    pub bytes: u64,
    /// What was wrong at the offset.
    pub flaw: Flaw,
    /// Positions of updates that could be recognised in it: from, to.
    pub positions: Option<(Position, Position)>,
    /// The file that has the bytes now, if there are any.
    pub saved_as: Option<String>,
    /// Whether it is the beginning of a record whose writing was interrupted, and nothing else. If
    /// only the server stopped, no client has got such a record.
    pub is_torn: bool,
}

/// Says what will be cut, and saves it.
pub(crate) fn cut<D: Disk>(
    disk: &D,
    number: u64,
    file: &D::File,
    stop: Option<Stop>,
    now_ns: TimeNs,
) -> Result<Option<Cut>, OpenError> {
    let name = Name::of_segment(number);
    let failed = || OpenError::io(format!("reading {name}"));
    let Some(Stop {
        offset,
        flaw: Some(flaw),
        header,
    }) = stop
    else {
        return Ok(None);
    };
    let len = file.size().map_err(failed())?;
    let mut records = Records::new(file, offset, len);
    let Some(last) = records.last_written(offset).map_err(failed())? else {
        let is_short = matches!(flaw, Flaw::FileShort { .. });
        return Ok(is_short.then_some(Cut {
            name,
            offset,
            bytes: 0,
            flaw,
            positions: None,
            saved_as: None,
            is_torn: false,
        }));
    };
    let bytes = last + 1 - offset;
    let body_at = offset + RECORD_HEADER_BYTES as u64;
    let is_torn = match flaw {
        Flaw::Unfinished => header.is_some_and(|header| last + 1 < offset + header.record_bytes()),
        Flaw::Header(HeaderFlaw::Crc) => last < body_at,
        Flaw::FileEnds => true,
        _ => false,
    };
    // The header of a segment is no record.
    let mut records = Records::new(file, offset.max(FIRST_RECORD), len);
    let positions = positions(&mut records).map_err(failed())?;
    let saved_as = Name::of_cut(number, offset, now_ns);
    save(disk, file, offset, bytes, &saved_as).map_err(OpenError::io(format!(
        "saving in {saved_as} what is cut off {name}"
    )))?;
    Ok(Some(Cut {
        name,
        offset,
        bytes,
        flaw,
        positions,
        saved_as: Some(saved_as),
        is_torn,
    }))
}

/// The positions of updates in records whose headers are right, from a damaged place on.
fn positions<F: DiskFile>(
    records: &mut Records<'_, F>,
) -> std::io::Result<Option<(Position, Position)>> {
    let mut positions: Option<(Position, Position)> = None;
    loop {
        let header = match records.next()? {
            Found::Record(header, _) => header,
            Found::Flaw(_, Some(header)) => {
                records.pass_over(&header);
                header
            }
            Found::Flaw(_, None) | Found::Nothing => return Ok(positions),
        };
        if header.kind == Kind::Strip && header.count > 0 {
            let (first, last) = (header.first, header.end() - 1);
            let old = positions.unwrap_or((first, last));
            positions = Some((old.0.min(first), old.1.max(last)));
        }
    }
}

fn save<D: Disk>(
    disk: &D,
    file: &D::File,
    offset: u64,
    bytes: u64,
    name: &str,
) -> std::io::Result<()> {
    let saved = disk.create(name, bytes)?;
    copy((file, offset), bytes, (&saved, 0))?;
    saved.sync()?;
    disk.sync_names()
}
