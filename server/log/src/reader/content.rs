//! What is in a segment, ready to be read: its topics, its blocks and their records.

use std::io;

use tickcast_protocol::message::{Position, TopicId};

use super::{
    growing::Growing,
    names::{Names, Selected, Wanted},
};
use crate::{
    disk::{Disk, DiskFile},
    error::OpenError,
    flaw::Flaw,
    format::{Block, Index, Kind, Name, StripBody, read_topics},
    records::{Found, Records},
    segment::Opened,
    walk::FIRST_RECORD,
};

/// A closed segment: its file, its topics and its index.
#[derive(Debug)]
pub(super) struct Closed<F> {
    file: F,
    names: Names,
    index: Index,
    /// Where its strips end.
    end: u64,
}

impl<F: DiskFile> Closed<F> {
    /// Reads topics and index. `None` if the index is missing or wrong.
    ///
    /// # Errors
    ///
    /// If reading fails.
    pub(super) fn open<D: Disk<File = F>>(
        disk: &D,
        number: u64,
    ) -> Result<Option<Self>, OpenError> {
        let opened = Opened::open(disk, number)?;
        if opened.rebuilt.is_some() {
            return Ok(None);
        }
        let name = Name::of_segment(number);
        let failed = || OpenError::io(format!("reading {name}"));
        let file = disk.read(&name).map_err(failed())?;
        let mut names = Names::default();
        let mut records = Records::new(&file, FIRST_RECORD, opened.records_end);
        let damaged = |reason: String| OpenError::Damaged {
            name: name.clone(),
            reason,
        };
        loop {
            match records.next().map_err(failed())? {
                Found::Record(header, _) if header.first != opened.segment.first => {
                    return Err(damaged("its topics are those of another place".to_owned()));
                }
                Found::Record(header, _) if matches!(header.kind, Kind::Session | Kind::Feeds) => {}
                Found::Record(header, body) if header.kind == Kind::Topics => {
                    let taken = read_topics(&header, body, |topic| {
                        names.introduce(header.first, topic.info)
                    });
                    taken.map_err(damaged)?;
                    if header.is_last {
                        break;
                    }
                }
                Found::Record(..) | Found::Nothing => {
                    return Err(damaged("its topics are missing".to_owned()));
                }
                Found::Flaw(flaw, _) => return Err(damaged(flaw.to_string())),
            }
        }
        for introduced in &opened.index.introduced {
            let taken = names.introduce(introduced.position, introduced.info.clone());
            taken.map_err(damaged)?;
        }
        Ok(Some(Self {
            file,
            names,
            index: opened.index,
            end: opened.records_end,
        }))
    }

    /// Bytes of memory that it takes, about.
    pub(super) fn memory_bytes(&self) -> usize {
        self.names.memory_bytes() + self.index.memory_bytes()
    }
}

/// What can be read of a segment.
#[derive(Debug)]
pub(super) enum Content<'a, F> {
    Closed(&'a Closed<F>),
    Growing(&'a Growing<F>),
}

impl<F> Clone for Content<'_, F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Content<'_, F> {}

/// A part of a block.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// A strip that is whole.
    Strip(StripBody<'a>),
    /// Something that is not, and where it is in the file.
    Flaw(u64, Flaw),
}

impl<'a, F: DiskFile> Content<'a, F> {
    pub(super) fn names(self) -> &'a Names {
        match self {
            Self::Closed(closed) => &closed.names,
            Self::Growing(growing) => &growing.names,
        }
    }

    pub(super) fn blocks(self) -> &'a [Block] {
        match self {
            Self::Closed(closed) => &closed.index.blocks,
            Self::Growing(growing) => growing.index.blocks(),
        }
    }

    /// The numbers of wanted topics, and for each block whether it has updates of them.
    pub(super) fn select(self, wanted: &Wanted) -> (Selected, Vec<bool>) {
        let selected = self.names().select(wanted);
        let is_wanted = |id: TopicId| selected.has(id) || selected.is_unknown(id);
        let marks = match self {
            Self::Closed(closed) => closed.index.blocks_with(is_wanted),
            Self::Growing(growing) => {
                let mut marks = growing.index.blocks_with(is_wanted);
                growing
                    .damaged
                    .iter()
                    .for_each(|block| marks[*block] = true);
                marks
            }
        };
        (selected, marks)
    }

    /// Where a block begins and ends in the file.
    pub(super) fn bytes_of(self, block: usize) -> (u64, u64) {
        let blocks = self.blocks();
        let end = match blocks.get(block + 1) {
            Some(next) => next.offset,
            None => match self {
                Self::Closed(closed) => closed.end,
                Self::Growing(growing) => growing.offset,
            },
        };
        (blocks[block].offset, end)
    }

    /// Reads the strips of a block in order, until `on` returns `false`. What is damaged is passed
    /// over as far as it can be recognised.
    ///
    /// # Errors
    ///
    /// If reading fails.
    pub(super) fn read(
        self,
        block: usize,
        mut on: impl FnMut(Piece<'_>) -> bool,
    ) -> io::Result<()> {
        let file = match self {
            Self::Closed(closed) => &closed.file,
            Self::Growing(growing) => &growing.file,
        };
        let (start, end) = self.bytes_of(block);
        let mut next: Position = self.blocks()[block].first;
        let mut records = Records::new(file, start, end);
        loop {
            let offset = records.offset();
            let (flaw, passes) = match records.next()? {
                Found::Nothing => return Ok(()),
                Found::Record(header, body) if header.kind == Kind::Strip => {
                    match StripBody::parse(&header, body) {
                        Ok(strip) if header.first >= next => {
                            next = header.end();
                            if !on(Piece::Strip(strip)) {
                                return Ok(());
                            }
                            continue;
                        }
                        Ok(_) => {
                            let (expected, found) = (next, header.first);
                            (Flaw::Position { expected, found }, None)
                        }
                        // It is passed over already.
                        Err(reason) => (Flaw::Content(reason), None),
                    }
                }
                Found::Record(header, _) if header.kind == Kind::Index => return Ok(()),
                Found::Record(..) => continue,
                Found::Flaw(flaw, header) => (flaw, Some(header)),
            };
            if !on(Piece::Flaw(offset, flaw)) {
                return Ok(());
            }
            match passes {
                None => {}
                Some(Some(header)) => records.pass_over(&header),
                // Only the next block begins at a place that is known.
                Some(None) => return Ok(()),
            }
        }
    }
}
