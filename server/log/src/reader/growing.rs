//! A segment that another thread or process may be writing to, read as far as it is written.

use std::io;

use tickcast_protocol::message::Position;

use super::names::Names;
use crate::{
    disk::DiskFile,
    error::OpenError,
    flaw::Flaw,
    format::{IndexBuilder, Kind, RecordHeader, SegmentHeader, StripBody, Times, read_topics},
    records::{Found, Records},
    segment::read_trailer,
    walk::FIRST_RECORD,
};

/// A segment without an index, as far as it was read. Its index is made here.
#[derive(Debug)]
pub(super) struct Growing<F> {
    pub(super) file: F,
    pub(super) names: Names,
    pub(super) index: IndexBuilder,
    /// Where the next record will begin.
    pub(super) offset: u64,
    /// Position of the next update.
    pub(super) next: Position,
    /// The blocks that have damaged strips, or updates of topics that such strips introduced: which
    /// topics they have is not known.
    pub(super) damaged: Vec<usize>,
    /// Whether nothing more is written to it.
    pub(super) is_whole: bool,
    /// Position of the first update.
    first: Position,
    /// The last record, and where it begins.
    last: Option<(u64, RecordHeader)>,
}

impl<F: DiskFile> Growing<F> {
    /// Nothing of it is read yet.
    pub(super) fn new(file: F, header: &SegmentHeader) -> Self {
        Self {
            file,
            names: Names::default(),
            index: IndexBuilder::new(header.first),
            offset: FIRST_RECORD,
            next: header.first,
            damaged: Vec::new(),
            is_whole: false,
            first: header.first,
            last: None,
        }
    }

    /// The times of its updates so far.
    pub(super) fn times(&self) -> Times {
        self.index.times()
    }

    /// Whether the segment is closed.
    ///
    /// # Errors
    ///
    /// If reading fails.
    pub(super) fn has_trailer(&self, number: u64, name: &str) -> Result<bool, OpenError> {
        read_trailer(number, name, &self.file).map(|trailer| trailer.is_some())
    }

    /// Reads on, up to the first place that is not written to its end. A damaged strip is passed
    /// over if another record follows it.
    ///
    /// # Errors
    ///
    /// If reading fails.
    pub(super) fn advance(&mut self) -> io::Result<()> {
        let len = self.file.size()?;
        if let Some((offset, header)) = self.last {
            // A server that started may have cut it: what was read there is not in the log.
            let mut records = Records::new(&self.file, offset, len);
            let is_there = match records.next()? {
                Found::Record(found, _) | Found::Flaw(_, Some(found)) => found == header,
                Found::Flaw(_, None) | Found::Nothing => false,
            };
            if !is_there {
                (self.names, self.index) = (Names::default(), IndexBuilder::new(self.first));
                (self.next, self.offset, self.last) = (self.first, FIRST_RECORD, None);
                self.damaged.clear();
            }
        }
        let mut records = Records::new(&self.file, self.offset, len);
        loop {
            let offset = records.offset();
            let taken = match records.next()? {
                Found::Record(header, body) => {
                    let (names, index) = (&mut self.names, &mut self.index);
                    let is_next = header.first == self.next;
                    let taken = is_next.then(|| take(offset, &header, body, names, index));
                    if let Some(Ok(Topics::Unknown)) = taken {
                        self.damaged.push(index.blocks().len() - 1);
                    }
                    matches!(taken, Some(Ok(_))).then_some(header)
                }
                Found::Flaw(Flaw::Body | Flaw::EndByte, Some(header)) => {
                    let end = header.end();
                    records.pass_over(&header);
                    let follows = matches!(
                        records.next()?,
                        Found::Record(after, _) | Found::Flaw(_, Some(after)) if after.first == end
                    );
                    let is_strip = header.kind == Kind::Strip && header.first == self.next;
                    records = Records::new(&self.file, offset, len);
                    (follows && is_strip).then(|| {
                        records.pass_over(&header);
                        self.index.begin(offset, header.first);
                        self.index.add_time(header.time_ns);
                        self.damaged.push(self.index.blocks().len() - 1);
                        header
                    })
                }
                Found::Flaw(..) | Found::Nothing => None,
            };
            let Some(header) = taken else {
                return Ok(());
            };
            (self.next, self.offset) = (header.end(), records.offset());
            self.last = Some((offset, header));
        }
    }
}

/// Whether the updates of a record are of topics that are known.
enum Topics {
    Known,
    /// Strips that cannot be read have introduced some of them.
    Unknown,
}

/// Takes a record that follows those before it.
fn take(
    offset: u64,
    header: &RecordHeader,
    body: &[u8],
    names: &mut Names,
    index: &mut IndexBuilder,
) -> Result<Topics, String> {
    let mut topics = Topics::Known;
    match header.kind {
        Kind::Session | Kind::Feeds | Kind::End => {}
        Kind::Topics => read_topics(header, body, |topic| {
            names.introduce(header.first, topic.info)
        })?,
        Kind::Strip => {
            let strip = StripBody::parse(header, body)?;
            let heads = strip.heads()?;
            index.begin(offset, strip.first);
            for info in strip.topics {
                names.introduce(header.first, info)?;
            }
            for (head, _) in heads {
                if (head.topic as usize) < names.len() {
                    index.add(&head);
                } else {
                    // The index has a place for each number up to the largest one: any number
                    // could be here.
                    index.add_time(head.ingest_time_ns);
                    topics = Topics::Unknown;
                }
            }
        }
        Kind::Index => return Err("the segment is closed".to_owned()),
    }
    Ok(topics)
}
