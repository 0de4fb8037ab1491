//! The begin of a segment, where it is known how many updates each topic had: where a reader of all
//! updates can go on behind a hole and say how many it has lost.

use tickcast_protocol::message::{Position, Seq};

use super::Reader;
use crate::{
    disk::{Disk, DiskFile},
    error::OpenError,
    format::{Kind, Name, read_topics},
    records::{Found, Records},
    walk::FIRST_RECORD,
};

/// Where a segment begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// The position of its first update.
    pub first: Position,
    /// The seq of the last update before it, for each topic by number.
    pub seqs: Vec<Seq>,
}

impl<D: Disk> Reader<D> {
    /// The begin of the first segment that begins after a position and up to another one. `None` if
    /// there is none, or if it has more than `topics_max` topics.
    ///
    /// # Errors
    ///
    /// If a file cannot be read. Segments without readable topics are passed over.
    pub fn begin_between(
        &mut self,
        after: Position,
        until: Position,
        topics_max: usize,
    ) -> Result<Option<Begin>, OpenError> {
        let segments = &self.catalog.segments;
        let later = segments.iter().filter(|segment| segment.first > after);
        for segment in later.take_while(|segment| segment.first <= until) {
            match read_seqs(&self.disk, segment.number, segment.first, topics_max) {
                Ok(Seqs::Of(seqs)) => {
                    let first = segment.first;
                    return Ok(Some(Begin { first, seqs }));
                }
                Ok(Seqs::TooMany) => return Ok(None),
                Ok(Seqs::Unreadable) => {}
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }
}

enum Seqs {
    Of(Vec<Seq>),
    TooMany,
    Unreadable,
}

fn read_seqs<D: Disk>(
    disk: &D,
    number: u64,
    first: Position,
    topics_max: usize,
) -> Result<Seqs, OpenError> {
    let name = Name::of_segment(number);
    let failed = || OpenError::io(format!("reading {name}"));
    let file = disk.read(&name).map_err(failed())?;
    let len = file.size().map_err(failed())?;
    let mut records = Records::new(&file, FIRST_RECORD, len);
    let mut seqs = Vec::new();
    loop {
        let (header, body) = match records.next().map_err(failed())? {
            Found::Record(header, body) => (header, body),
            Found::Nothing | Found::Flaw(..) => return Ok(Seqs::Unreadable),
        };
        match header.kind {
            // Topics of another place have other seqs.
            _ if header.first != first => return Ok(Seqs::Unreadable),
            Kind::Session | Kind::Feeds => continue,
            Kind::Topics => {}
            Kind::Strip | Kind::Index | Kind::End => return Ok(Seqs::Unreadable),
        }
        let taken = read_topics(&header, body, |topic| match topic.info.id as usize {
            id if id == seqs.len() => {
                seqs.push(topic.seq);
                Ok(())
            }
            id => Err(format!("topic {id} is out of order")),
        });
        if taken.is_err() {
            return Ok(Seqs::Unreadable);
        }
        if seqs.len() > topics_max {
            return Ok(Seqs::TooMany);
        }
        if header.is_last {
            return Ok(Seqs::Of(seqs));
        }
    }
}
